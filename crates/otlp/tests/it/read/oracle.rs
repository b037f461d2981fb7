//! The same out of the messages that `prost` decodes.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{Span, span};
use otlp::SpanKind;
use otlp::read::StatusCode;
use prost::{DecodeError, Message as _};

use super::seen::{Event, Pair, Scope, Seen, Tree};

pub(crate) fn decode_all(request: &[u8]) -> Result<Vec<Seen>, DecodeError> {
    let request = ExportTraceServiceRequest::decode(request)?;
    let mut all = Vec::new();
    for (at, resource_spans) in request.resource_spans.into_iter().enumerate() {
        let resource = resource_spans.resource.unwrap_or_default();
        for (index, scope_spans) in resource_spans.scope_spans.into_iter().enumerate() {
            let scope = scope_spans.scope.unwrap_or_default();
            for span in scope_spans.spans {
                all.push(Seen {
                    resource: (at, pairs(resource.attributes.clone())),
                    scope: show_scope(index, scope.clone()),
                    ..show(span)
                });
            }
        }
    }
    Ok(all)
}

fn show_scope(index: usize, scope: InstrumentationScope) -> Scope {
    Scope {
        index,
        name: scope.name.into_bytes(),
        version: scope.version.into_bytes(),
        attributes: pairs(scope.attributes),
    }
}

fn show(span: Span) -> Seen {
    let status = span.status.unwrap_or_default();
    Seen {
        trace_id: id(&span.trace_id),
        span_id: id(&span.span_id),
        parent_span_id: id(&span.parent_span_id),
        trace_state: span.trace_state.into_bytes(),
        flags: span.flags,
        name: span.name.into_bytes(),
        kind: match span::SpanKind::try_from(span.kind) {
            Ok(span::SpanKind::Internal) => Some(SpanKind::Internal),
            Ok(span::SpanKind::Server) => Some(SpanKind::Server),
            Ok(span::SpanKind::Client) => Some(SpanKind::Client),
            Ok(span::SpanKind::Producer) => Some(SpanKind::Producer),
            Ok(span::SpanKind::Consumer) => Some(SpanKind::Consumer),
            Ok(span::SpanKind::Unspecified) | Err(_) => None,
        },
        start: span.start_time_unix_nano,
        end: span.end_time_unix_nano,
        status: (
            match status.code {
                1 => StatusCode::Ok,
                2 => StatusCode::Error,
                _ => StatusCode::Unset,
            },
            status.message.into_bytes(),
        ),
        attributes: pairs(span.attributes),
        events: span.events.into_iter().map(show_event).collect(),
        dropped: (span.dropped_attributes_count, span.dropped_events_count),
        ..Seen::default()
    }
}

fn show_event(event: span::Event) -> Event {
    Event {
        time: event.time_unix_nano,
        name: event.name.into_bytes(),
        attributes: pairs(event.attributes),
        dropped: event.dropped_attributes_count,
    }
}

fn id<const LEN: usize>(bytes: &[u8]) -> Option<[u8; LEN]> {
    let id: [u8; LEN] = bytes.try_into().ok()?;
    id.iter().any(|byte| *byte != 0).then_some(id)
}

fn pairs(attributes: Vec<KeyValue>) -> Vec<Pair> {
    attributes
        .into_iter()
        .map(|pair| (pair.key.into_bytes(), tree(pair.value.unwrap_or_default())))
        .collect()
}

fn tree(value: AnyValue) -> Tree {
    match value.value {
        None => Tree::Empty,
        Some(Value::StringValue(text)) => Tree::Str(text.into_bytes()),
        Some(Value::BoolValue(is_true)) => Tree::Bool(is_true),
        Some(Value::IntValue(number)) => Tree::Int(number),
        Some(Value::DoubleValue(number)) => Tree::Double(number.to_bits()),
        Some(Value::ArrayValue(array)) => Tree::Array(array.values.into_iter().map(tree).collect()),
        Some(Value::KvlistValue(map)) => Tree::Map(pairs(map.values)),
        Some(Value::BytesValue(bytes)) => Tree::Bytes(bytes),
        Some(Value::StringValueStrindex(_)) => unreachable!("no test writes one"),
    }
}
