//! Durations in fixed buckets.

use std::cell::{Cell, OnceCell};
use std::time::Duration;

use super::exemplar::{Exemplar, Sample};

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

/// Durations counted in buckets of 5 ms to 10 s, each with the last exemplar that was offered. Belongs to one thread; a
/// scraper gets a copy.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [Cell<u64>; BOUNDED + 1],
    sum_nanos: Cell<u64>,
    /// Made with the first exemplar: most series never see one.
    exemplars: OnceCell<Box<Exemplars>>,
}

/// By bucket.
type Exemplars = [Cell<Option<Sample>>; BOUNDED + 1];

impl Histogram {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one duration: integers only, no allocation. The sum wraps after 584 years of observed time, which a
    /// scraper reads as a restart.
    pub fn observe(&self, elapsed: Duration) {
        self.observe_with(elapsed, None);
    }

    /// Counts one duration and keeps the exemplar in its bucket, in place of the one before. The first exemplar of all
    /// allocates 720 bytes, no other does.
    pub fn observe_with(&self, elapsed: Duration, exemplar: Option<Exemplar>) {
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let at = BOUNDS
            .iter()
            .position(|(_, bound)| nanos <= *bound)
            .unwrap_or(BOUNDED);
        if let Some(bucket) = self.buckets.get(at) {
            bucket.set(bucket.get() + 1);
        }
        self.sum_nanos.set(self.sum_nanos.get().wrapping_add(nanos));
        if let Some(exemplar) = exemplar {
            let sample = Sample {
                exemplar,
                value_nanos: nanos,
            };
            self.keep(at, sample);
        }
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(Cell::get).sum()
    }

    fn keep(&self, bucket: usize, sample: Sample) {
        if let Some(slot) = self.exemplars.get_or_init(Box::default).get(bucket) {
            slot.set(Some(sample));
        }
    }

    /// Without exemplars.
    pub(crate) fn figures(&self) -> Figures {
        Figures {
            buckets: std::array::from_fn(|at| self.buckets.get(at).map_or(0, Cell::get)),
            sum_nanos: self.sum_nanos.get(),
        }
    }

    /// The exemplars that there are, each with the place of its bucket, in ascending order.
    pub(crate) fn samples(&self) -> impl Iterator<Item = (usize, Sample)> {
        let slots = self
            .exemplars
            .get()
            .into_iter()
            .flat_map(|slots| slots.iter());
        slots
            .enumerate()
            .filter_map(|(at, slot)| Some((at, slot.get()?)))
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            figures: self.figures(),
            samples: self.samples().collect(),
        }
    }
}

/// The numbers a [`Histogram`] held when it was copied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// How many fell into each bucket, not cumulative; the last one has no bound.
    pub(crate) buckets: [u64; BOUNDED + 1],
    pub(crate) sum_nanos: u64,
}

/// What a [`Histogram`] held when it was copied.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) figures: Figures,
    /// With the place of the bucket; at most one of each.
    pub(crate) samples: Vec<(usize, Sample)>,
}

impl Figures {
    pub(crate) fn count(&self) -> u64 {
        self.buckets
            .iter()
            .fold(0, |sum, count| sum.wrapping_add(*count))
    }
}

impl Snapshot {
    pub(crate) fn add(&mut self, other: &Self) {
        let mine = &mut self.figures;
        for (count, more) in mine.buckets.iter_mut().zip(other.figures.buckets) {
            *count = count.wrapping_add(more);
        }
        mine.sum_nanos = mine.sum_nanos.wrapping_add(other.figures.sum_nanos);
        for (at, sample) in &other.samples {
            self.offer(*at, *sample);
        }
    }

    /// What was counted after `before`; everything when a bucket fell, for then counting began again. `None`: nothing.
    pub(crate) fn since(&self, before: &Self) -> Option<Self> {
        let mut change = self.clone();
        let (now, before) = (&mut change.figures, &before.figures);
        let fell = now
            .buckets
            .iter()
            .zip(before.buckets)
            .any(|(now, before)| *now < before);
        if !fell {
            for (count, before) in now.buckets.iter_mut().zip(before.buckets) {
                *count -= before;
            }
            now.sum_nanos = now.sum_nanos.wrapping_sub(before.sum_nanos);
        }
        (now.count() > 0).then_some(change)
    }

    /// Keeps the newest of each bucket.
    fn offer(&mut self, bucket: usize, sample: Sample) {
        match self.samples.iter_mut().find(|(at, _)| *at == bucket) {
            None => self.samples.push((bucket, sample)),
            Some((_, known)) if sample.is_newer_than(known) => *known = sample,
            Some(_) => {}
        }
    }

    pub(crate) fn sample(&self, bucket: usize) -> Option<&Sample> {
        self.samples
            .iter()
            .find(|(at, _)| *at == bucket)
            .map(|(_, sample)| sample)
    }
}
