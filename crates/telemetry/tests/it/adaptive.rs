//! Shares of sampling that follow the traffic, second by simulated second.

use std::time::Duration;

use message::Fields;
use telemetry::plan::{RatePlan, SamplingPlan};
use telemetry::trace::{Sampler, Subject};

const ALL: f64 = (1_u64 << 56) as f64;
const SECOND: Duration = Duration::from_secs(1);

/// Of two routes, on this many workers: 10 traces per second, between one in a hundred and all.
fn sampler(workers: u32) -> Sampler {
    let plan = SamplingPlan {
        rate: RatePlan::Adaptive {
            per_second: 10,
            base_ratio: 0.01,
            max_ratio: 1.0,
        },
        ..SamplingPlan::default()
    };
    Sampler::new(&plan, &["busy", "quiet"], workers)
}

/// One request; the share it was drawn with.
fn draw(sampler: &Sampler, route: Option<usize>) -> f64 {
    let fields = Fields::default();
    let subject = Subject {
        route,
        host: b"a",
        path: b"/",
        fields: &fields,
    };
    1.0 - sampler.draw(subject).threshold.bits() as f64 / ALL
}

/// A second with that many requests; the traces it is expected to give.
fn second(sampler: &Sampler, route: Option<usize>, requests: u32) -> f64 {
    let traces = (0..requests).map(|_| draw(sampler, route)).sum();
    sampler.adapt(SECOND);
    traces
}

#[track_caller]
fn assert_near(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() <= expected * 0.01,
        "expected {expected}, found {found}"
    );
}

#[test]
fn a_busy_route_gives_as_many_traces_as_were_asked_for() {
    let sampler = sampler(1);
    // Nothing is known yet.
    assert_near(second(&sampler, Some(0), 500), 500.0);
    for _ in 0..5 {
        assert_near(second(&sampler, Some(0), 500), 10.0);
    }
}

#[test]
fn workers_share_what_was_asked_for() {
    let sampler = sampler(4);
    second(&sampler, Some(0), 100);
    assert_near(second(&sampler, Some(0), 100), 2.5);
}

#[test]
fn shares_stay_within_their_bounds() {
    let sampler = sampler(1);
    second(&sampler, Some(0), 100_000);
    assert_near(draw(&sampler, Some(0)), 0.01);
    second(&sampler, Some(1), 3);
    assert_near(draw(&sampler, Some(1)), 1.0);
}

#[test]
fn routes_adapt_on_their_own() {
    let sampler = sampler(1);
    second(&sampler, Some(0), 1_000);
    // What is quiet is recorded whole, and so is what has no route.
    assert_near(draw(&sampler, Some(1)), 1.0);
    assert_near(draw(&sampler, None), 1.0);
    assert_near(draw(&sampler, Some(0)), 0.01);
}

/// A burst is believed at once; that it is over, bit by bit.
#[test]
fn a_burst_is_believed_at_once_and_forgotten_slowly() {
    let sampler = sampler(1);
    second(&sampler, Some(0), 20);
    assert_near(draw(&sampler, Some(0)), 0.5);
    sampler.adapt(SECOND);
    second(&sampler, Some(0), 400);
    let after_burst = draw(&sampler, Some(0));
    assert_near(after_burst, 0.025);
    let mut shares = vec![after_burst];
    for _ in 0..40 {
        second(&sampler, Some(0), 20);
        shares.push(draw(&sampler, Some(0)));
    }
    assert!(shares.is_sorted(), "{shares:?}");
    let halfway = shares.iter().position(|share| *share >= 0.05);
    assert!(
        halfway.is_some_and(|seconds| (3..=6).contains(&seconds)),
        "{shares:?}"
    );
    assert!(
        shares.last().is_some_and(|share| *share > 0.4),
        "{shares:?}"
    );
}
