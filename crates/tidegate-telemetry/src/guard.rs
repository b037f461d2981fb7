//! The guard of what was set up.

use std::fmt;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::Duration;

use export::Flushed;
use telemetry::settings::Settings;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::client::ClientLayer;
use crate::exporters::Exporters;
use crate::levels::Levels;
use crate::pipeline::Pipeline;
use crate::push::Push;
use crate::runtime::OwnRuntime;
use crate::server::ServerLayer;
use crate::tracing_layer::TracingLayer;

/// Telemetry that runs. Keep it until the service has stopped, then [`Telemetry::shutdown`]. Dropping it instead is safe
/// anywhere and never waits: what is queued is lost. Layers may outlive it; what they record then is dropped.
#[must_use = "dropping it ends telemetry"]
pub struct Telemetry {
    pipeline: Arc<Pipeline>,
    exporters: Option<Exporters>,
    push: Option<Pushing>,
    levels: Levels,
    flush_within: Duration,
    // Behind what runs on it.
    runtime: OwnRuntime,
}

/// The task that sends metrics. Dropping it lets it send once more.
struct Pushing {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Telemetry {
    pub(crate) fn new(
        pipeline: Arc<Pipeline>,
        exporters: Exporters,
        runtime: OwnRuntime,
        settings: &Settings,
        levels: Levels,
        flush_within: Duration,
    ) -> Self {
        let ways = exporters.ways(otlp::Signal::Metrics);
        let push = (!ways.is_empty()).then(|| {
            let push = Push {
                pipeline: Arc::clone(&pipeline),
                ways,
                meters: exporters.meters(),
                temporality: settings.temporality,
                interval: settings.metrics_interval,
            };
            let (stop, stopped) = oneshot::channel();
            let task = runtime.handle().spawn(push.run(stopped));
            Pushing { stop, task }
        });
        Self {
            pipeline,
            exporters: Some(exporters),
            push,
            levels,
            flush_within,
            runtime,
        }
    }

    /// For services: a span for each request that is served.
    pub fn server_layer(&self) -> ServerLayer {
        ServerLayer::new(Arc::clone(&self.pipeline))
    }

    /// For clients: a span for each request that is sent.
    pub fn client_layer(&self) -> ClientLayer {
        ClientLayer::new(Arc::clone(&self.pipeline))
    }

    /// For a subscriber of the program's own: exports `tracing` events from `OTEL_LOG_LEVEL` up as log records, and
    /// spans of level `info` and above as spans of the kind INTERNAL. [`Setup::init`](crate::Setup::init) has it
    /// installed.
    ///
    /// An event is told once: as a log record, which names the span it belongs to, or, where no log records are exported,
    /// as an event of the exported `tracing` span around it. An event of level `error` makes that span one that failed.
    pub fn tracing_layer<S>(&self) -> impl Layer<S> + Send + Sync + 'static
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        TracingLayer::new(Arc::clone(&self.pipeline)).with_filter(self.levels.exported())
    }

    /// Sends what is queued and the last figures, for at most twice [`Setup::flush_within`](crate::Setup::flush_within),
    /// and ends; what is left is lost and counted. May be awaited on any runtime. Dropping the future stops at once.
    pub async fn shutdown(mut self) -> Flushed {
        let none = Flushed {
            exported: 0,
            lost: 0,
        };
        let Some(exporters) = self.exporters.take() else {
            return none;
        };
        let (push, within) = (self.push.take(), self.flush_within);
        let ended = self.runtime.handle().spawn(async move {
            if let Some(Pushing { stop, task }) = push {
                // It may have ended by a panic, which the panic hook has reported.
                stop.send(()).ok();
                drop(timeout(within, task).await);
            }
            exporters.shutdown(within).await
        });
        ended.await.unwrap_or(none)
    }

    pub(crate) fn install(&self) -> Result<(), TryInitError> {
        let lines = tracing_subscriber::fmt::layer()
            .compact()
            .with_ansi(io::stderr().is_terminal())
            .with_writer(io::stderr)
            .with_filter(self.levels.events);
        tracing_subscriber::registry()
            .with(self.tracing_layer())
            .with(lines)
            .try_init()
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry")
            .field("levels", &self.levels)
            .field("flush_within", &self.flush_within)
            .finish_non_exhaustive()
    }
}
