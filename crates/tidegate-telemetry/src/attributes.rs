//! Attributes of a span, an event or a log record, within their limits.

use std::borrow::Cow;

use otlp::{Attribute, Value};

/// No text is longer, in bytes, whatever the limits allow.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// What an attribute holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Held {
    Text(Cow<'static, str>),
    Int(i64),
    Double(f64),
    Bool(bool),
}

/// How many attributes, and how long their texts, in characters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) count: u32,
    pub(crate) length: Option<u32>,
}

/// Attributes with unique keys; those beyond the limit are counted.
#[derive(Debug)]
pub(crate) struct Attributes {
    limits: Limits,
    list: Vec<(Cow<'static, str>, Held)>,
    dropped: u32,
}

impl Attributes {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            list: Vec::new(),
            dropped: 0,
        }
    }

    /// Sets a key; one that is there is overwritten.
    pub(crate) fn put(&mut self, key: impl Into<Cow<'static, str>>, held: Held) {
        let key = key.into();
        let held = match held {
            Held::Text(text) => Held::Text(self.limits.cut(text)),
            held @ (Held::Int(_) | Held::Double(_) | Held::Bool(_)) => held,
        };
        if let Some(pair) = self.list.iter_mut().find(|(known, _)| *known == key) {
            pair.1 = held;
        } else if self.list.len() < usize::try_from(self.limits.count).unwrap_or(usize::MAX) {
            self.list.push((key, held));
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    pub(crate) fn text(&mut self, key: &'static str, text: impl Into<Cow<'static, str>>) {
        self.put(key, Held::Text(text.into()));
    }

    /// Bytes that are not UTF-8 become U+FFFD.
    pub(crate) fn bytes(&mut self, key: &'static str, bytes: &[u8]) {
        self.text(key, String::from_utf8_lossy(bytes).into_owned());
    }

    pub(crate) fn number(&mut self, key: &'static str, number: impl Into<i64>) {
        self.put(key, Held::Int(number.into()));
    }

    pub(crate) fn dropped(&self) -> u32 {
        self.dropped
    }

    pub(crate) fn encodable(&self) -> Vec<Attribute<'_>> {
        self.list
            .iter()
            .map(|(key, held)| Attribute::Pair(key, held.value()))
            .collect()
    }
}

impl Held {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Str(text.as_bytes()),
            Self::Int(number) => Value::Int(*number),
            Self::Double(number) => Value::Double(*number),
            Self::Bool(is_true) => Value::Bool(*is_true),
        }
    }
}

impl Limits {
    fn cut(&self, text: Cow<'static, str>) -> Cow<'static, str> {
        let by_length = self
            .length
            .and_then(|length| usize::try_from(length).ok())
            .filter(|length| *length < text.len())
            .and_then(|length| text.char_indices().nth(length))
            .map(|(at, _)| at);
        let end = by_length.unwrap_or(text.len());
        let end = text.floor_char_boundary(end.min(TEXT_BYTES_MAX));
        match text {
            whole if whole.len() == end => whole,
            Cow::Borrowed(text) => text.get(..end).unwrap_or_default().into(),
            Cow::Owned(mut text) => {
                text.truncate(end);
                text.into()
            }
        }
    }
}

/// A text of bounded length, for what no limit of attributes applies to.
pub(crate) fn bounded(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_BYTES_MAX))
        .unwrap_or_default()
}
