//! What waits, and what became of everything else: behind one lock, so that the sums hold at every moment. It is taken
//! a few times per batch and per request, never per item.
//!
//! Batches come in buffers that their owners have few of, and may wait for others for a while: what is in them is copied
//! into memory of the store's own soon after, by the exporter's task, and the buffers go back.

mod own;

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::batch::Batch;
use crate::meter::Counts;

/// Why items were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    QueueFull,
    Rejected,
    RetriesExhausted,
    Shutdown,
    TooLarge,
}

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) bytes: usize,
    pub(crate) items: u64,
}

/// When waiting batches are enough for a request, and how many of them go into one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fill {
    pub(crate) bytes_max: usize,
    pub(crate) items_max: u64,
    pub(crate) delay: Duration,
}

/// Batches that go into one request.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) batches: Vec<Batch>,
    pub(crate) items: u64,
}

#[derive(Debug)]
pub(crate) struct Store {
    state: Mutex<State>,
    /// Whoever takes loads is told: a first batch, a full request, the end.
    filled: Notify,
    /// Whoever copies is told: a batch in a lent buffer.
    lent: Notify,
    room: Room,
    fill: Fill,
}

#[derive(Debug)]
struct State {
    waiting: VecDeque<Waiting>,
    /// Of the items that wait, without the spare room of their buffers.
    bytes: usize,
    open: bool,
    counts: Counts,
}

#[derive(Debug)]
struct Waiting {
    batch: Batch,
    since: Instant,
}

impl Waiting {
    fn is_lent(&self) -> bool {
        self.batch.back.is_some()
    }
}

enum Look {
    Ready,
    NotBefore(Instant),
    Empty,
    Over,
}

impl Store {
    pub(crate) fn new(room: Room, fill: Fill) -> Self {
        Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                bytes: 0,
                open: true,
                counts: Counts::default(),
            }),
            filled: Notify::new(),
            lent: Notify::new(),
            room,
            fill,
        }
    }

    /// Takes a batch if there is room. Never waits for more than the lock.
    pub(crate) fn try_push(&self, batch: Batch) -> Result<(), Batch> {
        if batch.bytes.is_empty() && batch.items == 0 {
            batch.recycle();
            return Ok(());
        }
        let since = Instant::now();
        let size = cost(&batch);
        let is_lent = batch.back.is_some();
        let mut state = self.lock();
        let bytes = state.counts.queue_bytes.saturating_add(size);
        let items = state.counts.queue_items + u64::from(batch.items);
        // A batch of more items than there is room for goes alone.
        let has_room = items <= self.room.items || state.counts.queue_items == 0;
        if !state.open || bytes > self.room.bytes || !has_room {
            return Err(batch);
        }
        let was_full = self.is_full(&state);
        let first = state.waiting.is_empty();
        state.counts.items_offered += u64::from(batch.items);
        state.counts.queue_items += u64::from(batch.items);
        state.counts.queue_bytes += size;
        state.bytes += batch.bytes.len();
        state.waiting.push_back(Waiting { batch, since });
        let wake = first || (!was_full && self.is_full(&state));
        drop(state);
        if is_lent {
            self.lent.notify_one();
        }
        if wake {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Counts items that never reached the queue.
    pub(crate) fn count_refused(&self, items: u64) {
        let mut state = self.lock();
        let loss = if state.open {
            Loss::QueueFull
        } else {
            Loss::Shutdown
        };
        state.counts.items_offered += items;
        *state.counts.lost(loss) += items;
    }

    /// Waits until there is a load to take; `false` once the queue is closed and empty. May be dropped at any time.
    pub(crate) async fn has_load(&self) -> bool {
        loop {
            let mut filled = pin!(self.filled.notified());
            filled.as_mut().enable();
            match self.look(Instant::now()) {
                Look::Ready => return true,
                Look::Over => return false,
                Look::Empty => filled.await,
                Look::NotBefore(due) => tokio::select! {
                    () = sleep_until(due) => {}
                    () = filled => {}
                },
            }
        }
    }

    /// Copies out of lent buffers what comes in them, and gives them back. Never ends; may be dropped at any time. To be
    /// polled by the task that takes loads and no other.
    pub(crate) async fn keep_copying(&self) {
        loop {
            self.lent.notified().await;
            self.copy_lent();
        }
    }

    /// What is copied counts as waiting all the while. Others only add behind it meanwhile.
    fn copy_lent(&self) {
        let (at, lent) = {
            let mut state = self.lock();
            let Some(first) = state.waiting.iter().position(Waiting::is_lent) else {
                return;
            };
            // The one before may have room for more.
            let at = first.saturating_sub(1);
            (at, state.waiting.split_off(at))
        };
        let before: usize = lent.iter().map(|waiting| cost(&waiting.batch)).sum();
        let own = own::copied(lent);
        let after: usize = own.iter().map(|waiting| cost(&waiting.batch)).sum();
        let mut state = self.lock();
        let at = at.min(state.waiting.len());
        let later = state.waiting.split_off(at);
        state.waiting.extend(own);
        state.waiting.extend(later);
        state.counts.queue_bytes = state.counts.queue_bytes + after - before;
    }

    /// Batches for one request, the oldest first: at least one if any waits. From here on their items are in flight.
    pub(crate) fn take(&self) -> Option<Load> {
        let mut state = self.lock();
        let (mut bytes, mut items) = (0_usize, 0_u64);
        let mut batches = Vec::new();
        while let Some(Waiting { batch, .. }) = state.waiting.front() {
            bytes = bytes.saturating_add(batch.bytes.len());
            items += u64::from(batch.items);
            let too_much = bytes > self.fill.bytes_max || items > self.fill.items_max;
            if too_much && !batches.is_empty() {
                break;
            }
            batches.extend(state.pop());
        }
        let items = batches
            .iter()
            .map(|batch: &Batch| u64::from(batch.items))
            .sum();
        state.counts.items_in_flight += items;
        (!batches.is_empty()).then_some(Load { batches, items })
    }

    /// Settles items in flight: the back end took them all but for `rejected`.
    pub(crate) fn settle_taken(&self, items: u64, rejected: u64) {
        let rejected = rejected.min(items);
        let mut state = self.lock();
        state.counts.items_in_flight -= items;
        state.counts.items_exported += items - rejected;
        state.counts.items_rejected += rejected;
    }

    /// Settles items in flight: they are lost.
    pub(crate) fn settle_lost(&self, items: u64, loss: Loss) {
        let mut state = self.lock();
        state.counts.items_in_flight -= items;
        *state.counts.lost(loss) += items;
    }

    /// Changes counts of requests.
    pub(crate) fn note(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.lock().counts);
    }

    /// Takes nothing more; what waits becomes a load at once.
    pub(crate) fn close(&self) {
        self.lock().open = false;
        self.filled.notify_one();
    }

    /// Gives up on everything that waits.
    pub(crate) fn discard(&self) {
        let mut state = self.lock();
        state.open = false;
        while let Some(batch) = state.pop() {
            *state.counts.lost(Loss::Shutdown) += u64::from(batch.items);
            batch.recycle();
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().counts
    }

    fn look(&self, now: Instant) -> Look {
        let state = self.lock();
        let Some(oldest) = state.waiting.front() else {
            return if state.open { Look::Empty } else { Look::Over };
        };
        let due = oldest.since + self.fill.delay;
        if !state.open || now >= due || self.is_full(&state) {
            Look::Ready
        } else {
            Look::NotBefore(due)
        }
    }

    fn is_full(&self, state: &State) -> bool {
        state.bytes >= self.fill.bytes_max || state.counts.queue_items >= self.fill.items_max
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pop(&mut self) -> Option<Batch> {
        let Waiting { batch, .. } = self.waiting.pop_front()?;
        self.bytes -= batch.bytes.len();
        self.counts.queue_items -= u64::from(batch.items);
        self.counts.queue_bytes -= cost(&batch);
        Some(batch)
    }
}

/// What a waiting batch costs: the room of its buffer, used or not, and its place in the queue.
fn cost(batch: &Batch) -> usize {
    batch.bytes.capacity().saturating_add(size_of::<Waiting>())
}
