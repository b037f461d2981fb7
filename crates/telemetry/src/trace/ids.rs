//! Ids of traces and spans.

use propagation::{SpanId, TraceId};

/// A trace id whose last 56 bits are random (W3C Trace Context Level 2).
pub(super) fn trace_id() -> TraceId {
    TraceId::from_random(fastrand::u64(..), fastrand::u64(..))
}

/// A span id.
pub(super) fn span_id() -> SpanId {
    SpanId::from_random(fastrand::u64(..))
}
