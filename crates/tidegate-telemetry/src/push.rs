//! Sends the figures once per `OTEL_METRIC_EXPORT_INTERVAL`, and at the end.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use export::Batch;
use telemetry::Meters;
use telemetry::metrics::{MetricsPush, process_sheet};
use telemetry::plan::OtlpTemporality;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};

use crate::pipeline::Pipeline;
use crate::sink::Way;

/// What is to be sent, how often, and where to.
pub(crate) struct Push {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) ways: Vec<Way>,
    pub(crate) meters: Meters,
    pub(crate) temporality: OtlpTemporality,
    /// Between the starts of two exports.
    pub(crate) interval: Duration,
}

impl Push {
    /// Sends until `stop` says or is dropped, then once more. The first time is when one interval has passed.
    pub(crate) async fn run(self, mut stop: oneshot::Receiver<()>) {
        let mut push = MetricsPush::new(self.temporality, now());
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticks.tick().await;
        loop {
            let is_last = tokio::select! {
                _ = ticks.tick() => false,
                _ = &mut stop => true,
            };
            self.send(&mut push);
            if is_last {
                return;
            }
        }
    }

    /// Reads a few files of `/proc`.
    fn send(&self, push: &mut MetricsPush) {
        let mut sheet = self.pipeline.figures.sheet();
        process_sheet(&mut sheet);
        self.meters.collect(&mut sheet);
        let mut bytes = Vec::new();
        let points = push.append_otlp(&sheet, now(), &mut bytes);
        for way in &self.ways {
            way.send_or_drop(Batch {
                bytes: bytes.clone(),
                items: u32::try_from(points).unwrap_or(u32::MAX),
                back: None,
            });
        }
    }
}

/// Nanoseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
