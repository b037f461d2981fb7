//! What spans stand in: `Resource` and `InstrumentationScope`. Either may stand behind the spans it describes, so it is
//! looked for first.

use super::attribute::{AttributeView, attributes};
use super::merged::{Found, Merged};
use super::{BELOW_RESOURCE, BELOW_SPAN};
use crate::error::Malformed;
use crate::fields::Fields;

/// `ResourceSpans.resource` and `ScopeSpans.scope`.
const DESCRIPTION: u32 = 1;

/// `Resource.attributes`.
const RESOURCE_ATTRIBUTES: u32 = 1;

/// Fields of `InstrumentationScope`.
const NAME: u32 = 1;
const VERSION: u32 = 2;
const SCOPE_ATTRIBUTES: u32 = 3;

/// What the spans come from.
#[derive(Clone, Copy)]
pub struct ResourceView<'a> {
    /// Which of the request's it is, from 0. Walking the attributes costs their length each time: what many spans need of
    /// them is kept for as long as this stays the same.
    pub index: usize,
    fields: Merged<'a>,
}

/// Which part of a program made the spans.
#[derive(Clone, Copy)]
pub struct ScopeView<'a> {
    /// Which of its resource's it is, from 0. As with [`ResourceView::index`].
    pub index: usize,
    /// Text as it was sent, which may be no UTF-8.
    pub name: &'a [u8],
    /// Text as it was sent, which may be no UTF-8.
    pub version: &'a [u8],
    fields: Merged<'a>,
}

impl<'a> ResourceView<'a> {
    pub(super) fn read(resource_spans: &'a [u8], index: usize) -> Result<Self, Malformed> {
        Ok(Self {
            index,
            fields: description(resource_spans)?,
        })
    }

    /// The attributes in order. Each may be [`Malformed`].
    pub fn attributes(
        &self,
    ) -> impl Iterator<Item = Result<AttributeView<'a>, Malformed>> + use<'a> {
        attributes(self.fields, RESOURCE_ATTRIBUTES, BELOW_RESOURCE)
    }
}

impl<'a> ScopeView<'a> {
    pub(super) fn read(scope_spans: &'a [u8], index: usize) -> Result<Self, Malformed> {
        let fields = description(scope_spans)?;
        let mut scope = Self {
            index,
            name: b"",
            version: b"",
            fields,
        };
        for field in fields {
            let field = field?;
            match field.number {
                NAME => scope.name = field.wire.bytes()?,
                VERSION => scope.version = field.wire.bytes()?,
                _ => {}
            }
        }
        Ok(scope)
    }

    /// The attributes in order. Each may be [`Malformed`].
    pub fn attributes(
        &self,
    ) -> impl Iterator<Item = Result<AttributeView<'a>, Malformed>> + use<'a> {
        attributes(self.fields, SCOPE_ATTRIBUTES, BELOW_SPAN)
    }
}

/// The fields of the description in a message whose other fields are the described.
fn description(message: &[u8]) -> Result<Merged<'_>, Malformed> {
    let mut found = Found::default();
    let mut fields = Fields::new(message);
    for place in 0.. {
        let from = fields;
        let Some(field) = fields.next() else { break };
        let field = field?;
        if field.number == DESCRIPTION {
            field.wire.bytes()?;
            found.note(from, place);
        }
    }
    Ok(found.merged(DESCRIPTION))
}
