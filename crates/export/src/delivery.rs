//! The way of one load to the back end: assembled, sent, sent again, cut in two, and settled item by item.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use otlp::Envelope;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::backoff::{Backoff, Wait, patience};
use crate::body::{Body, Writer};
use crate::buffers::Buffers;
use crate::exporter::Phase;
use crate::failure::LastFailure;
use crate::gate::{Gate, Permit};
use crate::part::Part;
use crate::plan::RetryPlan;
use crate::store::{Load, Loss, Store};
use crate::transport::Transport;
use crate::verdict::{Certainty, Verdict};

/// A request is never larger (OT-34).
const REQUEST_MAX: usize = 64 << 20;
/// A request of this size that was refused as "exhausted" without another word was not refused for its size.
const LIKELY_MIN: usize = 64 << 10;

/// What all deliveries of an exporter share.
pub(crate) struct Courier {
    pub(crate) store: Arc<Store>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) transport: Transport,
    pub(crate) writer: Writer,
    pub(crate) buffers: Arc<Buffers>,
    pub(crate) failure: Arc<LastFailure>,
    pub(crate) envelope: Mutex<Arc<Envelope>>,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) retry: RetryPlan,
    /// For one attempt.
    pub(crate) limit: Duration,
    /// Bytes of items in one request, unless it holds one item only.
    pub(crate) items_bytes_max: usize,
    pub(crate) items_max: u64,
}

/// How the way of one part ended.
enum Ending {
    Taken { rejected: u64 },
    Lost(Loss),
    TooLarge(Certainty),
}

impl Courier {
    /// Brings a load to the back end, or counts it as lost. When it is dropped before its end, what is not settled
    /// counts as lost by the stop.
    pub(crate) async fn deliver(self: Arc<Self>, load: Load, permit: Permit) {
        let mut cargo = Cargo {
            store: &self.store,
            unsettled: load.items,
        };
        let mut permit = Some(permit);
        // Halves of halves: as many as the logarithm of the number of items.
        let mut parts = vec![self.assemble(load)];
        while let Some(part) = parts.pop() {
            let is_too_large =
                part.items_bytes() > self.items_bytes_max || part.items() > self.items_max;
            if is_too_large && let Some((first, second)) = part.split(&self.buffers) {
                parts.extend([second, first]);
                continue;
            }
            match self.ship(&part, &mut permit).await {
                Ending::Taken { rejected } => cargo.settle_taken(part.items(), rejected),
                Ending::Lost(loss) => cargo.settle_lost(part.items(), loss),
                Ending::TooLarge(certainty) => match self.halve(&part, certainty) {
                    Ok((first, second)) => parts.extend([second, first]),
                    Err(loss) => cargo.settle_lost(part.items(), loss),
                },
            }
        }
    }

    fn assemble(&self, load: Load) -> Part {
        Part::assemble(self.envelope(), &self.buffers, load)
    }

    fn envelope(&self) -> Arc<Envelope> {
        let current = self.envelope.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    /// Both halves of a part that the back end found too large, or why it is lost instead.
    fn halve(&self, part: &Part, certainty: Certainty) -> Result<(Part, Part), Loss> {
        let (worthwhile, loss) = match certainty {
            Certainty::Certain => (true, Loss::TooLarge),
            // A back end that refuses everything would get each item alone.
            Certainty::Likely => (part.items_bytes() > LIKELY_MIN, Loss::Rejected),
        };
        let halves = worthwhile
            .then(|| part.split(&self.buffers))
            .flatten()
            .ok_or(loss)?;
        self.store.note(|counts| counts.splits += 1);
        Ok(halves)
    }

    /// Sends one part until something decides its fate. The first attempt uses `permit` if there is one.
    async fn ship(&self, part: &Part, permit: &mut Option<Permit>) -> Ending {
        if part.request().len() > REQUEST_MAX {
            return Ending::Lost(Loss::TooLarge);
        }
        let body = match self.writer.write(part).await {
            Ok(body) => body,
            Err(error) => {
                self.failure.set(&error.to_string());
                return Ending::Lost(Loss::Rejected);
            }
        };
        let mut backoff = Backoff::new(&self.retry, Instant::now());
        loop {
            let pass = match permit.take() {
                Some(permit) => permit,
                None => match timeout_at(backoff.deadline(), self.gate.pass()).await {
                    Ok(permit) => permit,
                    Err(_) => return Ending::Lost(Loss::RetriesExhausted),
                },
            };
            let verdict = self.attempt(&body).await;
            pass.report(verdict.health());
            if let Some(reason) = verdict.reason() {
                self.failure.set(reason);
            }
            let asked = match verdict {
                Verdict::Taken { rejected, message } => {
                    self.warn(rejected, &message);
                    return Ending::Taken { rejected };
                }
                Verdict::Refused { .. } => return Ending::Lost(Loss::Rejected),
                Verdict::TooLarge { certainty, .. } => return Ending::TooLarge(certainty),
                Verdict::Again { asked, .. } => asked,
            };
            let now = Instant::now();
            if let Some(asked) = asked {
                // The others would be told the same. Not for longer than a request lives: it may be a mistake.
                self.gate.pause(now + asked.min(patience(&self.retry)));
            }
            let Some(wait) = backoff.wait(now, asked, fastrand::f64()) else {
                return Ending::Lost(Loss::RetriesExhausted);
            };
            self.rest(wait).await;
            self.store.note(|counts| counts.retries += 1);
        }
    }

    async fn attempt(&self, body: &Body) -> Verdict {
        let mut ledger = Attempt::begin(&self.store);
        let verdict = match timeout(self.limit, self.transport.send(body, self.limit)).await {
            Ok(verdict) => verdict,
            Err(_) => {
                self.transport.distrust();
                Verdict::lost(format!(
                    "expected an answer within {:?}, none came",
                    self.limit
                ))
            }
        };
        ledger.failed = verdict.reason().is_some();
        verdict
    }

    /// Waits. A stop ends a wait that nobody asked for, once: what can still be delivered should be.
    async fn rest(&self, wait: Wait) {
        let mut phase = self.phase.clone();
        let stopping = *phase.borrow_and_update() != Phase::Running;
        if wait.asked || stopping {
            sleep_until(wait.until).await;
            return;
        }
        tokio::select! {
            () = sleep_until(wait.until) => {}
            // An error says that the exporter is gone, and so is this soon.
            _ = phase.changed() => {}
        }
    }

    /// OT-5, OT-6: what a back end says about a request it took is for people.
    fn warn(&self, rejected: u64, message: &str) {
        if rejected > 0 || !message.is_empty() {
            self.failure.warn(rejected, message);
        }
    }
}

/// The items of a load that nothing is known about yet.
struct Cargo<'a> {
    store: &'a Store,
    unsettled: u64,
}

impl Cargo<'_> {
    fn settle_taken(&mut self, items: u64, rejected: u64) {
        self.unsettled -= items;
        self.store.settle_taken(items, rejected);
    }

    fn settle_lost(&mut self, items: u64, loss: Loss) {
        self.unsettled -= items;
        self.store.settle_lost(items, loss);
    }
}

impl Drop for Cargo<'_> {
    fn drop(&mut self) {
        if self.unsettled > 0 {
            self.store.settle_lost(self.unsettled, Loss::Shutdown);
        }
    }
}

/// A request on its way, for the counts.
struct Attempt<'a> {
    store: &'a Store,
    began: Instant,
    failed: bool,
}

impl<'a> Attempt<'a> {
    /// Failed unless it is said otherwise: it may be dropped.
    fn begin(store: &'a Store) -> Self {
        store.note(|counts| {
            counts.requests += 1;
            counts.requests_in_flight += 1;
        });
        Self {
            store,
            began: Instant::now(),
            failed: true,
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        self.store.note(|counts| {
            counts.requests_in_flight -= 1;
            counts.requests_failed += u64::from(self.failed);
            counts.request_time = counts.request_time.saturating_add(took);
        });
    }
}
