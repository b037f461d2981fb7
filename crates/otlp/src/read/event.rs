//! Events of a span: `Span.Event`.

use super::attribute::{AttributeView, attributes};
use super::number::{count, nanos};
use crate::error::Malformed;
use crate::fields::Fields;

/// Fields of `Span.Event`.
const TIME: u32 = 1;
const NAME: u32 = 2;
const ATTRIBUTES: u32 = 3;
const DROPPED_ATTRIBUTES: u32 = 4;

/// A moment within a span.
#[derive(Clone, Copy)]
pub struct EventView<'a> {
    /// Nanoseconds since 1970; 0: unknown.
    pub time_unix_nanos: u64,
    /// Text as it was sent, which may be no UTF-8.
    pub name: &'a [u8],
    /// How many attributes its source left out.
    pub dropped_attributes: u32,
    message: &'a [u8],
    levels: u32,
}

impl<'a> EventView<'a> {
    /// Reads one that stands `levels` above the deepest message allowed.
    pub(super) fn read(message: &'a [u8], levels: u32) -> Result<Self, Malformed> {
        let mut event = Self {
            time_unix_nanos: 0,
            name: b"",
            dropped_attributes: 0,
            message,
            levels: levels.checked_sub(1).ok_or(Malformed::Nesting)?,
        };
        for field in Fields::new(message) {
            let field = field?;
            match field.number {
                TIME => event.time_unix_nanos = nanos(field.wire)?,
                NAME => event.name = field.wire.bytes()?,
                DROPPED_ATTRIBUTES => event.dropped_attributes = count(field.wire)?,
                _ => {}
            }
        }
        Ok(event)
    }

    /// The attributes in order. Each may be [`Malformed`].
    pub fn attributes(
        &self,
    ) -> impl Iterator<Item = Result<AttributeView<'a>, Malformed>> + use<'a> {
        attributes(Fields::new(self.message), ATTRIBUTES, self.levels)
    }
}
