//! The task of an exporter: turns what waits into deliveries, a bounded number at a time, and waits for their ends.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::delivery::Courier;
use crate::exporter::Phase;
use crate::gate::Permit;

/// Runs until the queue is closed and all is delivered, or until it is cut off; then what is left counts as lost, also
/// when the future is dropped before it has begun.
pub(crate) fn run(courier: Arc<Courier>, deliveries_max: usize) -> impl Future<Output = ()> {
    let leftovers = Leftovers(courier);
    async move {
        let courier = &leftovers.0;
        let mut phase = courier.phase.clone();
        let mut deliveries = JoinSet::new();
        tokio::select! {
            biased;
            () = cut(&mut phase) => {}
            () = courier.store.keep_copying() => {}
            () = pump(courier, deliveries_max, &mut deliveries) => {}
        }
        deliveries.shutdown().await;
    }
}

async fn pump(courier: &Arc<Courier>, deliveries_max: usize, deliveries: &mut JoinSet<()>) {
    while let Some(permit) = turn(courier, deliveries_max, deliveries).await {
        if let Some(load) = courier.store.take() {
            deliveries.spawn(Arc::clone(courier).deliver(load, permit));
        }
    }
    while deliveries.join_next().await.is_some() {}
}

/// Waits until there is room for one more delivery, something to deliver, and leave to send it: in this order, so that
/// items wait in the queue, where they count against its bound. `None` at the end.
async fn turn(
    courier: &Arc<Courier>,
    deliveries_max: usize,
    deliveries: &mut JoinSet<()>,
) -> Option<Permit> {
    while deliveries.try_join_next().is_some() {}
    while deliveries.len() >= deliveries_max {
        deliveries.join_next().await;
    }
    if courier.store.has_load().await {
        Some(courier.gate.pass().await)
    } else {
        None
    }
}

/// Waits for the end of patience.
async fn cut(phase: &mut watch::Receiver<Phase>) {
    // An error says that the exporter is gone.
    phase.wait_for(|phase| *phase == Phase::Cut).await.ok();
}

/// Counts what waits as lost, however the task ends.
struct Leftovers(Arc<Courier>);

impl Drop for Leftovers {
    fn drop(&mut self) {
        self.0.store.discard();
    }
}
