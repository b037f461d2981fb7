//! Reading context from what was received.

use crate::carrier::Carrier;
use crate::flags::Flags;
use crate::format::Format;
use crate::formats::Formats;
use crate::id::{SpanId, TraceId};
use crate::{b3, baggage, jaeger, trace_context};

/// What came with a message. Reused from message to message: [`extract`] clears it and keeps its room, at most 17 KiB of
/// trace state and 8 KiB of baggage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incoming {
    /// The span that the message came from; `None` begins a new trace.
    pub parent: Option<Parent>,
    /// The value of one valid `tracestate` field: at most 32 members, no empty ones, no white space around them. Empty
    /// when there was none, or none that is valid, or the parent came in another format.
    pub trace_state: Vec<u8>,
    /// The value of one valid `baggage` field: at most 64 members and 8192 bytes. Empty when there was none.
    pub baggage: Vec<u8>,
}

/// The span that a message came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// Of the trace it belongs to.
    pub trace_id: TraceId,
    /// Its own. Never to be used for a span of the receiver's, not even with B3 (P-6).
    pub span_id: SpanId,
    /// Its decision, among others.
    pub flags: Flags,
    /// Whether the decision is one for debugging, which no sampler should overrule (B3, Jaeger). Then the flags say
    /// sampled, too.
    pub debug: bool,
    /// Whether it left the decision to the receiver (B3 without a decision). Then the flags do not say sampled.
    pub deferred: bool,
}

/// Reads context and baggage. The first of the formats that gives a valid parent is believed, and its alone is the trace
/// state. Baggage depends on no parent: members of the `baggage` field come first, then those of Jaeger's fields whose
/// keys are not among them.
pub fn extract<C: Carrier + ?Sized>(formats: &Formats, carrier: &C, incoming: &mut Incoming) {
    incoming.trace_state.clear();
    incoming.baggage.clear();
    let trace_state = &mut incoming.trace_state;
    incoming.parent = formats
        .iter()
        .find_map(|format| parent(format, carrier, trace_state));
    if formats.contains(Format::Baggage) {
        baggage::read(carrier, &mut incoming.baggage);
    }
    if formats.contains(Format::Jaeger) {
        jaeger::read_baggage(carrier, &mut incoming.baggage);
    }
}

fn parent<C: Carrier + ?Sized>(
    format: Format,
    carrier: &C,
    trace_state: &mut Vec<u8>,
) -> Option<Parent> {
    match format {
        Format::TraceContext => trace_context::read(carrier, trace_state),
        Format::B3 | Format::B3Multi => b3::read(carrier),
        Format::Jaeger => jaeger::read(carrier),
        Format::Baggage => None,
    }
}
