//! One line per request, written by a thread of its own.
//!
//! Each worker formats lines into buffers of its [`AccessSink`] and hands full ones to the writer's queue; the writer
//! gives them back empty. A target that is slow, full or gone costs lines, which are counted, never a worker's time.
//! Nothing is rotated here: whoever rotates renames the file and asks for [`AccessLog::reopen`].

mod digits;
mod escape;
mod layout;
mod line;
mod meter;
mod record;
mod records;
mod sink;
mod target;
mod writer;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

pub use meter::{Counts, Meter};
pub use record::{AccessRecord, End};
pub use records::{RecordForm, RecordSink};
pub use sink::AccessSink;

use crate::plan::AccessLogPlan;
use layout::Layout;
use target::Target;
use writer::{Control, Parcel, Writer};

/// A running access log.
#[derive(Debug)]
pub struct AccessLog {
    layout: Arc<Layout>,
    queue: SyncSender<Parcel>,
    control: Arc<Control>,
    meter: Meter,
    /// Disconnected when the thread ends.
    ended: Receiver<()>,
    thread: JoinHandle<()>,
}

/// What became of the queue when the log was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Every line handed over before was written, or counted as dropped because the target refused it.
    Flushed,
    /// The target blocked: lines that were still queued are lost.
    Cut,
}

impl AccessLog {
    /// Opens the target and starts the writer's thread. A file is appended to and created with mode 0640 if need be.
    /// A named pipe that nobody reads does not hold this up: lines are dropped until there is a reader.
    ///
    /// # Errors
    /// When the target cannot be opened or no thread be started.
    pub fn start(plan: &AccessLogPlan) -> io::Result<Self> {
        let target = Target::open(&plan.target)?;
        let (queue, parcels) = sync_channel(writer::QUEUE_MAX);
        let (ending, ended) = sync_channel(0);
        let control = Arc::new(Control::default());
        let meter = Meter::default();
        let writer = Writer::new(target, Arc::clone(&control), meter.clone());
        let thread = Builder::new().name("access-log".into()).spawn(move || {
            writer.run(&parcels);
            drop(ending);
        })?;
        Ok(Self {
            layout: Arc::new(Layout::new(plan)),
            queue,
            control,
            meter,
            ended,
            thread,
        })
    }

    /// A place to record for one worker.
    pub fn sink(&self) -> AccessSink {
        AccessSink::new(
            Arc::clone(&self.layout),
            self.queue.clone(),
            self.meter.clone(),
        )
    }

    /// Asks the writer to open the path again, as after a rotation; returns at once. If it cannot be opened the old
    /// file stays in use, and the failure is counted and reported. No effect on standard output.
    pub fn reopen(&self) {
        self.control.ask_reopen();
        self.wake();
    }

    /// What was written and lost so far.
    pub fn counts(&self) -> Counts {
        self.meter.counts()
    }

    /// A handle to the counts that outlives the log.
    pub fn meter(&self) -> Meter {
        self.meter.clone()
    }

    /// Writes what sinks have handed over and ends the thread. Sinks are to be flushed or dropped before; what they
    /// record after is dropped and counted. May block for `within` and no longer, whatever the target does: a thread
    /// stuck in a write is left behind.
    pub fn stop(self, within: Duration) -> Stopped {
        let deadline = Instant::now() + within;
        self.control.ask_stop(deadline);
        self.wake();
        let patience = within + writer::STEP * 2;
        match self.ended.recv_timeout(patience) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {}
            Err(RecvTimeoutError::Timeout) => return Stopped::Cut,
        }
        // The thread has nothing left to do but return. A panic in it has been reported by the panic hook.
        if self.thread.join().is_err() || self.control.was_cut() {
            Stopped::Cut
        } else {
            Stopped::Flushed
        }
    }

    /// A full queue needs no waking.
    fn wake(&self) {
        drop(self.queue.try_send(Parcel::Wake));
    }
}
