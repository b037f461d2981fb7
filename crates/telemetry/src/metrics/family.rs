//! What a metric is called and what it means.

use std::sync::atomic::{AtomicBool, Ordering};

use super::name::{Name, Suffix};

/// A metric as OpenTelemetry describes it.
#[derive(Clone, Copy, Debug)]
pub struct Instrument {
    /// With dots, without unit: `http.server.request.duration`.
    pub name: &'static str,
    /// By UCUM: `s`, `By`; what is counted stands in braces, `{request}`; empty for none.
    pub unit: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// How its values behave.
    pub kind: Kind,
}

/// How a metric's values behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows until the process ends.
    Counter,
    /// The same, counted by somebody else (the kernel) and read when figures are collected: an asynchronous counter.
    ObservableCounter,
    /// A number of things, which come and go; whole numbers.
    UpDownCounter,
    /// A level: it goes up and down.
    Gauge,
    /// Observations in buckets.
    Histogram,
}

/// A metric, written once as a static, with the names Prometheus knows it by (M-2).
#[derive(Debug)]
pub struct Family {
    instrument: Instrument,
    name: Name,
    unit_words: Name,
    was_clash_told: AtomicBool,
}

impl Family {
    /// A metric of that description.
    ///
    /// # Panics
    /// When the name of Prometheus would be longer than 96 bytes; for a static the compiler says so.
    pub const fn new(instrument: Instrument) -> Self {
        let suffix = match instrument.kind {
            Kind::Counter | Kind::ObservableCounter => Suffix::Total,
            Kind::Gauge => Suffix::Ratio,
            Kind::UpDownCounter | Kind::Histogram => Suffix::Unit,
        };
        let (name, unit_words) = Name::derive(instrument.name, instrument.unit, suffix);
        Self {
            instrument,
            name,
            unit_words,
            was_clash_told: AtomicBool::new(false),
        }
    }

    /// The description it was made from.
    pub const fn instrument(&self) -> &Instrument {
        &self.instrument
    }

    /// What a query of Prometheus names, with the unit in words and, for a counter, with `_total` (M-2).
    pub const fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The unit in words and plural, as the name ends: `seconds`, `bytes`. `None` for a unit that is not shown.
    pub const fn unit_words(&self) -> Option<&str> {
        let words = self.unit_words.as_str();
        if words.is_empty() { None } else { Some(words) }
    }

    /// The name without the suffix that marks a counter: OpenMetrics names the family so.
    pub(crate) fn stem(&self) -> &str {
        match self.instrument.kind {
            Kind::Counter | Kind::ObservableCounter => {
                self.name().strip_suffix("_total").unwrap_or(self.name())
            }
            Kind::UpDownCounter | Kind::Gauge | Kind::Histogram => self.name(),
        }
    }

    /// Says once that figures of this family were left out, because another of its name is of another kind (M-4).
    pub(crate) fn tell_clash(&self) {
        if !self.was_clash_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                metric = self.name(),
                "expected one kind of this metric, found two: one is left out"
            );
        }
    }
}

impl Kind {
    /// The word after the name in a TYPE line (M-7).
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Counter | Self::ObservableCounter => "counter",
            Self::UpDownCounter | Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}
