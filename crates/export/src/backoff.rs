//! How long to wait before a request is sent again. Knows no clock and draws no number: both are passed in.

use std::time::Duration;

use tokio::time::Instant;

use crate::plan::RetryPlan;

const WAIT_MIN: Duration = Duration::from_millis(1);
/// A back end that asks for less would be hammered.
const ASKED_MIN: Duration = Duration::from_millis(100);
const WAIT_MAX: Duration = Duration::from_secs(3600);

/// How long a request is sent again, within its bounds.
pub(crate) fn patience(plan: &RetryPlan) -> Duration {
    plan.elapsed_max.min(24 * WAIT_MAX)
}

/// The waits of one request.
#[derive(Debug)]
pub(crate) struct Backoff {
    /// The middle of the next wait, unless the back end asks for another.
    next: Duration,
    max: Duration,
    factor: f64,
    jitter: f64,
    deadline: Instant,
}

/// A wait, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) until: Instant,
    /// Whether the back end asked for it: then nothing may cut it short.
    pub(crate) asked: bool,
}

impl Backoff {
    /// The waits of a request that is first sent at `began`.
    pub(crate) fn new(plan: &RetryPlan, began: Instant) -> Self {
        let max = plan.max.clamp(WAIT_MIN, WAIT_MAX);
        Self {
            next: plan.initial.clamp(WAIT_MIN, max),
            max,
            factor: bounded(plan.factor, 1.0, 10.0),
            jitter: bounded(plan.jitter, 0.0, 1.0),
            deadline: began + patience(plan),
        }
    }

    /// When the last attempt may begin.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The next wait, given what the back end asked for (OT-18, OT-31) and a number from 0 to 1; `None` when it would
    /// end after the deadline. A wait that was asked for is never shortened, and the next grows from it.
    pub(crate) fn wait(
        &mut self,
        now: Instant,
        asked: Option<Duration>,
        draw: f64,
    ) -> Option<Wait> {
        let draw = bounded(draw, 0.0, 1.0);
        let asked = asked.filter(|wait| !wait.is_zero());
        let wait = match asked {
            Some(asked) => {
                let asked = asked.clamp(ASKED_MIN, WAIT_MAX);
                self.next = self.grown(asked).max(asked);
                asked + scaled(asked.min(self.max), self.jitter * draw)
            }
            None => {
                let middle = self.next;
                self.next = self.grown(middle).max(middle);
                scaled(middle, 1.0 - self.jitter + 2.0 * self.jitter * draw)
            }
        };
        let until = now + wait;
        (until <= self.deadline).then_some(Wait {
            until,
            asked: asked.is_some(),
        })
    }

    fn grown(&self, wait: Duration) -> Duration {
        scaled(wait, self.factor).min(self.max)
    }
}

/// `NaN` counts as the lower bound.
fn bounded(value: f64, min: f64, max: f64) -> f64 {
    value.max(min).min(max)
}

/// `factor` is at least 0; a product that is too long counts as an hour.
fn scaled(wait: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(wait.as_secs_f64() * factor).unwrap_or(WAIT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(elapsed_max: u64) -> RetryPlan {
        RetryPlan {
            elapsed_max: Duration::from_secs(elapsed_max),
            ..RetryPlan::default()
        }
    }

    /// Each step: what the back end asks for in seconds, and the wait in milliseconds that follows when the number
    /// drawn lies in the middle.
    #[track_caller]
    fn check(steps: &[(Option<f64>, u64)]) {
        let now = Instant::now();
        let mut backoff = Backoff::new(&plan(86_400), now);
        for (step, (asked, expected)) in steps.iter().enumerate() {
            let wait = backoff
                .wait(now, asked.map(Duration::from_secs_f64), 0.5)
                .unwrap();
            assert_eq!(
                wait.asked,
                asked.is_some_and(|seconds| seconds > 0.0),
                "step {step}"
            );
            assert_eq!(
                (wait.until - now).as_millis(),
                u128::from(*expected),
                "step {step}"
            );
        }
    }

    #[test]
    fn waits_grow_to_the_maximum() {
        check(&[
            (None, 5_000),
            (None, 7_500),
            (None, 11_250),
            (None, 16_875),
            (None, 25_312),
            (None, 30_000),
            (None, 30_000),
        ]);
    }

    /// OT-18 and OT-31: at least what was asked for (here with a quarter of jitter on top), then growth from it.
    #[test]
    fn waits_grow_from_what_was_asked_for() {
        check(&[(Some(2.0), 2_500), (None, 3_000), (None, 4_500)]);
        check(&[(None, 5_000), (Some(1.0), 1_250), (None, 1_500)]);
        check(&[(Some(40.0), 47_500), (None, 40_000), (None, 40_000)]);
    }

    #[test]
    fn a_back_end_that_asks_for_nothing_is_not_hammered() {
        check(&[(Some(0.0), 5_000), (Some(0.000_001), 125), (None, 150)]);
    }

    /// OT-33: jitter.
    #[test]
    fn jitter_spreads_own_waits_both_ways_and_asked_ones_only_up() {
        let now = Instant::now();
        for (asked, draw, expected) in [
            (None, 0.0, 2_500),
            (None, 1.0, 7_500),
            (Some(4), 0.0, 4_000),
            (Some(4), 1.0, 6_000),
        ] {
            let mut backoff = Backoff::new(&plan(86_400), now);
            let wait = backoff
                .wait(now, asked.map(Duration::from_secs), draw)
                .unwrap();
            assert_eq!((wait.until - now).as_millis(), expected, "{asked:?} {draw}");
        }
    }

    #[test]
    fn nothing_is_sent_again_after_the_deadline() {
        let now = Instant::now();
        assert_eq!(Backoff::new(&plan(0), now).wait(now, None, 0.5), None);
        assert_eq!(Backoff::new(&plan(4), now).wait(now, None, 0.5), None);
        assert!(Backoff::new(&plan(5), now).wait(now, None, 0.5).is_some());
        assert_eq!(
            Backoff::new(&plan(300), now).wait(now, Some(Duration::MAX), 0.5),
            None
        );
    }

    #[test]
    fn odd_numbers_do_no_harm() {
        let now = Instant::now();
        let mut odd = plan(86_400);
        (odd.factor, odd.jitter) = (f64::NAN, f64::INFINITY);
        (odd.initial, odd.max) = (Duration::MAX, Duration::MAX);
        let wait = Backoff::new(&odd, now).wait(now, None, f64::NAN);
        assert_eq!(wait.unwrap().until, now);
    }
}
