//! Times as OTLP counts them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Nanoseconds; 584 years are the most.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Nanoseconds since 1970; 0 before.
pub(crate) fn unix_nanos(time: SystemTime) -> u64 {
    nanos(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}
