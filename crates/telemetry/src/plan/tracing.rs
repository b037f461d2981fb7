//! The decided form of `telemetry:` as far as it concerns traces.

use std::time::Duration;

use message::{FieldName, FieldValue, HostPattern};
use propagation::Formats;

use crate::environment::SpanLimits;
use crate::metrics::ExemplarFilter;

/// How requests are traced.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TracingPlan {
    /// Which fields carry the context, in the order they are looked at (default `tracecontext`, `baggage`).
    pub propagators: Formats,
    /// Which requests are recorded.
    pub sampling: SamplingPlan,
    /// A response field that carries the trace id (default none).
    pub response_header: Option<FieldName>,
    /// Names of query parameters whose values are not recorded, beside those the conventions list; compared with case.
    pub redact_query: Vec<Box<str>>,
    /// Request fields that are recorded (default none).
    pub capture_request_headers: Vec<FieldName>,
    /// Which observations are offered as exemplars (default those of kept spans).
    pub exemplars: ExemplarFilter,
    /// How much of a span is kept.
    pub limits: SpanLimits,
}

/// Which requests are recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingPlan {
    /// What a decision that came with the request is worth (default [`ParentRule::Follow`]).
    pub parent: ParentRule,
    /// For requests that no rule takes (default [`RatePlan::Ratio`] 1).
    pub rate: RatePlan,
    /// The first that takes the request decides; at most 64.
    pub rules: Vec<SamplingRulePlan>,
    /// Whether requests that end in an error of the server are recorded in any case (default true).
    pub always_errors: bool,
    /// Requests that take longer are recorded in any case (default none).
    pub slow_over: Option<Duration>,
}

/// What a decision that came with the request is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParentRule {
    /// It stands, as with the parent-based samplers of the specification.
    Follow,
    /// It is made anew: for a gateway whose clients are not to decide what is recorded.
    Ignore,
}

/// How many of the requests are recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RatePlan {
    /// This share, 0 to 1.
    Ratio(f64),
    /// As large a share of each route's requests as gives so many traces.
    Adaptive {
        /// Traces per second and route, over all workers; at least 1.
        per_second: u32,
        /// The least share, 0 to 1.
        base_ratio: f64,
        /// The largest share, `base_ratio` to 1.
        max_ratio: f64,
    },
}

/// One rule: it takes the requests that every part takes; an empty part takes all.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingRulePlan {
    /// Names of routes.
    pub routes: Vec<Box<str>>,
    /// Hosts.
    pub hosts: Vec<HostPattern>,
    /// Whole segments of the normalised path; without a slash at its end.
    pub path_prefix: Option<Box<str>>,
    /// Request fields with exactly these values.
    pub headers: Vec<(FieldName, FieldValue)>,
    /// How many of them.
    pub rate: RatePlan,
    /// Whether it decides even where a decision came with the request (default false).
    pub overrides_parent: bool,
}

impl Default for SamplingPlan {
    fn default() -> Self {
        Self {
            parent: ParentRule::Follow,
            rate: RatePlan::Ratio(1.0),
            rules: Vec::new(),
            always_errors: true,
            slow_over: None,
        }
    }
}
