//! How late a worker's loop ran lately.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// The worst of at least so long is shown, and of at most twice as long.
const PERIOD: Duration = Duration::from_secs(10);

/// The longest delay of the last 10 to 20 seconds: looking at it changes nothing, so that several may look.
#[derive(Debug)]
pub(crate) struct LoopLag {
    worst: Cell<Duration>,
    worst_before: Cell<Duration>,
    period_began: Cell<Instant>,
}

impl LoopLag {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            worst: Cell::default(),
            worst_before: Cell::default(),
            period_began: Cell::new(now),
        }
    }

    /// Notes a delay that ended now.
    pub(crate) fn note(&self, lag: Duration, now: Instant) {
        if now.saturating_duration_since(self.period_began.get()) >= PERIOD {
            self.worst_before.set(self.worst.take());
            self.period_began.set(now);
        }
        self.worst.set(self.worst.get().max(lag));
    }

    pub(crate) fn worst(&self) -> Duration {
        self.worst.get().max(self.worst_before.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_the_last_period_is_shown() {
        let start = Instant::now();
        let lag = LoopLag::new(start);
        let after = |seconds| start + Duration::from_secs(seconds);
        let ms = Duration::from_millis;
        lag.note(ms(7), after(1));
        lag.note(ms(3), after(9));
        assert_eq!(lag.worst(), ms(7));
        assert_eq!(lag.worst(), ms(7), "looking changes nothing");
        lag.note(ms(2), after(11));
        assert_eq!(lag.worst(), ms(7));
        lag.note(ms(1), after(22));
        assert_eq!(lag.worst(), ms(2));
    }
}
