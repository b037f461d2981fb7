//! Buffers of request bodies, used again: a body of a megabyte would otherwise cost hundreds of page faults each time.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

#[derive(Debug)]
pub(crate) struct Buffers {
    free: Mutex<Vec<Vec<u8>>>,
    kept_max: usize,
    /// Larger ones are freed.
    size_max: usize,
}

/// A body; its buffer goes home when the last user is done with it.
struct Lent {
    bytes: Vec<u8>,
    home: Arc<Buffers>,
}

impl Buffers {
    pub(crate) fn new(kept_max: usize, size_max: usize) -> Self {
        Self {
            free: Mutex::new(Vec::new()),
            kept_max,
            size_max,
        }
    }

    /// An empty buffer, a used one if there is any.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.lock().pop().unwrap_or_default()
    }

    /// Shares a buffer without copying it.
    pub(crate) fn share(self: &Arc<Self>, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Lent {
            bytes,
            home: Arc::clone(self),
        })
    }

    fn give(&self, mut bytes: Vec<u8>) {
        let mut free = self.lock();
        if free.len() < self.kept_max && bytes.capacity() <= self.size_max {
            bytes.clear();
            free.push(bytes);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.home.give(mem::take(&mut self.bytes));
    }
}
