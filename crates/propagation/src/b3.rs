//! B3, the format of Zipkin: `b3`, or a field for each part. Both are read, the single field first (P-6).

use crate::carrier::Carrier;
use crate::extract::Parent;
use crate::field::Field;
use crate::flags::Flags;
use crate::hex;
use crate::id::{SpanId, TraceId};
use crate::inject::Outgoing;
use crate::text::{concat, only, split, trim_ows};

/// Ids and decision with two dashes.
const SINGLE_LEN: usize = 32 + 1 + 16 + 1 + 1;

/// What the sender says about recording.
#[derive(Clone, Copy)]
enum Decision {
    Drop,
    Keep,
    Debug,
    /// Nothing: the receiver is to decide.
    Deferred,
}

/// A decision alone, without ids, is no parent.
pub(crate) fn read<C: Carrier + ?Sized>(carrier: &C) -> Option<Parent> {
    only(carrier.values(Field::B3))
        .and_then(parse_single)
        .or_else(|| read_multi(carrier))
}

pub(crate) fn write_single(outgoing: &Outgoing<'_>, put: &mut impl FnMut(Field, &[u8])) {
    let decision = match (outgoing.debug, outgoing.is_sampled()) {
        (true, _) => b"d",
        (false, true) => b"1",
        (false, false) => b"0",
    };
    let value: [u8; SINGLE_LEN] = concat(&[
        &outgoing.trace_id.hex(),
        b"-",
        &outgoing.span_id.hex(),
        b"-",
        decision,
    ]);
    put(Field::B3, &value);
}

/// The last field is one of two: the decision for debugging is not to be accompanied by another.
pub(crate) fn write_multi(outgoing: &Outgoing<'_>, put: &mut impl FnMut(Field, &[u8])) {
    put(Field::B3TraceId, &outgoing.trace_id.hex());
    put(Field::B3SpanId, &outgoing.span_id.hex());
    match (outgoing.debug, outgoing.is_sampled()) {
        (true, _) => put(Field::B3Flags, b"1"),
        (false, true) => put(Field::B3Sampled, b"1"),
        (false, false) => put(Field::B3Sampled, b"0"),
    }
}

/// `{trace id}-{span id}[-{decision}[-{parent span id}]]`
fn parse_single(value: &[u8]) -> Option<Parent> {
    let mut parts = split(value, b'-');
    let (trace_id, span_id) = (parts.next()?, parts.next()?);
    let decision = match parts.next() {
        None => Decision::Deferred,
        Some(b"0") => Decision::Drop,
        Some(b"1") => Decision::Keep,
        Some(b"d") => Decision::Debug,
        Some(_) => return None,
    };
    if let Some(above) = parts.next() {
        SpanId::from_hex(above)?;
    }
    if parts.next().is_some() {
        return None;
    }
    parent(trace_id, span_id, decision)
}

fn read_multi<C: Carrier + ?Sized>(carrier: &C) -> Option<Parent> {
    let trace_id = only(carrier.values(Field::B3TraceId))?;
    let span_id = only(carrier.values(Field::B3SpanId))?;
    let mut flags = carrier.values(Field::B3Flags).map(trim_ows);
    let decision = if flags.any(|value| value == b"1") {
        Decision::Debug
    } else {
        read_sampled(carrier)?
    };
    parent(trace_id, span_id, decision)
}

/// Words stand for digits with senders older than the format's description.
fn read_sampled<C: Carrier + ?Sized>(carrier: &C) -> Option<Decision> {
    if carrier.values(Field::B3Sampled).next().is_none() {
        return Some(Decision::Deferred);
    }
    match only(carrier.values(Field::B3Sampled))? {
        b"0" | b"false" => Some(Decision::Drop),
        b"1" | b"true" => Some(Decision::Keep),
        _ => None,
    }
}

fn parent(trace_id: &[u8], span_id: &[u8], decision: Decision) -> Option<Parent> {
    if !matches!(trace_id.len(), 16 | 32) {
        return None;
    }
    let sampled = matches!(decision, Decision::Keep | Decision::Debug);
    Some(Parent {
        trace_id: TraceId::from_number(hex::parse(trace_id)?)?,
        span_id: SpanId::from_hex(span_id)?,
        flags: Flags::default().with_sampled(sampled),
        debug: matches!(decision, Decision::Debug),
        deferred: matches!(decision, Decision::Deferred),
    })
}
