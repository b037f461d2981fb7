//! `telemetry.sampling:`.

use std::time::Duration;

use message::{FieldName, FieldValue, HostPattern};
use telemetry::plan::{ParentRule, RatePlan, SamplingPlan, SamplingRulePlan};

use crate::error::{ErrorKind, Fault};
use crate::keys::headers::carries_secret;
use crate::keys::matching::HOST;
use crate::keys::path::PREFIX;
use crate::keys::word::{FIELD_NAME, FIELD_VALUE, NAME};
use crate::kind::{
    Choices, Flag, Fraction, Kind as _, Lower, Whole, choices, duration, list, lowered, map,
    object, whole,
};
use crate::object::{object, optional, or, required};
use crate::reader::Reader;
use crate::yaml::{Node, Place};

/// Sampling as written.
pub(crate) struct SamplingConfig {
    parent: ParentRule,
    ratio: Option<f64>,
    adaptive: Option<AdaptiveConfig>,
    rules: Vec<SamplingRulePlan>,
    always_errors: bool,
    slow_over: Option<Duration>,
}

object! {
    /// Which requests are recorded. Those that are not still carry a trace id on.
    "sampling": SamplingConfig, d = SamplingPlan::default() => {
        /// What a decision is worth that came with the request: `follow` it, or `ignore` it where clients are not to
        /// decide what is recorded.
        parent: or(PARENT, d.parent),
        /// The share of requests that no rule takes; absent, with `adaptive` absent too: all.
        ratio: optional(Fraction),
        /// As large a share of each route's requests as gives so many traces.
        adaptive: optional(object::<AdaptiveConfig>().checked(is_ordered)),
        /// The first rule that takes the request decides.
        rules: or(list("rules", lowered::<RuleConfig>(), 0, 64), Vec::new()),
        /// Whether requests that end in an error of the server are recorded in any case.
        always_errors: or(Flag, d.always_errors),
        /// Requests that take longer are recorded in any case; absent: none for that reason.
        slow_over: optional(duration("1ms", "24h")),
    }
    at_most_one: ["ratio", "adaptive"];
}

/// One rule as written.
pub(crate) struct RuleConfig {
    routes: Vec<Box<str>>,
    hosts: Vec<HostPattern>,
    path_prefix: Option<Box<str>>,
    headers: Vec<(FieldName, FieldValue)>,
    ratio: Option<f64>,
    adaptive: Option<AdaptiveConfig>,
    overrides_parent: bool,
}

object! {
    /// One rule of sampling: it takes the requests that every part takes; what is absent takes all.
    "sampling_rule": RuleConfig => {
        /// Names of routes.
        routes: or(list("routes", &NAME, 0, 1_000).unique(), Vec::new()),
        /// Any of these hosts.
        hosts: or(list("hosts", &HOST, 0, 1_000).unique(), Vec::new()),
        /// The beginning of the path, in whole segments.
        path_prefix: optional(&PREFIX),
        /// All of these fields with exactly these values.
        headers: or(map("headers", &FIELD_NAME, &FIELD_VALUE, 0, 32).hiding(carries_secret), Vec::new()),
        /// The share of them that is recorded: `1` is all, `0` none.
        ratio: optional(Fraction),
        /// As large a share of each route's requests as gives so many traces.
        adaptive: optional(object::<AdaptiveConfig>().checked(is_ordered)),
        /// Whether it decides even where a decision came with the request.
        overrides_parent: or(Flag, false),
    }
    exactly_one: ["ratio", "adaptive"];
}

/// An adaptive share as written.
#[derive(Clone)]
pub(crate) struct AdaptiveConfig {
    per_second: u32,
    base_ratio: f64,
    max_ratio: f64,
}

object! {
    /// A share that follows the traffic, for each route by itself.
    "adaptive": AdaptiveConfig => {
        /// Traces per second and route, over all workers.
        per_second: required(PER_SECOND),
        /// The least share.
        base_ratio: or(Fraction, 0.0),
        /// The largest share.
        max_ratio: or(Fraction, 1.0),
    }
}

const PER_SECOND: Whole<u32> = whole(1, 1_000_000);

const PARENT: Choices<ParentRule> = choices(
    &[
        ("follow", ParentRule::Follow),
        ("ignore", ParentRule::Ignore),
    ],
    &[],
);

fn is_ordered(reader: &mut Reader<'_>, node: &Node<'_>, adaptive: &AdaptiveConfig) -> bool {
    if adaptive.base_ratio <= adaptive.max_ratio {
        return true;
    }
    let found = format!(
        "`base_ratio` {} above `max_ratio` {}",
        adaptive.base_ratio, adaptive.max_ratio
    );
    let fault = Fault::new(ErrorKind::Value, "`base_ratio` at most `max_ratio`", found);
    reader.refuse::<()>(node.place, fault).is_some()
}

/// One of the two ways to write a rate; `None` when neither is there.
fn rate_of(ratio: Option<f64>, adaptive: Option<AdaptiveConfig>) -> Option<RatePlan> {
    let follows = |adaptive: AdaptiveConfig| RatePlan::Adaptive {
        per_second: adaptive.per_second,
        base_ratio: adaptive.base_ratio,
        max_ratio: adaptive.max_ratio,
    };
    ratio.map(RatePlan::Ratio).or(adaptive.map(follows))
}

fn written(rate: RatePlan) -> (Option<f64>, Option<AdaptiveConfig>) {
    match rate {
        RatePlan::Ratio(ratio) => (Some(ratio), None),
        RatePlan::Adaptive {
            per_second,
            base_ratio,
            max_ratio,
        } => {
            let adaptive = AdaptiveConfig {
                per_second,
                base_ratio,
                max_ratio,
            };
            (None, Some(adaptive))
        }
    }
}

impl Lower for SamplingConfig {
    type Plan = SamplingPlan;

    fn lower(self, _: &mut Reader<'_>, _: Place) -> Option<SamplingPlan> {
        Some(SamplingPlan {
            parent: self.parent,
            rate: rate_of(self.ratio, self.adaptive).unwrap_or(SamplingPlan::default().rate),
            rules: self.rules,
            always_errors: self.always_errors,
            slow_over: self.slow_over,
        })
    }

    fn raise(plan: &SamplingPlan) -> Self {
        let (ratio, adaptive) = written(plan.rate);
        Self {
            parent: plan.parent,
            ratio,
            adaptive,
            rules: plan.rules.clone(),
            always_errors: plan.always_errors,
            slow_over: plan.slow_over,
        }
    }
}

impl Lower for RuleConfig {
    type Plan = SamplingRulePlan;

    fn lower(self, _: &mut Reader<'_>, _: Place) -> Option<SamplingRulePlan> {
        Some(SamplingRulePlan {
            routes: self.routes,
            hosts: self.hosts,
            path_prefix: self.path_prefix,
            headers: self.headers,
            rate: rate_of(self.ratio, self.adaptive)?,
            overrides_parent: self.overrides_parent,
        })
    }

    fn raise(plan: &SamplingRulePlan) -> Self {
        let (ratio, adaptive) = written(plan.rate);
        Self {
            routes: plan.routes.clone(),
            hosts: plan.hosts.clone(),
            path_prefix: plan.path_prefix.clone(),
            headers: plan.headers.clone(),
            ratio,
            adaptive,
            overrides_parent: plan.overrides_parent,
        }
    }
}
