//! The last traces, as many and as much of each as there is room for.

use std::collections::VecDeque;

use super::id::{SpanId, TraceId};
use super::span::Span;

/// Traces; the oldest makes room.
const TRACES_MAX: usize = 100;
/// Spans of one trace; more are dropped.
const SPANS_MAX: usize = 100;

#[derive(Default)]
pub(super) struct Store {
    /// The oldest first.
    traces: VecDeque<Trace>,
    pub(super) counts: Counts,
}

/// Since the start.
#[derive(Default)]
pub(super) struct Counts {
    /// Spans in requests that were taken.
    pub(super) received_spans: u64,
    /// Spans without valid ids, which belong to no trace.
    pub(super) invalid_spans: u64,
    /// Spans of traces that were full.
    pub(super) dropped_spans: u64,
    /// Traces that made room for others.
    pub(super) dropped_traces: u64,
    /// Requests that were refused.
    pub(super) refused_requests: u64,
}

/// A trace as far as it was received.
pub(super) struct Trace {
    pub(super) id: TraceId,
    /// As they came, at least one. No two have the same id.
    pub(super) spans: Vec<Span>,
    /// Of this trace.
    pub(super) dropped_spans: u64,
}

impl Store {
    /// Adds what `keep` makes, if there is room for it. A span that is sent once more replaces itself.
    pub(super) fn add(&mut self, trace_id: TraceId, span_id: SpanId, keep: impl FnOnce() -> Span) {
        self.counts.received_spans += 1;
        // Spans of one trace mostly come together.
        let found = self.traces.iter_mut().rfind(|trace| trace.id == trace_id);
        let Some(trace) = found else {
            if self.traces.len() >= TRACES_MAX {
                self.traces.pop_front();
                self.counts.dropped_traces += 1;
            }
            self.traces.push_back(Trace {
                id: trace_id,
                spans: vec![keep()],
                dropped_spans: 0,
            });
            return;
        };
        if let Some(span) = trace.spans.iter_mut().find(|span| span.id == span_id) {
            *span = keep();
        } else if trace.spans.len() < SPANS_MAX {
            trace.spans.push(keep());
        } else {
            trace.dropped_spans += 1;
            self.counts.dropped_spans += 1;
        }
    }

    /// Counts a span that cannot be kept.
    pub(super) fn add_invalid(&mut self) {
        self.counts.received_spans += 1;
        self.counts.invalid_spans += 1;
    }

    pub(super) fn find(&self, id: TraceId) -> Option<&Trace> {
        self.traces.iter().rfind(|trace| trace.id == id)
    }

    /// The newest first.
    pub(super) fn latest(&self) -> impl ExactSizeIterator<Item = &Trace> {
        self.traces.iter().rev()
    }
}
