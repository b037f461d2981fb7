//! What became of the items and requests. The sums hold in every copy.

use std::ops::AddAssign;
use std::sync::Arc;
use std::time::Duration;

use crate::breaker::BreakerState;
use crate::failure::LastFailure;
use crate::gate::Gate;
use crate::store::{Loss, Store};

/// A shared handle to the counts of one exporter; outlives it.
#[derive(Clone, Debug)]
pub struct Meter {
    store: Arc<Store>,
    gate: Arc<Gate>,
    failure: Arc<LastFailure>,
}

/// Counts since the start, and what is there at the moment. At every moment `items_offered` is the sum of
/// `items_exported`, `items_rejected`, all of `items_dropped`, `queue_items` and `items_in_flight`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Items that the queue took, and those counted as dropped before it.
    pub items_offered: u64,
    /// Items that the back end took.
    pub items_exported: u64,
    /// Items that the back end refused while it took others of the same request (partial success).
    pub items_rejected: u64,
    /// Items that were lost.
    pub items_dropped: Dropped,
    /// Items that wait.
    pub queue_items: u64,
    /// Bytes of memory that hold them: the room of the buffers.
    pub queue_bytes: usize,
    /// Items in requests that are being sent or wait to be sent again.
    pub items_in_flight: u64,
    /// Requests sent, repeated ones included. One that was sent anew because its kept connection had died counts once.
    pub requests: u64,
    /// Of those, requests that the back end did not take.
    pub requests_failed: u64,
    /// Of those, requests that are on their way.
    pub requests_in_flight: u64,
    /// Requests sent again after a failure.
    pub retries: u64,
    /// Requests cut in two because they were too large for the back end.
    pub splits: u64,
    /// Time that requests took, from the first byte to the end of the answer, over all of them that ended.
    pub request_time: Duration,
    /// What the breaker does.
    pub breaker: BreakerState,
    /// How often the breaker opened.
    pub breaker_openings: u64,
}

/// Lost items by what lost them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// There was no room in the queue.
    pub queue_full: u64,
    /// The back end refused the whole request, in a way that may not be repeated (OT-19).
    pub rejected: u64,
    /// The back end could not be reached, or was busy, for too long.
    pub retries_exhausted: u64,
    /// The exporter was stopped.
    pub shutdown: u64,
    /// One item alone was too large for the back end, or for OTLP (OT-34).
    pub too_large: u64,
}

impl Meter {
    pub(crate) fn new(store: Arc<Store>, gate: Arc<Gate>, failure: Arc<LastFailure>) -> Self {
        Self {
            store,
            gate,
            failure,
        }
    }

    /// The counts at this moment.
    pub fn counts(&self) -> Counts {
        let (breaker, breaker_openings) = self.gate.breaker();
        Counts {
            breaker,
            breaker_openings,
            ..self.store.counts()
        }
    }

    /// Why the last failed request failed, in one line of at most 512 bytes that holds no secret of the plan.
    pub fn last_failure(&self) -> Option<String> {
        self.failure.get()
    }
}

impl Counts {
    pub(crate) fn lost(&mut self, loss: Loss) -> &mut u64 {
        let dropped = &mut self.items_dropped;
        match loss {
            Loss::QueueFull => &mut dropped.queue_full,
            Loss::Rejected => &mut dropped.rejected,
            Loss::RetriesExhausted => &mut dropped.retries_exhausted,
            Loss::Shutdown => &mut dropped.shutdown,
            Loss::TooLarge => &mut dropped.too_large,
        }
    }
}

impl AddAssign for Counts {
    /// Of an exporter that came before: its counts go on, what it does at the moment counts no more than what this one does.
    fn add_assign(&mut self, other: Self) {
        self.items_offered += other.items_offered;
        self.items_exported += other.items_exported;
        self.items_rejected += other.items_rejected;
        let (mine, theirs) = (&mut self.items_dropped, other.items_dropped);
        mine.queue_full += theirs.queue_full;
        mine.rejected += theirs.rejected;
        mine.retries_exhausted += theirs.retries_exhausted;
        mine.shutdown += theirs.shutdown;
        mine.too_large += theirs.too_large;
        self.queue_items += other.queue_items;
        self.queue_bytes += other.queue_bytes;
        self.items_in_flight += other.items_in_flight;
        self.requests += other.requests;
        self.requests_failed += other.requests_failed;
        self.requests_in_flight += other.requests_in_flight;
        self.retries += other.retries;
        self.splits += other.splits;
        self.request_time += other.request_time;
        self.breaker_openings += other.breaker_openings;
    }
}

impl Dropped {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.queue_full + self.rejected + self.retries_exhausted + self.shutdown + self.too_large
    }
}
