//! Sends metrics to where telemetry goes, once in a while and at the end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use export::Batch;
use telemetry::metrics::MetricsPush;
use telemetry::plan::OtlpTemporality;
use telemetry::settings::Settings;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::exports::Ways;
use crate::metrics::gather;
use crate::status::Status;

/// What was told so far. One for the life of the process, as the counters are: what is told after a reload goes on from
/// what was told before, wherever to.
#[derive(Clone, Debug)]
pub(crate) struct Told(Arc<Mutex<MetricsPush>>);

impl Told {
    /// Nothing yet; counting begins now.
    pub(crate) fn new(temporality: OtlpTemporality) -> Self {
        Self(Arc::new(Mutex::new(MetricsPush::new(temporality, now()))))
    }

    /// Held for one report at most; one that broke off left nothing half done that matters more than the next.
    fn lock(&self) -> std::sync::MutexGuard<'_, MetricsPush> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that sends.
pub(crate) struct Push {
    stop: CancellationToken,
    task: JoinSet<()>,
}

impl Push {
    /// Sends every figure once per interval, the first time when one has passed.
    pub(crate) fn start(status: Arc<Status>, ways: Ways, settings: &Settings, told: Told) -> Self {
        let stop = CancellationToken::new();
        told.lock().prefer(settings.temporality);
        let run = run(status, ways, told, settings.metrics_interval, stop.clone());
        Self {
            stop,
            task: JoinSet::from_iter([run]),
        }
    }

    /// Sends once more and ends.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        // A panic in it was reported by the panic hook.
        while self.task.join_next().await.is_some() {}
    }
}

async fn run(
    status: Arc<Status>,
    ways: Ways,
    told: Told,
    interval: Duration,
    stop: CancellationToken,
) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks.tick().await;
    loop {
        let is_last = tokio::select! {
            _ = ticks.tick() => false,
            () = stop.cancelled() => true,
        };
        if let Some(batch) = collect(&status, &told).await {
            // What is lost is counted by the exporter.
            ways.send_or_drop(batch);
        }
        if is_last {
            return;
        }
    }
}

/// `None` while a worker does not answer: without its figures counters would look as if they had begun again.
async fn collect(status: &Status, told: &Told) -> Option<Batch> {
    let (sheets, figures) = status.figures().await;
    let at = now();
    let sheets: Option<Vec<_>> = sheets.into_iter().collect();
    let sheets = sheets?;
    let merged = tokio::task::spawn_blocking(move || gather(sheets.into_iter(), &figures));
    let sheet = merged.await.ok()?;
    let mut bytes = Vec::new();
    let points = told.lock().append_otlp(&sheet, at, &mut bytes);
    Some(Batch {
        bytes,
        items: u32::try_from(points).unwrap_or(u32::MAX),
        back: None,
    })
}

/// Nanoseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
