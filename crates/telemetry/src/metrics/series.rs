//! The histograms of one metric on one worker, by a packed key.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;

use super::exemplar::Exemplar;
use super::family::{Family, Instrument, Kind};
use super::histogram::Histogram;
use super::labels::{LabelValue, Labels};
use super::rows::Block;
use super::sheet::Sheet;

static SERIES_OVERFLOW: Family = Family::new(Instrument {
    name: "tidegate.metrics.series_overflow",
    unit: "{request}",
    description: "Requests counted in the overflow series because the worker's bound on series was reached.",
    kind: Kind::Counter,
});

/// Series that are kept together: enough that copying is mostly moving memory, so few that growing is no pause.
const CHUNK: usize = 256;

/// Histograms by key, bounded. What finds no place is counted in one series that says so.
#[derive(Debug)]
pub(crate) struct SeriesTable {
    max: usize,
    /// By key; a series' number is its place, counted through the chunks.
    numbers: RefCell<HashMap<u64, usize, RandomState>>,
    chunks: RefCell<Vec<Chunk>>,
    overflow: Histogram,
    /// How many exemplars there were when it was copied last.
    samples_before: Cell<usize>,
}

/// Up to [`CHUNK`] series.
#[derive(Debug, Default)]
struct Chunk {
    /// Shared with sheets: copying figures counts one reference per chunk, not one per series.
    labels: Arc<Vec<Labels>>,
    histograms: Vec<Histogram>,
}

impl SeriesTable {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            max,
            numbers: RefCell::default(),
            chunks: RefCell::default(),
            overflow: Histogram::new(),
            samples_before: Cell::new(0),
        }
    }

    /// Counts a duration. Asks for labels, and allocates, when the key is new.
    pub(crate) fn observe(
        &self,
        key: u64,
        elapsed: Duration,
        exemplar: Option<Exemplar>,
        labels: impl FnOnce() -> Labels,
    ) {
        let known = self.numbers.borrow().get(&key).copied();
        let Some(number) = known.or_else(|| self.begin(key, labels)) else {
            self.overflow.observe_with(elapsed, exemplar);
            return;
        };
        let chunks = self.chunks.borrow();
        let histogram = chunks
            .get(number / CHUNK)
            .and_then(|chunk| chunk.histograms.get(number % CHUNK));
        if let Some(histogram) = histogram {
            histogram.observe_with(elapsed, exemplar);
        }
    }

    /// A new series, unless there are as many as there may be.
    #[cold]
    fn begin(&self, key: u64, labels: impl FnOnce() -> Labels) -> Option<usize> {
        let mut numbers = self.numbers.borrow_mut();
        let number = numbers.len();
        if number >= self.max {
            return None;
        }
        let mut chunks = self.chunks.borrow_mut();
        if number / CHUNK >= chunks.len() {
            chunks.push(Chunk::default());
        }
        let chunk = chunks.last_mut()?;
        // Copied when a sheet still has them.
        Arc::make_mut(&mut chunk.labels).push(labels());
        chunk.histograms.push(Histogram::new());
        numbers.insert(key, number);
        Some(number)
    }

    /// Copies every series: 128 bytes each and what exemplars there are, nothing formatted.
    pub(crate) fn collect(&self, family: &'static Family, sheet: &mut Sheet) {
        sheet.push_block(family, self.copy());
        if self.overflow.count() > 0 {
            // The name OpenTelemetry gives the series of everything beyond a bound.
            let labels = Labels::new(vec![("otel.metric.overflow", LabelValue::Bool(true))]);
            sheet.push_snapshot(family, labels, self.overflow.snapshot());
        }
        let metric = [("metric", family.instrument().name)];
        sheet.counter(&SERIES_OVERFLOW, &metric, self.overflow.count());
    }

    fn copy(&self) -> Block {
        let chunks = self.chunks.borrow();
        let mut block = Block {
            labels: Vec::with_capacity(chunks.len()),
            figures: Vec::with_capacity(self.numbers.borrow().len()),
            samples: Vec::with_capacity(self.samples_before.get()),
        };
        for chunk in chunks.iter() {
            block.labels.push(Arc::clone(&chunk.labels));
            for histogram in &chunk.histograms {
                let row = block.figures.len();
                let samples = histogram.samples();
                block
                    .samples
                    .extend(samples.map(|(bucket, sample)| (row, bucket, sample)));
                block.figures.push(histogram.figures());
            }
        }
        // There will be about as many the next time.
        self.samples_before.set(block.samples.len());
        block
    }
}
