//! Spans with unique ids, batches of them, and what of them is in a request.

use std::collections::BTreeMap;

use export::Batch;
use otlp::{Attribute, Envelope, Scope, Signal, Span, SpanKind, Status, Value, append_span};

/// An envelope of spans.
pub(crate) fn envelope() -> Envelope {
    named_envelope("export-test")
}

/// An envelope of spans of this service.
pub(crate) fn named_envelope(service: &str) -> Envelope {
    Envelope::new(
        Signal::Traces,
        &[Attribute::Pair(
            "service.name",
            Value::Str(service.as_bytes()),
        )],
        Scope {
            name: "tidegate",
            version: "1",
        },
        "https://opentelemetry.io/schemas/1.44.0",
    )
}

/// Spans with the ids `first`, `first + 1`… and names of `name_len` bytes.
pub(crate) fn spans(first: u64, count: u32, name_len: usize) -> Batch {
    let name = vec![b'n'; name_len];
    let mut bytes = Vec::new();
    for id in first..first + u64::from(count) {
        append_span(
            &mut bytes,
            &Span {
                trace_id: [7; 16],
                span_id: id.to_be_bytes(),
                parent_span_id: None,
                trace_state: b"",
                flags: 1,
                name: &[&name],
                kind: SpanKind::Server,
                start_unix_nanos: 1,
                end_unix_nanos: 2,
                attributes: &[],
                dropped_attributes: 0,
                events: &[],
                dropped_events: 0,
                links: &[],
                status: Status::Unset,
            },
        );
    }
    bytes.shrink_to_fit();
    Batch {
        bytes,
        items: count,
        back: None,
    }
}

/// The ids of the spans in a request in protobuf, in order.
///
/// # Panics
/// When it is none with one resource and one scope.
pub(crate) fn ids(request: &[u8]) -> Vec<u64> {
    let resources = fields(request);
    assert_eq!(resources.keys().collect::<Vec<_>>(), [&1]);
    let [resource] = &*resources[&1] else {
        panic!("expected one resource");
    };
    let scopes = fields(resource);
    let [scope] = &*scopes[&2] else {
        panic!("expected one scope");
    };
    let spans = fields(scope).remove(&2).unwrap_or_default();
    spans
        .into_iter()
        .map(|span| u64::from_be_bytes(fields(span)[&2][0].try_into().unwrap()))
        .collect()
}

/// The length-delimited fields of a message, by number.
fn fields(mut message: &[u8]) -> BTreeMap<u64, Vec<&[u8]>> {
    let mut found: BTreeMap<u64, Vec<&[u8]>> = BTreeMap::new();
    while !message.is_empty() {
        let tag = varint(&mut message);
        let skipped = match tag & 7 {
            0 => {
                varint(&mut message);
                continue;
            }
            1 => 8,
            5 => 4,
            2 => usize::try_from(varint(&mut message)).unwrap(),
            other => panic!("expected a known wire type, found {other}"),
        };
        let (payload, rest) = message.split_at(skipped);
        if tag & 7 == 2 {
            found.entry(tag >> 3).or_default().push(payload);
        }
        message = rest;
    }
    found
}

fn varint(from: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = from.split_first().unwrap();
        *from = rest;
        value |= u64::from(byte & 0x7F) << shift;
        if *byte < 0x80 {
            return value;
        }
    }
    panic!("expected a varint");
}
