//! What is known of one request's trace while it is under way.

use std::net::SocketAddr;
use std::time::Instant;

use propagation::trace_state::{self, Edit};
use propagation::{Flags, Incoming, SpanId, TraceId};

use super::note::Note;
use crate::metrics::RpcStatusCode;

/// Events of one request; more are counted and left out (OTEL_SPAN_EVENT_COUNT_LIMIT).
const NOTES_MAX: usize = 128;
/// Tries of one request that are recorded; a route makes at most eleven, and each may be sent again once.
const ATTEMPTS_MAX: usize = 32;

/// The trace of one request. Reused from request to request: nothing in it is allocated anew in steady state.
#[derive(Debug, Default)]
pub struct Recording {
    pub(super) incoming: Incoming,
    /// None until [`Tracer::begin`](super::Tracer::begin).
    pub(super) context: Option<Context>,
    /// `tracestate` as it goes upstream.
    pub(super) state: Vec<u8>,
    /// The same without a threshold, where it was asked for.
    pub(super) uncounted: Vec<u8>,
    /// Tries, in order.
    pub(super) attempts: Vec<Attempt>,
    pub(super) notes: Vec<Note>,
    pub(super) notes_dropped: u32,
    /// The target of the request as it went upstream: path and query.
    pub(super) target: Vec<u8>,
    /// The authority that the client asked for, where it is not that of the request's head.
    pub(super) authority: Vec<u8>,
    /// Where the id of the sending span stands in the head that goes upstream.
    pub(super) places: [Option<usize>; 3],
    pub(super) rooms: Rooms,
}

/// For text that is put together while spans are encoded.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    pub(super) text: Vec<u8>,
    pub(super) referer: Vec<u8>,
}

/// Who the span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Of the whole trace.
    pub trace_id: TraceId,
    /// Of the request's span.
    pub span_id: SpanId,
    /// The caller's span.
    pub parent: Option<SpanId>,
    /// As they go upstream.
    pub flags: Flags,
    pub(super) is_debug: bool,
    /// Whether a decision came with the request.
    pub(super) is_decided_before: bool,
    /// Whether [`Tracer::decide`](super::Tracer::decide) was there.
    pub(super) is_decided: bool,
}

/// One request sent, or tried to be sent, to an endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) span_id: SpanId,
    pub(super) began: Instant,
    /// None while it is under way: it ends with the request.
    pub(super) ended: Option<Instant>,
    pub(super) endpoint: SocketAddr,
    pub(super) outcome: Outcome,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did not: the request was cancelled by its client.
    Open,
    /// With a response of this status.
    Status(u16),
    /// A gRPC call, with this status.
    Call(RpcStatusCode),
    /// Without one, or with one that broke off; a word of a bounded set.
    Failed(&'static str),
}

impl Recording {
    /// Makes it ready for another request.
    pub fn clear(&mut self) {
        self.context = None;
        self.attempts.clear();
        self.notes.clear();
        self.notes_dropped = 0;
        self.target.clear();
        self.authority.clear();
        self.places = [None; 3];
    }

    /// Who the request's span is; `None` where requests are not traced.
    pub fn context(&self) -> Option<&Context> {
        self.context.as_ref()
    }

    /// Whether the request was drawn: its spans are kept, whatever becomes of it.
    pub fn is_sampled(&self) -> bool {
        self.context
            .is_some_and(|context| context.flags.is_sampled())
    }

    /// Whether it is settled that the request is recorded or not.
    pub fn is_decided(&self) -> bool {
        self.context.is_some_and(|context| context.is_decided)
    }

    /// A request that is recorded although its trace is not has no place in counts made from thresholds.
    pub(super) fn leave_uncounted(&mut self) {
        match trace_state::set_threshold(&self.state, None, &mut self.uncounted) {
            Edit::Made => {}
            // It cannot be told what it says.
            Edit::Refused => self.uncounted.clear(),
        }
    }

    /// Spans it would make.
    pub(super) fn spans(&self) -> u32 {
        1 + u32::try_from(self.attempts.len()).unwrap_or(u32::MAX - 1)
    }

    /// Notes what happened; where requests are not traced, nothing.
    pub fn note(&mut self, note: Note) {
        if self.context.is_none() {
            return;
        }
        if self.notes.len() < NOTES_MAX {
            self.notes.push(note);
        } else {
            self.notes_dropped += 1;
        }
    }

    /// Begins a try: the span of what is sent next. Writes its id into the head that is sent.
    pub fn begin_attempt(&mut self, endpoint: SocketAddr, began: Instant, head: &mut [u8]) {
        if self.context.is_none() || self.attempts.len() >= ATTEMPTS_MAX {
            return;
        }
        let span_id = super::ids::span_id();
        let hex = span_id.hex();
        for place in self.places.into_iter().flatten() {
            if let Some(old) = head.get_mut(place..place + hex.len()) {
                old.copy_from_slice(&hex);
            }
        }
        self.attempts.push(Attempt {
            span_id,
            began,
            ended: None,
            endpoint,
            outcome: Outcome::Open,
        });
    }

    /// Ends the try under way.
    pub fn end_attempt(&mut self, outcome: Outcome, ended: Instant) {
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.outcome = outcome;
            attempt.ended = Some(ended);
        }
    }

    /// Keeps the authority that the client asked for, as trusted proxies report it.
    pub fn keep_authority(&mut self, authority: &[u8]) {
        self.authority.clear();
        self.authority.extend_from_slice(authority);
    }

    /// Keeps the target of a head that is about to be sent: its request line's second word.
    pub fn keep_target(&mut self, head: &[u8]) {
        self.target.clear();
        let target = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        self.target.extend_from_slice(target);
    }
}
