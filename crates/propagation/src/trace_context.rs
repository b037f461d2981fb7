//! W3C Trace Context Level 2: `traceparent`, and `tracestate` where that is valid.

use crate::carrier::Carrier;
use crate::extract::Parent;
use crate::field::Field;
use crate::flags::Flags;
use crate::id::{SpanId, TraceId};
use crate::inject::Outgoing;
use crate::text::{concat, only, split};
use crate::{hex, trace_state};

/// Of version 00, and of the part of any later version that can be read.
const LEN: usize = 55;

/// P-1, P-3: without a valid parent the trace state means nothing.
pub(crate) fn read<C: Carrier + ?Sized>(carrier: &C, trace_state: &mut Vec<u8>) -> Option<Parent> {
    let parent = parse(only(carrier.values(Field::TraceParent))?)?;
    trace_state::read(carrier.values(Field::TraceState), trace_state);
    Some(parent)
}

/// What later versions add is not passed on: this writes version 00 (P-1).
pub(crate) fn write(outgoing: &Outgoing<'_>, put: &mut impl FnMut(Field, &[u8])) {
    let flags = outgoing.flags.with_sampled(outgoing.is_sampled());
    let parent: [u8; LEN] = concat(&[
        b"00-",
        &outgoing.trace_id.hex(),
        b"-",
        &outgoing.span_id.hex(),
        b"-",
        &hex::encode::<2>(flags.bits().into()),
    ]);
    put(Field::TraceParent, &parent);
    if !outgoing.trace_state.is_empty() {
        put(Field::TraceState, outgoing.trace_state);
    }
}

/// <https://www.w3.org/TR/trace-context-2/#traceparent-header>
fn parse(value: &[u8]) -> Option<Parent> {
    let (known, rest) = value.split_at_checked(LEN)?;
    // No part may hold a dash, so parts of the right lengths are in the right places.
    let mut parts = split(known, b'-');
    let version = byte(parts.next()?)?;
    let parent = Parent {
        trace_id: TraceId::from_hex(parts.next()?)?,
        span_id: SpanId::from_hex(parts.next()?)?,
        flags: Flags::from_bits(byte(parts.next()?)?),
        debug: false,
        deferred: false,
    };
    let is_whole = match version {
        0x00 => rest.is_empty(),
        0xff => false,
        // https://www.w3.org/TR/trace-context-2/#versioning-of-traceparent
        _ => matches!(rest, [] | [b'-', ..]),
    };
    is_whole.then_some(parent)
}

fn byte(digits: &[u8]) -> Option<u8> {
    if digits.len() != 2 {
        return None;
    }
    u8::try_from(hex::parse(digits)?).ok()
}
