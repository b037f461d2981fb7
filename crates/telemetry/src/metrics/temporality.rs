//! Since when pushed figures count.

use otlp::Temporality;

use super::family::Kind;
use crate::plan::OtlpTemporality;

/// What a preference means for metrics of that kind. A gauge has no temporality and does not ask.
pub(crate) fn temporality(preference: OtlpTemporality, kind: Kind) -> Temporality {
    use OtlpTemporality::{Cumulative, Delta, LowMemory};
    match (preference, kind) {
        (Cumulative, _)
        | (LowMemory, Kind::ObservableCounter)
        | (Delta | LowMemory, Kind::UpDownCounter | Kind::Gauge) => Temporality::Cumulative,
        (Delta, Kind::ObservableCounter) | (Delta | LowMemory, Kind::Counter | Kind::Histogram) => {
            Temporality::Delta
        }
    }
}
