//! Events of a span: what happened to a request on its way.

use std::net::SocketAddr;
use std::time::Instant;

/// One event. Costs nothing but its copy until the span is encoded: names and keys are static, values are numbers,
/// addresses or static words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Note {
    /// What happened, in lower case with underscores: `retry`, `refusal`.
    pub name: &'static str,
    /// When.
    pub at: Instant,
    /// Attributes; pairs with [`Detail::None`] are left out.
    pub details: [(&'static str, Detail); 2],
}

/// The value of a note's attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Detail {
    /// None.
    None,
    /// A word of a bounded set.
    Word(&'static str),
    /// A number.
    Number(i64),
    /// An address.
    Address(SocketAddr),
}

impl Note {
    /// An event without attributes.
    pub fn new(name: &'static str, at: Instant) -> Self {
        Self {
            name,
            at,
            details: [("", Detail::None); 2],
        }
    }

    /// With one attribute more; beyond two the last is replaced.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: Detail) -> Self {
        let [first, second] = &mut self.details;
        let place = if first.1 == Detail::None {
            first
        } else {
            second
        };
        *place = (key, value);
        self
    }
}
