//! Attributes of something that is about to be encoded.

use otlp::{Attribute, Value};

/// Room for the attributes of one thing; what is beyond it is counted as dropped.
const ATTRIBUTES_MAX: usize = 32;

/// The attributes of one span or log record, on the stack.
pub(crate) struct Attributes<'a> {
    list: [Attribute<'a>; ATTRIBUTES_MAX],
    len: usize,
    dropped: u32,
}

impl Default for Attributes<'_> {
    fn default() -> Self {
        Self {
            list: [Attribute::Encoded(&[]); ATTRIBUTES_MAX],
            len: 0,
            dropped: 0,
        }
    }
}

impl<'a> Attributes<'a> {
    pub(crate) fn put(&mut self, attribute: Attribute<'a>) {
        match self.list.get_mut(self.len) {
            Some(room) => {
                *room = attribute;
                self.len += 1;
            }
            None => self.dropped += 1,
        }
    }

    pub(crate) fn encoded(&mut self, bytes: &'a [u8]) {
        self.put(Attribute::Encoded(bytes));
    }

    pub(crate) fn text(&mut self, key: &'a str, value: &'a [u8]) {
        self.put(Attribute::Pair(key, Value::Str(value)));
    }

    pub(crate) fn number(&mut self, key: &'a str, value: i64) {
        self.put(Attribute::Pair(key, Value::Int(value)));
    }

    pub(crate) fn filled(&self) -> &[Attribute<'a>] {
        self.list.get(..self.len).unwrap_or_default()
    }

    /// How many found no place.
    pub(crate) fn dropped(&self) -> u32 {
        self.dropped
    }
}
