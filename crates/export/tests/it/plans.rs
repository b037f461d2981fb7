//! Plans that do not keep a test waiting, and waits for events.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use export::{
    BreakerPlan, Counts, Endpoint, ExportPlan, Exporter, Meter, Protocol, RetryPlan, Scheme,
};
use otlp::Signal;
use tokio::runtime::Handle;

use crate::items::envelope;

/// How long a test waits for what should happen soon.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// For what must not happen, or not before.
pub(crate) const FAR: Duration = Duration::from_secs(3000);

/// Short waits, no breaker.
pub(crate) fn plan(addr: SocketAddr, protocol: Protocol) -> ExportPlan {
    plan_for(&format!("http://{addr}"), protocol)
}

pub(crate) fn plan_for(url: &str, protocol: Protocol) -> ExportPlan {
    let endpoint = Endpoint::for_all(url, protocol, Scheme::Https, Signal::Traces).unwrap();
    ExportPlan {
        batch_delay: Duration::from_millis(2),
        timeout: PATIENCE,
        retry: RetryPlan {
            initial: Duration::from_millis(20),
            max: Duration::from_millis(60),
            elapsed_max: PATIENCE,
            ..RetryPlan::default()
        },
        breaker: BreakerPlan {
            failures_to_open: 0,
            ..BreakerPlan::default()
        },
        ..ExportPlan::new(endpoint, protocol)
    }
}

pub(crate) fn start(plan: &ExportPlan) -> Exporter {
    Exporter::start(envelope(), plan, &Handle::current()).unwrap()
}

/// Waits until the counts are as wanted, and returns them.
///
/// # Panics
/// When they are not within [`PATIENCE`], or when a sum does not hold on the way.
#[track_caller]
pub(crate) fn counts_when(
    meter: &Meter,
    what: &str,
    wanted: impl Fn(&Counts) -> bool,
) -> impl Future<Output = Counts> {
    let place = std::panic::Location::caller();
    let deadline = Instant::now() + PATIENCE;
    async move {
        loop {
            let counts = meter.counts();
            check_sum(&counts);
            if wanted(&counts) {
                return counts;
            }
            assert!(
                Instant::now() < deadline,
                "{place}: expected {what}, found {counts:?}"
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Every item ever offered is in exactly one place.
#[track_caller]
pub(crate) fn check_sum(counts: &Counts) {
    let sum = counts.items_exported
        + counts.items_rejected
        + counts.items_dropped.total()
        + counts.queue_items
        + counts.items_in_flight;
    assert_eq!(counts.items_offered, sum, "{counts:?}");
}

/// Waits until all that was offered is settled.
#[track_caller]
pub(crate) fn settled(meter: &Meter) -> impl Future<Output = Counts> {
    counts_when(meter, "everything settled", |counts| {
        counts.queue_items == 0 && counts.items_in_flight == 0
    })
}
