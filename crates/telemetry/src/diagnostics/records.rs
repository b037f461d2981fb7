//! Messages as log records.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use otlp::{Attribute, LogRecord, Severity, Value, append_log_record};
use propagation::{SpanId, TraceId};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::Context;

use crate::ItemSink;
use crate::attributes::Attributes;
use crate::environment::LogRecordLimits;
use crate::time::unix_nanos;

/// What exporters say about a receiver is not sent to it: that would be said about what was said.
const NOT_SENT: &str = "export";

/// Where they go.
#[derive(Debug, Default)]
pub(super) struct Records(Mutex<Option<Way>>);

#[derive(Debug)]
struct Way {
    sink: ItemSink,
    limits: LogRecordLimits,
}

impl Records {
    pub(super) fn set_way(&self, way: Option<(ItemSink, LogRecordLimits)>) {
        let way = way.map(|(sink, limits)| Way { sink, limits });
        let before = std::mem::replace(&mut *self.lock(), way);
        drop(before);
    }

    pub(super) fn flush(&self) {
        if let Some(way) = &*self.lock() {
            way.sink.flush();
        }
    }

    fn record(&self, event: &Event<'_>) {
        let way = self.lock();
        let Some(Way { sink, limits }) = &*way else {
            return;
        };
        let metadata = event.metadata();
        if metadata.target().split("::").next() == Some(NOT_SENT) {
            return;
        }
        let mut said = Said::default();
        event.record(&mut said);
        let mut attributes = Attributes::new(limits.attribute_count, limits.attribute_value_length);
        for (key, value) in &said.fields {
            if let Value::Str(text) = value.view() {
                attributes.text(key, text);
            } else {
                attributes.put(Attribute::Pair(key, value.view()));
            }
        }
        if let Some(file) = metadata.file() {
            attributes.text("code.file.path", file.as_bytes());
        }
        if let Some(line) = metadata.line() {
            attributes.number("code.line.number", line.into());
        }
        let now = unix_nanos(SystemTime::now());
        let record = LogRecord {
            time_unix_nanos: now,
            observed_unix_nanos: now,
            severity: severity(*metadata.level()),
            severity_text: metadata.level().as_str(),
            body: Value::Str(said.message.as_bytes()),
            attributes: attributes.filled(),
            trace_id: said.trace_id.map(TraceId::to_bytes),
            span_id: said.trace_id.and(said.span_id).map(SpanId::to_bytes),
            flags: 0,
            event_name: "",
        };
        sink.record(1, |out| append_log_record(out, &record));
    }

    fn lock(&self) -> MutexGuard<'_, Option<Way>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn severity(level: Level) -> Severity {
    match level {
        Level::ERROR => Severity::ERROR,
        Level::WARN => Severity::WARN,
        Level::INFO => Severity::INFO,
        Level::DEBUG => Severity::DEBUG,
        Level::TRACE => Severity::TRACE,
    }
}

/// A message taken apart.
#[derive(Default)]
struct Said {
    message: String,
    fields: Vec<(&'static str, Owned)>,
    trace_id: Option<TraceId>,
    span_id: Option<SpanId>,
}

enum Owned {
    Text(String),
    Int(i64),
    Double(f64),
    Bool(bool),
}

impl Owned {
    fn view(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Str(text.as_bytes()),
            Self::Int(number) => Value::Int(*number),
            Self::Double(number) => Value::Double(*number),
            Self::Bool(is) => Value::Bool(*is),
        }
    }
}

impl Said {
    fn put(&mut self, field: &Field, value: Owned) {
        match (field.name(), value) {
            ("message", Owned::Text(text)) => self.message = text,
            ("trace_id", Owned::Text(text)) => self.trace_id = TraceId::from_hex(text.as_bytes()),
            ("span_id", Owned::Text(text)) => self.span_id = SpanId::from_hex(text.as_bytes()),
            (name, value) => self.fields.push((name, value)),
        }
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // A value that cannot be shown is shown as far as it goes.
        write!(text, "{value:?}").ok();
        self.put(field, Owned::Text(text));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Owned::Text(value.to_owned()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Owned::Int(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(
            field,
            i64::try_from(value).map_or_else(|_| Owned::Text(value.to_string()), Owned::Int),
        );
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Owned::Double(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Owned::Bool(value));
    }
}

/// Records each message that is shown.
pub(super) struct Layer(pub(super) Arc<Records>);

impl<S: Subscriber> tracing_subscriber::Layer<S> for Layer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.0.record(event);
    }
}
