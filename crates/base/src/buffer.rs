//! Read and write buffers, and a pool that lends them to connections while bytes are in flight.

use std::cell::RefCell;

/// A growable byte queue: written at the end, consumed at the front. Consuming moves no bytes.
#[derive(Debug, Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl Buffer {
    /// An empty buffer with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(capacity),
            start: 0,
        }
    }

    /// The bytes not yet consumed.
    pub fn filled(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// How many bytes are not yet consumed.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether every byte was consumed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops `count` bytes from the front; more than there are drops all.
    pub fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.bytes.len());
        if self.start == self.bytes.len() {
            self.clear();
        }
    }

    /// Drops everything and keeps the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.start = 0;
    }

    /// Room that can be appended without allocating, after moving what is left to the front.
    pub fn room(&self) -> usize {
        self.bytes.capacity() - self.len()
    }

    /// Makes room for at least `count` more bytes and returns the vector to append to: everything already in it stays
    /// where it is relative to the end, and callers must only append.
    pub fn appender(&mut self, count: usize) -> &mut Vec<u8> {
        if self.start > 0 && self.bytes.capacity() - self.bytes.len() < count {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.reserve(count);
        &mut self.bytes
    }

    /// Appends bytes.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.appender(bytes.len()).extend_from_slice(bytes);
    }
}

/// Buffers of one size that wait to be used again, bounded in number. Not shared between threads.
#[derive(Debug)]
pub struct BufferPool {
    free: RefCell<Vec<Buffer>>,
    size: usize,
    kept_max: usize,
}

impl BufferPool {
    /// A pool of buffers that begin with `size` bytes of room, of which at most `kept_max` are kept.
    pub fn new(size: usize, kept_max: usize) -> Self {
        Self {
            free: RefCell::new(Vec::new()),
            size,
            kept_max,
        }
    }

    /// An empty buffer, a used one if there is any.
    pub fn take(&self) -> Buffer {
        self.free
            .borrow_mut()
            .pop()
            .unwrap_or_else(|| Buffer::with_capacity(self.size))
    }

    /// Puts a buffer with room in place of one that has none and holds nothing.
    pub fn lend(&self, buffer: &mut Buffer) {
        if buffer.bytes.capacity() == 0 {
            *buffer = self.take();
        }
    }

    /// Takes back a buffer that holds nothing, and leaves one without room.
    pub fn reclaim(&self, buffer: &mut Buffer) {
        if buffer.is_empty() && buffer.bytes.capacity() > 0 {
            self.give(std::mem::take(buffer));
        }
    }

    /// Takes a buffer back. One that grew to more than four times the pool's size is freed, so that one large
    /// message does not pin memory.
    pub fn give(&self, mut buffer: Buffer) {
        let mut free = self.free.borrow_mut();
        if free.len() < self.kept_max && buffer.bytes.capacity() <= 4 * self.size {
            buffer.clear();
            free.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in() {
        let mut buffer = Buffer::with_capacity(4);
        buffer.extend(b"abcdef");
        buffer.consume(2);
        buffer.extend(b"gh");
        assert_eq!(buffer.filled(), b"cdefgh");
        buffer.consume(100);
        assert!(buffer.is_empty());
    }

    #[test]
    fn the_pool_reuses_and_forgets_giants() {
        let pool = BufferPool::new(16, 2);
        let mut buffer = pool.take();
        buffer.extend(&[1; 16]);
        pool.give(buffer);
        assert!(pool.take().is_empty());
        let mut giant = pool.take();
        giant.extend(&[1; 1000]);
        pool.give(giant);
        assert!(pool.take().room() <= 64);
    }
}
