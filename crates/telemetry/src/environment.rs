//! The `OTEL_*` variables of OpenTelemetry (specification 1.60, environment variables and OTLP exporter), as one value.
//!
//! Pure: variables come through a function, and nothing here looks at the process' environment, opens a file or resolves
//! a name. An empty variable counts as one that is not set. Whatever cannot be used is told as a [`Warning`] and counts
//! as not set; nothing here is an error that would keep a program from starting. A value is taken as it stands: space at
//! its ends is a part of it, except around the members of a list.
//!
//! Bounds: values longer than 64 KiB are refused, lists have at most 1,024 members.

mod batch;
mod endpoint;
mod exporter;
mod headers;
mod known_methods;
mod limits;
mod log_level;
mod metrics;
mod otlp;
mod percent;
mod reader;
mod resource;
mod sampler;
mod warning;

pub use batch::{Batch, Said};
pub use exporter::Exporter;
pub use limits::{LogRecordLimits, SpanLimits};
pub use log_level::LogLevel;
pub use metrics::Metrics;
pub use otlp::Otlp;
pub use reader::NO_LIMIT;
pub use sampler::{RootSampler, Sampler};
pub use warning::{Effect, Warning};

use std::path::PathBuf;

use propagation::Formats;

use self::limits::Limits;
use self::reader::Reader;
use self::resource::Resource;
use crate::metrics::KnownMethods;

/// What the variables say, with the specification's defaults where they say nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Environment {
    /// `OTEL_CONFIG_FILE`. Tidegate does not read such files; but since one is asked for, every other variable is ignored,
    /// as the specification demands: every other field has its default.
    pub config_file: Option<PathBuf>,
    /// `OTEL_SDK_DISABLED`: no spans, metrics or log records; propagation goes on (P-9). Default false.
    pub is_sdk_disabled: bool,
    /// `OTEL_SERVICE_NAME`, or else `service.name` of `OTEL_RESOURCE_ATTRIBUTES`.
    pub service_name: Option<Box<str>>,
    /// `OTEL_RESOURCE_ATTRIBUTES` in their order and without `service.name`; each key once, the last value counts; at
    /// most 1,024.
    pub resource: Vec<(Box<str>, Box<str>)>,
    /// `OTEL_LOG_LEVEL`; not set is `info` by the specification.
    pub log_level: Option<LogLevel>,
    /// `OTEL_PROPAGATORS`, in order and each once; default `tracecontext`, `baggage` (P-9).
    pub propagators: Formats,
    /// `OTEL_TRACES_SAMPLER` with `OTEL_TRACES_SAMPLER_ARG`; default `parentbased_always_on`.
    pub sampler: Sampler,
    /// `OTEL_{TRACES,METRICS,LOGS}_EXPORTER`, each exporter once; empty for `none`. Not set is `otlp` by the
    /// specification, which a program that exports nothing on its own account may see differently.
    pub exporters: PerSignal<Option<Vec<Exporter>>>,
    /// `OTEL_EXPORTER_OTLP_*`.
    pub otlp: PerSignal<Otlp>,
    /// `OTEL_BSP_*`.
    pub span_batch: Batch,
    /// `OTEL_BLRP_*`.
    pub log_record_batch: Batch,
    /// `OTEL_METRIC_*`, `OTEL_METRICS_*` and `OTEL_EXPORTER_PROMETHEUS_*`.
    pub metrics: Metrics,
    /// `OTEL_SPAN_*`, `OTEL_EVENT_*`, `OTEL_LINK_*`.
    pub span_limits: SpanLimits,
    /// `OTEL_LOGRECORD_*`.
    pub log_record_limits: LogRecordLimits,
    /// `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`: these methods and no others, with their case, of those that HTTP does not
    /// define itself at most 16; `None`: those of RFC 9110 and PATCH.
    pub known_methods: Option<KnownMethods>,
}

/// One for each kind of telemetry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PerSignal<T> {
    /// For spans.
    pub traces: T,
    /// For metrics.
    pub metrics: T,
    /// For log records.
    pub logs: T,
}

impl Environment {
    /// Reads every variable. `var` gives a variable's value, `None` for one that is not set or is no UTF-8. No warning
    /// holds the value of a header.
    pub fn read(var: &dyn Fn(&str) -> Option<String>) -> (Self, Vec<Warning>) {
        let mut reader = Reader::new(var);
        let environment = match config_file(&mut reader) {
            None => Self::from_variables(&mut reader),
            Some(path) => Self {
                config_file: Some(path),
                ..Self::default()
            },
        };
        (environment, reader.into_warnings())
    }

    /// With this exporter for each signal whose `OTEL_…_EXPORTER` variable does not say: [`Exporter::Otlp`] is what the
    /// specification has for programs that are instrumented. `none` is something said, and stays.
    #[must_use]
    pub fn with_exporter_unless_said(mut self, exporter: Exporter) -> Self {
        let PerSignal {
            traces,
            metrics,
            logs,
        } = &mut self.exporters;
        for exporters in [traces, metrics, logs] {
            exporters.get_or_insert_with(|| vec![exporter]);
        }
        self
    }

    fn from_variables(reader: &mut Reader<'_>) -> Self {
        note_stability_opt_in(reader);
        let Resource {
            service_name,
            attributes,
        } = Resource::read(reader);
        let Limits { span, log_record } = Limits::read(reader);
        Self {
            config_file: None,
            is_sdk_disabled: reader.flag("OTEL_SDK_DISABLED").unwrap_or(false),
            service_name,
            resource: attributes,
            log_level: LogLevel::read(reader),
            propagators: propagators(reader),
            sampler: Sampler::read(reader),
            exporters: exporter::read(reader),
            otlp: otlp::read(reader),
            span_batch: Batch::read_for_spans(reader),
            log_record_batch: Batch::read_for_log_records(reader),
            metrics: Metrics::read(reader),
            span_limits: span,
            log_record_limits: log_record,
            known_methods: known_methods::read(reader),
        }
    }
}

impl Default for Environment {
    /// What holds when no variable is set.
    fn default() -> Self {
        Self::from_variables(&mut Reader::new(&|_| None))
    }
}

/// Words that are known elsewhere (`xray`, `ottrace`) are told as such.
fn propagators(reader: &mut Reader<'_>) -> Formats {
    const VARIABLE: &str = "OTEL_PROPAGATORS";
    const EXPECTED: &str = "tracecontext, baggage, b3, b3multi, jaeger or none";
    let words = reader.words(VARIABLE).unwrap_or_default().join(",");
    let parsed = Formats::parse(&words);
    for word in parsed.ignored {
        let effect = match word.to_ascii_lowercase().as_str() {
            "xray" | "ottrace" => Effect::Unsupported,
            _ => Effect::MemberSkipped,
        };
        reader.warn(Warning::new(VARIABLE, EXPECTED, word, effect));
    }
    parsed.formats
}

fn config_file(reader: &mut Reader<'_>) -> Option<PathBuf> {
    let variable = "OTEL_CONFIG_FILE";
    let path = reader.text(variable)?;
    let expected = "no declarative configuration file, since such files are not read here";
    reader.warn(Warning::new(
        variable,
        expected,
        &path,
        Effect::OthersIgnored,
    ));
    Some(path.into())
}

/// A switch for instrumentations that once emitted other names.
fn note_stability_opt_in(reader: &mut Reader<'_>) {
    let variable = "OTEL_SEMCONV_STABILITY_OPT_IN";
    if let Some(words) = reader.text(variable) {
        let expected = "it not to be set, since only the new names are emitted";
        reader.warn(Warning::new(variable, expected, &words, Effect::Ignored));
    }
}
