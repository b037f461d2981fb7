//! A receiver of OTLP/HTTP, and what it got in a form that tests can compare.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use otlp::SpanKind;
use otlp::read::{AttributeView, StatusCode, ValueView};
use serde_json::Value;
use testkit::{RawOrigin, SOON};
use tidegate_telemetry::{Setup, Telemetry};

/// Takes everything.
pub(crate) fn receiver() -> RawOrigin {
    RawOrigin::fixed(
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n",
    )
}

/// A setup that sends to this receiver, with these further variables. Metrics and log records are off unless asked for.
pub(crate) fn setup(receiver: &RawOrigin, more: &[(&str, &str)]) -> Setup {
    let mut variables: BTreeMap<String, String> = [
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            format!("http://{}", receiver.addr()),
        ),
        ("OTEL_BSP_SCHEDULE_DELAY", "5".to_owned()),
        ("OTEL_BLRP_SCHEDULE_DELAY", "5".to_owned()),
        ("OTEL_METRICS_EXPORTER", "none".to_owned()),
        ("OTEL_LOGS_EXPORTER", "none".to_owned()),
        ("OTEL_SERVICE_NAME", "tested".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    for (name, value) in more {
        variables.insert((*name).to_owned(), (*value).to_owned());
    }
    Setup::new().variables(move |name| variables.get(name).cloned())
}

pub(crate) fn start(receiver: &RawOrigin, more: &[(&str, &str)]) -> Telemetry {
    setup(receiver, more).start().expect("a setup")
}

/// A span as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) kind: Option<SpanKind>,
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) parent: String,
    pub(crate) trace_state: String,
    pub(crate) is_error: bool,
    pub(crate) status_message: String,
    pub(crate) service: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) dropped_attributes: u32,
    pub(crate) events: Vec<(String, BTreeMap<String, String>)>,
    pub(crate) dropped_events: u32,
    pub(crate) nanos: u64,
}

impl Seen {
    /// The value of an attribute; empty without it.
    pub(crate) fn get(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }
}

/// Every span the receiver got so far.
pub(crate) fn spans(receiver: &RawOrigin) -> Vec<Seen> {
    let mut seen = Vec::new();
    for request in receiver.requests() {
        if request.target() != "/v1/traces" {
            continue;
        }
        otlp::read::spans(&request.body.bytes, |span| {
            seen.push(Seen {
                name: text(span.name),
                kind: span.kind,
                trace_id: hex(&span.trace_id.expect("an id")),
                span_id: hex(&span.span_id.expect("an id")),
                parent: span.parent_span_id.map_or_else(String::new, |id| hex(&id)),
                trace_state: text(span.trace_state),
                is_error: span.status == StatusCode::Error,
                status_message: text(span.status_message),
                service: pairs(span.resource.attributes())["service.name"].clone(),
                attributes: pairs(span.attributes()),
                dropped_attributes: span.dropped_attributes,
                events: span
                    .events()
                    .map(|event| {
                        let event = event.expect("whole");
                        (text(event.name), pairs(event.attributes()))
                    })
                    .collect(),
                dropped_events: span.dropped_events,
                nanos: span.end_unix_nanos - span.start_unix_nanos,
            });
        })
        .expect("whole spans");
    }
    seen
}

/// The spans once there are so many; others that come later are not waited for.
#[track_caller]
pub(crate) fn until_spans(receiver: &RawOrigin, count: usize) -> Vec<Seen> {
    until("the spans to arrive", || {
        let seen = spans(receiver);
        (seen.len() >= count).then_some(seen)
    })
}

/// The one span of that name.
#[track_caller]
pub(crate) fn named<'a>(seen: &'a [Seen], name: &str) -> &'a Seen {
    let found: Vec<&Seen> = seen.iter().filter(|span| span.name == name).collect();
    match found[..] {
        [one] => one,
        _ => panic!("{} spans are named {name} in {seen:#?}", found.len()),
    }
}

/// Requests of one signal, as JSON.
pub(crate) fn as_json(receiver: &RawOrigin, signal: otlp::Signal) -> Vec<Value> {
    receiver
        .requests()
        .iter()
        .filter(|request| request.target() == signal.http_path())
        .map(|request| {
            let mut json = Vec::new();
            otlp::append_json(signal, &request.body.bytes, &mut json).expect("whole");
            serde_json::from_slice(&json).expect("JSON")
        })
        .collect()
}

/// Looks again and again until there is something.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "expected {what} within {SOON:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn pairs<'a>(
    attributes: impl Iterator<Item = Result<AttributeView<'a>, otlp::Malformed>>,
) -> BTreeMap<String, String> {
    attributes
        .map(|pair| {
            let pair = pair.expect("whole");
            let value = match pair.value {
                ValueView::Str(value) => text(value),
                ValueView::Int(number) => number.to_string(),
                ValueView::Bool(is_true) => is_true.to_string(),
                ValueView::Double(number) => number.to_string(),
                ValueView::Empty
                | ValueView::Bytes(_)
                | ValueView::Array(_)
                | ValueView::Map(_) => format!("{:?}", pair.value),
            };
            (text(pair.key), value)
        })
        .collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
