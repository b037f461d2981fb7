//! Durations and sizes.

use std::marker::PhantomData;
use std::time::Duration;

use base::{parse_duration, parse_size};
use serde_json::{Value as Json, json};

use super::Kind;
use super::number::parse_digits;
use crate::catalog::{Catalog, Shape};
use crate::error::{ErrorKind, Fault};
use crate::reader::Reader;
use crate::yaml::Node;

/// A duration such as `250ms`; the bounds are texts of that form too.
pub(crate) const fn duration(min: &'static str, max: &'static str) -> Span {
    Span { min, max }
}

/// A size such as `64KiB`, from `min` to `max` bytes, both of which `T` must hold.
pub(crate) const fn size<T>(min: u64, max: u64) -> Size<T> {
    Size {
        min,
        max,
        of: PhantomData,
    }
}

/// See [`duration`].
#[derive(Clone, Copy)]
pub(crate) struct Span {
    min: &'static str,
    max: &'static str,
}

/// See [`size`].
pub(crate) struct Size<T> {
    min: u64,
    max: u64,
    of: PhantomData<T>,
}

impl Kind for Span {
    type Value = Duration;

    fn read(&self, reader: &mut Reader<'_>, node: &Node<'_>) -> Option<Duration> {
        let expected = format!(
            "a duration from {} to {}, such as 250ms or 5s",
            self.min, self.max
        );
        let text = reader.text(node, &expected)?;
        let written = text.get();
        let above = |min| parse_duration(min).unwrap_or(Duration::ZERO);
        let bounds = above(self.min)..=above(self.max);
        let value = parse_duration(&written).ok();
        value.filter(|value| bounds.contains(value)).or_else(|| {
            let unitless = value.is_none() && parse_digits(&written).is_some();
            let hint = unitless.then(|| "it needs a unit: ms, s, m, h or d".to_owned());
            let fault = Fault::new(ErrorKind::Value, expected, text.found());
            reader.refuse(node.place, fault.maybe_hint(hint))
        })
    }

    fn show(&self, value: &Duration) -> Json {
        Json::from(show_duration(*value))
    }

    fn describe(&self, _: &mut Catalog) -> Shape {
        let text = json!({ "type": "string", "pattern": "^([0-9]+ *(ms|s|m|h|d)|0)$" });
        let schema = match self.min {
            "0" => json!({ "anyOf": [text, { "const": 0 }] }),
            _ => text,
        };
        Shape::scalar(schema, format!("duration, {} to {}", self.min, self.max))
    }
}

impl<T: TryFrom<u64> + Into<u64> + Copy> Kind for Size<T> {
    type Value = T;

    fn read(&self, reader: &mut Reader<'_>, node: &Node<'_>) -> Option<T> {
        let (min, max) = (show_size(self.min), show_size(self.max));
        let expected = format!("a size from {min} to {max}, such as 64KiB or 10MiB");
        let text = reader.text(node, &expected)?;
        let value = parse_size(&text.get())
            .ok()
            .filter(|bytes| (self.min..=self.max).contains(bytes))
            .and_then(|bytes| T::try_from(bytes).ok());
        value.or_else(|| {
            let fault = Fault::new(ErrorKind::Value, expected, text.found());
            reader.refuse(node.place, fault)
        })
    }

    fn show(&self, value: &T) -> Json {
        Json::from(show_size((*value).into()))
    }

    fn describe(&self, _: &mut Catalog) -> Shape {
        let units = "^[0-9]+ *(B|KiB|MiB|GiB|TiB|KB|MB|GB|TB)?$";
        Shape::scalar(
            json!({ "anyOf": [
                { "type": "string", "pattern": units },
                { "type": "integer", "minimum": self.min, "maximum": self.max },
            ] }),
            format!("size, {} to {}", show_size(self.min), show_size(self.max)),
        )
    }
}

/// In the largest unit that leaves a whole number.
pub(crate) fn show_duration(value: Duration) -> String {
    let millis = value.as_millis();
    let (unit, scale) = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
    ]
    .into_iter()
    .find(|(_, scale)| millis > 0 && millis.is_multiple_of(*scale))
    .unwrap_or(("ms", 1));
    match millis {
        0 => "0".to_owned(),
        _ => format!("{}{unit}", millis / scale),
    }
}

/// In the largest unit that leaves a whole number.
pub(crate) fn show_size(bytes: u64) -> String {
    let (unit, shift) = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)]
        .into_iter()
        .find(|(_, shift)| bytes > 0 && bytes.is_multiple_of(1 << shift))
        .unwrap_or(("B", 0));
    match bytes {
        0 => "0".to_owned(),
        _ => format!("{}{unit}", bytes >> shift),
    }
}
