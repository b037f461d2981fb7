//! One signal to standard output, as lines of OTLP/JSON: the exporter `console` of the `OTEL_…_EXPORTER` variables.
//!
//! A thread of its own writes, since a terminal or a pipe may hold a writer up for as long as it likes; whoever hands
//! batches over never waits for it.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use otlp::{Envelope, append_json};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::batch::Batch;
use crate::exporter::Flushed;

/// Bytes that wait, counted by the room of their buffers; a batch that finds none is refused.
const WAITING_BYTES_MAX: usize = 32 << 20;

/// Writes what its queues are given: each batch becomes one line, a whole `Export…ServiceRequest`. Dropping it takes
/// nothing more; what waits is still written while the process lives.
#[derive(Debug)]
pub struct Console {
    shared: Arc<Shared>,
    ended: oneshot::Receiver<()>,
}

/// Where batches are handed over. Cheap to clone, for any thread.
#[derive(Clone, Debug)]
pub struct ConsoleQueue(Arc<Shared>);

/// What became of the items. At every moment `items_offered` is the sum of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConsoleCounts {
    /// Items that the queue took, and those counted as dropped before it.
    pub items_offered: u64,
    /// Items in lines that were written.
    pub items_written: u64,
    /// Items that were lost: no room in the queue, an output that failed, or the end.
    pub items_dropped: u64,
    /// Items that wait or are being written.
    pub items_waiting: u64,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Batch>,
    bytes: usize,
    is_closed: bool,
    counts: ConsoleCounts,
}

impl Console {
    /// Starts writing the envelope's signal to standard output. Lines of several consoles do not mix.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(envelope: Envelope) -> io::Result<Self> {
        Self::writing_to(envelope, io::stdout())
    }

    /// The same to another place. Each line is one call of `write_all` followed by `flush`.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn writing_to(envelope: Envelope, output: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (done, ended) = oneshot::channel();
        let writer = Arc::clone(&shared);
        thread::Builder::new()
            .name("console-export".to_owned())
            .spawn(move || {
                writer.write(&envelope, output);
                // Nobody may be waiting.
                done.send(()).ok();
            })?;
        Ok(Self { shared, ended })
    }

    /// The way in.
    pub fn queue(&self) -> ConsoleQueue {
        ConsoleQueue(Arc::clone(&self.shared))
    }

    /// Takes nothing more and writes what it has, for at most `within`; what is left then counts as lost, although a
    /// line that is being written may still come out. Dropping the future leaves the rest to be written.
    pub async fn shutdown(mut self, within: Duration) -> Flushed {
        let before = self.shared.lock().counts;
        self.shared.close();
        if timeout(within, &mut self.ended).await.is_err() {
            self.shared.discard();
        }
        let after = self.shared.lock().counts;
        Flushed {
            exported: after.items_written - before.items_written,
            lost: after.items_dropped - before.items_dropped,
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl ConsoleQueue {
    /// Hands a batch over. Never waits for the output. An empty one counts as taken.
    ///
    /// # Errors
    /// The batch itself, uncounted, when there is no room for it or the console has stopped.
    pub fn try_send(&self, batch: Batch) -> Result<(), Batch> {
        if batch.items == 0 && batch.bytes.is_empty() {
            batch.recycle();
            return Ok(());
        }
        let mut state = self.0.lock();
        let size = batch.bytes.capacity();
        if state.is_closed || state.bytes.saturating_add(size) > WAITING_BYTES_MAX {
            return Err(batch);
        }
        state.bytes += size;
        state.counts.items_offered += u64::from(batch.items);
        state.counts.items_waiting += u64::from(batch.items);
        state.waiting.push_back(batch);
        drop(state);
        self.0.filled.notify_one();
        Ok(())
    }

    /// Counts items as offered and lost.
    pub fn count_dropped(&self, items: u64) {
        let counts = &mut self.0.lock().counts;
        counts.items_offered += items;
        counts.items_dropped += items;
    }

    /// The counts at this moment.
    pub fn counts(&self) -> ConsoleCounts {
        self.0.lock().counts
    }
}

impl Shared {
    /// Until the queue is closed and empty.
    fn write(&self, envelope: &Envelope, mut output: impl Write) {
        let (mut request, mut line) = (Vec::new(), Vec::new());
        while let Some(batch) = self.take() {
            request.clear();
            line.clear();
            envelope.append_around(&[&batch.bytes], &mut request);
            let is_written = append_json(envelope.signal(), &request, &mut line).is_ok() && {
                line.push(b'\n');
                output
                    .write_all(&line)
                    .and_then(|()| output.flush())
                    .is_ok()
            };
            self.settle(u64::from(batch.items), is_written);
            batch.recycle();
        }
    }

    fn take(&self) -> Option<Batch> {
        let mut state = self.lock();
        loop {
            if let Some(batch) = state.waiting.pop_front() {
                state.bytes -= batch.bytes.capacity();
                return Some(batch);
            }
            if state.is_closed {
                return None;
            }
            state = self
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What was given up on meanwhile is counted already.
    fn settle(&self, items: u64, is_written: bool) {
        let counts = &mut self.lock().counts;
        let items = items.min(counts.items_waiting);
        counts.items_waiting -= items;
        if is_written {
            counts.items_written += items;
        } else {
            counts.items_dropped += items;
        }
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.filled.notify_one();
    }

    fn discard(&self) {
        let mut state = self.lock();
        for batch in state.waiting.drain(..) {
            batch.recycle();
        }
        state.bytes = 0;
        state.counts.items_dropped += state.counts.items_waiting;
        state.counts.items_waiting = 0;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
