//! A span as it is kept: a copy, cut to size.

use std::rc::Rc;

use otlp::SpanKind;
use otlp::read::{AttributeView, EventView, ResourceView, SpanView, StatusCode, ValueView};
use serde_json::{Map, Number, Value};

use super::id::SpanId;

/// Bytes of one text: a name, a key, a value.
const TEXT_MAX: usize = 1_024;
/// Bytes of all keys and values of a span and of its events, each counted with what it takes to be kept.
const SPAN_BYTES_MAX: usize = 8_192;
/// What a key or value takes besides its bytes.
const VALUE_BYTES: usize = 32;
/// Events of a span.
const EVENTS_MAX: usize = 32;

/// What does not fit is counted as dropped.
pub(super) struct Span {
    pub(super) id: SpanId,
    pub(super) parent: Option<SpanId>,
    pub(super) name: String,
    pub(super) kind: Option<SpanKind>,
    /// `service.name` of its resource; may be empty.
    pub(super) service: Rc<str>,
    /// Which part of the service made it; may be empty.
    pub(super) scope: String,
    pub(super) start_unix_nanos: u64,
    /// May be before the start.
    pub(super) end_unix_nanos: u64,
    pub(super) status: StatusCode,
    pub(super) status_message: String,
    /// In the order of their keys. Of several values with one key the last is kept.
    pub(super) attributes: Map<String, Value>,
    pub(super) events: Vec<Event>,
    pub(super) dropped_attributes: u64,
    pub(super) dropped_events: u64,
}

pub(super) struct Event {
    pub(super) name: String,
    pub(super) time_unix_nanos: u64,
    pub(super) attributes: Map<String, Value>,
    pub(super) dropped_attributes: u64,
}

impl Span {
    /// Of a request that was checked.
    pub(super) fn keep(id: SpanId, view: &SpanView<'_>, service: Rc<str>) -> Self {
        let mut room = Room(SPAN_BYTES_MAX);
        let kept = room.attributes(view.attributes().map_while(Result::ok));
        let mut span = Self {
            id,
            parent: view.parent_span_id.map(SpanId::from),
            name: text(view.name),
            kind: view.kind,
            service,
            scope: text(view.scope.name),
            start_unix_nanos: view.start_unix_nanos,
            end_unix_nanos: view.end_unix_nanos,
            status: view.status,
            status_message: text(view.status_message),
            attributes: kept.attributes,
            events: Vec::new(),
            dropped_attributes: kept.dropped + u64::from(view.dropped_attributes),
            dropped_events: view.dropped_events.into(),
        };
        for event in view.events().map_while(Result::ok) {
            if span.events.len() < EVENTS_MAX {
                span.events.push(Event::keep(&event, &mut room));
            } else {
                span.dropped_events += 1;
            }
        }
        span
    }

    /// Zero for a span that ends before it starts: its clock was set back.
    pub(super) fn duration_nanos(&self) -> u64 {
        self.end_unix_nanos.saturating_sub(self.start_unix_nanos)
    }

    pub(super) fn has_failed(&self) -> bool {
        self.status == StatusCode::Error
    }

    /// What a call was answered with.
    pub(super) fn status_code(&self) -> Option<i64> {
        let code = self.attributes.get("http.response.status_code");
        code.and_then(Value::as_i64)
    }

    pub(super) fn status_label(&self) -> &'static str {
        match self.status {
            StatusCode::Unset => "unset",
            StatusCode::Ok => "ok",
            StatusCode::Error => "error",
        }
    }

    pub(super) fn kind_label(&self) -> &'static str {
        match self.kind {
            None => "unspecified",
            Some(SpanKind::Internal) => "internal",
            Some(SpanKind::Server) => "server",
            Some(SpanKind::Client) => "client",
            Some(SpanKind::Producer) => "producer",
            Some(SpanKind::Consumer) => "consumer",
        }
    }
}

impl Event {
    fn keep(view: &EventView<'_>, room: &mut Room) -> Self {
        let kept = room.attributes(view.attributes().map_while(Result::ok));
        Self {
            name: text(view.name),
            time_unix_nanos: view.time_unix_nanos,
            attributes: kept.attributes,
            dropped_attributes: kept.dropped + u64::from(view.dropped_attributes),
        }
    }
}

/// `service.name` of a resource; empty when it has none.
pub(super) fn service_name(resource: &ResourceView<'_>) -> Rc<str> {
    let mut attributes = resource.attributes().map_while(Result::ok);
    let found = attributes.find(|attribute| attribute.key == b"service.name");
    match found.map(|attribute| attribute.value) {
        Some(ValueView::Str(name)) => text(name).into(),
        Some(_) | None => "".into(),
    }
}

/// Text as it can be shown: what is not UTF-8 reads U+FFFD, what is too long ends in an ellipsis.
fn text(bytes: &[u8]) -> String {
    match bytes.get(..TEXT_MAX) {
        Some(start) if bytes.len() > TEXT_MAX => {
            // The cut may go through a character.
            let text = String::from_utf8_lossy(start);
            text.trim_end_matches('\u{fffd}').to_owned() + "…"
        }
        Some(_) | None => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Bytes that are left for the keys and values of one span.
struct Room(usize);

struct Kept {
    attributes: Map<String, Value>,
    dropped: u64,
}

impl Room {
    fn attributes<'a>(&mut self, views: impl Iterator<Item = AttributeView<'a>>) -> Kept {
        let mut kept = Kept {
            attributes: Map::new(),
            dropped: 0,
        };
        for AttributeView { key, value } in views {
            match self.take(key.len()).and_then(|()| self.value(value)) {
                Some(value) => drop(kept.attributes.insert(text(key), value)),
                None => kept.dropped += 1,
            }
        }
        kept
    }

    /// `None` when there is no room for all of it.
    fn value(&mut self, view: ValueView<'_>) -> Option<Value> {
        if let ValueView::Str(bytes) | ValueView::Bytes(bytes) = view {
            self.take(bytes.len())?;
        } else {
            self.take(0)?;
        }
        Some(match view {
            ValueView::Empty => Value::Null,
            ValueView::Str(bytes) => text(bytes).into(),
            ValueView::Bool(is_true) => is_true.into(),
            ValueView::Int(number) => number.into(),
            ValueView::Double(number) => match Number::from_f64(number) {
                Some(number) => Value::Number(number),
                None => number.to_string().into(),
            },
            ValueView::Bytes(bytes) => hex(bytes).into(),
            ValueView::Array(array) => {
                let values = array.iter().map_while(Result::ok);
                let values: Option<Vec<Value>> = values.map(|value| self.value(value)).collect();
                Value::Array(values?)
            }
            ValueView::Map(map) => {
                let kept = self.attributes(map.iter().map_while(Result::ok));
                if kept.dropped > 0 {
                    return None;
                }
                Value::Object(kept.attributes)
            }
        })
    }

    /// Takes room for a text of so many bytes, or for as much of it as is kept.
    fn take(&mut self, bytes: usize) -> Option<()> {
        self.0 = self.0.checked_sub(bytes.min(TEXT_MAX) + VALUE_BYTES)?;
        Some(())
    }
}

fn hex(bytes: &[u8]) -> String {
    let shown = bytes.iter().take(TEXT_MAX / 2);
    let mut text: String = shown.map(|byte| format!("{byte:02x}")).collect();
    if bytes.len() > TEXT_MAX / 2 {
        text.push('…');
    }
    text
}
