//! Attributes of something that is about to be encoded.

use arrayvec::ArrayVec;
use otlp::{Attribute, Value};

/// Room for the attributes of one thing; what is beyond it is counted as dropped.
const ATTRIBUTES_MAX: usize = 32;

/// The attributes of one span or log record, on the stack.
pub(crate) struct Attributes<'a> {
    list: ArrayVec<Attribute<'a>, ATTRIBUTES_MAX>,
    dropped: u32,
    count_max: u32,
    length_max: Option<u32>,
}

impl<'a> Attributes<'a> {
    /// `count_max` and `length_max`, the characters of a text, are limits of the environment.
    pub(crate) fn new(count_max: u32, length_max: Option<u32>) -> Self {
        Self {
            list: ArrayVec::new(),
            dropped: 0,
            count_max,
            length_max,
        }
    }

    pub(crate) fn put(&mut self, attribute: Attribute<'a>) {
        let is_allowed = u32::try_from(self.list.len()).is_ok_and(|len| len < self.count_max);
        if !is_allowed || self.list.try_push(attribute).is_err() {
            self.dropped += 1;
        }
    }

    pub(crate) fn encoded(&mut self, bytes: &'a [u8]) {
        self.put(Attribute::Encoded(bytes));
    }

    pub(crate) fn text(&mut self, key: &'a str, value: &'a [u8]) {
        let value = first_characters(value, self.length_max);
        self.put(Attribute::Pair(key, Value::Str(value)));
    }

    pub(crate) fn number(&mut self, key: &'a str, value: i64) {
        self.put(Attribute::Pair(key, Value::Int(value)));
    }

    pub(crate) fn filled(&self) -> &[Attribute<'a>] {
        &self.list
    }

    /// How many found no place.
    pub(crate) fn dropped(&self) -> u32 {
        self.dropped
    }
}

/// A host without the brackets that URLs have around addresses.
pub(crate) fn bare(host: &[u8]) -> &[u8] {
    let inner = host
        .strip_prefix(b"[")
        .and_then(|host| host.strip_suffix(b"]"));
    inner.unwrap_or(host)
}

/// At most `max` characters, if it says; each byte that does not go on one counts.
pub(crate) fn first_characters(text: &[u8], max: Option<u32>) -> &[u8] {
    let Some(max) = max else {
        return text;
    };
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    let begins = |byte: &u8| *byte & 0xC0 != 0x80;
    let starts = text.iter().enumerate().filter(|(_, byte)| begins(byte));
    match starts.map(|(at, _)| at).nth(max) {
        Some(end) => text.get(..end).unwrap_or(text),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_cut_text_between_characters() {
        for (text, max, expected) in [
            ("abc", 5, "abc"),
            ("abc", 3, "abc"),
            ("abc", 2, "ab"),
            ("abc", 0, ""),
            ("\u{fc}\u{fc}\u{fc}", 2, "\u{fc}\u{fc}"),
            ("a\u{1f600}b", 2, "a\u{1f600}"),
        ] {
            assert_eq!(
                first_characters(text.as_bytes(), Some(max)),
                expected.as_bytes()
            );
        }
    }

    #[test]
    fn limits_cut_the_end_of_the_list() {
        let mut attributes = Attributes::new(2, Some(1));
        for (key, value) in [("a", "xy"), ("b", "z"), ("c", "")] {
            attributes.text(key, value.as_bytes());
        }
        let kept = [("a", "x"), ("b", "z")];
        let kept = kept.map(|(key, value)| Attribute::Pair(key, Value::Str(value.as_bytes())));
        assert_eq!(attributes.filled(), kept);
        assert_eq!(attributes.dropped(), 1);
    }
}
