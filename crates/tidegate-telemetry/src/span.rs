//! A span under way.

use std::borrow::Cow;
use std::time::Instant;

use otlp::{Event, SpanKind, Status, append_span};
use propagation::SpanId;
use telemetry::environment::SpanLimits;
use telemetry::trace::Anchor;

use crate::attributes::{Attributes, Limits};
use crate::context::Context;

/// Of OTLP's span flags: it is known whether the parent is remote, and it is.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;
/// Events of a span, whatever the limit allows.
const EVENTS_MAX: u32 = 1_024;

/// Where a span hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parent {
    /// It begins a trace.
    None,
    /// A span of this process.
    Local(SpanId),
    /// A caller's span.
    Remote(SpanId),
}

/// A span under way: what is known of it, owned until it is encoded. Not recorded, it only holds its context.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) context: Context,
    pub(crate) name: Cow<'static, str>,
    pub(crate) started: Instant,
    clock: Anchor,
    parent: Parent,
    kind: SpanKind,
    record: Option<Box<Record>>,
}

#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) attributes: Attributes,
    /// Set: the span failed, with a description, which may be empty.
    pub(crate) error: Option<Cow<'static, str>>,
    events: Vec<OwnEvent>,
    dropped_events: u32,
    limits: SpanLimits,
}

#[derive(Debug)]
struct OwnEvent {
    at: Instant,
    name: Box<str>,
    attributes: Attributes,
}

impl Span {
    /// Begins; reads both clocks.
    pub(crate) fn new(context: Context, parent: Parent, kind: SpanKind) -> Self {
        Self {
            context,
            name: Cow::Borrowed(""),
            started: Instant::now(),
            clock: Anchor::now(),
            parent,
            kind,
            record: None,
        }
    }

    /// Records it from here on.
    pub(crate) fn begin_record(&mut self, limits: SpanLimits) {
        self.record = Some(Box::new(Record {
            attributes: Attributes::new(Limits {
                count: limits.attribute_count,
                length: limits.attribute_value_length,
            }),
            error: None,
            events: Vec::new(),
            dropped_events: 0,
            limits,
        }));
    }

    /// What is recorded; `None` when nothing is.
    pub(crate) fn record(&mut self) -> Option<&mut Record> {
        self.record.as_deref_mut()
    }

    pub(crate) fn is_recorded(&self) -> bool {
        self.record.is_some()
    }

    /// Nanoseconds since 1970 of a moment since its start.
    pub(crate) fn unix_nanos(&self, at: Instant) -> u64 {
        self.clock.unix_nanos(at)
    }

    /// Appends it as an item, if it is recorded and knows who it is.
    pub(crate) fn append_ended(&self, ended: Instant, out: &mut Vec<u8>) -> bool {
        let (Some(record), Some(ids)) = (&self.record, self.context.ids) else {
            return false;
        };
        let (parent_span_id, remote) = match self.parent {
            Parent::None => (None, HAS_IS_REMOTE),
            Parent::Local(id) => (Some(id), HAS_IS_REMOTE),
            Parent::Remote(id) => (Some(id), HAS_IS_REMOTE | IS_REMOTE),
        };
        let pairs: Vec<_> = record
            .events
            .iter()
            .map(|event| event.attributes.encodable())
            .collect();
        let events: Vec<Event<'_>> = record
            .events
            .iter()
            .zip(&pairs)
            .map(|(event, attributes)| Event {
                time_unix_nanos: self.unix_nanos(event.at),
                name: &event.name,
                attributes,
            })
            .collect();
        let span = otlp::Span {
            trace_id: ids.trace_id.to_bytes(),
            span_id: ids.span_id.to_bytes(),
            parent_span_id: parent_span_id.map(SpanId::to_bytes),
            trace_state: &self.context.state,
            flags: u32::from(ids.flags.bits()) | remote,
            name: &[self.name.as_bytes()],
            kind: self.kind,
            start_unix_nanos: self.unix_nanos(self.started),
            end_unix_nanos: self.unix_nanos(ended),
            attributes: &record.attributes.encodable(),
            dropped_attributes: record.attributes.dropped(),
            events: &events,
            dropped_events: record.dropped_events,
            links: &[],
            status: match &record.error {
                None => Status::Unset,
                Some(description) => Status::Error(description),
            },
        };
        append_span(out, &span);
        true
    }
}

impl Record {
    /// Attributes of an event, within its limits.
    pub(crate) fn event_attributes(&self) -> Attributes {
        Attributes::new(Limits {
            count: self.limits.event_attribute_count,
            length: self.limits.attribute_value_length,
        })
    }

    pub(crate) fn has_room_for_event(&mut self) -> bool {
        let max = self.limits.event_count.min(EVENTS_MAX);
        let has_room = self.events.len() < usize::try_from(max).unwrap_or(usize::MAX);
        self.dropped_events += u32::from(!has_room);
        has_room
    }

    /// Only after [`Record::has_room_for_event`].
    pub(crate) fn push_event(&mut self, name: &str, attributes: Attributes) {
        self.events.push(OwnEvent {
            at: Instant::now(),
            name: name.into(),
            attributes,
        });
    }
}
