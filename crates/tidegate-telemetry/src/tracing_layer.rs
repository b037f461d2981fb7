//! `tracing` spans as spans of the kind INTERNAL, and `tracing` events as log records.

use std::sync::Arc;
use std::time::Instant;

use otlp::SpanKind;
use tracing::span::{Attributes as NewSpan, Id, Record as Values};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context as Registry;
use tracing_subscriber::registry::LookupSpan;

use crate::attributes::bounded;
use crate::context::Context;
use crate::current::{Token, current, push, remove};
use crate::fields::{Fields, Message};
use crate::log::record_event;
use crate::pipeline::Pipeline;
use crate::runtime::is_own_thread;
use crate::span::Span;

/// See [`Telemetry::tracing_layer`](crate::Telemetry::tracing_layer).
pub(crate) struct TracingLayer {
    pipeline: Arc<Pipeline>,
}

impl TracingLayer {
    pub(crate) fn new(pipeline: Arc<Pipeline>) -> Self {
        Self { pipeline }
    }
}

impl<S> Layer<S> for TracingLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, new: &NewSpan<'_>, id: &Id, registry: Registry<'_, S>) {
        if self.pipeline.is_disabled() || is_own_thread() {
            return;
        }
        let above = if new.is_contextual() {
            current()
        } else {
            let parent = new.parent().and_then(|parent| registry.span(parent));
            parent.and_then(|parent| context_of(&parent))
        };
        let mut span = self
            .pipeline
            .begin_below(above.as_ref(), SpanKind::Internal);
        if let Some(record) = span.record() {
            place(new.metadata(), &mut Fields::new(&mut record.attributes));
            new.record(&mut Fields::new(&mut record.attributes));
            span.name = new.metadata().name().into();
        }
        if let Some(found) = registry.span(id) {
            found.extensions_mut().insert(span);
        }
    }

    fn on_record(&self, id: &Id, values: &Values<'_>, registry: Registry<'_, S>) {
        let Some(found) = registry.span(id) else {
            return;
        };
        if let Some(record) = found.extensions_mut().get_mut().and_then(Span::record) {
            values.record(&mut Fields::new(&mut record.attributes));
        }
    }

    fn on_event(&self, event: &Event<'_>, registry: Registry<'_, S>) {
        if self.pipeline.is_disabled() || is_own_thread() {
            return;
        }
        let around = registry.event_span(event);
        if let Some(sink) = &self.pipeline.logs {
            let context = if event.is_contextual() {
                current()
            } else {
                around.as_ref().and_then(context_of)
            };
            record_event(sink, &self.pipeline.log_limits, event, context.as_ref());
        }
        if let Some(around) = around
            && let Some(span) = around.extensions_mut().get_mut::<Span>()
        {
            note(span, event, self.pipeline.logs.is_none());
        }
    }

    fn on_enter(&self, id: &Id, registry: Registry<'_, S>) {
        let found = registry.span(id);
        if let Some(context) = found.as_ref().and_then(context_of) {
            push(Token::Span(id.into_u64()), context);
        }
    }

    fn on_exit(&self, id: &Id, _: Registry<'_, S>) {
        remove(Token::Span(id.into_u64()));
    }

    fn on_close(&self, id: Id, registry: Registry<'_, S>) {
        let found = registry.span(&id);
        let span = found.and_then(|found| found.extensions_mut().remove::<Span>());
        if let Some(span) = span {
            self.pipeline.end(&span, Instant::now());
        }
    }
}

fn context_of<'a, R: LookupSpan<'a>>(
    found: &tracing_subscriber::registry::SpanRef<'a, R>,
) -> Option<Context> {
    let extensions = found.extensions();
    extensions.get::<Span>().map(|span| span.context.clone())
}

/// Where in the source it stands.
fn place(metadata: &Metadata<'_>, fields: &mut Fields<'_>) {
    if let Some(file) = metadata.file() {
        fields.text("code.file.path", file);
    }
    if let Some(line) = metadata.line() {
        fields.number("code.line.number", line.into());
    }
}

/// What an event means for the span it happened in.
fn note(span: &mut Span, event: &Event<'_>, is_kept_here: bool) {
    let Some(record) = span.record() else {
        return;
    };
    let is_error = *event.metadata().level() == Level::ERROR;
    if !is_error && !is_kept_here {
        return;
    }
    let mut message = Message::default();
    event.record(&mut message);
    if is_kept_here && record.has_room_for_event() {
        let mut attributes = record.event_attributes();
        let mut fields = Fields::new(&mut attributes);
        fields.text("level", event.metadata().level().as_str());
        event.record(&mut fields);
        let name = bounded(message.text());
        record.push_event(name, attributes);
    }
    if is_error {
        record.error = Some(bounded(message.text()).to_owned().into());
    }
}
