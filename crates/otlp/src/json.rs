//! Reads single members out of JSON objects that a peer sent. Builds nothing: values are pieces of the text, and what is
//! not asked for is skipped whatever it holds (OT-39).

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::Malformed;

/// A body as text.
pub(crate) fn text(body: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(body).map_err(|_| Malformed::Json)
}

/// The value of `name` in an object, the last of several; `None` when it is missing or null, and when the object itself
/// is null (OT-41).
pub(crate) fn member<'a>(object: &'a str, name: &str) -> Result<Option<&'a str>, Malformed> {
    read(object, Member(name))
}

/// Calls `element` with each element of an array; null has none.
pub(crate) fn for_each<'a>(array: &'a str, element: impl FnMut(&'a str)) -> Result<(), Malformed> {
    read(array, Elements(element))
}

/// A number or a string of decimal digits (OT-40).
pub(crate) fn integer(value: &str) -> Result<i64, Malformed> {
    let value = value.trim_ascii();
    let quoted = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    quoted.unwrap_or(value).parse().map_err(|_| Malformed::Json)
}

/// A string without its escapes.
pub(crate) fn string(value: &str) -> Result<String, Malformed> {
    serde_json::from_str(value).map_err(|_| Malformed::Json)
}

fn read<'a, S: DeserializeSeed<'a>>(text: &'a str, seed: S) -> Result<S::Value, Malformed> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut reader);
    match (value, reader.end()) {
        (Ok(value), Ok(())) => Ok(value),
        _ => Err(Malformed::Json),
    }
}

struct Member<'n>(&'n str);

impl<'a> DeserializeSeed<'a> for Member<'_> {
    type Value = Option<&'a str>;

    fn deserialize<D: Deserializer<'a>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Member<'_> {
    type Value = Option<&'a str>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<Cow<'a, str>>()? {
            if name == self.0 {
                found = Some(map.next_value::<&RawValue>()?.get());
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found.filter(|value| *value != "null"))
    }
}

struct Elements<F>(F);

impl<'a, F: FnMut(&'a str)> DeserializeSeed<'a> for Elements<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'a, F: FnMut(&'a str)> Visitor<'a> for Elements<F> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an array")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'a>>(mut self, mut seq: S) -> Result<(), S::Error> {
        while let Some(element) = seq.next_element::<&RawValue>()? {
            (self.0)(element.get());
        }
        Ok(())
    }
}
