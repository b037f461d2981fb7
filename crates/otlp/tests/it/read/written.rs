//! What `append_span` and `Envelope` write reads back.

use otlp::read::{StatusCode, spans};
use otlp::{
    Attribute, Envelope, Event, Malformed, Scope, Signal, Span, SpanKind, Status, Value,
    append_span, encode_attribute,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::oracle::decode_all;
use super::seen::{self, Pair, Seen, Tree, read_all};

#[derive(Clone, Debug)]
enum Owned {
    Str(Vec<u8>),
    Bool(bool),
    Int(i64),
    Double(f64),
    Strs(Vec<Vec<u8>>),
    Bytes(Vec<u8>),
}

type Attributes = Vec<(String, Owned)>;

#[derive(Clone, Debug)]
struct Case {
    ids: ([u8; 16], [u8; 8], Option<[u8; 8]>),
    texts: (Vec<u8>, Vec<Vec<u8>>),
    kind: SpanKind,
    times: (u64, u64),
    flags: u32,
    status: Option<Result<(), String>>,
    attributes: Attributes,
    events: Vec<(u64, String, Attributes)>,
    dropped: (u32, u32),
}

fn value() -> impl Strategy<Value = Owned> {
    prop_oneof![
        vec(any::<u8>(), 0..20).prop_map(Owned::Str),
        ".{0,20}".prop_map(|text| Owned::Str(text.into_bytes())),
        any::<bool>().prop_map(Owned::Bool),
        any::<i64>().prop_map(Owned::Int),
        prop_oneof![Just(f64::NAN), any::<f64>()].prop_map(Owned::Double),
        vec(vec(any::<u8>(), 0..200), 0..4).prop_map(Owned::Strs),
        vec(any::<u8>(), 0..200).prop_map(Owned::Bytes),
    ]
}

fn attributes() -> impl Strategy<Value = Attributes> {
    vec((".{0,8}", value()), 0..6)
}

fn id<const LEN: usize>() -> impl Strategy<Value = [u8; LEN]> {
    any::<[u8; LEN]>().prop_filter("all zero is no id", |id| *id != [0; LEN])
}

fn case() -> impl Strategy<Value = Case> {
    const KINDS: [SpanKind; 5] = [
        SpanKind::Internal,
        SpanKind::Server,
        SpanKind::Client,
        SpanKind::Producer,
        SpanKind::Consumer,
    ];
    let status = proptest::option::of(prop_oneof![Just(Ok(())), ".{0,200}".prop_map(Err)]);
    let ids = (id(), id(), proptest::option::of(id()));
    let name = vec(vec(any::<u8>(), 0..10), 0..4);
    (
        ids,
        (vec(any::<u8>(), 0..30), name),
        (select(&KINDS[..]), any::<u32>(), status),
        any::<(u64, u64)>(),
        attributes(),
        vec((any::<u64>(), ".{0,8}", attributes()), 0..4),
        any::<(u32, u32)>(),
    )
        .prop_map(
            |(ids, texts, (kind, flags, status), times, attributes, events, dropped)| Case {
                ids,
                texts,
                kind,
                times,
                flags,
                status,
                attributes,
                events,
                dropped,
            },
        )
}

/// Each encoded by itself.
fn encode(attributes: &Attributes) -> Vec<Box<[u8]>> {
    attributes
        .iter()
        .map(|(key, value)| match value {
            Owned::Str(bytes) => encode_attribute(key, Value::Str(bytes)),
            Owned::Bool(is_true) => encode_attribute(key, Value::Bool(*is_true)),
            Owned::Int(number) => encode_attribute(key, Value::Int(*number)),
            Owned::Double(number) => encode_attribute(key, Value::Double(*number)),
            Owned::Strs(texts) => {
                let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
                encode_attribute(key, Value::Strs(&texts))
            }
            Owned::Bytes(bytes) => encode_attribute(key, Value::Bytes(bytes)),
        })
        .collect()
}

fn borrow(encoded: &[Box<[u8]>]) -> Vec<Attribute<'_>> {
    encoded
        .iter()
        .map(|body| Attribute::Encoded(body))
        .collect()
}

/// Appends the case as a span and says how it is to be seen.
fn write(case: &Case, out: &mut Vec<u8>) -> Seen {
    let Case { ids, texts, .. } = case;
    let attributes = encode(&case.attributes);
    let event_attributes: Vec<_> = case.events.iter().map(|event| encode(&event.2)).collect();
    let event_attributes: Vec<_> = event_attributes.iter().map(|list| borrow(list)).collect();
    let events: Vec<Event<'_>> = case
        .events
        .iter()
        .zip(&event_attributes)
        .map(|((time, name, _), attributes)| Event {
            time_unix_nanos: *time,
            name,
            attributes,
        })
        .collect();
    let name: Vec<&[u8]> = texts.1.iter().map(Vec::as_slice).collect();
    let span = Span {
        trace_id: ids.0,
        span_id: ids.1,
        parent_span_id: ids.2,
        trace_state: &texts.0,
        flags: case.flags,
        name: &name,
        kind: case.kind,
        start_unix_nanos: case.times.0,
        end_unix_nanos: case.times.1,
        attributes: &borrow(&attributes),
        dropped_attributes: case.dropped.0,
        events: &events,
        dropped_events: case.dropped.1,
        links: &[],
        status: match &case.status {
            None => Status::Unset,
            Some(Ok(())) => Status::Ok,
            Some(Err(message)) => Status::Error(message),
        },
    };
    append_span(out, &span);
    expected(case)
}

fn expected(case: &Case) -> Seen {
    let Case { ids, texts, .. } = case;
    let name = texts.1.iter().map(|part| String::from_utf8_lossy(part));
    Seen {
        trace_id: Some(ids.0),
        span_id: Some(ids.1),
        parent_span_id: ids.2,
        trace_state: lossy(&texts.0),
        flags: case.flags,
        name: name.collect::<String>().into_bytes(),
        kind: Some(case.kind),
        start: case.times.0,
        end: case.times.1,
        status: match &case.status {
            None => (StatusCode::Unset, Vec::new()),
            Some(Ok(())) => (StatusCode::Ok, Vec::new()),
            Some(Err(message)) => (StatusCode::Error, message.clone().into_bytes()),
        },
        attributes: pairs(&case.attributes),
        events: case
            .events
            .iter()
            .map(|(time, name, attributes)| seen::Event {
                time: *time,
                name: name.clone().into_bytes(),
                attributes: pairs(attributes),
                dropped: 0,
            })
            .collect(),
        dropped: case.dropped,
        ..Seen::default()
    }
}

fn pairs(attributes: &Attributes) -> Vec<Pair> {
    let tree = |value: &Owned| match value {
        Owned::Str(bytes) => Tree::Str(lossy(bytes)),
        Owned::Bool(is_true) => Tree::Bool(*is_true),
        Owned::Int(number) => Tree::Int(*number),
        Owned::Double(number) => Tree::Double(number.to_bits()),
        Owned::Strs(texts) => {
            Tree::Array(texts.iter().map(|text| Tree::Str(lossy(text))).collect())
        }
        Owned::Bytes(bytes) => Tree::Bytes(bytes.clone()),
    };
    attributes
        .iter()
        .map(|(key, value)| (key.clone().into_bytes(), tree(value)))
        .collect()
}

fn lossy(bytes: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(bytes).into_owned().into_bytes()
}

/// A request around these items, and what is to be seen around each span.
fn enclose(items: &[u8]) -> (Vec<u8>, Seen) {
    let resource = [Attribute::Pair("service.name", Value::Str(b"tidegate"))];
    let scope = Scope {
        name: "proxy",
        version: "1.2",
    };
    let envelope = Envelope::new(Signal::Traces, &resource, scope, "https://example.com/s");
    let mut request = Vec::new();
    envelope.append_around(&[items], &mut request);
    let service = (b"service.name".to_vec(), Tree::Str(b"tidegate".to_vec()));
    let around = Seen {
        resource: (0, vec![service]),
        scope: seen::Scope {
            index: 0,
            name: b"proxy".to_vec(),
            version: b"1.2".to_vec(),
            attributes: Vec::new(),
        },
        ..Seen::default()
    };
    (request, around)
}

proptest! {
    #[test]
    fn spans_read_back(cases in vec(case(), 0..5)) {
        let mut items = Vec::new();
        let written: Vec<Seen> = cases.iter().map(|case| write(case, &mut items)).collect();
        let (request, _) = enclose(&items);
        let expected: Vec<Seen> = written
            .into_iter()
            .map(|span| {
                let (_, around) = enclose(&[]);
                Seen { resource: around.resource, scope: around.scope, ..span }
            })
            .collect();
        prop_assert_eq!(&read_all(&request).unwrap(), &expected);
        prop_assert_eq!(&decode_all(&request).unwrap(), &expected);
    }

    /// OT-24. One resource is one field, so that no part of it is a request.
    #[test]
    fn no_part_of_a_request_is_a_request(case in case()) {
        let mut items = Vec::new();
        write(&case, &mut items);
        let (request, _) = enclose(&items);
        for end in 1..request.len() {
            let found = spans(&request[..end], |_| {});
            prop_assert_eq!(found, Err(Malformed::Truncated), "{} of {}", end, request.len());
        }
    }
}
