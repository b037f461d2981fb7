//! What goes into the queue: encoded items, and the way back for their buffer.

use std::sync::mpsc::SyncSender;

/// Encoded items, one behind the other, each with the tag and the length that it has inside its envelope: elements of
/// `ScopeSpans.spans`, `ScopeMetrics.metrics` or `ScopeLogs.log_records`.
#[derive(Debug, Default)]
pub struct Batch {
    /// The items.
    pub bytes: Vec<u8>,
    /// How many: spans, data points or log records.
    pub items: u32,
    /// Where the emptied buffer goes; without one it is freed.
    pub back: Option<Return>,
}

/// Where an emptied buffer goes. When there is no room for it, it is freed.
#[derive(Clone, Debug)]
pub struct Return(SyncSender<Vec<u8>>);

impl Batch {
    /// Empties the buffer and gives it back. Counts nothing.
    pub fn recycle(mut self) {
        self.bytes.clear();
        if let Some(Return(back)) = self.back {
            // Fails when whoever waited for it is gone, or has buffers enough.
            drop(back.try_send(self.bytes));
        }
    }
}

impl From<SyncSender<Vec<u8>>> for Return {
    fn from(back: SyncSender<Vec<u8>>) -> Self {
        Self(back)
    }
}
