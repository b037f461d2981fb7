//! What became of the lines.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::metrics::{Family, Instrument, Kind, Sheet};

static LINES: Family = Family::new(Instrument {
    name: "tidegate.access_log.lines",
    unit: "{line}",
    description: "Access log lines written.",
    kind: Kind::Counter,
});
static DROPPED: Family = Family::new(Instrument {
    name: "tidegate.access_log.dropped_lines",
    unit: "{line}",
    description: "Access log lines lost because the target was slow, full or gone.",
    kind: Kind::Counter,
});
static ERRORS: Family = Family::new(Instrument {
    name: "tidegate.access_log.errors",
    unit: "{error}",
    description: "Failures to write or reopen the access log.",
    kind: Kind::Counter,
});

/// Lines and failures since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines the target took.
    pub lines_written: u64,
    /// Lines it did not, and lines no buffer was free for.
    pub lines_dropped: u64,
    /// Failed writes and failed reopenings.
    pub write_errors: u64,
}

/// A shared handle to the counts. Changed once per buffer, or per dropped line.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Cells>);

#[derive(Debug, Default)]
struct Cells {
    written: AtomicU64,
    dropped: AtomicU64,
    errors: AtomicU64,
}

impl Meter {
    /// The counts at this moment.
    pub fn counts(&self) -> Counts {
        Counts {
            lines_written: self.0.written.load(Ordering::Relaxed),
            lines_dropped: self.0.dropped.load(Ordering::Relaxed),
            write_errors: self.0.errors.load(Ordering::Relaxed),
        }
    }

    /// Puts them into a sheet; once per scrape, not once per worker.
    pub fn collect(&self, sheet: &mut Sheet) {
        let counts = self.counts();
        sheet.counter(&LINES, &[], counts.lines_written);
        sheet.counter(&DROPPED, &[], counts.lines_dropped);
        sheet.counter(&ERRORS, &[], counts.write_errors);
    }

    pub(crate) fn add_written(&self, lines: u64) {
        self.0.written.fetch_add(lines, Ordering::Relaxed);
    }

    pub(crate) fn add_dropped(&self, lines: u64) {
        self.0.dropped.fetch_add(lines, Ordering::Relaxed);
    }

    pub(crate) fn add_error(&self) {
        self.0.errors.fetch_add(1, Ordering::Relaxed);
    }
}
