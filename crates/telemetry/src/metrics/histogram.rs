//! Durations in fixed buckets.

use std::cell::Cell;
use std::time::Duration;

const NANOS_PER_MILLI: u64 = 1_000_000;

/// How many buckets have an upper bound.
pub(crate) const BOUNDED: usize = 14;

/// The buckets the HTTP conventions ask for: how each bound is written, and its value.
pub(crate) const BOUNDS: [(&str, u64); BOUNDED] = [
    ("0.005", 5 * NANOS_PER_MILLI),
    ("0.01", 10 * NANOS_PER_MILLI),
    ("0.025", 25 * NANOS_PER_MILLI),
    ("0.05", 50 * NANOS_PER_MILLI),
    ("0.075", 75 * NANOS_PER_MILLI),
    ("0.1", 100 * NANOS_PER_MILLI),
    ("0.25", 250 * NANOS_PER_MILLI),
    ("0.5", 500 * NANOS_PER_MILLI),
    ("0.75", 750 * NANOS_PER_MILLI),
    ("1", 1_000 * NANOS_PER_MILLI),
    ("2.5", 2_500 * NANOS_PER_MILLI),
    ("5", 5_000 * NANOS_PER_MILLI),
    ("7.5", 7_500 * NANOS_PER_MILLI),
    ("10", 10_000 * NANOS_PER_MILLI),
];

/// Durations counted in buckets of 5 ms to 10 s. Belongs to one thread; a scraper gets a copy.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [Cell<u64>; BOUNDED + 1],
    sum_nanos: Cell<u64>,
}

impl Histogram {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one duration: integers only, no allocation. The sum wraps after 584 years of observed time, which a
    /// scraper reads as a restart.
    pub fn observe(&self, elapsed: Duration) {
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let at = BOUNDS
            .iter()
            .position(|(_, bound)| nanos <= *bound)
            .unwrap_or(BOUNDED);
        if let Some(bucket) = self.buckets.get(at) {
            bucket.set(bucket.get() + 1);
        }
        self.sum_nanos.set(self.sum_nanos.get().wrapping_add(nanos));
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(Cell::get).sum()
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            buckets: std::array::from_fn(|at| self.buckets.get(at).map_or(0, Cell::get)),
            sum_nanos: self.sum_nanos.get(),
        }
    }
}

/// What a [`Histogram`] held when it was copied.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// How many fell into each bucket, not cumulative; the last one has no bound.
    pub(crate) buckets: [u64; BOUNDED + 1],
    pub(crate) sum_nanos: u64,
}

impl Snapshot {
    pub(crate) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(other.buckets) {
            *mine = mine.wrapping_add(theirs);
        }
        self.sum_nanos = self.sum_nanos.wrapping_add(other.sum_nanos);
    }
}
