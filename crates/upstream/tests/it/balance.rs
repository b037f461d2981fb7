//! Which endpoint is picked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;

use upstream::plan::Balance;
use upstream::{Endpoint, Lease, Upstream};

use crate::support::{Origin, begin, plan, run};

const ALL: [Balance; 4] = [
    Balance::RoundRobin,
    Balance::Random,
    Balance::LeastRequests,
    Balance::P2c,
];

/// Addresses nobody connects to.
fn addresses(weights: &[u32]) -> Vec<(SocketAddr, u32)> {
    (1..)
        .zip(weights)
        .map(|(port, weight)| (SocketAddr::from(([127, 0, 0, 1], port)), *weight))
        .collect()
}

fn upstream(balance: Balance, weights: &[u32]) -> Rc<Upstream> {
    begin(plan(balance, &addresses(weights))).1
}

/// The port of the endpoint picked, which is its place from 1.
fn pick(upstream: &Upstream, tried: &[Rc<Endpoint>]) -> u16 {
    let picked = upstream.pick(tried).expect("an endpoint");
    picked.address.port()
}

fn counts(upstream: &Upstream, picks: usize) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..picks {
        *counts.entry(pick(upstream, &[])).or_default() += 1;
    }
    counts
}

/// Keeps requests in flight: so many on the endpoint of that place.
async fn in_flight(upstream: &Upstream, loads: &[usize]) -> Vec<Lease> {
    let mut leases = Vec::new();
    for (endpoint, load) in upstream.endpoints().iter().zip(loads) {
        for _ in 0..*load {
            leases.push(endpoint.connect().await.expect("a connection"));
        }
        assert_eq!(endpoint.in_flight() as usize, *load);
    }
    leases
}

/// An upstream of real origins, and how often each endpoint is picked while `loads` are in flight.
fn counts_under_load(balance: Balance, weights: &[u32], loads: &[usize]) -> Vec<usize> {
    run(async {
        let origins: Vec<Origin> = weights.iter().map(|_| Origin::start()).collect();
        let planned: Vec<_> = origins
            .iter()
            .map(Origin::address)
            .zip(weights.iter().copied())
            .collect();
        let (_upstreams, upstream) = begin(plan(balance, &planned));
        let _leases = in_flight(&upstream, loads).await;
        let counts = counts(&upstream, 1000);
        planned
            .iter()
            .map(|(address, _)| counts.get(&address.port()).copied().unwrap_or(0))
            .collect()
    })
}

#[test]
fn nothing_to_pick_and_nothing_to_choose() {
    for balance in ALL {
        assert!(upstream(balance, &[]).pick(&[]).is_none());
        let only = upstream(balance, &[1]);
        let tried = only.endpoints();
        assert_eq!(
            pick(&only, &tried),
            1,
            "{balance:?}: the only one is tried again"
        );
    }
}

#[test]
fn round_robin_goes_in_turn_from_anywhere() {
    let upstream = upstream(Balance::RoundRobin, &[2, 2, 2]);
    let first = pick(&upstream, &[]);
    for step in 1..30 {
        assert_eq!(pick(&upstream, &[]), (first - 1 + step) % 3 + 1);
    }
}

/// Five of seven turns, and never more than two in a row over the end of a round.
#[test]
fn round_robin_is_smooth_over_weights() {
    let upstream = upstream(Balance::RoundRobin, &[5, 1, 1]);
    for _ in 0..3 {
        let round: Vec<u16> = (0..7).map(|_| pick(&upstream, &[])).collect();
        assert_eq!(round, [1, 1, 2, 1, 3, 1, 1]);
    }
}

/// Bounds are seven standard deviations wide.
#[track_caller]
fn check_shares(balance: Balance, weights: &[u32], shares: &[f64]) {
    const PICKS: usize = 20_000;
    let counts = counts(&upstream(balance, weights), PICKS);
    for (port, share) in (1..).zip(shares) {
        let expected = share * PICKS as f64;
        let bound = 7.0 * (expected * (1.0 - share)).sqrt();
        let found = counts.get(&port).copied().unwrap_or(0) as f64;
        assert!(
            (found - expected).abs() <= bound,
            "{balance:?} {weights:?}: {counts:?}"
        );
    }
}

#[test]
fn random_follows_the_weights() {
    check_shares(Balance::Random, &[1, 1, 1, 1], &[0.25; 4]);
    check_shares(Balance::Random, &[1, 3, 6], &[0.1, 0.3, 0.6]);
    check_shares(Balance::Random, &[1, 999], &[0.001, 0.999]);
}

#[test]
fn equals_share_evenly() {
    check_shares(Balance::LeastRequests, &[1, 1, 1, 1], &[0.25; 4]);
    check_shares(Balance::P2c, &[1, 1, 1, 1], &[0.25; 4]);
}

#[test]
fn least_requests_takes_the_least_loaded() {
    assert_eq!(
        counts_under_load(Balance::LeastRequests, &[1, 1, 1], &[2, 1, 0]),
        [0, 0, 1000]
    );
    assert_eq!(
        counts_under_load(Balance::LeastRequests, &[1, 1, 1], &[3, 1, 2]),
        [0, 1000, 0]
    );
    // Three on four is less than one on one.
    assert_eq!(
        counts_under_load(Balance::LeastRequests, &[4, 1], &[2, 0]),
        [1000, 0]
    );
    // Of idle ones the heavier is the less loaded.
    assert_eq!(
        counts_under_load(Balance::LeastRequests, &[1, 2], &[0, 0]),
        [0, 1000]
    );
}

/// With two endpoints both are drawn each time; with three the most loaded one never is the better.
#[test]
fn p2c_never_picks_the_more_loaded_of_two() {
    assert_eq!(counts_under_load(Balance::P2c, &[1, 1], &[1, 0]), [0, 1000]);
    // Three requests to come on three are no more than one on one: the first drawn wins.
    let even = counts_under_load(Balance::P2c, &[1, 3], &[0, 2]);
    assert!(even.iter().all(|count| *count > 300), "{even:?}");
    assert_eq!(counts_under_load(Balance::P2c, &[1, 3], &[0, 3]), [1000, 0]);
    let counts = counts_under_load(Balance::P2c, &[1, 1, 1], &[2, 0, 1]);
    assert_eq!(counts[0], 0, "{counts:?}");
    // The second best wins when it meets the worst: a third of the draws.
    assert!(counts[1] > counts[2] && counts[2] > 200, "{counts:?}");
}

#[test]
fn tried_endpoints_are_passed_over() {
    for balance in ALL {
        for weights in [[1, 1, 1], [1, 5, 9]] {
            let upstream = upstream(balance, &weights);
            let all = upstream.endpoints();
            for _ in 0..200 {
                assert_ne!(pick(&upstream, &all[..1]), 1, "{balance:?}");
                assert_eq!(pick(&upstream, &all[..2]), 3, "{balance:?}");
                assert_eq!(
                    pick(&upstream, &[Rc::clone(&all[0]), Rc::clone(&all[2])]),
                    2,
                    "{balance:?}"
                );
                // When all were tried any is better than none.
                assert!(upstream.pick(&all).is_some());
            }
        }
    }
}
