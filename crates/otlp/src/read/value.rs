//! What an attribute holds: `AnyValue`, a oneof of which the last member counts.

use std::fmt;

use super::attribute::{AttributeView, attributes};
use super::merged::{Merged, messages};
use super::number::fixed64;
use crate::error::Malformed;

/// Members of `AnyValue`. 8 is for profiles and is skipped.
const STRING: u32 = 1;
const BOOL: u32 = 2;
const INT: u32 = 3;
const DOUBLE: u32 = 4;
const ARRAY: u32 = 5;
const MAP: u32 = 6;
const BYTES: u32 = 7;

/// `ArrayValue.values` and `KeyValueList.values`.
const VALUES: u32 = 1;

/// What an attribute holds. Lists and maps may hold any of these in turn (OT-10).
#[derive(Clone, Copy, Debug)]
pub enum ValueView<'a> {
    /// No value.
    Empty,
    /// Text as it was sent, which may be no UTF-8.
    Str(&'a [u8]),
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A floating-point number, not finite ones included.
    Double(f64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A list.
    Array(ArrayView<'a>),
    /// Keys with values.
    Map(MapView<'a>),
}

/// A list of values.
#[derive(Clone, Copy)]
pub struct ArrayView<'a>(Inside<'a>);

/// Keys with values; a key may stand several times.
#[derive(Clone, Copy)]
pub struct MapView<'a>(Inside<'a>);

/// The inside of a list or map.
#[derive(Clone, Copy)]
struct Inside<'a> {
    fields: Merged<'a, Merged<'a>>,
    levels: u32,
}

impl<'a> ValueView<'a> {
    /// Reads the fields of an `AnyValue`, `levels` above the deepest message allowed.
    pub(super) fn read(mut fields: Merged<'a>, levels: u32) -> Result<Self, Malformed> {
        let levels = levels.checked_sub(1).ok_or(Malformed::Nesting)?;
        let mut value = Self::Empty;
        loop {
            let from = fields;
            let Some(field) = fields.next() else {
                return Ok(value);
            };
            let field = field?;
            // Several lists in a row, or several maps, are one: the first knows where it began.
            value = match field.number {
                STRING => Self::Str(field.wire.bytes()?),
                BOOL => Self::Bool(field.wire.varint()? != 0),
                INT => Self::Int(field.wire.varint()?.cast_signed()),
                DOUBLE => Self::Double(f64::from_le_bytes(fixed64(field.wire)?)),
                BYTES => Self::Bytes(field.wire.bytes()?),
                ARRAY => {
                    field.wire.bytes()?;
                    if matches!(value, Self::Array(_)) {
                        continue;
                    }
                    Self::Array(ArrayView(Inside::new(from, ARRAY, levels)?))
                }
                MAP => {
                    field.wire.bytes()?;
                    if matches!(value, Self::Map(_)) {
                        continue;
                    }
                    Self::Map(MapView(Inside::new(from, MAP, levels)?))
                }
                _ => value,
            };
        }
    }
}

impl<'a> Inside<'a> {
    /// `from` begins with the first message that counts.
    fn new(from: Merged<'a>, number: u32, levels: u32) -> Result<Self, Malformed> {
        Ok(Self {
            fields: Merged::all(from, number),
            levels: levels.checked_sub(1).ok_or(Malformed::Nesting)?,
        })
    }
}

impl<'a> ArrayView<'a> {
    /// The values in order. Each may be [`Malformed`], or be nested more than 64 messages deep in the request.
    pub fn iter(&self) -> impl Iterator<Item = Result<ValueView<'a>, Malformed>> + use<'a> {
        let Inside { fields, levels } = self.0;
        messages(fields, VALUES).map(move |value| ValueView::read(Merged::one(value?), levels))
    }
}

impl<'a> MapView<'a> {
    /// The pairs in order. Each may be [`Malformed`], or be nested more than 64 messages deep in the request.
    pub fn iter(&self) -> impl Iterator<Item = Result<AttributeView<'a>, Malformed>> + use<'a> {
        let Inside { fields, levels } = self.0;
        attributes(fields, VALUES, levels)
    }
}

impl fmt::Debug for ArrayView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for MapView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
