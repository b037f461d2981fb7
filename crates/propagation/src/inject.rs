//! Writing context for what is sent.

use crate::field::Field;
use crate::flags::Flags;
use crate::format::Format;
use crate::formats::Formats;
use crate::id::{SpanId, TraceId};
use crate::{b3, trace_context};

/// What goes with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// Of the trace.
    pub trace_id: TraceId,
    /// Of the span that sends it; another one for each attempt (P-4).
    pub span_id: SpanId,
    /// The decision, among others.
    pub flags: Flags,
    /// Valid, as [`extract`](crate::extract) or [`set_threshold`](crate::trace_state::set_threshold) left it; not written
    /// when empty.
    pub trace_state: &'a [u8],
    /// Valid, as [`extract`](crate::extract) or [`append`](crate::baggage::append) left it; not written when empty.
    pub baggage: &'a [u8],
    /// Whether the decision is one for debugging, which only B3 can say. Then the message says sampled, whatever the flags
    /// hold.
    pub debug: bool,
}

/// Writes the fields of each format, in the formats' order: `put` gets lower-case names, each at most once, and values. Of
/// the ids every value has its full length: 32 digits and 16. Jaeger's fields are never written (P-8), nor is the id of
/// the span above the sender's (P-7).
pub fn inject(
    formats: &Formats,
    outgoing: &Outgoing<'_>,
    mut put: impl FnMut(&'static str, &[u8]),
) {
    let mut put = |field: Field, value: &[u8]| put(field.name(), value);
    for format in formats.iter() {
        match format {
            Format::TraceContext => trace_context::write(outgoing, &mut put),
            Format::B3 => b3::write_single(outgoing, &mut put),
            Format::B3Multi => b3::write_multi(outgoing, &mut put),
            Format::Baggage => {
                if !outgoing.baggage.is_empty() {
                    put(Field::Baggage, outgoing.baggage);
                }
            }
            Format::Jaeger => {}
        }
    }
}

impl Outgoing<'_> {
    pub(crate) fn is_sampled(&self) -> bool {
        self.debug || self.flags.is_sampled()
    }
}
