//! Whole numbers.

use std::marker::PhantomData;

use message::StatusCode;
use serde_json::{Value as Json, json};

use super::Kind;
use crate::catalog::{Catalog, Shape};
use crate::error::{ErrorKind, Fault};
use crate::reader::Reader;
use crate::yaml::Node;

/// A whole number from `min` to `max`, both of which `T` must hold.
pub(crate) const fn whole<T>(min: u64, max: u64) -> Whole<T> {
    Whole {
        min,
        max,
        of: PhantomData,
    }
}

/// See [`whole`].
pub(crate) struct Whole<T> {
    min: u64,
    max: u64,
    of: PhantomData<T>,
}

impl<T: TryFrom<u64> + Into<u64> + Copy> Kind for Whole<T> {
    type Value = T;

    fn read(&self, reader: &mut Reader<'_>, node: &Node<'_>) -> Option<T> {
        let expected = format!("a whole number from {} to {}", self.min, self.max);
        let text = reader.text(node, &expected)?;
        let digits = text.get();
        let number = parse_digits(&digits);
        let value = number
            .filter(|number| text.plain && (self.min..=self.max).contains(number))
            .and_then(|number| T::try_from(number).ok());
        value.or_else(|| {
            let fault = Fault::new(ErrorKind::Value, expected, text.found());
            let quoted = number.is_some() && !text.plain;
            let hint = quoted.then(|| "write it without quotes".to_owned());
            reader.refuse(node.place, fault.maybe_hint(hint))
        })
    }

    fn show(&self, value: &T) -> Json {
        Json::from((*value).into())
    }

    fn describe(&self, _: &mut Catalog) -> Shape {
        Shape::scalar(
            json!({ "type": "integer", "minimum": self.min, "maximum": self.max }),
            format!("number, {} to {}", self.min, self.max),
        )
    }
}

/// A share from 0 to 1.
#[derive(Clone, Copy)]
pub(crate) struct Fraction;

impl Kind for Fraction {
    type Value = f64;

    fn read(&self, reader: &mut Reader<'_>, node: &Node<'_>) -> Option<f64> {
        let expected = "a share from 0 to 1, such as 0.01";
        let text = reader.text(node, expected)?;
        let written = text.get();
        // What `parse` takes beyond this (`inf`, `1e-3`, `+1`) is not how shares are written.
        let is_decimal = written.starts_with(|first: char| first.is_ascii_digit())
            && written.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let share = written.parse::<f64>().ok();
        let share = share.filter(|share| is_decimal && text.plain && (0.0..=1.0).contains(share));
        share.or_else(|| {
            let fault = Fault::new(ErrorKind::Value, expected, text.found());
            let percent = written.strip_suffix('%').is_some();
            let hint = percent.then(|| "1 % is written 0.01".to_owned());
            reader.refuse(node.place, fault.maybe_hint(hint))
        })
    }

    fn show(&self, value: &f64) -> Json {
        Json::from(*value)
    }

    fn describe(&self, _: &mut Catalog) -> Shape {
        Shape::scalar(
            json!({ "type": "number", "minimum": 0, "maximum": 1 }),
            "share, 0 to 1".to_owned(),
        )
    }
}

/// A status as number or text; one of `only`, or any from `min` to `max` when that is empty.
#[derive(Clone, Copy)]
pub(crate) struct Status {
    pub(crate) min: u16,
    pub(crate) max: u16,
    pub(crate) only: &'static [u16],
}

impl Status {
    fn has(&self, status: u16) -> bool {
        (self.min..=self.max).contains(&status)
            && (self.only.is_empty() || self.only.contains(&status))
    }

    fn told(&self) -> String {
        let only: Vec<String> = self.only.iter().map(u16::to_string).collect();
        match only.split_last() {
            Some((last, others)) => format!("of {} or {last}", others.join(", ")),
            None => format!("from {} to {}", self.min, self.max),
        }
    }
}

impl Kind for Status {
    type Value = StatusCode;

    fn read(&self, reader: &mut Reader<'_>, node: &Node<'_>) -> Option<StatusCode> {
        let expected = format!("a status {}", self.told());
        let text = reader.text(node, &expected)?;
        parse_digits(&text.get())
            .and_then(|number| StatusCode::try_from(number).ok())
            .filter(|status| self.has(status.get()))
            .or_else(|| {
                let fault = Fault::new(ErrorKind::Value, expected, text.found());
                reader.refuse(node.place, fault)
            })
    }

    fn show(&self, value: &StatusCode) -> Json {
        Json::from(value.get())
    }

    fn describe(&self, _: &mut Catalog) -> Shape {
        let number = match self.only {
            [] => json!({ "type": "integer", "minimum": self.min, "maximum": self.max }),
            only => json!({ "enum": only }),
        };
        let text = json!({ "type": "string", "pattern": "^[1-5][0-9][0-9]$" });
        Shape::scalar(
            json!({ "anyOf": [number, text] }),
            format!("status {}", self.told()),
        )
    }
}

/// Decimal digits only: no sign, no exponent.
pub(crate) fn parse_digits(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
