//! What was read, as plain values that can be compared.

use otlp::read::{AttributeView, EventView, ScopeView, SpanView, StatusCode, ValueView, spans};
use otlp::{Malformed, SpanKind};

/// A span with all that stands around it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) resource: (usize, Vec<Pair>),
    pub(crate) scope: Scope,
    pub(crate) trace_id: Option<[u8; 16]>,
    pub(crate) span_id: Option<[u8; 8]>,
    pub(crate) parent_span_id: Option<[u8; 8]>,
    pub(crate) trace_state: Vec<u8>,
    pub(crate) flags: u32,
    pub(crate) name: Vec<u8>,
    pub(crate) kind: Option<SpanKind>,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) status: (StatusCode, Vec<u8>),
    pub(crate) attributes: Vec<Pair>,
    pub(crate) events: Vec<Event>,
    /// Attributes and events.
    pub(crate) dropped: (u32, u32),
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Scope {
    pub(crate) index: usize,
    pub(crate) name: Vec<u8>,
    pub(crate) version: Vec<u8>,
    pub(crate) attributes: Vec<Pair>,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Event {
    pub(crate) time: u64,
    pub(crate) name: Vec<u8>,
    pub(crate) attributes: Vec<Pair>,
    pub(crate) dropped: u32,
}

pub(crate) type Pair = (Vec<u8>, Tree);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    Empty,
    Str(Vec<u8>),
    Bool(bool),
    Int(i64),
    /// As bits: what is not a number is like itself.
    Double(u64),
    Bytes(Vec<u8>),
    Array(Vec<Tree>),
    Map(Vec<Pair>),
}

/// Everything in a request, or the first error.
pub(crate) fn read_all(request: &[u8]) -> Result<Vec<Seen>, Malformed> {
    let mut all = Vec::new();
    let mut failed = None;
    spans(request, |span| match (see(&span), failed) {
        (Ok(seen), _) => all.push(seen),
        (Err(malformed), None) => failed = Some(malformed),
        (Err(_), Some(_)) => {}
    })?;
    failed.map_or(Ok(all), Err)
}

fn see(span: &SpanView<'_>) -> Result<Seen, Malformed> {
    Ok(Seen {
        resource: (span.resource.index, pairs(span.resource.attributes())?),
        scope: see_scope(&span.scope)?,
        trace_id: span.trace_id,
        span_id: span.span_id,
        parent_span_id: span.parent_span_id,
        trace_state: span.trace_state.to_vec(),
        flags: span.flags,
        name: span.name.to_vec(),
        kind: span.kind,
        start: span.start_unix_nanos,
        end: span.end_unix_nanos,
        status: (span.status, span.status_message.to_vec()),
        attributes: pairs(span.attributes())?,
        events: span
            .events()
            .map(|event| see_event(&event?))
            .collect::<Result<_, _>>()?,
        dropped: (span.dropped_attributes, span.dropped_events),
    })
}

fn see_scope(scope: &ScopeView<'_>) -> Result<Scope, Malformed> {
    Ok(Scope {
        index: scope.index,
        name: scope.name.to_vec(),
        version: scope.version.to_vec(),
        attributes: pairs(scope.attributes())?,
    })
}

fn see_event(event: &EventView<'_>) -> Result<Event, Malformed> {
    Ok(Event {
        time: event.time_unix_nanos,
        name: event.name.to_vec(),
        attributes: pairs(event.attributes())?,
        dropped: event.dropped_attributes,
    })
}

fn pairs<'a>(
    attributes: impl Iterator<Item = Result<AttributeView<'a>, Malformed>>,
) -> Result<Vec<Pair>, Malformed> {
    attributes
        .map(|attribute| {
            let AttributeView { key, value } = attribute?;
            Ok((key.to_vec(), tree(value)?))
        })
        .collect()
}

fn tree(value: ValueView<'_>) -> Result<Tree, Malformed> {
    Ok(match value {
        ValueView::Empty => Tree::Empty,
        ValueView::Str(bytes) => Tree::Str(bytes.to_vec()),
        ValueView::Bool(is_true) => Tree::Bool(is_true),
        ValueView::Int(number) => Tree::Int(number),
        ValueView::Double(number) => Tree::Double(number.to_bits()),
        ValueView::Bytes(bytes) => Tree::Bytes(bytes.to_vec()),
        ValueView::Array(array) => Tree::Array(
            array
                .iter()
                .map(|value| tree(value?))
                .collect::<Result<_, _>>()?,
        ),
        ValueView::Map(map) => Tree::Map(pairs(map.iter())?),
    })
}
