//! What layers and spans share: how contexts are read and written, what is recorded, and where it goes.

use std::time::Instant;

use http::{HeaderMap, Method};
use message::MethodKind;
use otlp::{Signal, SpanKind};
use propagation::Formats;
use telemetry::environment::{Environment, LogRecordLimits, SpanLimits};
use telemetry::metrics::{Exemplar, ExemplarFilter, KnownMethods, MethodLabel};

use crate::carrier;
use crate::context::Context;
use crate::current::current;
use crate::exporters::Exporters;
use crate::figures::Figures;
use crate::sampler::{Sampler, passed_through};
use crate::sink::Sink;
use crate::span::{Parent, Span};

/// Everything decided, for the life of the process.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) propagators: Formats,
    pub(crate) span_limits: SpanLimits,
    pub(crate) log_limits: LogRecordLimits,
    pub(crate) figures: Figures,
    pub(crate) logs: Option<Sink>,
    is_disabled: bool,
    counts: bool,
    sampler: Sampler,
    known_methods: KnownMethods,
    exemplars: ExemplarFilter,
    spans: Option<Sink>,
}

impl Pipeline {
    pub(crate) fn new(
        environment: &Environment,
        propagators: Formats,
        exporters: &Exporters,
    ) -> Self {
        let (spans, records) = (environment.span_batch, environment.log_record_batch);
        Self {
            propagators,
            span_limits: environment.span_limits,
            log_limits: environment.log_record_limits,
            figures: Figures::new(),
            logs: Sink::new(exporters.ways(Signal::Logs), records.queue_max),
            is_disabled: environment.is_sdk_disabled,
            counts: !exporters.ways(Signal::Metrics).is_empty(),
            sampler: Sampler::new(environment.sampler),
            known_methods: environment.known_methods.unwrap_or_default(),
            exemplars: environment.metrics.exemplar_filter,
            spans: Sink::new(exporters.ways(Signal::Traces), spans.queue_max),
        }
    }

    /// `OTEL_SDK_DISABLED`: contexts go on, and nothing else happens.
    pub(crate) fn is_disabled(&self) -> bool {
        self.is_disabled
    }

    /// Whether anybody gets the figures.
    pub(crate) fn counts(&self) -> bool {
        self.counts
    }

    /// The span of a request that came in with these headers.
    pub(crate) fn begin_server(&self, headers: &HeaderMap) -> Span {
        let incoming = carrier::read(&self.propagators, headers);
        let parent = match &incoming.parent {
            Some(parent) => Parent::Remote(parent.span_id),
            None => Parent::None,
        };
        let context = if self.is_disabled {
            passed_through(&incoming)
        } else {
            self.sampler.begin(&incoming)
        };
        self.begin(context, parent, SpanKind::Server)
    }

    /// A span below what runs here, or the first of a trace.
    pub(crate) fn begin_below(&self, above: Option<&Context>, kind: SpanKind) -> Span {
        let parent = above.and_then(Context::span_id);
        let context = match above {
            Some(above) if self.is_disabled => above.clone(),
            None if self.is_disabled => passed_through(&propagation::Incoming::default()),
            Some(_) | None => self.sampler.below(above),
        };
        self.begin(context, parent.map_or(Parent::None, Parent::Local), kind)
    }

    /// As [`Pipeline::begin_below`] what runs here.
    pub(crate) fn begin_client(&self) -> Span {
        self.begin_below(current().as_ref(), SpanKind::Client)
    }

    fn begin(&self, context: Context, parent: Parent, kind: SpanKind) -> Span {
        let is_recorded = self.spans.is_some() && context.is_sampled();
        let mut span = Span::new(context, parent, kind);
        if is_recorded {
            span.begin_record(self.span_limits);
        }
        span
    }

    /// Takes an ended span.
    pub(crate) fn end(&self, span: &Span, ended: Instant) {
        if let Some(sink) = self.spans.as_ref().filter(|_| span.is_recorded()) {
            sink.record(|out| span.append_ended(ended, out));
        }
    }

    /// What of a span may stand beside a figure.
    pub(crate) fn exemplar(&self, span: &Span, ended: Instant) -> Option<Exemplar> {
        let ids = span.context.ids?;
        self.exemplars.offers(span.is_recorded()).then(|| Exemplar {
            trace_id: ids.trace_id.to_bytes(),
            span_id: ids.span_id.to_bytes(),
            unix_nanos: span.unix_nanos(ended),
        })
    }

    /// The method as figures and spans call it (`OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`). Case counts.
    pub(crate) fn method_label(&self, method: &Method) -> MethodLabel {
        let text = method.as_str().as_bytes();
        self.known_methods.label(MethodKind::of(text), text)
    }
}
