//! Spans.

use crate::attribute::{Attribute, append_attributes, attributes_room, put_attributes};
use crate::cursor::{Cursor, HEAD_MAX, append_with_room};
use crate::wire::{append_flags, append_nanos, append_nested, append_str, field_len};

/// `ScopeSpans.spans`.
const SPAN: u8 = 0x12;

/// Fields of `Span`.
const PARENT_SPAN_ID: u8 = 0x22;
const NAME: u8 = 0x2a;
const KIND: u8 = 0x30;
const START: u8 = 0x39;
const END: u8 = 0x41;
const ATTRIBUTES: u8 = 0x4a;
const DROPPED_ATTRIBUTES: u8 = 0x50;
const EVENT: u8 = 0x5a;
const DROPPED_EVENTS: u8 = 0x60;
const LINK: u8 = 0x6a;
const STATUS: u8 = 0x7a;
/// Field 16, the one tag of two bytes.
const FLAGS: [u8; 2] = [0x85, 0x01];

/// Bytes of a trace id and a span id as fields.
const IDS_LEN: usize = 18 + 10;
/// The same with a parent's id, a kind, two times, a status's code and flags.
const FIXED_LEN: usize = IDS_LEN + 10 + 2 + 9 + 9 + 2 + 6;

/// One span, borrowed from whoever recorded it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span<'a> {
    /// Not all zero.
    pub trace_id: [u8; 16],
    /// Not all zero.
    pub span_id: [u8; 8],
    /// `None` for the root of a trace.
    pub parent_span_id: Option<[u8; 8]>,
    /// The W3C `tracestate`; bytes that are not UTF-8 are written as U+FFFD.
    pub trace_state: &'a [u8],
    /// Bits 0 to 7: the W3C flags; 0x100: it is known whether the parent is remote; 0x200: it is. No others.
    pub flags: u32,
    /// Joined without anything between. Bytes that are not UTF-8 are written as U+FFFD, in each part by itself.
    pub name: &'a [&'a [u8]],
    /// Which side of a call.
    pub kind: SpanKind,
    /// Nanoseconds since 1970.
    pub start_unix_nanos: u64,
    /// Nanoseconds since 1970.
    pub end_unix_nanos: u64,
    /// With unique keys.
    pub attributes: &'a [Attribute<'a>],
    /// How many attributes were left out.
    pub dropped_attributes: u32,
    /// What happened on the way.
    pub events: &'a [Event<'a>],
    /// How many events were left out.
    pub dropped_events: u32,
    /// Spans of other traces that this one belongs to.
    pub links: &'a [Link<'a>],
    /// How it ended.
    pub status: Status<'a>,
}

/// What a span is in a call between two parties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// No call.
    Internal = 1,
    /// The side that is asked.
    Server = 2,
    /// The side that asks.
    Client = 3,
    /// The side that leaves a message.
    Producer = 4,
    /// The side that takes it.
    Consumer = 5,
}

/// How a span ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status<'a> {
    /// Not decided.
    Unset,
    /// Decided to be a success.
    Ok,
    /// An error, with a description, which may be empty.
    Error(&'a str),
}

impl Status<'_> {
    fn description(&self) -> &str {
        match self {
            Self::Unset | Self::Ok => "",
            Self::Error(description) => description,
        }
    }
}

/// A moment within a span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event<'a> {
    /// Nanoseconds since 1970.
    pub time_unix_nanos: u64,
    /// What happened.
    pub name: &'a str,
    /// With unique keys.
    pub attributes: &'a [Attribute<'a>],
}

/// Another span that this one belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link<'a> {
    /// Not all zero.
    pub trace_id: [u8; 16],
    /// Not all zero.
    pub span_id: [u8; 8],
    /// As in [`Span::trace_state`].
    pub trace_state: &'a [u8],
    /// As in [`Span::flags`], about the linked span.
    pub flags: u32,
    /// With unique keys.
    pub attributes: &'a [Attribute<'a>],
}

/// Appends the span as one item of an [`Envelope`](crate::Envelope): tag, length and message of one element of
/// `ScopeSpans.spans`. Allocates nothing but the growth of `out`.
pub fn append_span(out: &mut Vec<u8>, span: &Span<'_>) {
    append_span_with(out, span, |_| {});
}

/// The same with events beside those of the span, which are put together one at a time: `append` lets [`append_event`]
/// put them, and nothing else.
pub fn append_span_with(out: &mut Vec<u8>, span: &Span<'_>, append: impl FnOnce(&mut Vec<u8>)) {
    append_nested::<2>(out, SPAN, |out| {
        append_body(out, span);
        append(out);
    });
}

/// Appends an event as a field of a span, within [`append_span_with`].
pub fn append_event(out: &mut Vec<u8>, event: &Event<'_>) {
    append_nested::<1>(out, EVENT, |out| {
        append_nanos(out, 0x09, event.time_unix_nanos);
        append_str(out, 0x12, event.name);
        append_attributes(out, 0x1a, event.attributes);
    });
}

/// Lists whose elements have lists come last, out of the order of their numbers, so that all else is written at once.
fn append_body(out: &mut Vec<u8>, span: &Span<'_>) {
    append_with_room(out, fields_room(span), span, put_fields);
    for event in span.events {
        append_event(out, event);
    }
    for link in span.links {
        append_nested::<1>(out, LINK, |out| append_link(out, link));
    }
}

/// A bound of what [`put_fields`] puts, if all text is UTF-8.
#[inline(always)]
fn fields_room(span: &Span<'_>) -> usize {
    let name = span.name.iter().map(|part| part.len()).sum::<usize>();
    let texts = span.trace_state.len() + name + span.status.description().len();
    FIXED_LEN + 6 * HEAD_MAX + texts + attributes_room(span.attributes)
}

#[inline(always)]
fn put_fields<'r>(mut cursor: Cursor<'r>, span: &Span<'_>) -> Cursor<'r> {
    put_ids(&mut cursor, span.trace_id, span.span_id);
    put_trace_state(&mut cursor, span.trace_state);
    if let Some(parent) = span.parent_span_id {
        cursor.put_array([PARENT_SPAN_ID, 8]);
        cursor.put_array(parent);
    }
    put_name(&mut cursor, span.name);
    cursor.put_array([KIND, span.kind as u8, START]);
    cursor.put_array(span.start_unix_nanos.to_le_bytes());
    cursor.put_array([END]);
    cursor.put_array(span.end_unix_nanos.to_le_bytes());
    cursor = put_attributes(cursor, ATTRIBUTES, span.attributes);
    if span.dropped_attributes > 0 || span.dropped_events > 0 {
        cursor = put_dropped(cursor, span);
    }
    cursor = put_status(cursor, span.status);
    if span.flags > 0 {
        cursor.put_array(FLAGS);
        cursor.put_array(span.flags.to_le_bytes());
    }
    cursor
}

/// Fields 1 and 2, which spans and links have in common.
#[inline(always)]
fn put_ids(cursor: &mut Cursor<'_>, trace_id: [u8; 16], span_id: [u8; 8]) {
    cursor.put_array([0x0a, 16]);
    cursor.put_array(trace_id);
    cursor.put_array([0x12, 8]);
    cursor.put_array(span_id);
}

/// Field 3, which spans and links have in common.
#[inline(always)]
fn put_trace_state(cursor: &mut Cursor<'_>, state: &[u8]) {
    if !state.is_empty() {
        cursor.put_head(0x1a, cursor.text_len(state));
        cursor.put_text(state);
    }
}

#[inline(always)]
fn put_name(cursor: &mut Cursor<'_>, parts: &[&[u8]]) {
    let len = parts.iter().map(|part| cursor.text_len(part)).sum();
    if len > 0 {
        cursor.put_head(NAME, len);
        for part in parts {
            cursor.put_text(part);
        }
    }
}

fn append_link(out: &mut Vec<u8>, link: &Link<'_>) {
    let room = IDS_LEN + HEAD_MAX + link.trace_state.len() + attributes_room(link.attributes);
    append_with_room(out, room, link, put_link);
    append_flags(out, 0x35, link.flags);
}

fn put_link<'r>(mut cursor: Cursor<'r>, link: &Link<'_>) -> Cursor<'r> {
    put_ids(&mut cursor, link.trace_id, link.span_id);
    put_trace_state(&mut cursor, link.trace_state);
    put_attributes(cursor, 0x22, link.attributes)
}

#[inline(never)]
fn put_dropped<'r>(mut cursor: Cursor<'r>, span: &Span<'_>) -> Cursor<'r> {
    for (tag, dropped) in [
        (DROPPED_ATTRIBUTES, span.dropped_attributes),
        (DROPPED_EVENTS, span.dropped_events),
    ] {
        if dropped > 0 {
            cursor.put_number(tag, dropped.into());
        }
    }
    cursor
}

/// `Status` {2 message, 3 code}; field 1 is reserved.
#[inline(always)]
fn put_status<'r>(mut cursor: Cursor<'r>, status: Status<'_>) -> Cursor<'r> {
    match status {
        Status::Unset => {}
        Status::Ok => cursor.put_array([STATUS, 2, 0x18, 1]),
        Status::Error("") => cursor.put_array([STATUS, 2, 0x18, 2]),
        Status::Error(description) => cursor = put_described(cursor, description),
    }
    cursor
}

#[inline(never)]
fn put_described<'r>(mut cursor: Cursor<'r>, description: &str) -> Cursor<'r> {
    cursor.put_head(STATUS, field_len(description.len()) + 2);
    cursor.put_head(0x12, description.len());
    cursor.put(description.as_bytes());
    cursor.put_array([0x18, 2]);
    cursor
}
