//! Ten thousand routes.

use std::time::{Duration, Instant};

use gateway::plan::{MatchPlan, RoutePlan};
use gateway::router::Router;
use message::HostPattern;

use crate::support::{path, request, route};

const COUNT: u32 = 10_000;
/// Far more than it takes, also on a busy machine and without optimisation; quadratic work would take minutes.
const COMPILE_MAX: Duration = Duration::from_secs(5);

#[track_caller]
fn check(planned: impl Fn(u32) -> MatchPlan, asked: impl Fn(u32) -> (String, String)) {
    let routes: Vec<RoutePlan> = (0..COUNT).map(|number| route(planned(number))).collect();
    let start = Instant::now();
    let router = Router::new(&routes);
    let compiled = start.elapsed();
    assert!(compiled < COMPILE_MAX, "{compiled:?}");
    for number in 0..COUNT {
        let (host, target) = asked(number);
        let head = request("GET", &host, &target, &[]);
        assert_eq!(router.find(&head), Some(number), "{host}{target}");
    }
    let none = request("GET", "none.example", "/none", &[]);
    assert_eq!(router.find(&none), None);
}

fn on_path(text: String) -> MatchPlan {
    MatchPlan {
        path: Some(path(&text)),
        ..MatchPlan::default()
    }
}

#[test]
fn exact_paths() {
    let text = |number| format!("/api/r{number}/items");
    check(
        |number| on_path(text(number)),
        |number| ("a.example".into(), text(number)),
    );
}

#[test]
fn templates() {
    check(
        |number| on_path(format!("/api/{{tenant}}/r{number}/{{id}}")),
        |number| ("a.example".into(), format!("/api/acme/r{number}/7")),
    );
}

#[test]
fn prefixes_within_prefixes() {
    check(
        |number| on_path(format!("/p{}/q{number}*", number / 100)),
        |number| {
            (
                "a.example".into(),
                format!("/p{}/q{number}/and/more", number / 100),
            )
        },
    );
}

#[test]
fn hosts() {
    let host = |number: u32, label: &str| format!("{label}.h{number}.example");
    check(
        |number| {
            let label = if number % 2 == 0 { "www" } else { "*" };
            MatchPlan {
                hosts: vec![HostPattern::parse(&host(number, label)).expect("a host")],
                ..MatchPlan::default()
            }
        },
        |number| (host(number, "www"), "/".into()),
    );
}

/// One path for all: conditions are tried one after the other, and the last is found too.
#[test]
fn one_path_many_conditions() {
    let routes: Vec<RoutePlan> = (0..COUNT)
        .map(|number| {
            let mut matches = on_path("/same".into());
            matches.query.push(("n".into(), number.to_string().into()));
            route(matches)
        })
        .collect();
    let router = Router::new(&routes);
    for number in [0, COUNT / 2, COUNT - 1] {
        let head = request("GET", "a.example", &format!("/same?n={number}"), &[]);
        assert_eq!(router.find(&head), Some(number));
    }
}
