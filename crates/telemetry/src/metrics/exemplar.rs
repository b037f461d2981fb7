//! Which trace a bucket's last observation belongs to.

/// The span under which something was observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exemplar {
    /// Not all zero.
    pub trace_id: [u8; 16],
    /// Not all zero.
    pub span_id: [u8; 8],
    /// When it was observed, in nanoseconds since the Unix epoch. Of two, the newer is kept.
    pub unix_nanos: u64,
}

/// Which observations are offered as exemplars; `OTEL_METRICS_EXEMPLAR_FILTER`. Whoever counts asks it and passes an
/// [`Exemplar`] or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExemplarFilter {
    /// Every one that belongs to a span.
    AlwaysOn,
    /// None.
    AlwaysOff,
    /// Those whose span is kept, decided before the exemplar is offered: one that points at a dropped trace is of no use.
    #[default]
    TraceBased,
}

impl ExemplarFilter {
    /// Whether an observation is offered whose span is kept, or not.
    pub fn offers(self, is_span_kept: bool) -> bool {
        match self {
            Self::AlwaysOn => true,
            Self::AlwaysOff => false,
            Self::TraceBased => is_span_kept,
        }
    }
}

/// An exemplar and the observed value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) exemplar: Exemplar,
    pub(crate) value_nanos: u64,
}

impl Sample {
    pub(crate) fn is_newer_than(&self, other: &Self) -> bool {
        self.exemplar.unix_nanos > other.exemplar.unix_nanos
    }
}
