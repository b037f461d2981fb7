//! Appending to a buffer that must not grow.

/// Appends to a buffer within its room. What does not fit is left out and remembered, so that the whole line can be
/// taken back.
pub(crate) struct Line<'a> {
    buffer: &'a mut Vec<u8>,
    start: usize,
    overflowed: bool,
}

/// Whether a line was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    Whole,
    TooLong,
}

impl<'a> Line<'a> {
    /// A line after those already in the buffer.
    pub(crate) fn begin(buffer: &'a mut Vec<u8>) -> Self {
        Self {
            start: buffer.len(),
            buffer,
            overflowed: false,
        }
    }

    #[inline]
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        if self.buffer.capacity() - self.buffer.len() < bytes.len() {
            self.overflowed = true;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
    }

    pub(crate) fn put_text(&mut self, text: &str) {
        self.put(text.as_bytes());
    }

    /// Keeps the line if all of it fitted.
    pub(crate) fn end(self) -> Fit {
        if self.overflowed {
            self.buffer.truncate(self.start);
            Fit::TooLong
        } else {
            Fit::Whole
        }
    }
}

impl std::fmt::Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.put_text(text);
        Ok(())
    }
}
