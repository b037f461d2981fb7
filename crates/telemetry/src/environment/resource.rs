//! Who tells: `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`.

use std::collections::HashMap;

use super::percent::decoded;
use super::reader::{MEMBERS_MAX, Reader, members, trim};
use super::{Effect, Warning};

const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
const SERVICE_NAME: &str = "service.name";

/// Keys and values in the order of the first mention.
type Attributes = Vec<(Box<str>, Box<str>)>;

/// The resource as far as variables describe it.
pub(super) struct Resource {
    pub(super) service_name: Option<Box<str>>,
    pub(super) attributes: Attributes,
}

impl Resource {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let mut attributes = reader
            .text(ATTRIBUTES)
            .and_then(|text| match parse(&text) {
                Ok(attributes) => Some(attributes),
                Err(warning) => {
                    reader.warn(warning);
                    None
                }
            })
            .unwrap_or_default();
        let listed = attributes
            .extract_if(.., |(key, _)| &**key == SERVICE_NAME)
            .last()
            .map(|(_, name)| name)
            .filter(|name| !name.is_empty());
        let named = reader.text("OTEL_SERVICE_NAME").map(Into::into);
        Self {
            service_name: named.or(listed),
            attributes,
        }
    }
}

/// Any fault discards the whole list (specification, resource SDK).
fn parse(text: &str) -> Result<Attributes, Warning> {
    let count = members(text).count();
    if count > MEMBERS_MAX {
        let expected = format!("at most {MEMBERS_MAX} attributes");
        let found = count.to_string();
        return Err(Warning::about(ATTRIBUTES, expected, found, Effect::Ignored));
    }
    let mut attributes = Attributes::new();
    let mut places = HashMap::new();
    for member in members(text) {
        let (key, value) = attribute(member).ok_or_else(|| {
            let expected = "a list of key=value, percent-encoded";
            Warning::new(ATTRIBUTES, expected, member, Effect::Ignored)
        })?;
        match places
            .get(&key)
            .and_then(|at: &usize| attributes.get_mut(*at))
        {
            Some((_, earlier)) => *earlier = value,
            None => {
                places.insert(key.clone(), attributes.len());
                attributes.push((key, value));
            }
        }
    }
    Ok(attributes)
}

/// Only the first `=` separates: one in a value should be encoded but can be read in one way only.
fn attribute(member: &str) -> Option<(Box<str>, Box<str>)> {
    let (key, value) = member.split_once('=')?;
    let key = decoded(trim(key)).filter(|key| !key.is_empty())?;
    Some((key.into(), decoded(trim(value))?.into()))
}
