//! Spans to send, and how to look at what came of them.

use demo::Services;
use otlp::{Attribute, Envelope, Scope, Signal, Span, SpanKind, Status, Value, append_span};

use crate::client::{Response, get, post};

/// 9 October 2025, 08:53:20 UTC.
pub(crate) const START: u64 = 1_760_000_000_000_000_000;
pub(crate) const MS: u64 = 1_000_000;

pub(crate) const TRACE: [u8; 16] = *b"\x01\x02trace of demo.";
pub(crate) const TRACE_HEX: &str = "01027472616365206f662064656d6f2e";

/// A server span of 100 ms that nobody asked for.
pub(crate) fn server(id: u8) -> Span<'static> {
    Span {
        trace_id: TRACE,
        span_id: [id; 8],
        parent_span_id: None,
        trace_state: b"",
        flags: 0x101,
        name: &[b"GET ", b"/products"],
        kind: SpanKind::Server,
        start_unix_nanos: START,
        end_unix_nanos: START + 100 * MS,
        attributes: &[],
        dropped_attributes: 0,
        events: &[],
        dropped_events: 0,
        links: &[],
        status: Status::Unset,
    }
}

/// A client span under another span, from and to so many milliseconds.
pub(crate) fn client(id: u8, parent: u8, from: u64, to: u64) -> Span<'static> {
    Span {
        parent_span_id: Some([parent; 8]),
        name: &[b"GET"],
        kind: SpanKind::Client,
        start_unix_nanos: START + from * MS,
        end_unix_nanos: START + to * MS,
        ..server(id)
    }
}

pub(crate) fn request(spans: &[Span<'_>]) -> Vec<u8> {
    request_of("tidegate", spans)
}

pub(crate) fn request_of(service: &str, spans: &[Span<'_>]) -> Vec<u8> {
    let resource = [
        Attribute::Pair("host.name", Value::Str(b"here")),
        Attribute::Pair("service.name", Value::Str(service.as_bytes())),
    ];
    let scope = Scope {
        name: "proxy",
        version: "1",
    };
    let envelope = Envelope::new(Signal::Traces, &resource, scope, "");
    let mut items = Vec::new();
    for span in spans {
        append_span(&mut items, span);
    }
    let mut request = Vec::new();
    envelope.append_around(&[&items], &mut request);
    request
}

pub(crate) fn post_traces(services: &Services, body: &[u8]) -> Response {
    let fields = "content-type: application/x-protobuf\r\n";
    post(services.traces(), "/v1/traces", fields, body)
}

/// OT-4, OT-22.
#[track_caller]
pub(crate) fn send_spans(services: &Services, spans: &[Span<'_>]) {
    check_taken(&post_traces(services, &request(spans)));
}

#[track_caller]
pub(crate) fn check_taken(response: &Response) {
    assert_eq!(response.status, 200);
    let content_type = response.field("content-type");
    assert_eq!(content_type, Some("application/x-protobuf"));
    assert_eq!(response.body, b"");
}

#[track_caller]
pub(crate) fn data(services: &Services) -> serde_json::Value {
    let response = get(services.traces(), "/traces.json");
    assert_eq!(response.status, 200);
    assert_eq!(response.field("content-type"), Some("application/json"));
    response.json()
}

#[track_caller]
pub(crate) fn page(services: &Services, target: &str) -> String {
    let response = get(services.traces(), target);
    assert_eq!(response.status, 200, "{target}");
    response.text().to_owned()
}

/// What stands between two texts, each time.
pub(crate) fn all_between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    let parts = text.split(open).skip(1);
    parts
        .map(|part| part.split(close).next().unwrap())
        .collect()
}
