//! What Jaeger's own clients send: `uber-trace-id`, and a field for each member of baggage. Read only (P-8).

use crate::carrier::Carrier;
use crate::extract::Parent;
use crate::field::Field;
use crate::flags::Flags;
use crate::id::{SpanId, TraceId};
use crate::text::{only, trim_ows};
use crate::{baggage, hex};

const BAGGAGE_PREFIX: &[u8] = b"uberctx-";
const SAMPLED: u128 = 0x01;
const DEBUG: u128 = 0x02;

/// `{trace id}:{span id}:{parent span id}:{flags}`, ids without their leading zeros or with them.
pub(crate) fn read<C: Carrier + ?Sized>(carrier: &C) -> Option<Parent> {
    let value = only(carrier.values(Field::UberTraceId))?;
    let (trace_id, rest) = split_at_colon(value)?;
    let (span_id, rest) = split_at_colon(rest)?;
    // The span above the sender's is of no use here; senders write all sorts of things in its place.
    let (_, flags) = split_at_colon(rest)?;
    if flags.len() > 2 {
        return None;
    }
    let flags = hex::parse_any_case(flags)?;
    let debug = flags & DEBUG != 0;
    Some(Parent {
        trace_id: TraceId::from_number(hex::parse_any_case(trace_id)?)?,
        span_id: parse_span_id(span_id)?,
        flags: Flags::default().with_sampled(debug || flags & SAMPLED != 0),
        debug,
        deferred: false,
    })
}

/// Adds a member for each field `uberctx-{key}`, but for keys that are there already: what a client sends in both ways
/// is one thing. Stops where the list is full.
pub(crate) fn read_baggage<C: Carrier + ?Sized>(carrier: &C, list: &mut Vec<u8>) {
    for (name, value) in carrier.fields() {
        if let Some(key) = baggage_key(name) {
            baggage::add_received(list, key, trim_ows(value));
        }
    }
}

/// The key that a field's name holds, in its case; `None` for other fields.
pub(crate) fn baggage_key(name: &[u8]) -> Option<&[u8]> {
    let (prefix, key) = name.split_at_checked(BAGGAGE_PREFIX.len())?;
    (prefix.eq_ignore_ascii_case(BAGGAGE_PREFIX) && !key.is_empty()).then_some(key)
}

/// Some clients percent-encode the colons.
fn split_at_colon(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = value.iter().position(|byte| matches!(byte, b':' | b'%'))?;
    let (before, rest) = value.split_at_checked(at)?;
    match rest {
        [b':', rest @ ..] | [b'%', b'3', b'A' | b'a', rest @ ..] => Some((before, rest)),
        _ => None,
    }
}

fn parse_span_id(digits: &[u8]) -> Option<SpanId> {
    if digits.len() > 16 {
        return None;
    }
    SpanId::from_number(hex::parse_any_case(digits)?)
}
