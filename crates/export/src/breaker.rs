//! When to leave a back end alone that fails. Knows no clock: the time is passed in.

use std::time::Duration;

use tokio::time::Instant;

use crate::plan::BreakerPlan;

const OPEN_MIN: Duration = Duration::from_millis(1);
const OPEN_MAX: Duration = Duration::from_secs(3600);

/// What the breaker does with requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BreakerState {
    /// Lets them through.
    #[default]
    Closed,
    /// Holds them back: too many failed in a row.
    Open,
    /// Lets one through to see whether the back end is well again.
    HalfOpen,
}

/// Counts failures in a row.
#[derive(Debug)]
pub(crate) struct Breaker {
    failures_to_open: u32,
    open_for: Duration,
    state: State,
    openings: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen { probing: bool },
}

/// Whether a request may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It may, as this kind.
    Go(Kind),
    /// Not before this.
    At(Instant),
    /// Not before the probe has ended.
    AfterProbe,
}

/// What a request means to the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    /// The one that decides whether the breaker closes.
    Probe,
}

/// How a request went, as far as the back end's health is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// It answered as one that works does.
    Well,
    /// It is busy: no reason to leave it alone, and none to believe it well (RPC-12).
    Busy,
    /// It could not be reached, did not answer in time, or failed.
    Ill,
}

impl Breaker {
    pub(crate) fn new(plan: &BreakerPlan) -> Self {
        Self {
            failures_to_open: plan.failures_to_open,
            open_for: plan.open_for.clamp(OPEN_MIN, OPEN_MAX),
            state: State::Closed { failures: 0 },
            openings: 0,
        }
    }

    pub(crate) fn state(&self) -> BreakerState {
        match self.state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// How often it opened.
    pub(crate) fn openings(&self) -> u64 {
        self.openings
    }

    /// Asks for one request. Each [`Admission::Go`] is answered by [`Breaker::record`] or [`Breaker::give_up`].
    pub(crate) fn admit(&mut self, now: Instant) -> Admission {
        match self.state {
            State::Closed { .. } => Admission::Go(Kind::Normal),
            State::Open { until } if now < until => Admission::At(until),
            State::HalfOpen { probing: true } => Admission::AfterProbe,
            State::Open { .. } | State::HalfOpen { probing: false } => {
                self.state = State::HalfOpen { probing: true };
                Admission::Go(Kind::Probe)
            }
        }
    }

    /// Takes note of how a request went. Those sent before it opened say nothing about the time since.
    pub(crate) fn record(&mut self, kind: Kind, health: Health, now: Instant) {
        match (kind, self.state) {
            (Kind::Probe, _) => match health {
                Health::Well => self.state = State::Closed { failures: 0 },
                Health::Busy | Health::Ill => self.open(now),
            },
            (Kind::Normal, State::Closed { failures }) => match health {
                Health::Well => self.state = State::Closed { failures: 0 },
                Health::Busy => {}
                Health::Ill => self.count(failures.saturating_add(1), now),
            },
            (Kind::Normal, State::Open { .. } | State::HalfOpen { .. }) => {}
        }
    }

    /// A request that was let through ended without telling anything (RPC-13).
    pub(crate) fn give_up(&mut self, kind: Kind) {
        match kind {
            Kind::Normal => {}
            Kind::Probe => self.state = State::HalfOpen { probing: false },
        }
    }

    /// Ends the wait of an open breaker: the next request is a probe.
    pub(crate) fn hurry(&mut self) {
        if let State::Open { .. } = self.state {
            self.state = State::HalfOpen { probing: false };
        }
    }

    fn count(&mut self, failures: u32, now: Instant) {
        if self.failures_to_open > 0 && failures >= self.failures_to_open {
            self.open(now);
        } else {
            self.state = State::Closed { failures };
        }
    }

    fn open(&mut self, now: Instant) {
        self.openings += 1;
        self.state = State::Open {
            until: now + self.open_for,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GO: Admission = Admission::Go(Kind::Normal);
    const PROBE: Admission = Admission::Go(Kind::Probe);
    const SECOND: Duration = Duration::from_secs(1);

    fn breaker(failures_to_open: u32) -> Breaker {
        Breaker::new(&BreakerPlan {
            failures_to_open,
            open_for: SECOND,
        })
    }

    fn fail(breaker: &mut Breaker, times: u32, now: Instant) {
        for _ in 0..times {
            assert_eq!(breaker.admit(now), GO);
            breaker.record(Kind::Normal, Health::Ill, now);
        }
    }

    #[test]
    fn opens_after_failures_in_a_row_only() {
        let now = Instant::now();
        let mut breaker = breaker(3);
        fail(&mut breaker, 2, now);
        breaker.record(Kind::Normal, Health::Well, now);
        fail(&mut breaker, 2, now);
        // RPC-12: neither a failure nor a success.
        breaker.record(Kind::Normal, Health::Busy, now);
        assert_eq!(breaker.state(), BreakerState::Closed);
        fail(&mut breaker, 1, now);
        assert_eq!(breaker.state(), BreakerState::Open);
        assert_eq!(breaker.admit(now), Admission::At(now + SECOND));
        assert_eq!(breaker.openings(), 1);
    }

    #[test]
    fn one_probe_decides() {
        let now = Instant::now();
        let due = now + SECOND;
        for (health, expected) in [
            (Health::Well, GO),
            (Health::Busy, Admission::At(due + SECOND)),
            (Health::Ill, Admission::At(due + SECOND)),
        ] {
            let mut breaker = breaker(1);
            fail(&mut breaker, 1, now);
            assert_eq!(breaker.admit(due), PROBE);
            assert_eq!(breaker.admit(due), Admission::AfterProbe);
            // Sent while it was closed.
            breaker.record(Kind::Normal, Health::Well, due);
            assert_eq!(breaker.state(), BreakerState::HalfOpen);
            breaker.record(Kind::Probe, health, due);
            assert_eq!(breaker.admit(due), expected, "{health:?}");
        }
    }

    /// RPC-13.
    #[test]
    fn a_lost_probe_makes_room_for_another() {
        let now = Instant::now();
        let mut breaker = breaker(1);
        fail(&mut breaker, 1, now);
        assert_eq!(breaker.admit(now + SECOND), PROBE);
        breaker.give_up(Kind::Probe);
        assert_eq!(breaker.admit(now + SECOND), PROBE);
    }

    #[test]
    fn hurry_ends_the_wait_of_an_open_breaker_only() {
        let now = Instant::now();
        let mut breaker = breaker(1);
        breaker.hurry();
        fail(&mut breaker, 1, now);
        breaker.hurry();
        assert_eq!(breaker.admit(now), PROBE);
        breaker.hurry();
        assert_eq!(breaker.admit(now), Admission::AfterProbe);
    }

    #[test]
    fn zero_never_opens() {
        let mut breaker = breaker(0);
        fail(&mut breaker, 1000, Instant::now());
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
}
