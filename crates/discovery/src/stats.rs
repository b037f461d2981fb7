//! Counters.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a resolver has done since it was made. Readers see each counter alone, not all at one point in time.
#[derive(Debug, Default)]
pub struct Stats {
    resolutions: AtomicU64,
    failures: AtomicU64,
}

impl Stats {
    /// Names that were asked for, whatever came of it.
    pub fn resolutions(&self) -> u64 {
        self.resolutions.load(Ordering::Relaxed)
    }

    /// Resolutions that gave no address. One whose A or AAAA half gave some is not among them.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    pub(crate) fn count_resolution(&self) {
        self.resolutions.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }
}
