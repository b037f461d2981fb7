//! Attributes: `KeyValue`.

use super::merged::{FieldSource, Found, Merged, messages};
use super::value::ValueView;
use crate::error::Malformed;
use crate::fields::Fields;

/// Fields of `KeyValue`.
const KEY: u32 = 1;
const VALUE: u32 = 2;

/// A key and its value.
#[derive(Clone, Copy, Debug)]
pub struct AttributeView<'a> {
    /// Text as it was sent, which may be no UTF-8.
    pub key: &'a [u8],
    /// What it holds.
    pub value: ValueView<'a>,
}

/// The attributes that stand under one number, `levels` above the deepest message allowed.
pub(super) fn attributes<'a>(
    fields: impl FieldSource<'a>,
    number: u32,
    levels: u32,
) -> impl Iterator<Item = Result<AttributeView<'a>, Malformed>> {
    messages(fields, number).map(move |message| AttributeView::read(message?, levels))
}

impl<'a> AttributeView<'a> {
    fn read(message: &'a [u8], levels: u32) -> Result<Self, Malformed> {
        let levels = levels.checked_sub(1).ok_or(Malformed::Nesting)?;
        let mut key = &b""[..];
        let (mut value, mut values) = (None, Found::default());
        let mut fields = Fields::new(message);
        for place in 0.. {
            let from = fields;
            let Some(field) = fields.next() else { break };
            let field = field?;
            match field.number {
                KEY => key = field.wire.bytes()?,
                VALUE => {
                    value = Some(field.wire.bytes()?);
                    values.note(from, place);
                }
                _ => {}
            }
        }
        let value = match value {
            Some(value) if values.is_one() => Merged::one(value),
            Some(_) | None => values.merged(VALUE),
        };
        Ok(Self {
            key,
            value: ValueView::read(value, levels)?,
        })
    }
}
