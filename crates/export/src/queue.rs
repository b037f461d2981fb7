//! The way in.

use std::sync::Arc;

use crate::batch::Batch;
use crate::store::Store;

/// Where batches are handed over. Cheap to clone, for any thread.
#[derive(Clone, Debug)]
pub struct Queue(Arc<Store>);

impl Queue {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self(store)
    }

    /// Hands a batch over. Never blocks. An empty one is given back to its owner and counts as taken.
    ///
    /// # Errors
    /// The batch itself, uncounted, when there is no room for it or the exporter has stopped: keep it, or lose it by
    /// [`Queue::count_dropped`].
    pub fn try_send(&self, batch: Batch) -> Result<(), Batch> {
        self.0.try_push(batch)
    }

    /// Hands a batch over or loses it: then its items are counted and its buffer goes back. Never blocks. Says whether
    /// it was taken.
    pub fn send_or_drop(&self, batch: Batch) -> bool {
        match self.try_send(batch) {
            Ok(()) => true,
            Err(batch) => {
                self.count_dropped(u64::from(batch.items));
                batch.recycle();
                false
            }
        }
    }

    /// Counts items as offered and lost for want of room; for those that were lost before they were in a batch, too.
    /// Once the exporter has stopped they count as lost by that.
    pub fn count_dropped(&self, items: u64) {
        self.0.count_refused(items);
    }
}
