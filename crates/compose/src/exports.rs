//! What ships telemetry: a shipper for each signal that goes somewhere.

mod shipper;

use std::sync::Arc;
use std::time::Duration;

use gateway::ExportSinks;
use otlp::Signal;
use telemetry::access_log::{RecordForm, RecordSink};
use telemetry::environment::LogRecordLimits;
use telemetry::settings::{Destination, Settings};
use telemetry::{ItemSink, Meters};
use tokio::runtime::Handle;

pub(crate) use shipper::Ways;

use shipper::Shipper;

/// A signal cannot be sent as the configuration or the environment asks.
#[derive(Debug, thiserror::Error)]
#[error("telemetry.otlp: expected to be able to send {signal}, could not")]
pub struct ExportError {
    /// Which.
    signal: &'static str,
    /// Why.
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// The shippers that run.
#[derive(Default)]
pub(crate) struct Exports {
    traces: Shipper,
    metrics: Shipper,
    logs: Shipper,
    /// Of requests among the log records, where they are.
    access: Option<Arc<RecordForm>>,
    /// How much of a log record is kept.
    pub(crate) log_record_limits: LogRecordLimits,
}

impl Exports {
    /// Starts what the settings ask for. Reads certificates: blocks.
    ///
    /// # Errors
    /// [`ExportError`] for a file or a header that cannot be used. A receiver that is not there is no error.
    pub(crate) fn start(settings: &Settings, runtime: &Handle) -> Result<Self, ExportError> {
        let start = |signal, destination: &Option<Destination>, is_shown| {
            Shipper::start(signal, destination.as_ref(), is_shown, settings, runtime)
        };
        let shown = &settings.console;
        let form = |plan| Arc::new(RecordForm::new(plan, settings.log_record_limits));
        Ok(Self {
            traces: start(Signal::Traces, &settings.traces, shown.traces)?,
            metrics: start(Signal::Metrics, &settings.metrics, shown.metrics)?,
            logs: start(Signal::Logs, &settings.logs, shown.logs)?,
            access: settings.access_records.as_ref().map(form),
            log_record_limits: settings.log_record_limits,
        })
    }

    /// A worker's ways to send.
    pub(crate) fn sinks(&self) -> ExportSinks {
        let access = self.access.as_ref().zip(self.log_sink());
        ExportSinks {
            spans: self.traces.sink(),
            access: access.map(|(form, sink)| RecordSink::new(Arc::clone(form), sink)),
        }
    }

    /// A way to send log records.
    pub(crate) fn log_sink(&self) -> Option<ItemSink> {
        self.logs.sink()
    }

    /// Where data points go.
    pub(crate) fn metrics_ways(&self) -> Option<Ways> {
        self.metrics.ways()
    }

    pub(crate) fn meters(&self) -> Meters {
        let mut meters = Meters::default();
        self.traces.show(Signal::Traces, &mut meters);
        self.metrics.show(Signal::Metrics, &mut meters);
        self.logs.show(Signal::Logs, &mut meters);
        meters
    }

    /// Sends what is queued, for at most `within`, and ends.
    pub(crate) async fn shutdown(self, within: Duration) {
        let all = [
            ("spans", self.traces),
            ("data points", self.metrics),
            ("log records", self.logs),
        ];
        let ends = all.map(|(what, shipper)| async move {
            let lost = shipper.shutdown(within).await;
            if lost > 0 {
                tracing::warn!(lost, "{what} could not be sent any more");
            }
        });
        let mut ends: tokio::task::JoinSet<()> = tokio::task::JoinSet::from_iter(ends);
        while ends.join_next().await.is_some() {}
    }
}
