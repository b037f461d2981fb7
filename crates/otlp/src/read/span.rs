//! One span.

use super::BELOW_SPAN;
use super::attribute::{AttributeView, attributes};
use super::event::EventView;
use super::merged::messages;
use super::number::{count, fixed32, id, nanos};
use super::scope::{ResourceView, ScopeView};
use crate::error::Malformed;
use crate::fields::{Fields, int32};
use crate::span::SpanKind;

/// Fields of `Span`.
const TRACE_ID: u32 = 1;
const SPAN_ID: u32 = 2;
const TRACE_STATE: u32 = 3;
const PARENT_SPAN_ID: u32 = 4;
const NAME: u32 = 5;
const KIND: u32 = 6;
const START: u32 = 7;
const END: u32 = 8;
const ATTRIBUTES: u32 = 9;
const DROPPED_ATTRIBUTES: u32 = 10;
const EVENTS: u32 = 11;
const DROPPED_EVENTS: u32 = 12;
const STATUS: u32 = 15;
const FLAGS: u32 = 16;

/// Fields of `Status`; 1 is reserved.
const STATUS_MESSAGE: u32 = 2;
const STATUS_CODE: u32 = 3;

/// A span as it stands in a request.
#[derive(Clone, Copy)]
pub struct SpanView<'a> {
    /// What it comes from.
    pub resource: ResourceView<'a>,
    /// Which part of a program made it.
    pub scope: ScopeView<'a>,
    /// `None`: what was sent is no trace id, since it is not of 16 bytes or all zero.
    pub trace_id: Option<[u8; 16]>,
    /// `None`: what was sent is no span id, since it is not of 8 bytes or all zero.
    pub span_id: Option<[u8; 8]>,
    /// `None` for the root of a trace; also for what is no span id.
    pub parent_span_id: Option<[u8; 8]>,
    /// The W3C `tracestate` as it was sent, which may be no UTF-8.
    pub trace_state: &'a [u8],
    /// Bits 0 to 7: the W3C flags; 0x100: it is known whether the parent is remote; 0x200: it is.
    pub flags: u32,
    /// Text as it was sent, which may be no UTF-8.
    pub name: &'a [u8],
    /// `None` when it is not specified, or none that is known here.
    pub kind: Option<SpanKind>,
    /// Nanoseconds since 1970; 0: unknown.
    pub start_unix_nanos: u64,
    /// Nanoseconds since 1970; 0: unknown. May be before the start.
    pub end_unix_nanos: u64,
    /// How it ended.
    pub status: StatusCode,
    /// More on an error, as it was sent, which may be no UTF-8.
    pub status_message: &'a [u8],
    /// How many attributes its source left out.
    pub dropped_attributes: u32,
    /// How many events its source left out.
    pub dropped_events: u32,
    message: &'a [u8],
}

/// How a span ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatusCode {
    /// Not decided, or decided in a way that is not known here.
    #[default]
    Unset,
    /// Decided to be a success.
    Ok,
    /// An error.
    Error,
}

impl<'a> SpanView<'a> {
    pub(super) fn read(
        message: &'a [u8],
        resource: ResourceView<'a>,
        scope: ScopeView<'a>,
    ) -> Result<Self, Malformed> {
        let mut span = Self {
            resource,
            scope,
            trace_id: None,
            span_id: None,
            parent_span_id: None,
            trace_state: b"",
            flags: 0,
            name: b"",
            kind: None,
            start_unix_nanos: 0,
            end_unix_nanos: 0,
            status: StatusCode::Unset,
            status_message: b"",
            dropped_attributes: 0,
            dropped_events: 0,
            message,
        };
        for field in Fields::new(message) {
            let field = field?;
            let wire = field.wire;
            match field.number {
                TRACE_ID => span.trace_id = id(wire.bytes()?),
                SPAN_ID => span.span_id = id(wire.bytes()?),
                TRACE_STATE => span.trace_state = wire.bytes()?,
                PARENT_SPAN_ID => span.parent_span_id = id(wire.bytes()?),
                NAME => span.name = wire.bytes()?,
                KIND => span.kind = kind(int32(wire.varint()?)),
                START => span.start_unix_nanos = nanos(wire)?,
                END => span.end_unix_nanos = nanos(wire)?,
                ATTRIBUTES | EVENTS => drop(wire.bytes()?),
                DROPPED_ATTRIBUTES => span.dropped_attributes = count(wire)?,
                DROPPED_EVENTS => span.dropped_events = count(wire)?,
                STATUS => span.read_status(wire.bytes()?)?,
                FLAGS => span.flags = u32::from_le_bytes(fixed32(wire)?),
                _ => {}
            }
        }
        Ok(span)
    }

    /// Of several, each overwrites what it holds: they are merged.
    fn read_status(&mut self, status: &'a [u8]) -> Result<(), Malformed> {
        for field in Fields::new(status) {
            let field = field?;
            match field.number {
                STATUS_MESSAGE => self.status_message = field.wire.bytes()?,
                STATUS_CODE => {
                    self.status = match int32(field.wire.varint()?) {
                        1 => StatusCode::Ok,
                        2 => StatusCode::Error,
                        _ => StatusCode::Unset,
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The attributes in order. Each may be [`Malformed`].
    pub fn attributes(
        &self,
    ) -> impl Iterator<Item = Result<AttributeView<'a>, Malformed>> + use<'a> {
        attributes(Fields::new(self.message), ATTRIBUTES, BELOW_SPAN)
    }

    /// The events in order. Each may be [`Malformed`].
    pub fn events(&self) -> impl Iterator<Item = Result<EventView<'a>, Malformed>> + use<'a> {
        messages(Fields::new(self.message), EVENTS).map(|event| EventView::read(event?, BELOW_SPAN))
    }

    /// The whole `Span` message, without the tag and the length before it.
    pub fn message(&self) -> &'a [u8] {
        self.message
    }
}

fn kind(number: i32) -> Option<SpanKind> {
    Some(match number {
        1 => SpanKind::Internal,
        2 => SpanKind::Server,
        3 => SpanKind::Client,
        4 => SpanKind::Producer,
        5 => SpanKind::Consumer,
        _ => return None,
    })
}
