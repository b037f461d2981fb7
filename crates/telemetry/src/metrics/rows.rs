//! The series of one family.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::exemplar::Sample;
use super::family::{Family, Kind};
use super::histogram::{Figures, Snapshot};
use super::labels::Labels;

/// The series of one family; equal labels count together.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    pub(crate) family: &'static Family,
    /// Whether another family of this name and kind says something else; then nothing is said (M-4).
    pub(crate) help_differs: bool,
    pub(crate) unit_differs: bool,
    rows: HashMap<Labels, Value, RandomState>,
    /// As workers copied them, not yet counted together.
    blocks: Vec<Block>,
}

/// The series of one family, counted together and in the order of their labels.
#[derive(Debug)]
pub(crate) struct Sorted {
    pub(crate) family: &'static Family,
    pub(crate) help_differs: bool,
    pub(crate) unit_differs: bool,
    pub(crate) rows: Vec<(Labels, Value)>,
}

/// One figure.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Count(u64),
    /// A counter of time, in nanoseconds: enough for 584 years.
    Nanos(u64),
    Level(f64),
    Durations(Snapshot),
}

/// Histograms of one worker, side by side.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// In pieces, which the worker shares with each sheet.
    pub(crate) labels: Vec<Arc<Vec<Labels>>>,
    /// In the order of the labels.
    pub(crate) figures: Vec<Figures>,
    /// Exemplars with place of the row and place of the bucket, in ascending order.
    pub(crate) samples: Vec<(usize, usize, Sample)>,
}

impl Rows {
    pub(crate) fn new(family: &'static Family) -> Self {
        Self {
            family,
            help_differs: false,
            unit_differs: false,
            rows: HashMap::default(),
            blocks: Vec::new(),
        }
    }

    /// Whether figures of a family of this name belong here. A conflict of kinds is told, one of help or unit noted (M-4).
    pub(crate) fn accepts(&mut self, family: &'static Family) -> bool {
        if std::ptr::eq(self.family, family) {
            return true;
        }
        let (mine, theirs) = (self.family.instrument(), family.instrument());
        if mine.kind != theirs.kind {
            family.tell_clash();
            return false;
        }
        self.help_differs |= mine.description != theirs.description;
        self.unit_differs |= self.family.unit_words() != family.unit_words();
        true
    }

    pub(crate) fn add(&mut self, labels: Labels, value: Value) {
        match self.rows.get_mut(&labels) {
            None => {
                self.rows.insert(labels, value);
            }
            Some(mine) => mine.add(&value),
        }
    }

    pub(crate) fn push_block(&mut self, block: Block) {
        self.blocks.push(block);
    }

    /// Adds another's figures, if they are of the same kind.
    pub(crate) fn merge(&mut self, theirs: Self) {
        if !self.accepts(theirs.family) {
            return;
        }
        self.help_differs |= theirs.help_differs;
        self.unit_differs |= theirs.unit_differs;
        self.rows.reserve(theirs.rows.len());
        for (labels, value) in theirs.rows {
            self.add(labels, value);
        }
        self.blocks.extend(theirs.blocks);
    }

    /// With everything counted together.
    pub(crate) fn settled(&self) -> Cow<'_, Self> {
        if self.blocks.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut settled = Self {
            rows: self.rows.clone(),
            blocks: Vec::new(),
            ..*self
        };
        for block in &self.blocks {
            block.append_to(&mut settled);
        }
        Cow::Owned(settled)
    }

    /// The same for whoever needs nothing else of it.
    pub(crate) fn into_sorted(mut self) -> Sorted {
        for block in std::mem::take(&mut self.blocks) {
            block.append_to(&mut self);
        }
        let mut rows: Vec<_> = self.rows.into_iter().collect();
        rows.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        Sorted {
            family: self.family,
            help_differs: self.help_differs,
            unit_differs: self.unit_differs,
            rows,
        }
    }

    /// The figure of those labels; of settled rows.
    pub(crate) fn value(&self, labels: &Labels) -> Option<&Value> {
        self.rows.get(labels)
    }

    /// In the order of their labels; of settled rows all of them.
    pub(crate) fn sorted(&self) -> Vec<(&Labels, &Value)> {
        let mut sorted: Vec<_> = self.rows.iter().collect();
        sorted.sort_unstable_by_key(|(labels, _)| *labels);
        sorted
    }
}

impl Block {
    fn append_to(&self, rows: &mut Rows) {
        let mut samples = self.samples.iter().peekable();
        for (row, (labels, figures)) in self
            .labels
            .iter()
            .flat_map(|piece| piece.iter())
            .zip(&self.figures)
            .enumerate()
        {
            let mut own = Vec::new();
            while let Some((_, bucket, sample)) = samples.next_if(|(at, ..)| *at == row) {
                own.push((*bucket, *sample));
            }
            let snapshot = Snapshot {
                figures: *figures,
                samples: own,
            };
            rows.add(labels.clone(), Value::Durations(snapshot));
        }
    }
}

impl Value {
    pub(crate) fn suits(&self, kind: Kind) -> bool {
        match kind {
            Kind::Counter | Kind::ObservableCounter => {
                matches!(self, Self::Count(_) | Self::Nanos(_))
            }
            Kind::UpDownCounter | Kind::Gauge => matches!(self, Self::Level(_)),
            Kind::Histogram => matches!(self, Self::Durations(_)),
        }
    }

    /// What came to it since it was that; all of it when it began again at 0, nothing when nothing did. A level is what
    /// it is.
    pub(crate) fn since(&self, before: &Self) -> Option<Self> {
        match (self, before) {
            (Self::Count(now), Self::Count(before)) => {
                let change = now.checked_sub(*before).unwrap_or(*now);
                (change > 0).then_some(Self::Count(change))
            }
            (Self::Nanos(now), Self::Nanos(before)) => {
                let change = now.checked_sub(*before).unwrap_or(*now);
                (change > 0).then_some(Self::Nanos(change))
            }
            (Self::Durations(now), Self::Durations(before)) => {
                now.since(before).map(Self::Durations)
            }
            (Self::Count(_) | Self::Nanos(_) | Self::Level(_) | Self::Durations(_), _) => {
                Some(self.clone())
            }
        }
    }

    fn add(&mut self, other: &Self) {
        match (self, other) {
            (Self::Count(mine), Self::Count(theirs)) => *mine = mine.wrapping_add(*theirs),
            (Self::Nanos(mine), Self::Nanos(theirs)) => *mine = mine.wrapping_add(*theirs),
            (Self::Level(mine), Self::Level(theirs)) => *mine += theirs,
            (Self::Durations(mine), Self::Durations(theirs)) => mine.add(theirs),
            // Seconds and plain counts of one family: one of the two callers is wrong, and neither is trusted more.
            (Self::Count(_) | Self::Nanos(_) | Self::Level(_) | Self::Durations(_), _) => {}
        }
    }
}
