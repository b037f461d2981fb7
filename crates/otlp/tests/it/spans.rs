//! Spans.

use opentelemetry_proto::tonic::trace::v1 as proto;
use otlp::{Event, Link, Span, SpanKind, Status, append_span};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use prost::Message as _;

use crate::support::{Lent, OwnedValue, Pair, assert_same, expected, id, lossy, pairs, text};

#[derive(Clone, Debug)]
pub(crate) struct OwnedSpan {
    ids: ([u8; 16], [u8; 8], Option<[u8; 8]>),
    trace_state: Vec<u8>,
    flags: u32,
    name: Vec<Vec<u8>>,
    kind: SpanKind,
    times: (u64, u64),
    attributes: Vec<Pair>,
    dropped: (u32, u32),
    events: Vec<OwnedEvent>,
    links: Vec<OwnedLink>,
    /// `Ok` without a description, an error with one.
    status: Option<Result<(), String>>,
}

#[derive(Clone, Debug)]
struct OwnedEvent {
    time: u64,
    name: String,
    attributes: Vec<Pair>,
}

#[derive(Clone, Debug)]
struct OwnedLink {
    ids: ([u8; 16], [u8; 8]),
    trace_state: Vec<u8>,
    flags: u32,
    attributes: Vec<Pair>,
}

impl OwnedSpan {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let attributes = Lent::new(&self.attributes);
        let of_events: Vec<_> = self
            .events
            .iter()
            .map(|event| Lent::new(&event.attributes))
            .collect();
        let of_events: Vec<_> = of_events.iter().map(Lent::attributes).collect();
        let events = self.events.iter().zip(&of_events);
        let events: Vec<_> = events
            .map(|(event, attributes)| Event {
                time_unix_nanos: event.time,
                name: &event.name,
                attributes,
            })
            .collect();
        let of_links: Vec<_> = self
            .links
            .iter()
            .map(|link| Lent::new(&link.attributes))
            .collect();
        let of_links: Vec<_> = of_links.iter().map(Lent::attributes).collect();
        let links = self.links.iter().zip(&of_links);
        let links: Vec<_> = links
            .map(|(link, attributes)| Link {
                trace_id: link.ids.0,
                span_id: link.ids.1,
                trace_state: &link.trace_state,
                flags: link.flags,
                attributes,
            })
            .collect();
        let name: Vec<&[u8]> = self.name.iter().map(Vec::as_slice).collect();
        let mut out = b"before".to_vec();
        append_span(
            &mut out,
            &Span {
                trace_id: self.ids.0,
                span_id: self.ids.1,
                parent_span_id: self.ids.2,
                trace_state: &self.trace_state,
                flags: self.flags,
                name: &name,
                kind: self.kind,
                start_unix_nanos: self.times.0,
                end_unix_nanos: self.times.1,
                attributes: &attributes.attributes(),
                dropped_attributes: self.dropped.0,
                events: &events,
                dropped_events: self.dropped.1,
                links: &links,
                status: match &self.status {
                    None => Status::Unset,
                    Some(Ok(())) => Status::Ok,
                    Some(Err(description)) => Status::Error(description),
                },
            },
        );
        out.strip_prefix(b"before").unwrap().to_vec()
    }

    fn expected(&self) -> proto::Span {
        proto::Span {
            trace_id: self.ids.0.to_vec(),
            span_id: self.ids.1.to_vec(),
            parent_span_id: self.ids.2.map(Vec::from).unwrap_or_default(),
            trace_state: lossy(&self.trace_state),
            flags: self.flags,
            name: self.name.iter().map(|part| lossy(part)).collect(),
            kind: self.kind as i32,
            start_time_unix_nano: self.times.0,
            end_time_unix_nano: self.times.1,
            attributes: expected(&self.attributes),
            dropped_attributes_count: self.dropped.0,
            events: self.events.iter().map(OwnedEvent::expected).collect(),
            dropped_events_count: self.dropped.1,
            links: self.links.iter().map(OwnedLink::expected).collect(),
            dropped_links_count: 0,
            status: self.status.as_ref().map(|status| proto::Status {
                message: status.as_ref().err().cloned().unwrap_or_default(),
                code: if status.is_ok() { 1 } else { 2 },
            }),
        }
    }
}

impl OwnedEvent {
    fn expected(&self) -> proto::span::Event {
        proto::span::Event {
            time_unix_nano: self.time,
            name: self.name.clone(),
            attributes: expected(&self.attributes),
            dropped_attributes_count: 0,
        }
    }
}

impl OwnedLink {
    fn expected(&self) -> proto::span::Link {
        proto::span::Link {
            trace_id: self.ids.0.to_vec(),
            span_id: self.ids.1.to_vec(),
            trace_state: lossy(&self.trace_state),
            attributes: expected(&self.attributes),
            dropped_attributes_count: 0,
            flags: self.flags,
        }
    }
}

pub(crate) fn any_span() -> impl Strategy<Value = OwnedSpan> {
    let kinds = [
        SpanKind::Internal,
        SpanKind::Server,
        SpanKind::Client,
        SpanKind::Producer,
        SpanKind::Consumer,
    ];
    let event = (any::<u64>(), ".{0,50}", pairs());
    let event = event.prop_map(|(time, name, attributes)| OwnedEvent {
        time,
        name,
        attributes,
    });
    let link = ((id(), id()), text(), any::<u32>(), pairs());
    let link = link.prop_map(|(ids, trace_state, flags, attributes)| OwnedLink {
        ids,
        trace_state,
        flags,
        attributes,
    });
    let status = option::of(prop_oneof![Just(Ok(())), ".{0,60}".prop_map(Err)]);
    let start = (
        (id(), id(), option::of(id())),
        text(),
        any::<u32>(),
        vec(text(), 0..4),
        select(kinds.to_vec()),
        any::<(u64, u64)>(),
    );
    let lists = (
        pairs(),
        any::<(u32, u32)>(),
        vec(event, 0..3),
        vec(link, 0..3),
    );
    (start, lists, status).prop_map(
        |(
            (ids, trace_state, flags, name, kind, times),
            (attributes, dropped, events, links),
            status,
        )| OwnedSpan {
            ids,
            trace_state,
            flags,
            name,
            kind,
            times,
            attributes,
            dropped,
            events,
            links,
            status,
        },
    )
}

fn empty() -> OwnedSpan {
    OwnedSpan {
        ids: ([1; 16], [2; 8], None),
        trace_state: Vec::new(),
        flags: 0,
        name: Vec::new(),
        kind: SpanKind::Internal,
        times: (3, 4),
        attributes: Vec::new(),
        dropped: (0, 0),
        events: Vec::new(),
        links: Vec::new(),
        status: None,
    }
}

/// What `ScopeSpans` decodes of one element.
fn decode(bytes: &[u8]) -> proto::Span {
    let mut scope = proto::ScopeSpans::decode(bytes).unwrap();
    assert_eq!(scope.spans.len(), 1);
    scope.spans.remove(0)
}

proptest! {
    #[test]
    fn any_span_is_decoded_as_it_was(span in any_span()) {
        assert_same(&decode(&span.encode()), &span.expected());
    }

    /// A length grows by a byte at 128 and at 16,384 bytes.
    #[test]
    fn any_length(len in prop_oneof![0..600_usize, 16_000..17_000_usize], first in any::<u8>()) {
        let mut name = vec![b'n'; len];
        if let Some(byte) = name.first_mut() {
            *byte = first;
        }
        let span = OwnedSpan { name: vec![name], ..empty() };
        assert_eq!(decode(&span.encode()), span.expected());
    }
}

/// Byte for byte what `prost` writes: lengths and numbers as short as they can be, nothing that is its default.
#[test]
fn the_bytes_are_those_of_another_encoder() {
    let pair = |key: &str, value: &[u8]| Pair {
        key: key.to_owned(),
        value: OwnedValue::Str(value.to_vec()),
        is_encoded: false,
    };
    let full = OwnedSpan {
        ids: ([1; 16], [2; 8], Some([5; 8])),
        trace_state: b"ot=th:8".to_vec(),
        flags: 0x301,
        name: vec![b"GET".to_vec(), b" ".to_vec(), b"/a".to_vec()],
        kind: SpanKind::Consumer,
        attributes: vec![pair("a", b"b"), pair("c", &[b'd'; 200])],
        dropped: (1, 300),
        events: vec![OwnedEvent {
            time: 5,
            name: "retry".to_owned(),
            attributes: vec![pair("e", b"f")],
        }],
        links: vec![OwnedLink {
            ids: ([6; 16], [7; 8]),
            trace_state: b"a=b".to_vec(),
            flags: 1,
            attributes: vec![pair("g", b"h")],
        }],
        status: Some(Err("why".to_owned())),
        ..empty()
    };
    let undescribed = OwnedSpan {
        status: Some(Err(String::new())),
        ..empty()
    };
    let named = OwnedSpan {
        name: vec![b"n".to_vec()],
        status: Some(Ok(())),
        ..empty()
    };
    let plain = OwnedSpan {
        events: Vec::new(),
        links: Vec::new(),
        ..full.clone()
    };
    // Events and links come last, which is as long.
    assert_eq!(full.encode().len(), encode_all(&full).len());
    for span in [plain, undescribed, named] {
        assert_eq!(span.encode(), encode_all(&span), "{span:?}");
    }
}

fn encode_all(span: &OwnedSpan) -> Vec<u8> {
    let scope = proto::ScopeSpans {
        spans: vec![span.expected()],
        ..proto::ScopeSpans::default()
    };
    scope.encode_to_vec()
}
