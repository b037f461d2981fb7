//! A receiver of spans and what it got.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use otlp::SpanKind;
use otlp::read::ValueView;
use testkit::RawOrigin;

use crate::system::until;

/// A receiver of OTLP/HTTP that takes everything.
pub(crate) fn receiver() -> RawOrigin {
    RawOrigin::fixed(
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n",
    )
}

/// One worker that forwards to an origin; `telemetry` is the inside of that key.
pub(crate) fn config(origin: SocketAddr, telemetry: &str) -> String {
    format!(
        "{}telemetry: {{ {telemetry} }}\n",
        testkit::config_forwarding_to(origin)
    )
}

pub(crate) fn sending_to(receiver: SocketAddr, more: &str) -> String {
    format!(
        "otlp: {{ endpoint: \"http://{receiver}\", protocol: http/protobuf, delay: 10ms{more} }}"
    )
}

#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) kind: Option<SpanKind>,
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) parent: String,
    pub(crate) trace_state: String,
    pub(crate) service: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) status: otlp::read::StatusCode,
    pub(crate) dropped_attributes: u32,
}

/// Every span the receiver got, in order.
pub(crate) fn spans(receiver: &RawOrigin) -> Vec<Seen> {
    let mut seen = Vec::new();
    for request in receiver.requests() {
        if request.target() != "/v1/traces" {
            continue;
        }
        assert_eq!(
            request.field("content-type"),
            Some("application/x-protobuf")
        );
        let count = otlp::count_items(otlp::Signal::Traces, &request.body.bytes).expect("whole");
        let before = seen.len();
        otlp::read::spans(&request.body.bytes, |span| {
            let resource = pairs(span.resource.attributes());
            seen.push(Seen {
                name: String::from_utf8_lossy(span.name).into_owned(),
                kind: span.kind,
                trace_id: hex(&span.trace_id.expect("an id")),
                span_id: hex(&span.span_id.expect("an id")),
                parent: span.parent_span_id.map_or_else(String::new, |id| hex(&id)),
                trace_state: String::from_utf8_lossy(span.trace_state).into_owned(),
                service: resource["service.name"].clone(),
                attributes: pairs(span.attributes()),
                status: span.status,
                dropped_attributes: span.dropped_attributes,
            });
        })
        .expect("whole spans");
        assert_eq!((seen.len() - before) as u64, count);
    }
    seen
}

fn pairs<'a>(
    attributes: impl Iterator<Item = Result<otlp::read::AttributeView<'a>, otlp::Malformed>>,
) -> BTreeMap<String, String> {
    attributes
        .map(|pair| {
            let pair = pair.expect("whole");
            let value = if let ValueView::Array(array) = pair.value {
                let items = array.iter().map(|item| shown(item.expect("whole")));
                format!("[{}]", items.collect::<Vec<_>>().join(", "))
            } else {
                shown(pair.value)
            };
            (String::from_utf8_lossy(pair.key).into_owned(), value)
        })
        .collect()
}

fn shown(value: ValueView<'_>) -> String {
    if let ValueView::Str(text) = value {
        String::from_utf8_lossy(text).into_owned()
    } else {
        format!("{value:?}")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[track_caller]
pub(crate) fn until_spans(receiver: &RawOrigin, count: usize) -> Vec<Seen> {
    until("the spans to arrive", || {
        let seen = spans(receiver);
        (seen.len() >= count).then_some(seen)
    })
}
