//! `tracing` events as log records.

use std::time::Instant;

use otlp::{LogRecord, Severity, Value, append_log_record};
use telemetry::environment::LogRecordLimits;
use telemetry::trace::Anchor;
use tracing::{Event, Level};

use crate::attributes::{Attributes, Limits, bounded};
use crate::context::Context;
use crate::fields::{Fields, Message};
use crate::sink::Sink;

/// Sends an event with the context it happened in.
pub(crate) fn record_event(
    sink: &Sink,
    limits: &LogRecordLimits,
    event: &Event<'_>,
    context: Option<&Context>,
) {
    let metadata = event.metadata();
    let mut message = Message::default();
    event.record(&mut message);
    let mut attributes = Attributes::new(Limits {
        count: limits.attribute_count,
        length: limits.attribute_value_length,
    });
    let mut fields = Fields::new(&mut attributes);
    event.record(&mut fields);
    fields.text("tracing.target", metadata.target());
    if let Some(file) = metadata.file() {
        fields.text("code.file.path", file);
    }
    if let Some(line) = metadata.line() {
        fields.number("code.line.number", line.into());
    }
    let ids = context.and_then(|context| context.ids);
    let at = Anchor::now().unix_nanos(Instant::now());
    let record = LogRecord {
        time_unix_nanos: at,
        observed_unix_nanos: at,
        severity: severity(*metadata.level()),
        severity_text: metadata.level().as_str(),
        body: Value::Str(bounded(message.text()).as_bytes()),
        attributes: &attributes.encodable(),
        trace_id: ids.map(|ids| ids.trace_id.to_bytes()),
        span_id: ids.map(|ids| ids.span_id.to_bytes()),
        flags: ids.map_or(0, |ids| ids.flags.bits().into()),
        event_name: "",
    };
    sink.record(|out| {
        append_log_record(out, &record);
        true
    });
}

fn severity(level: Level) -> Severity {
    match level {
        Level::TRACE => Severity::TRACE,
        Level::DEBUG => Severity::DEBUG,
        Level::INFO => Severity::INFO,
        Level::WARN => Severity::WARN,
        Level::ERROR => Severity::ERROR,
    }
}
