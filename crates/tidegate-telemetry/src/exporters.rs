//! The exporters that the variables ask for, and their end.

use std::time::Duration;

use export::{Console, ExportPlan, Exporter, Flushed, RetryPlan};
use otlp::{Attribute, Envelope, Scope, Signal, Value};
use telemetry::Meters;
use telemetry::environment::{Environment, Exporter as Word};
use telemetry::settings::{Destination, Settings};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::setup::SetupError;
use crate::sink::Way;

/// The instrumentation scope of everything this crate records.
const SCOPE: Scope<'_> = Scope {
    name: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
};
/// Version of the semantic conventions that names follow.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.44.0";

/// Everything that sends, by signal.
#[derive(Default)]
pub(crate) struct Exporters {
    traces: One,
    metrics: One,
    logs: One,
}

/// What sends one signal.
#[derive(Default)]
struct One {
    otlp: Option<Exporter>,
    console: Option<Console>,
}

/// How one signal is gathered, by its variables.
struct Gathering {
    batch_max: Option<u32>,
    export_timeout: Duration,
}

impl Exporters {
    /// Starts them on `runtime`. Reads certificates: blocks.
    ///
    /// # Errors
    /// [`SetupError`] for a file or header that cannot be used. A receiver that is not there is no error.
    pub(crate) fn start(
        environment: &Environment,
        settings: &Settings,
        runtime: &Handle,
    ) -> Result<Self, SetupError> {
        if environment.is_sdk_disabled {
            return Ok(Self::default());
        }
        let words = &environment.exporters;
        let (spans, records) = (environment.span_batch, environment.log_record_batch);
        let start = |signal, destination, words: &Option<Vec<Word>>, gathering| {
            One::start(signal, destination, words, &gathering, settings, runtime)
        };
        Ok(Self {
            traces: start(
                Signal::Traces,
                &settings.traces,
                &words.traces,
                Gathering {
                    batch_max: Some(spans.batch_max),
                    export_timeout: spans.export_timeout,
                },
            )?,
            metrics: start(
                Signal::Metrics,
                &settings.metrics,
                &words.metrics,
                Gathering {
                    batch_max: None,
                    export_timeout: environment.metrics.export_timeout,
                },
            )?,
            logs: start(
                Signal::Logs,
                &settings.logs,
                &words.logs,
                Gathering {
                    batch_max: Some(records.batch_max),
                    export_timeout: records.export_timeout,
                },
            )?,
        })
    }

    pub(crate) fn ways(&self, signal: Signal) -> Vec<Way> {
        let one = match signal {
            Signal::Traces => &self.traces,
            Signal::Metrics => &self.metrics,
            Signal::Logs => &self.logs,
        };
        one.ways()
    }

    /// Counts; outlive the exporters.
    pub(crate) fn meters(&self) -> Meters {
        let mut meters = Meters::default();
        for (signal, one) in [
            (Signal::Traces, &self.traces),
            (Signal::Metrics, &self.metrics),
            (Signal::Logs, &self.logs),
        ] {
            if let Some(exporter) = &one.otlp {
                meters.add(signal, exporter.meter());
            }
            if let Some(console) = &one.console {
                meters.add_console(signal, console.queue());
            }
        }
        meters
    }

    /// Sends what is queued, all at once, for at most `within`, and ends.
    pub(crate) async fn shutdown(self, within: Duration) -> Flushed {
        let mut ends = JoinSet::new();
        for One { otlp, console } in [self.traces, self.metrics, self.logs] {
            if let Some(exporter) = otlp {
                ends.spawn(exporter.shutdown(within));
            }
            if let Some(console) = console {
                ends.spawn(console.shutdown(within));
            }
        }
        let mut sum = Flushed {
            exported: 0,
            lost: 0,
        };
        while let Some(end) = ends.join_next().await {
            // A panic in it was reported by the panic hook.
            if let Ok(flushed) = end {
                sum.exported += flushed.exported;
                sum.lost += flushed.lost;
            }
        }
        sum
    }
}

impl One {
    fn start(
        signal: Signal,
        destination: &Option<Destination>,
        words: &Option<Vec<Word>>,
        gathering: &Gathering,
        settings: &Settings,
        runtime: &Handle,
    ) -> Result<Self, SetupError> {
        let words = words.as_deref().unwrap_or_default();
        let console = words
            .contains(&Word::Console)
            .then(|| Console::start(envelope(signal, settings)))
            .transpose()
            .map_err(SetupError::Thread)?;
        let otlp = destination
            .as_ref()
            .map(|destination| start_otlp(signal, destination, gathering, settings, runtime))
            .transpose()?;
        Ok(Self { otlp, console })
    }

    fn ways(&self) -> Vec<Way> {
        let otlp = self.otlp.as_ref();
        let otlp = otlp.map(|exporter| Way::Otlp(exporter.queue(), exporter.meter()));
        let console = self.console.as_ref();
        let console = console.map(|console| Way::Console(console.queue()));
        otlp.into_iter().chain(console).collect()
    }
}

fn envelope(signal: Signal, settings: &Settings) -> Envelope {
    let attributes: Vec<Attribute<'_>> = settings
        .resource
        .iter()
        .map(|(key, value)| Attribute::Pair(key, Value::Str(value.as_bytes())))
        .collect();
    Envelope::new(signal, &attributes, SCOPE, SCHEMA)
}

fn start_otlp(
    signal: Signal,
    destination: &Destination,
    gathering: &Gathering,
    settings: &Settings,
    runtime: &Handle,
) -> Result<Exporter, SetupError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| SetupError::Export {
        signal: signal.word(),
        source,
    };
    let plan = plan(signal, destination, gathering).map_err(|error| failed(error.into()))?;
    Exporter::start(envelope(signal, settings), &plan, runtime)
        .map_err(|error| failed(error.into()))
}

/// As the variables have it: one request may take the exporter's timeout, all tries of it together the processor's.
fn plan(
    signal: Signal,
    destination: &Destination,
    gathering: &Gathering,
) -> Result<ExportPlan, export::EndpointError> {
    let plan = destination.export_plan(signal)?;
    Ok(ExportPlan {
        timeout: destination.timeout.min(gathering.export_timeout),
        batch_items_max: gathering.batch_max.unwrap_or(plan.batch_items_max),
        queue_items_max: u64::MAX,
        retry: RetryPlan {
            elapsed_max: gathering.export_timeout,
            ..plan.retry
        },
        ..plan
    })
}
