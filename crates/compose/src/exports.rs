//! What ships telemetry: one exporter for each signal that goes somewhere, and the outlets through which workers reach
//! it.

use std::sync::Arc;
use std::time::Duration;

use export::{
    Batch, BreakerState, ClientCertificate, Compression, Dropped, Endpoint, ExportPlan, Exporter,
    Meter, Protocol, Queue, Return, Roots, Scheme, TlsPlan,
};
use gateway::ExportSinks;
use otlp::{Attribute, Envelope, Scope, Signal, Value};
use telemetry::access_log::{RecordForm, RecordSink};
use telemetry::metrics::{Family, Instrument, Kind, Sheet};
use telemetry::plan::{OtlpCompression, OtlpProtocol};
use telemetry::settings::{Destination, Settings};
use telemetry::{ItemSink, Outlet, Parcel};
use tokio::runtime::Handle;

/// The instrumentation scope of everything this program says about itself.
const SCOPE: Scope<'_> = Scope {
    name: "tidegate",
    version: env!("CARGO_PKG_VERSION"),
};
/// Version of the semantic conventions that names follow.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.44.0";

macro_rules! families {
    ($($name:ident = $kind:ident $text:literal, $unit:literal, $about:literal;)*) => {
        $(static $name: Family = Family::new(Instrument {
            name: $text,
            unit: $unit,
            description: $about,
            kind: Kind::$kind,
        });)*
    };
}

families! {
    EXPORTED = Counter "tidegate.export.items_exported", "{item}", "Spans, data points and log records that the receiver took.";
    REJECTED = Counter "tidegate.export.items_rejected", "{item}", "Items that the receiver refused while it took others of the same request.";
    DROPPED = Counter "tidegate.export.items_dropped", "{item}", "Items that were lost, by cause.";
    REQUESTS = Counter "tidegate.export.requests", "{request}", "Requests to the receiver, repeated ones included.";
    FAILED = Counter "tidegate.export.requests_failed", "{request}", "Requests that the receiver did not take.";
    RETRIES = Counter "tidegate.export.retries", "{request}", "Requests sent again after a failure.";
    QUEUE_BYTES = Gauge "tidegate.export.queue", "By", "Memory that holds items until they are sent.";
    QUEUE_ITEMS = Gauge "tidegate.export.queue_items", "{item}", "Items that wait to be sent.";
    REQUEST_TIME = Counter "tidegate.export.request_time", "s", "Time that requests to the receiver took.";
    BREAKER_OPEN = Gauge "tidegate.export.breaker_open", "", "1 while the receiver is left alone because it failed.";
}

/// A signal cannot be sent as the configuration or the environment asks.
#[derive(Debug, thiserror::Error)]
#[error("telemetry.otlp: expected to be able to send {signal}, could not")]
pub struct ExportError {
    /// Which.
    signal: &'static str,
    /// Why.
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// The exporters that run.
#[derive(Default)]
pub(crate) struct Exports {
    traces: Option<Exporter>,
    metrics: Option<Exporter>,
    logs: Option<Exporter>,
    /// Of requests among the log records, where they are.
    access: Option<Arc<RecordForm>>,
}

/// Counts of the exporters; outlive them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meters(Vec<(&'static str, Meter)>);

impl Exports {
    /// Starts what the settings ask for. Reads certificates: blocks.
    ///
    /// # Errors
    /// [`ExportError`] for a file or a header that cannot be used. A receiver that is not there is no error.
    pub(crate) fn start(settings: &Settings, runtime: &Handle) -> Result<Self, ExportError> {
        let start = |signal, destination: &Option<Destination>| {
            let destination = destination.as_ref();
            destination
                .map(|destination| start(signal, destination, settings, runtime))
                .transpose()
        };
        Ok(Self {
            traces: start(Signal::Traces, &settings.traces)?,
            metrics: start(Signal::Metrics, &settings.metrics)?,
            logs: start(Signal::Logs, &settings.logs)?,
            access: settings
                .access_records
                .as_ref()
                .map(|plan| Arc::new(RecordForm::new(plan, settings.log_record_limits))),
        })
    }

    /// A worker's ways to send.
    pub(crate) fn sinks(&self) -> ExportSinks {
        let access = self.access.as_ref().zip(self.log_sink());
        ExportSinks {
            spans: self.traces.as_ref().map(sink),
            access: access.map(|(form, sink)| RecordSink::new(Arc::clone(form), sink)),
        }
    }

    /// A way to send log records.
    pub(crate) fn log_sink(&self) -> Option<ItemSink> {
        self.logs.as_ref().map(sink)
    }

    /// Where data points go.
    pub(crate) fn metrics_queue(&self) -> Option<Queue> {
        self.metrics.as_ref().map(Exporter::queue)
    }

    pub(crate) fn meters(&self) -> Meters {
        let all = [
            (Signal::Traces.word(), &self.traces),
            (Signal::Metrics.word(), &self.metrics),
            (Signal::Logs.word(), &self.logs),
        ];
        let meters = all.into_iter().filter_map(|(signal, exporter)| {
            exporter.as_ref().map(|exporter| (signal, exporter.meter()))
        });
        Meters(meters.collect())
    }

    /// Sends what is queued, for at most `within`, and ends.
    pub(crate) async fn shutdown(self, within: Duration) {
        let all = [
            ("spans", self.traces),
            ("data points", self.metrics),
            ("log records", self.logs),
        ];
        let ends = all.into_iter().filter_map(|(what, exporter)| {
            let exporter = exporter?;
            Some(async move {
                let flushed = exporter.shutdown(within).await;
                if flushed.lost > 0 {
                    tracing::warn!(lost = flushed.lost, "{what} could not be sent any more");
                }
            })
        });
        let mut ends: tokio::task::JoinSet<()> = tokio::task::JoinSet::from_iter(ends);
        while ends.join_next().await.is_some() {}
    }
}

fn sink(exporter: &Exporter) -> ItemSink {
    ItemSink::new(Box::new(Way(exporter.queue())))
}

fn start(
    signal: Signal,
    destination: &Destination,
    settings: &Settings,
    runtime: &Handle,
) -> Result<Exporter, ExportError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| ExportError {
        signal: signal.word(),
        source,
    };
    let plan = plan(signal, destination).map_err(|error| failed(error.into()))?;
    let attributes: Vec<Attribute<'_>> = settings
        .resource
        .iter()
        .map(|(key, value)| Attribute::Pair(key, Value::Str(value.as_bytes())))
        .collect();
    let envelope = Envelope::new(signal, &attributes, SCOPE, SCHEMA);
    Exporter::start(envelope, &plan, runtime).map_err(|error| failed(error.into()))
}

fn plan(signal: Signal, destination: &Destination) -> Result<ExportPlan, export::EndpointError> {
    let protocol = match destination.protocol {
        OtlpProtocol::Grpc => Protocol::Grpc,
        OtlpProtocol::HttpProtobuf => Protocol::HttpProtobuf,
        OtlpProtocol::HttpJson => Protocol::HttpJson,
    };
    let endpoint = Endpoint::for_one(&destination.endpoint, protocol, Scheme::Https, signal)?;
    let client = destination.certificate.clone().zip(destination.key.clone());
    let default = ExportPlan::new(endpoint, protocol);
    let sizes = destination.sizes;
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
        timeout: destination.timeout,
        batch_delay: destination.delay,
        batch_items_max: sizes.batch_max.unwrap_or(default.batch_items_max),
        queue_items_max: sizes.queue_max.map_or(default.queue_items_max, u64::from),
        ..default
    })
}

/// From a worker's buffers into an exporter's queue.
struct Way(Queue);

impl Outlet for Way {
    fn try_send(&self, parcel: Parcel) -> Result<(), Parcel> {
        let Parcel { bytes, items, back } = parcel;
        let batch = Batch {
            bytes,
            items,
            back: Some(Return::from(back.clone())),
        };
        self.0.try_send(batch).map_err(|refused| Parcel {
            bytes: refused.bytes,
            items: refused.items,
            back,
        })
    }

    fn count_dropped(&self, items: u32) {
        self.0.count_dropped(items.into());
    }
}

impl Meters {
    /// Puts the counts into a sheet.
    pub(crate) fn collect(&self, sheet: &mut Sheet) {
        for (signal, meter) in &self.0 {
            let counts = meter.counts();
            let labels = [("signal", *signal)];
            sheet.counter(&EXPORTED, &labels, counts.items_exported);
            sheet.counter(&REJECTED, &labels, counts.items_rejected);
            for (cause, count) in by_cause(&counts.items_dropped) {
                sheet.counter(&DROPPED, &[("signal", signal), ("cause", cause)], count);
            }
            sheet.counter(&REQUESTS, &labels, counts.requests);
            sheet.counter(&FAILED, &labels, counts.requests_failed);
            sheet.counter(&RETRIES, &labels, counts.retries);
            sheet.counter_seconds(&REQUEST_TIME, &labels, counts.request_time);
            // Queues are far from 2^52.
            sheet.gauge(&QUEUE_BYTES, &labels, counts.queue_bytes as f64);
            sheet.gauge(&QUEUE_ITEMS, &labels, counts.queue_items as f64);
            let is_open = counts.breaker != BreakerState::Closed;
            sheet.gauge(&BREAKER_OPEN, &labels, f64::from(u8::from(is_open)));
        }
    }
}

fn by_cause(dropped: &Dropped) -> [(&'static str, u64); 5] {
    [
        ("queue_full", dropped.queue_full),
        ("rejected", dropped.rejected),
        ("retries_exhausted", dropped.retries_exhausted),
        ("shutdown", dropped.shutdown),
        ("too_large", dropped.too_large),
    ]
}
