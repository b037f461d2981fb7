//! What travels with a request: who the span under way is, how its trace was decided, and the application's baggage.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use propagation::{Flags, SpanId, TraceId, baggage};

/// The span that is under way and the baggage beside it. Cheap to clone; immutable.
///
/// Where telemetry is disabled (`OTEL_SDK_DISABLED`) it is the caller's own context, and has no ids when the caller sent
/// none.
#[derive(Clone, PartialEq, Eq)]
pub struct Context {
    pub(crate) ids: Option<Ids>,
    /// As it goes out: the value of `tracestate`.
    pub(crate) state: Arc<[u8]>,
    /// As it goes out: the value of `baggage`.
    pub(crate) baggage: Arc<[u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) flags: Flags,
    /// The decision is one for debugging, which B3 passes on.
    pub(crate) is_debug: bool,
}

impl Context {
    /// The trace.
    pub fn trace_id(&self) -> Option<TraceId> {
        self.ids.map(|ids| ids.trace_id)
    }

    /// The span under way.
    pub fn span_id(&self) -> Option<SpanId> {
        self.ids.map(|ids| ids.span_id)
    }

    /// Whether the trace is recorded.
    pub fn is_sampled(&self) -> bool {
        self.ids.is_some_and(|ids| ids.flags.is_sampled())
    }

    /// The value of the first baggage member of that key, percent-decoded. The key's case counts.
    pub fn baggage(&self, key: &str) -> Option<Cow<'_, str>> {
        baggage::entries(&self.baggage)
            .find(|entry| entry.key() == key)
            .map(|entry| entry.value())
    }

    /// The context of a span below this one.
    pub(crate) fn child(&self, ids: Ids) -> Self {
        Self {
            ids: Some(ids),
            state: Arc::clone(&self.state),
            baggage: Arc::clone(&self.baggage),
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("trace_id", &self.trace_id())
            .field("span_id", &self.span_id())
            .field("is_sampled", &self.is_sampled())
            .finish_non_exhaustive()
    }
}

/// A trace id whose last 56 bits are random.
pub(crate) fn new_trace_id() -> TraceId {
    TraceId::from_random(fastrand::u64(..), fastrand::u64(..))
}

pub(crate) fn new_span_id() -> SpanId {
    SpanId::from_random(fastrand::u64(..))
}
