//! One member of a list, and its properties.

use std::borrow::Cow;

use super::percent;
use crate::text::{split, split_once, trim_ows};

/// One member of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    key: &'a str,
    /// As sent.
    value: &'a str,
    /// As sent, without the first semicolon.
    properties: Option<&'a str>,
}

/// What is said about a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property<'a> {
    /// A token; its case counts.
    pub key: &'a str,
    /// Decoded. Many properties have none.
    pub value: Option<Cow<'a, str>>,
}

impl<'a> Entry<'a> {
    /// A token; its case counts.
    pub fn key(&self) -> &'a str {
        self.key
    }

    /// Percent-decoded; allocates when there was something to decode. What is no UTF-8 then became U+FFFD, and a percent
    /// sign without two hex digits stayed.
    pub fn value(&self) -> Cow<'a, str> {
        percent::decode(self.value)
    }

    /// As sent: percent-encoded.
    pub fn raw_value(&self) -> &'a str {
        self.value
    }

    /// The properties in order.
    pub fn properties(&self) -> impl Iterator<Item = Property<'a>> + use<'a> {
        self.properties
            .into_iter()
            .flat_map(|properties| properties.split(';'))
            .filter_map(|property| {
                let (key, value) = parse_property(property.as_bytes())?;
                Some(Property {
                    key,
                    value: value.map(percent::decode),
                })
            })
    }

    /// `key=value;property;key=value`, with white space allowed around each part. `None` for what does not keep to the
    /// grammar.
    pub(super) fn parse(member: &'a [u8]) -> Option<Self> {
        let (pair, properties) = match split_once(member, b';') {
            Some((pair, properties)) => (pair, Some(properties)),
            None => (member, None),
        };
        let (key, value) = split_once(pair, b'=')?;
        if let Some(properties) = properties
            && !split(properties, b';').all(|property| parse_property(property).is_some())
        {
            return None;
        }
        Some(Self {
            key: token(key)?,
            value: value_text(value)?,
            // Tokens, values, white space and the two separators: text.
            properties: match properties {
                Some(properties) => Some(str::from_utf8(properties).ok()?),
                None => None,
            },
        })
    }
}

/// One or more of the characters of RFC 9110 5.6.2.
pub(super) fn is_token(text: &[u8]) -> bool {
    let is_character = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
    };
    !text.is_empty() && text.iter().all(is_character)
}

/// Whether a value may hold it: printable, but for quotation mark, comma, semicolon and backslash.
pub(super) fn is_value_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

fn parse_property(property: &[u8]) -> Option<(&str, Option<&str>)> {
    match split_once(property, b'=') {
        Some((key, value)) => Some((token(key)?, Some(value_text(value)?))),
        None => Some((token(property)?, None)),
    }
}

fn token(text: &[u8]) -> Option<&str> {
    let text = trim_ows(text);
    is_token(text).then(|| str::from_utf8(text).ok()).flatten()
}

fn value_text(text: &[u8]) -> Option<&str> {
    let text = trim_ows(text);
    text.iter()
        .all(|byte| is_value_byte(*byte))
        .then(|| str::from_utf8(text).ok())
        .flatten()
}
