//! The traces as JSON, for scripts and tests.

use serde_json::{Value, json};

use super::span::{Event, Span};
use super::store::{Store, Trace};
use super::text::time;
use super::waterfall::{Row, Waterfall};

/// `{traces, …}`: the newest trace first, and what was counted since the start.
pub(super) fn show(store: &Store) -> Value {
    let counts = &store.counts;
    json!({
        "traces": store.latest().map(show_trace).collect::<Value>(),
        "received_spans": counts.received_spans,
        "invalid_spans": counts.invalid_spans,
        "dropped_spans": counts.dropped_spans,
        "dropped_traces": counts.dropped_traces,
        "refused_requests": counts.refused_requests,
    })
}

fn show_trace(trace: &Trace) -> Value {
    let waterfall = Waterfall::of(trace);
    let root = waterfall.root();
    json!({
        "trace_id": trace.id.to_string(),
        "name": root.map(|span| &span.name),
        "service": root.map(|span| &*span.service),
        "status": root.map(Span::status_label),
        "status_code": root.and_then(Span::status_code),
        "failed_spans": waterfall.failed_spans(),
        "start": time(waterfall.start_unix_nanos),
        "start_unix_nanos": waterfall.start_unix_nanos,
        "duration_nanos": waterfall.duration_nanos,
        "dropped_spans": trace.dropped_spans,
        "spans": waterfall.rows.iter().map(show_row).collect::<Value>(),
    })
}

/// Rows are in the order of the waterfall.
fn show_row(row: &Row<'_>) -> Value {
    let span = row.span;
    json!({
        "span_id": span.id.to_string(),
        "parent_span_id": span.parent.map(|id| id.to_string()),
        "depth": row.depth,
        "orphan": row.is_orphan,
        "name": span.name,
        "kind": span.kind_label(),
        "service": &*span.service,
        "scope": span.scope,
        "status": span.status_label(),
        "status_message": span.status_message,
        "start_unix_nanos": span.start_unix_nanos,
        "end_unix_nanos": span.end_unix_nanos,
        "duration_nanos": span.duration_nanos(),
        "attributes": span.attributes,
        "dropped_attributes": span.dropped_attributes,
        "events": span.events.iter().map(show_event).collect::<Value>(),
        "dropped_events": span.dropped_events,
    })
}

fn show_event(event: &Event) -> Value {
    json!({
        "name": event.name,
        "time_unix_nanos": event.time_unix_nanos,
        "attributes": event.attributes,
        "dropped_attributes": event.dropped_attributes,
    })
}
