//! The thread that writes.

use std::io;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::meter::Meter;
use super::target::{Target, Wrote};

/// Parcels that may wait for the writer, over all workers. Each sink has few, so only hundreds of sinks reach this.
pub(crate) const QUEUE_MAX: usize = 1024;
/// How long the writer waits for a blocked target before it looks whether it should stop or reopen.
pub(crate) const STEP: Duration = Duration::from_millis(50);
/// Failures are reported once in this time, with how many there were.
const REPORT_EVERY: Duration = Duration::from_secs(10);
/// How often a pipe without a reader is tried.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// What the writer's queue holds.
#[derive(Debug)]
pub(crate) enum Parcel {
    Batch(Batch),
    /// Look at [`Control`].
    Wake,
}

/// A full buffer and the way back for it.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) lines: u64,
    pub(crate) back: SyncSender<Vec<u8>>,
}

/// What the writer is asked to do, beside the queue: a blocked writer does not read its queue.
#[derive(Debug, Default)]
pub(crate) struct Control {
    reopen: AtomicBool,
    stop_by: OnceLock<Instant>,
    cut: AtomicBool,
}

impl Control {
    pub(crate) fn ask_reopen(&self) {
        self.reopen.store(true, Ordering::Release);
    }

    pub(crate) fn ask_stop(&self, deadline: Instant) {
        self.stop_by.get_or_init(|| deadline);
    }

    /// Whether time ran out before the queue was empty.
    pub(crate) fn was_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }

    fn is_late(&self) -> bool {
        self.stop_by.get().is_some_and(|by| Instant::now() >= *by)
    }
}

/// State of the thread.
pub(crate) struct Writer {
    target: Target,
    control: Arc<Control>,
    meter: Meter,
    report: Report,
    /// A line was written in part: the next begins on a line of its own.
    torn: bool,
    tried: Instant,
}

impl Writer {
    pub(crate) fn new(target: Target, control: Arc<Control>, meter: Meter) -> Self {
        Self {
            target,
            control,
            meter,
            report: Report::default(),
            torn: false,
            tried: Instant::now(),
        }
    }

    /// Writes until asked to stop, or until the log and all sinks are gone. Blocks.
    pub(crate) fn run(mut self, parcels: &Receiver<Parcel>) {
        while self.control.stop_by.get().is_none() {
            let Ok(parcel) = parcels.recv() else { return };
            self.take(parcel);
        }
        // As many as the queue can have held: a worker that goes on recording does not keep this going.
        for parcel in parcels.try_iter().take(QUEUE_MAX) {
            if self.control.is_late() {
                self.control.cut.store(true, Ordering::Release);
                self.drop_unwritten(&parcel);
            } else {
                self.take(parcel);
            }
        }
    }

    fn drop_unwritten(&self, parcel: &Parcel) {
        match parcel {
            Parcel::Batch(batch) => self.meter.add_dropped(batch.lines),
            Parcel::Wake => {}
        }
    }

    fn take(&mut self, parcel: Parcel) {
        self.reopen_if_asked();
        match parcel {
            Parcel::Batch(batch) => self.write(batch),
            Parcel::Wake => {}
        }
    }

    fn write(&mut self, mut batch: Batch) {
        self.find_reader();
        let written = self.write_bytes(&batch.bytes);
        let (taken, left) = batch.bytes.split_at(written.min(batch.bytes.len()));
        let lines = if left.is_empty() {
            batch.lines
        } else {
            self.torn = taken.last().map_or(self.torn, |last| *last != b'\n');
            count_lines(taken)
        };
        self.meter.add_written(lines);
        self.meter.add_dropped(batch.lines.saturating_sub(lines));
        batch.bytes.clear();
        // Fails only when the worker is gone.
        drop(batch.back.try_send(batch.bytes));
    }

    /// How many bytes the target took: all, unless it failed or time ran out.
    fn write_bytes(&mut self, bytes: &[u8]) -> usize {
        let mut written = 0;
        while written < bytes.len() {
            let left = bytes.get(written..).unwrap_or_default();
            match self.attempt(left) {
                Ok(Wrote::Some(count)) => written += count,
                Ok(Wrote::Absent) => break,
                Ok(Wrote::Later) => {
                    if self.control.is_late() {
                        self.control.cut.store(true, Ordering::Release);
                        break;
                    }
                    if self.reopen_if_asked() {
                        written = line_start(bytes, written);
                    }
                }
                Err(error) => {
                    self.fail("write", &error);
                    break;
                }
            }
        }
        written
    }

    fn attempt(&mut self, bytes: &[u8]) -> io::Result<Wrote> {
        let torn = self.torn;
        let wrote = self.target.write(if torn { b"\n" } else { bytes })?;
        match wrote {
            Wrote::Some(_) if torn => {
                self.torn = false;
                // Nothing of `bytes` is written yet: the caller comes again.
                Ok(Wrote::Some(0))
            }
            Wrote::Later => {
                self.target.wait(STEP)?;
                Ok(Wrote::Later)
            }
            Wrote::Some(_) | Wrote::Absent => Ok(wrote),
        }
    }

    /// Whether a newly opened target is in use, which knows nothing of a line begun in the old one.
    fn reopen_if_asked(&mut self) -> bool {
        self.control.reopen.swap(false, Ordering::AcqRel) && self.reopen()
    }

    /// Tries a pipe that had no reader again, once in a while.
    fn find_reader(&mut self) {
        if self.target.is_absent() && self.tried.elapsed() >= RETRY_EVERY {
            self.tried = Instant::now();
            self.reopen();
            if self.target.is_absent() {
                self.fail("open", &Errno::NXIO.into());
            }
        }
    }

    fn reopen(&mut self) -> bool {
        match self.target.reopen() {
            Ok(()) => {
                self.torn = false;
                true
            }
            Err(error) => {
                self.fail("reopen", &error);
                false
            }
        }
    }

    fn fail(&mut self, operation: &'static str, error: &io::Error) {
        self.meter.add_error();
        self.report.failure(&self.target, operation, error);
    }
}

/// Where the line that holds this place begins.
fn line_start(bytes: &[u8], at: usize) -> usize {
    let before = bytes.get(..at).unwrap_or_default();
    before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1)
}

fn count_lines(bytes: &[u8]) -> u64 {
    let ends = bytes.iter().filter(|byte| **byte == b'\n').count();
    u64::try_from(ends).unwrap_or(u64::MAX)
}

/// Reports failures, but not each of them.
#[derive(Default)]
struct Report {
    last: Option<Instant>,
    unreported: u64,
}

impl Report {
    fn failure(&mut self, target: &Target, operation: &'static str, error: &io::Error) {
        if self.last.is_some_and(|last| last.elapsed() < REPORT_EVERY) {
            self.unreported += 1;
            return;
        }
        let earlier = std::mem::take(&mut self.unreported);
        tracing::warn!(target = %target.name(), operation, %error, earlier, "access log failed");
        self.last = Some(Instant::now());
    }
}
