//! The figures one part of the program hands over, and their sum.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use super::exposition::Exposition;
use super::family::{Family, Kind};
use super::histogram::{Histogram, Snapshot};
use super::labels::{Labels, label_text};
use super::render::Pieces;
use super::rows::{Block, Rows, Value};

/// Figures of one worker or of the process at one moment: plain data that can be sent. As large as what is put in;
/// the parts that put in bound their series.
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    /// By the name both formats share: figures of two names that differ in `_total` alone would be one family (M-4).
    families: BTreeMap<&'static str, Rows>,
    target: Option<Box<str>>,
}

impl Sheet {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds to a counter. Labels are attributes of OpenTelemetry: their keys may have dots.
    pub fn counter(
        &mut self,
        family: &'static Family,
        labels: &[(&'static str, &str)],
        count: u64,
    ) {
        self.push(family, Labels::of_texts(labels), Value::Count(count));
    }

    /// Adds to a counter whose unit is seconds.
    pub fn counter_seconds(
        &mut self,
        family: &'static Family,
        labels: &[(&'static str, &str)],
        spent: Duration,
    ) {
        let value = Value::Nanos(u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX));
        self.push(family, Labels::of_texts(labels), value);
    }

    /// Adds to a gauge or an UpDownCounter: those of several workers with equal labels show their sum.
    pub fn gauge(&mut self, family: &'static Family, labels: &[(&'static str, &str)], level: f64) {
        self.push(family, Labels::of_texts(labels), Value::Level(level));
    }

    /// Adds a copy of a histogram.
    pub fn histogram(
        &mut self,
        family: &'static Family,
        labels: &[(&'static str, &str)],
        histogram: &Histogram,
    ) {
        self.push_snapshot(family, Labels::of_texts(labels), histogram.snapshot());
    }

    /// Sets what `target_info` shows: the attributes of the resource, in place of those set before. Without any there is
    /// no `target_info`; there is never more than one (M-6).
    pub fn target(&mut self, attributes: &[(&str, &str)]) {
        let pairs = attributes
            .iter()
            .map(|(key, value)| (*key, Cow::from(*value)));
        self.target = (!attributes.is_empty()).then(|| label_text(pairs).into());
    }

    /// Adds every figure of another sheet to the one of equal family and labels; of two exemplars of a bucket the newer
    /// stays. A family that is of another kind there is left out, whole, and a warning says so once (M-4). The other's
    /// target wins, if it has one.
    pub fn merge(&mut self, other: Self) {
        for (name, theirs) in other.families {
            match self.families.get_mut(name) {
                None => {
                    self.families.insert(name, theirs);
                }
                Some(mine) => mine.merge(theirs),
            }
        }
        self.target = other.target.or(self.target.take());
    }

    /// The metrics that were put in, those without a series included, by name.
    pub fn families(&self) -> impl Iterator<Item = &'static Family> {
        self.families.values().map(|rows| rows.family)
    }

    /// The text of every family in the order of their names, series in the order of their labels. A [`Format`] alone
    /// renders with what else is the default.
    ///
    /// [`Format`]: super::Format
    pub fn render(&self, exposition: impl Into<Exposition>) -> String {
        self.clone().into_pieces(exposition).collect()
    }

    /// The same, piece by piece as it is asked for. Counting together and sorting happen here, at once: a millisecond for
    /// some thousand series.
    pub fn into_pieces(self, exposition: impl Into<Exposition>) -> Pieces {
        let families = self.families.into_values().map(Rows::into_sorted).collect();
        Pieces::new(families, self.target.as_deref(), exposition.into())
    }

    pub(crate) fn push_snapshot(
        &mut self,
        family: &'static Family,
        labels: Labels,
        snapshot: Snapshot,
    ) {
        self.push(family, labels, Value::Durations(snapshot));
    }

    pub(crate) fn push_block(&mut self, family: &'static Family, block: Block) {
        if let Some(rows) = self.rows(family, family.instrument().kind == Kind::Histogram) {
            rows.push_block(block);
        }
    }

    pub(crate) fn rows_by_name(&self) -> impl Iterator<Item = &Rows> {
        self.families.values()
    }

    fn push(&mut self, family: &'static Family, labels: Labels, value: Value) {
        if let Some(rows) = self.rows(family, value.suits(family.instrument().kind)) {
            rows.add(labels, value);
        }
    }

    /// Where figures of that family go; nowhere when the value is not of its kind or the name is another kind's.
    fn rows(&mut self, family: &'static Family, suits: bool) -> Option<&mut Rows> {
        if !suits {
            family.tell_clash();
            return None;
        }
        let rows = self
            .families
            .entry(family.stem())
            .or_insert_with(|| Rows::new(family));
        rows.accepts(family).then_some(rows)
    }
}
