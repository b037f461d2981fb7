//! The exporters that the variables ask for, and their end.

use std::time::Duration;

use export::{
    ClientCertificate, Compression, Console, Endpoint, ExportPlan, Exporter, Flushed, Meter,
    Protocol, RetryPlan, Roots, Scheme, TlsPlan,
};
use otlp::{Attribute, Envelope, Scope, Signal, Value};
use telemetry::environment::{Environment, Exporter as Word};
use telemetry::plan::{OtlpCompression, OtlpProtocol};
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

    /// Counts of what goes over OTLP; outlive the exporters.
    pub(crate) fn meters(&self) -> Vec<(Signal, Meter)> {
        let all = [
            (Signal::Traces, &self.traces),
            (Signal::Metrics, &self.metrics),
            (Signal::Logs, &self.logs),
        ];
        all.into_iter()
            .filter_map(|(signal, one)| Some((signal, one.otlp.as_ref()?.meter())))
            .collect()
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
    let protocol = match destination.protocol {
        OtlpProtocol::Grpc => Protocol::Grpc,
        OtlpProtocol::HttpProtobuf => Protocol::HttpProtobuf,
        OtlpProtocol::HttpJson => Protocol::HttpJson,
    };
    let endpoint = Endpoint::for_one(&destination.endpoint, protocol, Scheme::Https, signal)?;
    let client = destination.certificate.clone().zip(destination.key.clone());
    let default = ExportPlan::new(endpoint, protocol);
    Ok(ExportPlan {
        compression: match destination.compression {
            OtlpCompression::None => Compression::None,
            OtlpCompression::Gzip => Compression::Gzip,
            OtlpCompression::Zstd => Compression::Zstd,
        },
        headers: destination
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().into(), value.clone()))
            .collect(),
        tls: TlsPlan {
            roots: destination.ca.clone().map_or(Roots::System, Roots::File),
            client: client.map(|(chain, key)| ClientCertificate { chain, key }),
            server_name: None,
        },
        timeout: destination.timeout.min(gathering.export_timeout),
        batch_delay: destination.delay,
        batch_items_max: gathering.batch_max.unwrap_or(default.batch_items_max),
        retry: RetryPlan {
            elapsed_max: gathering.export_timeout,
            ..default.retry
        },
        ..default
    })
}
