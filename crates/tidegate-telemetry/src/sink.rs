//! Where ended spans and log records go: the queues of the exporters, with the bound of `OTEL_BSP_MAX_QUEUE_SIZE` or
//! `OTEL_BLRP_MAX_QUEUE_SIZE`.
//!
//! An item costs its encoding, one allocation of its size and two short locks. Buffers per thread, as a gateway's workers
//! have them, would save one lock and keep items of idle threads back.

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

use export::{Batch, ConsoleQueue, Meter, Queue};

/// A scratch buffer that has grown beyond this is given back, so that one large item does not stay.
const SCRATCH_MAX: usize = 64 * 1024;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// One signal's ways out.
#[derive(Debug)]
pub(crate) struct Sink {
    ways: Vec<Way>,
    queue_max: u64,
    /// Held between looking whether there is room and taking it, so that the bound is exact.
    entrance: Mutex<()>,
}

/// One exporter's queue.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    Otlp(Queue, Meter),
    Console(ConsoleQueue),
}

impl Sink {
    /// `None` when there is no way.
    pub(crate) fn new(ways: Vec<Way>, queue_max: u32) -> Option<Self> {
        (!ways.is_empty()).then(|| Self {
            ways,
            queue_max: queue_max.into(),
            entrance: Mutex::new(()),
        })
    }

    /// Takes one item that `append` writes, unless it says that there is none. Never waits; what finds no room is
    /// counted as dropped.
    pub(crate) fn record(&self, append: impl FnOnce(&mut Vec<u8>) -> bool) {
        let item = SCRATCH.try_with(|scratch| {
            let mut scratch = scratch.borrow_mut();
            scratch.clear();
            let item = append(&mut scratch).then(|| scratch.as_slice().to_vec());
            if scratch.capacity() > SCRATCH_MAX {
                *scratch = Vec::new();
            }
            item
        });
        // Nothing is recorded while the thread ends.
        let Ok(Some(item)) = item else { return };
        let entrance = self.entrance.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((last, others)) = self.ways.split_last() {
            for way in others {
                way.send(item.clone(), self.queue_max);
            }
            last.send(item, self.queue_max);
        }
        drop(entrance);
    }
}

impl Way {
    fn send(&self, bytes: Vec<u8>, queue_max: u64) {
        let batch = Batch {
            bytes,
            items: 1,
            back: None,
        };
        if self.waiting() >= queue_max {
            self.count_dropped(1);
            return;
        }
        self.send_or_drop(batch);
    }

    pub(crate) fn send_or_drop(&self, batch: Batch) {
        match self {
            Self::Otlp(queue, _) => {
                queue.send_or_drop(batch);
            }
            Self::Console(queue) => {
                if let Err(batch) = queue.try_send(batch) {
                    queue.count_dropped(batch.items.into());
                }
            }
        }
    }

    fn waiting(&self) -> u64 {
        match self {
            Self::Otlp(_, meter) => meter.counts().queue_items,
            Self::Console(queue) => queue.counts().items_waiting,
        }
    }

    fn count_dropped(&self, items: u64) {
        match self {
            Self::Otlp(queue, _) => queue.count_dropped(items),
            Self::Console(queue) => queue.count_dropped(items),
        }
    }
}
