//! Sheets as OTLP: the items of an export request.

use std::borrow::Cow;
use std::collections::HashMap;

use foldhash::fast::RandomState;
use otlp::Temporality;

use super::labels::Labels;
use super::points::{Interval, Point, append_metrics};
use super::rows::{Rows, Value};
use super::sheet::Sheet;
use super::temporality::temporality;
use crate::plan::OtlpTemporality;

/// Turns sheets into OTLP, one after the other; remembers the last one as far as differences need it.
///
/// Each sheet is to hold the figures of every worker. One that lacks a worker's would look as if counters had begun
/// again: leave it out and give the next, nothing is lost by that. Keep one for as long as there are figures: another
/// would not know what was said, and its first differences are everything since the start.
#[derive(Debug)]
pub struct MetricsPush {
    preference: OtlpTemporality,
    start_unix_nanos: u64,
    last_unix_nanos: u64,
    /// By the name of the family; only those of which differences are pushed.
    last: HashMap<&'static str, Rows, RandomState>,
}

impl MetricsPush {
    /// `start_unix_nanos`: when the process began to count, in nanoseconds since the Unix epoch.
    pub fn new(preference: OtlpTemporality, start_unix_nanos: u64) -> Self {
        Self {
            preference,
            start_unix_nanos,
            last_unix_nanos: start_unix_nanos,
            last: HashMap::default(),
        }
    }

    /// Points count from what this says from here on. Where they did otherwise before, differences begin at the start of
    /// the process: they make a series of their own, in which nothing is missing.
    pub fn prefer(&mut self, preference: OtlpTemporality) {
        if self.preference != preference {
            self.preference = preference;
            self.last.clear();
            self.last_unix_nanos = self.start_unix_nanos;
        }
    }

    /// Appends every metric of the sheet as items for an [`otlp::Envelope`], and returns how many data points they have.
    /// `now_unix_nanos` is when the sheet was collected. A metric of more than 1,000 points becomes several items of one
    /// name, so that requests can be cut between them.
    ///
    /// Cumulative points begin at the start. Differences begin at the sheet before; a counter that fell began again at
    /// 0, and a series without a difference is left out. Exemplars go along, with differences those of the time only.
    pub fn append_otlp(&mut self, sheet: &Sheet, now_unix_nanos: u64, out: &mut Vec<u8>) -> u64 {
        let mut points = 0;
        let mut last = HashMap::default();
        for rows in sheet.rows_by_name() {
            let settled = rows.settled();
            let temporality = temporality(self.preference, settled.family.instrument().kind);
            let interval = Interval {
                start_unix_nanos: self.start(temporality),
                now_unix_nanos,
                temporality,
            };
            let before = self.last.get(settled.family.name());
            points += append_metrics(out, settled.family, interval, &changes(&settled, before));
            if temporality == Temporality::Delta {
                last.insert(settled.family.name(), settled.into_owned());
            }
        }
        self.last = last;
        self.last_unix_nanos = now_unix_nanos;
        points
    }

    fn start(&self, temporality: Temporality) -> u64 {
        match temporality {
            Temporality::Cumulative => self.start_unix_nanos,
            Temporality::Delta => self.last_unix_nanos,
        }
    }
}

/// Each series, less what it was before; those that are as they were are left out.
fn changes<'a>(rows: &'a Rows, before: Option<&Rows>) -> Vec<Point<'a>> {
    let change = |(labels, value): (&'a Labels, &'a Value)| {
        let value = match before.and_then(|before| before.value(labels)) {
            None => Cow::Borrowed(value),
            Some(before) => Cow::Owned(value.since(before)?),
        };
        Some(Point { labels, value })
    };
    rows.sorted().into_iter().filter_map(change).collect()
}
