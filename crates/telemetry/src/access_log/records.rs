//! Requests as log records over OTLP: the fields of a line, named by the conventions where those have a name.

use std::cell::RefCell;
use std::sync::Arc;

use otlp::{Attribute, LogRecord, Severity, Value, append_log_record};

use super::record::{AccessRecord, Rooms};
use crate::ItemSink;
use crate::ascii::Ascii;
use crate::attributes::Attributes;
use crate::environment::LogRecordLimits;
use crate::metrics::MethodLabel;
use crate::plan::{AccessLogField, AccessLogFormat, AccessLogPlan};
use crate::time::{nanos, unix_nanos};

/// What all of these records are (`event_name`).
const EVENT: &str = "tidegate.request";
/// What a line in the combined format tells.
const COMBINED: [AccessLogField; 10] = [
    AccessLogField::Time,
    AccessLogField::ClientIp,
    AccessLogField::Method,
    AccessLogField::Path,
    AccessLogField::Query,
    AccessLogField::Protocol,
    AccessLogField::Status,
    AccessLogField::BytesOut,
    AccessLogField::Referer,
    AccessLogField::UserAgent,
];

/// Which fields records have, and what is hidden in them. Shared by all workers.
#[derive(Debug)]
pub struct RecordForm {
    fields: Box<[AccessLogField]>,
    redact_query: Box<[Box<str>]>,
    limits: LogRecordLimits,
}

/// Where one worker records requests for export. Made anywhere, then used by one thread. Nothing here blocks; dropping
/// it hands over what is in it.
#[derive(Debug)]
pub struct RecordSink {
    form: Arc<RecordForm>,
    sink: ItemSink,
    rooms: RefCell<Rooms>,
}

impl RecordForm {
    /// The fields that lines of this plan have.
    pub fn new(plan: &AccessLogPlan, limits: LogRecordLimits) -> Self {
        Self {
            limits,
            fields: match &plan.format {
                AccessLogFormat::Json(fields) => fields.as_slice().into(),
                AccessLogFormat::Combined => COMBINED.into(),
            },
            redact_query: plan.redact_query.clone().into(),
        }
    }

    fn append(&self, out: &mut Vec<u8>, record: &AccessRecord<'_>, rooms: &mut Rooms) {
        let texts = Texts {
            client_ip: Ascii::ip(record.client_ip),
            endpoint: record.endpoint.map(Ascii::socket),
        };
        let record = &record.redacted(&self.redact_query, rooms);
        let mut attributes = Attributes::new(
            self.limits.attribute_count,
            self.limits.attribute_value_length,
        );
        for field in &self.fields {
            put_field(&mut attributes, *field, record, &texts);
        }
        let has = |field| self.fields.contains(&field);
        let started = unix_nanos(record.time);
        let ended = started.saturating_add(nanos(record.duration));
        append_log_record(
            out,
            &LogRecord {
                time_unix_nanos: if has(AccessLogField::Time) {
                    started
                } else {
                    0
                },
                observed_unix_nanos: ended,
                severity: severity(record.status),
                severity_text: "",
                body: Value::Str(b""),
                attributes: attributes.filled(),
                trace_id: record.trace_id.filter(|_| has(AccessLogField::TraceId)),
                span_id: record.span_id.filter(|_| has(AccessLogField::SpanId)),
                flags: 0,
                event_name: EVENT,
            },
        );
    }
}

impl RecordSink {
    /// In this form, into this sink.
    pub fn new(form: Arc<RecordForm>, sink: ItemSink) -> Self {
        Self {
            form,
            sink,
            rooms: RefCell::default(),
        }
    }

    /// Encodes a record into the worker's buffer. Dropped and counted when every buffer is with the exporter. Does not
    /// block, and does not allocate in steady state.
    pub fn record(&self, record: &AccessRecord<'_>) {
        let mut rooms = self.rooms.borrow_mut();
        self.sink
            .record(1, |out| self.form.append(out, record, &mut rooms));
    }

    /// Hands over what was recorded; does not block.
    pub fn flush(&self) {
        self.sink.flush();
    }
}

/// Text that attributes borrow.
struct Texts {
    client_ip: Ascii,
    endpoint: Option<Ascii>,
}

/// One arm per field; what there is not is left out.
fn put_field<'a>(
    attributes: &mut Attributes<'a>,
    field: AccessLogField,
    record: &AccessRecord<'a>,
    texts: &'a Texts,
) {
    let mut millis = |key, duration: std::time::Duration| {
        let value = Value::Double(duration.as_secs_f64() * 1e3);
        attributes.put(Attribute::Pair(key, value));
    };
    match field {
        AccessLogField::DurationMs => millis("tidegate.duration_ms", record.duration),
        AccessLogField::UpstreamMs => {
            if let Some(duration) = record.upstream_duration {
                millis("tidegate.upstream_ms", duration);
            }
        }
        // Fields of the record itself.
        AccessLogField::Time | AccessLogField::TraceId | AccessLogField::SpanId => {}
        AccessLogField::ClientIp => {
            attributes.text("client.address", texts.client_ip.as_bytes());
        }
        AccessLogField::Method => put_method(attributes, record.method_label, record.method),
        AccessLogField::Host => put_text(attributes, "server.address", record.host),
        AccessLogField::Path => put_text(attributes, "url.path", record.path),
        AccessLogField::Query => put_some(attributes, "url.query", record.query),
        AccessLogField::Protocol => {
            let version = record.protocol.number();
            attributes.text("network.protocol.version", version.as_bytes());
        }
        AccessLogField::Status => {
            if record.status > 0 {
                attributes.number("http.response.status_code", record.status.into());
            }
        }
        AccessLogField::BytesIn => {
            attributes.number("http.request.body.size", number(record.bytes_in));
        }
        AccessLogField::BytesOut => {
            attributes.number("http.response.body.size", number(record.bytes_out));
        }
        AccessLogField::Route => put_text(attributes, "tidegate.route", record.route.as_bytes()),
        AccessLogField::Upstream => {
            let name = record.upstream_name.map(str::as_bytes);
            put_some(attributes, "tidegate.upstream", name);
        }
        AccessLogField::Endpoint => {
            let endpoint = texts.endpoint.as_ref().map(Ascii::as_bytes);
            put_some(attributes, "tidegate.endpoint", endpoint);
        }
        AccessLogField::Tries => attributes.number("tidegate.tries", record.tries.into()),
        AccessLogField::RequestId => {
            put_text(attributes, "tidegate.request_id", record.request_id);
        }
        AccessLogField::UserAgent => {
            put_some(attributes, "user_agent.original", record.user_agent);
        }
        AccessLogField::Referer => {
            put_some(attributes, "http.request.header.referer", record.referer);
        }
        AccessLogField::End => attributes.text("tidegate.end", record.end.label().as_bytes()),
        AccessLogField::Listener => {
            attributes.text("tidegate.listener", record.listener.as_bytes());
        }
    }
}

/// A method that nobody knows is `_OTHER`, beside what was sent.
fn put_method<'a>(attributes: &mut Attributes<'a>, label: MethodLabel, method: &'a [u8]) {
    attributes.text("http.request.method", label.text().as_bytes());
    if label == MethodLabel::OTHER {
        put_text(attributes, "http.request.method_original", method);
    }
}

fn put_text<'a>(attributes: &mut Attributes<'a>, key: &'static str, text: &'a [u8]) {
    if !text.is_empty() {
        attributes.text(key, text);
    }
}

fn put_some<'a>(attributes: &mut Attributes<'a>, key: &'static str, text: Option<&'a [u8]>) {
    if let Some(text) = text {
        attributes.text(key, text);
    }
}

/// OTLP has signed numbers only.
fn number(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// What failed here is an error here; what the client did wrong, or no answer at all, is not.
fn severity(status: u16) -> Severity {
    if status >= 500 {
        Severity::ERROR
    } else {
        Severity::INFO
    }
}
