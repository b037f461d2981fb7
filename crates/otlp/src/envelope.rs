//! The request around items: one resource, one scope.

use crate::attribute::{Attribute, append_attributes};
use crate::signal::Signal;
use crate::wire::{append_head, append_nested, append_str, field_len};

/// `Export…ServiceRequest.resource_…`.
const RESOURCE_ITEMS: u8 = 0x0a;
/// `Resource….resource` and `Scope….scope`.
const DESCRIPTION: u8 = 0x0a;
/// `Resource….scope_…`.
const SCOPE_ITEMS: u8 = 0x12;
/// `Resource….schema_url` and `Scope….schema_url`.
const SCHEMA_URL: u8 = 0x1a;

/// Which part of a program made the items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version; may be empty.
    pub version: &'a str,
}

/// What stands around the items in an `Export…ServiceRequest` with exactly one resource and one scope. Made once: the
/// parts that are the same in each request are kept encoded. The layout is the same for all signals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    signal: Signal,
    resource: Box<[u8]>,
    scope: Box<[u8]>,
    /// Ends both the scope and the resource; empty when there is none.
    schema: Box<[u8]>,
}

impl Envelope {
    /// `schema_url` names the conventions that the resource's attributes and the items follow; empty: none.
    pub fn new(
        signal: Signal,
        resource_attributes: &[Attribute<'_>],
        scope: Scope<'_>,
        schema_url: &str,
    ) -> Self {
        let resource = encode(|out| {
            append_nested::<2>(out, DESCRIPTION, |out| {
                append_attributes(out, 0x0a, resource_attributes);
            });
        });
        let scope = encode(|out| {
            append_nested::<1>(out, DESCRIPTION, |out| {
                append_str(out, 0x0a, scope.name);
                append_str(out, 0x12, scope.version);
            });
        });
        Self {
            signal,
            resource,
            scope,
            schema: encode(|out| append_str(out, SCHEMA_URL, schema_url)),
        }
    }

    /// Which request this is.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// Exact length of the whole request, items included, around items of `items_len` bytes together.
    pub fn len_around(&self, items_len: usize) -> usize {
        field_len(self.resource_len(items_len))
    }

    /// Appends the whole request around `items`, each of which is any number of whole items as [`append_span`] and its
    /// like append them, in this order. Grows `out` once at most.
    ///
    /// [`append_span`]: crate::append_span
    pub fn append_around(&self, items: &[&[u8]], out: &mut Vec<u8>) {
        let items_len = items.iter().map(|items| items.len()).sum();
        out.reserve(self.len_around(items_len));
        append_head(out, RESOURCE_ITEMS, self.resource_len(items_len));
        out.extend_from_slice(&self.resource);
        append_head(out, SCOPE_ITEMS, self.scope_len(items_len));
        out.extend_from_slice(&self.scope);
        for items in items {
            out.extend_from_slice(items);
        }
        out.extend_from_slice(&self.schema);
        out.extend_from_slice(&self.schema);
    }

    fn resource_len(&self, items_len: usize) -> usize {
        self.resource.len() + field_len(self.scope_len(items_len)) + self.schema.len()
    }

    fn scope_len(&self, items_len: usize) -> usize {
        self.scope.len() + items_len + self.schema.len()
    }
}

fn encode(append: impl FnOnce(&mut Vec<u8>)) -> Box<[u8]> {
    let mut out = Vec::new();
    append(&mut out);
    out.into()
}
