//! What a metric is called and what it means.

/// A metric's name and meaning, written once as a static. Names are legal in both formats as they stand
/// (`[a-zA-Z_][a-zA-Z0-9_]*`).
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// With the unit and, for a counter, with `_total`: what a query names.
    pub name: &'static str,
    /// One sentence.
    pub help: &'static str,
    /// In words and plural, as the name ends: `seconds`, `bytes`. A unit the name does not end with is not shown.
    pub unit: Option<&'static str>,
    /// How its values behave.
    pub kind: Kind,
}

/// How a metric's values behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows until the process ends.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations in buckets.
    Histogram,
}

impl Kind {
    /// The word after the name in a TYPE line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Family {
    /// The name without the suffix that marks a counter: OpenMetrics names the family so.
    pub(crate) fn stem(&self) -> &'static str {
        match self.kind {
            Kind::Counter => self.name.strip_suffix("_total").unwrap_or(self.name),
            Kind::Gauge | Kind::Histogram => self.name,
        }
    }
}
