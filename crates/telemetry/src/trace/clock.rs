//! Wall-clock times without a clock read per span.

use std::time::{Instant, SystemTime};

use crate::time::{nanos, unix_nanos};

/// One moment on both clocks. Refreshed several times a second, so that a wall clock that is set shows soon.
#[derive(Clone, Copy, Debug)]
pub struct Anchor {
    instant: Instant,
    unix_nanos: u64,
}

impl Anchor {
    /// This moment; reads both clocks.
    pub fn now() -> Self {
        Self {
            instant: Instant::now(),
            unix_nanos: unix_nanos(SystemTime::now()),
        }
    }

    /// Nanoseconds since 1970 of another moment.
    pub fn unix_nanos(&self, at: Instant) -> u64 {
        if at >= self.instant {
            self.unix_nanos.saturating_add(nanos(at - self.instant))
        } else {
            self.unix_nanos.saturating_sub(nanos(self.instant - at))
        }
    }
}
