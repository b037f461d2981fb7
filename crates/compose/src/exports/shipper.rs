//! One signal's ways out: over OTLP, to standard output, or both.

use std::time::Duration;

use export::{Batch, Console, ConsoleQueue, Exporter, Queue, Return};
use otlp::{Attribute, Envelope, Scope, Signal, Value};
use telemetry::settings::{Destination, Settings};
use telemetry::{ItemSink, Meters, Outlet, Parcel};
use tokio::runtime::Handle;

use super::ExportError;

/// The instrumentation scope of everything this program says about itself.
const SCOPE: Scope<'_> = Scope {
    name: "tidegate",
    version: env!("CARGO_PKG_VERSION"),
};
/// Version of the semantic conventions that names follow.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.44.0";

/// What ships one signal.
#[derive(Default)]
pub(super) struct Shipper {
    otlp: Option<Exporter>,
    console: Option<Console>,
}

/// The ways into a shipper, for any thread.
#[derive(Clone)]
pub(crate) struct Ways {
    otlp: Option<Queue>,
    console: Option<ConsoleQueue>,
}

impl Shipper {
    /// Starts what the settings ask for. Reads certificates: blocks.
    pub(super) fn start(
        signal: Signal,
        destination: Option<&Destination>,
        is_shown: bool,
        settings: &Settings,
        runtime: &Handle,
    ) -> Result<Self, ExportError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| ExportError {
            signal: signal.word(),
            source,
        };
        let mut shipper = Self::default();
        if let Some(destination) = destination {
            let plan = destination.export_plan(signal);
            let plan = plan.map_err(|error| failed(error.into()))?;
            let exporter = Exporter::start(envelope(signal, settings), &plan, runtime);
            shipper.otlp = Some(exporter.map_err(|error| failed(error.into()))?);
        }
        if is_shown {
            let console = Console::start(envelope(signal, settings));
            shipper.console = Some(console.map_err(|error| failed(error.into()))?);
        }
        Ok(shipper)
    }

    /// The ways in, if there is any out.
    pub(super) fn ways(&self) -> Option<Ways> {
        (self.otlp.is_some() || self.console.is_some()).then(|| Ways {
            otlp: self.otlp.as_ref().map(Exporter::queue),
            console: self.console.as_ref().map(Console::queue),
        })
    }

    /// A worker's way in.
    pub(super) fn sink(&self) -> Option<ItemSink> {
        self.ways().map(|ways| ItemSink::new(Box::new(ways)))
    }

    /// Its counts.
    pub(super) fn show(&self, signal: Signal, meters: &mut Meters) {
        if let Some(exporter) = &self.otlp {
            meters.add(signal, exporter.meter());
        }
        if let Some(console) = &self.console {
            meters.add_console(signal, console.queue());
        }
    }

    /// Sends what waits, for at most `within`, and ends. How many items were lost by that.
    pub(super) async fn shutdown(self, within: Duration) -> u64 {
        let otlp = async {
            match self.otlp {
                Some(exporter) => exporter.shutdown(within).await.lost,
                None => 0,
            }
        };
        let console = async {
            match self.console {
                Some(console) => console.shutdown(within).await.lost,
                None => 0,
            }
        };
        let (otlp, console) = tokio::join!(otlp, console);
        otlp + console
    }
}

impl Ways {
    /// Sends a batch wherever it goes, or loses it, which is counted.
    pub(crate) fn send_or_drop(&self, batch: Batch) {
        if self.console.is_some() {
            self.show(copied(&batch));
        }
        match &self.otlp {
            Some(queue) => {
                queue.send_or_drop(batch);
            }
            None => batch.recycle(),
        }
    }

    fn show(&self, copy: Batch) {
        let Some(console) = &self.console else { return };
        if let Err(refused) = console.try_send(copy) {
            console.count_dropped(refused.items.into());
        }
    }
}

fn copied(batch: &Batch) -> Batch {
    Batch {
        bytes: batch.bytes.clone(),
        items: batch.items,
        back: None,
    }
}

/// From a worker's buffers.
impl Outlet for Ways {
    fn try_send(&self, parcel: Parcel) -> Result<(), Parcel> {
        let Parcel { bytes, items, back } = parcel;
        let batch = Batch {
            bytes,
            items,
            back: Some(Return::from(back.clone())),
        };
        let Some(queue) = &self.otlp else {
            self.send_or_drop(batch);
            return Ok(());
        };
        let copy = self.console.as_ref().map(|_| copied(&batch));
        queue.try_send(batch).map_err(|refused| Parcel {
            bytes: refused.bytes,
            items: refused.items,
            back,
        })?;
        // What is refused comes again.
        if let Some(copy) = copy {
            self.show(copy);
        }
        Ok(())
    }

    fn count_dropped(&self, items: u32) {
        match (&self.otlp, &self.console) {
            (Some(queue), _) => queue.count_dropped(items.into()),
            (None, Some(console)) => console.count_dropped(items.into()),
            (None, None) => {}
        }
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
