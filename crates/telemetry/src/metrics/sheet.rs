//! The figures one part of the program hands over, and their sum.

use std::collections::BTreeMap;
use std::time::Duration;

use super::family::{Family, Kind};
use super::format::Format;
use super::histogram::{Histogram, Snapshot};
use super::labels::Labels;
use super::render::render;

/// Figures of one worker or of the process at one moment: plain data that can be sent. As large as what is put in;
/// the parts that put in bound their series.
#[derive(Debug, Default)]
pub struct Sheet {
    families: BTreeMap<&'static str, Rows>,
}

/// The series of one family, in any order; equal labels count together.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) family: &'static Family,
    pub(crate) rows: Vec<(Labels, Value)>,
}

/// One figure.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Count(u64),
    /// A counter of time, in nanoseconds.
    Nanos(u128),
    Gauge(f64),
    Buckets(Snapshot),
}

impl Sheet {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds to a counter.
    pub fn counter(
        &mut self,
        family: &'static Family,
        labels: &[(&'static str, &str)],
        count: u64,
    ) {
        self.push(
            family,
            Kind::Counter,
            Labels::new(labels),
            Value::Count(count),
        );
    }

    /// Adds to a counter whose unit is seconds.
    pub fn counter_seconds(
        &mut self,
        family: &'static Family,
        labels: &[(&'static str, &str)],
        spent: Duration,
    ) {
        let value = Value::Nanos(spent.as_nanos());
        self.push(family, Kind::Counter, Labels::new(labels), value);
    }

    /// Adds to a gauge: gauges of several workers with equal labels show their sum.
    pub fn gauge(&mut self, family: &'static Family, labels: &[(&'static str, &str)], level: f64) {
        self.push(
            family,
            Kind::Gauge,
            Labels::new(labels),
            Value::Gauge(level),
        );
    }

    /// Adds a copy of a histogram.
    pub fn histogram(
        &mut self,
        family: &'static Family,
        labels: &[(&'static str, &str)],
        histogram: &Histogram,
    ) {
        let value = Value::Buckets(histogram.snapshot());
        self.push(family, Kind::Histogram, Labels::new(labels), value);
    }

    /// Adds every figure of another sheet to the one of equal family and labels.
    pub fn merge(&mut self, other: Self) {
        for (name, theirs) in other.families {
            match self.families.get_mut(name) {
                None => {
                    self.families.insert(name, theirs);
                }
                Some(mine) if mine.family.kind == theirs.family.kind => {
                    mine.rows.extend(theirs.rows);
                    mine.compact();
                }
                Some(mine) => clash(mine.family),
            }
        }
    }

    /// The text of every family in the order of their names, series in the order of their labels.
    pub fn render(&self, format: Format) -> String {
        render(self.families.values(), format)
    }

    pub(crate) fn push(
        &mut self,
        family: &'static Family,
        kind: Kind,
        labels: Labels,
        value: Value,
    ) {
        let known = self.families.entry(family.name).or_insert_with(|| Rows {
            family,
            rows: Vec::new(),
        });
        if known.family.kind == kind && family.kind == kind {
            known.rows.push((labels, value));
        } else {
            clash(family);
        }
    }
}

impl Rows {
    /// Sorts by labels and adds what is equal into one row each.
    pub(crate) fn compact(&mut self) {
        // Stable, because it is fast on the sorted runs that merging leaves.
        self.rows.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.rows.dedup_by(|(labels, value), (kept_labels, kept)| {
            let equal = labels == kept_labels;
            if equal {
                kept.add(value);
            }
            equal
        });
    }
}

impl Value {
    fn add(&mut self, other: &Self) {
        match (self, other) {
            (Self::Count(mine), Self::Count(theirs)) => *mine = mine.wrapping_add(*theirs),
            (Self::Nanos(mine), Self::Nanos(theirs)) => *mine = mine.wrapping_add(*theirs),
            (Self::Gauge(mine), Self::Gauge(theirs)) => *mine += theirs,
            (Self::Buckets(mine), Self::Buckets(theirs)) => mine.add(theirs),
            // Seconds and plain counts of one family: one of the two callers is wrong, and neither is trusted more.
            (Self::Count(_) | Self::Nanos(_) | Self::Gauge(_) | Self::Buckets(_), _) => {}
        }
    }
}

/// Two statics of one name and different kinds, or a figure of another kind than its family: a slip in our own code,
/// loud in tests; the later figure is left out otherwise.
fn clash(family: &Family) {
    debug_assert!(
        false,
        "metric {}: expected one kind, found two",
        family.name
    );
}
