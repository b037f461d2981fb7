//! Which requests are recorded, decided when a request begins.
//!
//! A decision is a threshold (OpenTelemetry, consistent probability sampling): a trace is kept when the 56 random bits of
//! its id are not below it. So every hop that decides with the same share keeps the same traces, and what is kept says
//! how many requests it stands for.

use std::cell::Cell;
use std::time::Duration;

use message::{Fields, HostPattern};
use propagation::Threshold;

use crate::plan::{RatePlan, SamplingPlan, SamplingRulePlan};

/// Weight of the last second in an adaptive rule's view of a route's rate: half of what it sees is from the last four
/// seconds.
const SMOOTHING: f64 = 0.16;

/// What a rule looks at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The route's place in the plan; `None` when none matched.
    pub route: Option<usize>,
    /// Normalised.
    pub host: &'a [u8],
    /// Normalised.
    pub path: &'a [u8],
    /// As the client sent them.
    pub fields: &'a Fields,
}

/// The share a request is drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// What its trace id's randomness is held against.
    pub threshold: Threshold,
    /// Whether it counts more than a decision that came with the request.
    pub overrides_parent: bool,
}

/// One worker's sampler for one plan.
#[derive(Debug)]
pub struct Sampler {
    rules: Box<[Rule]>,
    rest: Rate,
}

#[derive(Debug)]
struct Rule {
    plan: SamplingRulePlan,
    /// By the route's place; empty when the rule names none.
    routes: Box<[bool]>,
    rate: Rate,
}

#[derive(Debug)]
enum Rate {
    Fixed(Threshold),
    Adaptive(Adaptive),
}

/// Each route's share follows its traffic.
#[derive(Debug)]
struct Adaptive {
    /// This worker's part.
    per_second: f64,
    base_ratio: f64,
    max_ratio: f64,
    /// One per route, and one for requests without a route.
    routes: Box<[RouteRate]>,
}

#[derive(Debug)]
struct RouteRate {
    seen: Cell<u32>,
    /// Requests per second, smoothed.
    rate: Cell<f64>,
    threshold: Cell<Threshold>,
}

impl Sampler {
    /// For routes of these names, in the order of their places, on one of `workers` workers.
    pub fn new(plan: &SamplingPlan, routes: &[&str], workers: u32) -> Self {
        let rule = |rule: &SamplingRulePlan| Rule {
            routes: match &*rule.routes {
                [] => Box::default(),
                names => routes
                    .iter()
                    .map(|route| names.iter().any(|name| **name == **route))
                    .collect(),
            },
            rate: Rate::new(rule.rate, routes.len(), workers),
            plan: rule.clone(),
        };
        Self {
            rules: plan.rules.iter().map(rule).collect(),
            rest: Rate::new(plan.rate, routes.len(), workers),
        }
    }

    /// The share this request is drawn with. Counts it where shares adapt.
    pub fn draw(&self, subject: Subject<'_>) -> Draw {
        let rule = self.rules.iter().find(|rule| rule.takes(subject));
        let (rate, overrides_parent) = match rule {
            Some(rule) => (&rule.rate, rule.plan.overrides_parent),
            None => (&self.rest, false),
        };
        Draw {
            threshold: rate.threshold(subject.route),
            overrides_parent,
        }
    }

    /// Adapts to what was seen in the last `elapsed`; called about once a second.
    pub fn adapt(&self, elapsed: Duration) {
        let rates = self.rules.iter().map(|rule| &rule.rate);
        for rate in rates.chain([&self.rest]) {
            match rate {
                Rate::Fixed(_) => {}
                Rate::Adaptive(adaptive) => adaptive.adapt(elapsed),
            }
        }
    }
}

impl Rule {
    fn takes(&self, subject: Subject<'_>) -> bool {
        self.takes_route(subject.route)
            && (self.plan.hosts.is_empty() || takes_host(&self.plan.hosts, subject.host))
            && self
                .plan
                .path_prefix
                .as_ref()
                .is_none_or(|prefix| starts_with_segments(subject.path, prefix.as_bytes()))
            && self.plan.headers.iter().all(|(name, value)| {
                subject
                    .fields
                    .named(name.as_str().as_bytes())
                    .any(|found| found == value.as_str().as_bytes())
            })
    }

    fn takes_route(&self, route: Option<usize>) -> bool {
        self.plan.routes.is_empty()
            || route.is_some_and(|at| self.routes.get(at).copied().unwrap_or_default())
    }
}

fn takes_host(patterns: &[HostPattern], host: &[u8]) -> bool {
    patterns.iter().any(|pattern| match pattern {
        HostPattern::Exact(exact) => exact.as_bytes() == host,
        HostPattern::Wildcard(suffix) => {
            host.len() > suffix.len() && host.ends_with(suffix.as_bytes())
        }
    })
}

fn starts_with_segments(path: &[u8], prefix: &[u8]) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
}

impl Rate {
    fn new(plan: RatePlan, routes: usize, workers: u32) -> Self {
        match plan {
            RatePlan::Ratio(ratio) => Self::Fixed(Threshold::from_probability(ratio)),
            RatePlan::Adaptive {
                per_second,
                base_ratio,
                max_ratio,
            } => {
                // Nothing is known of the traffic yet: the first second is recorded as far as allowed.
                let first = || RouteRate {
                    seen: Cell::new(0),
                    rate: Cell::new(0.0),
                    threshold: Cell::new(Threshold::from_probability(max_ratio)),
                };
                Self::Adaptive(Adaptive {
                    per_second: f64::from(per_second) / f64::from(workers.max(1)),
                    base_ratio,
                    max_ratio,
                    routes: std::iter::repeat_with(first).take(routes + 1).collect(),
                })
            }
        }
    }

    fn threshold(&self, route: Option<usize>) -> Threshold {
        match self {
            Self::Fixed(threshold) => *threshold,
            Self::Adaptive(adaptive) => adaptive.threshold(route),
        }
    }
}

impl Adaptive {
    fn threshold(&self, route: Option<usize>) -> Threshold {
        let at = route.map_or(0, |at| at + 1);
        let Some(route) = self.routes.get(at) else {
            return Threshold::from_probability(self.base_ratio);
        };
        route.seen.set(route.seen.get().saturating_add(1));
        route.threshold.get()
    }

    fn adapt(&self, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64().max(0.001);
        for route in &self.routes {
            let last = f64::from(route.seen.take()) / seconds;
            let known = route.rate.get();
            // A route that wakes up is believed at once, or its first second would be recorded whole.
            let rate = if last > known {
                last
            } else {
                known + SMOOTHING * (last - known)
            };
            if rate == known {
                continue;
            }
            route.rate.set(rate);
            let wanted = self.per_second / rate;
            let ratio = wanted.clamp(self.base_ratio, self.max_ratio);
            route.threshold.set(Threshold::from_probability(ratio));
        }
    }
}
