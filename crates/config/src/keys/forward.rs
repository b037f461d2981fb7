//! `forward:` of a route.

use std::time::Duration;

use gateway::plan::{
    ForwardPlan, RetryOn, RetryPlan, RewritePath, RewritePlan, SplitPlan, TextTemplate,
};

use super::path::PREFIX;
use super::scope::{Matched, knows_upstream};
use super::template::{HOST_TEMPLATE, PATH_TEMPLATE, template};
use super::word::NAME;
use crate::error::{ErrorKind, Fault};
use crate::kind::{
    Checked, Flag, Kind, Lower, OrWord, Parsed, Status, duration, list, lowered, object, whole,
};
use crate::object::{object, optional, or, required};
use crate::reader::Reader;
use crate::yaml::{Node, Place};

/// A forward as written.
pub(super) struct ForwardConfig {
    upstream: Option<Box<str>>,
    split: Option<Vec<SplitPlan>>,
    timeout: Duration,
    try_timeout: Option<Duration>,
    idle_timeout: Duration,
    retries: RetryPlan,
    rewrite: RewritePlan,
    websocket: bool,
}

object! {
    /// Sends the request to an upstream.
    "forward": ForwardConfig, d = ForwardPlan::to("") => {
        /// A key of `upstreams`.
        upstream: optional(upstream()),
        /// Several upstreams, each with its share of the requests.
        split: optional(list("shares", object::<SplitPlan>(), 1, 64).checked(|r, n, split| has_weight(r, n, split))),
        /// Head received to response head sent, all tries included, the time the client takes for its body left out; 504
        /// beyond. The response body is bounded by `idle_timeout` instead.
        timeout: or(duration("1ms", "24h"), d.timeout),
        /// One try, from picking an endpoint to its response head; absent: no bound but `timeout`.
        try_timeout: optional(duration("1ms", "24h")),
        /// No byte in either direction, of a body or of a tunnel.
        idle_timeout: or(duration("1ms", "24h"), d.idle_timeout),
        /// When a failed try is repeated.
        retries: or(object::<RetryPlan>(), d.retries.clone()),
        /// What is changed on the way.
        rewrite: or(lowered::<RewriteConfig>(), d.rewrite.clone()),
        /// Whether `Upgrade: websocket` is forwarded.
        websocket: or(Flag, d.websocket),
    }
    exactly_one: ["upstream", "split"];
}

object! {
    /// One share of a split.
    "split": SplitPlan => {
        /// A key of `upstreams`.
        upstream: required(upstream()),
        /// The share, relative to the others; at least one is above 0.
        weight: or(whole::<u32>(0, 1_000_000), 1),
    }
}

object! {
    /// When a failed try is repeated, on another endpoint where there is one.
    "retries": RetryPlan, d = RetryPlan::default() => {
        /// Further tries. A request that found its kept connection dead before the first response byte is sent once
        /// more on a fresh one whatever this says, if that is safe: it never reached a living upstream.
        max: or(whole::<u8>(0, 10), d.max),
        /// Causes: no connection (nothing was sent), broken before the first response byte, `try_timeout` over, or a
        /// status of the upstream. All but `connect` need an idempotent method.
        on: or(list("causes", cause(), 0, 32).unique(), d.on.clone()),
    }
}

/// A rewrite as written.
pub(super) struct RewriteConfig {
    path: Option<TextTemplate>,
    path_prefix: Option<Box<str>>,
    host: Option<TextTemplate>,
}

object! {
    /// What a forward changes; the query stays.
    "rewrite": RewriteConfig => {
        /// The whole path.
        path: optional(template(&PATH_TEMPLATE)),
        /// Takes the place of what `match.path_prefix` matched.
        path_prefix: optional((&PREFIX).checked(|r, n, _| follows_prefix(r, n))),
        /// The `Host` sent upstream; absent: as received.
        host: optional(template(&HOST_TEMPLATE)),
    }
    at_most_one: ["path", "path_prefix"];
}

/// The name of an upstream that exists.
fn upstream() -> Checked<&'static Parsed<Box<str>>> {
    (&NAME).checked(|reader, node, name| knows_upstream(reader, node, name))
}

fn cause() -> impl Kind<Value = RetryOn> {
    OrWord {
        words: &[
            ("connect", RetryOn::Connect),
            ("reset", RetryOn::Reset),
            ("timeout", RetryOn::Timeout),
        ],
        kind: Status {
            min: 400,
            max: 599,
            only: &[],
        },
        wrap: RetryOn::Status,
        unwrap: |cause| match cause {
            RetryOn::Connect | RetryOn::Reset | RetryOn::Timeout => None,
            RetryOn::Status(status) => Some(status),
        },
    }
}

fn has_weight(reader: &mut Reader<'_>, node: &Node<'_>, split: &[SplitPlan]) -> bool {
    if split.iter().any(|share| share.weight > 0) {
        return true;
    }
    let fault = Fault::new(ErrorKind::Value, "at least one weight above 0", "none");
    reader.refuse::<()>(node.place, fault).is_some()
}

fn follows_prefix(reader: &mut Reader<'_>, node: &Node<'_>) -> bool {
    match reader.scope.matched {
        Matched::Unknown | Matched::Path { prefix: true, .. } => true,
        Matched::Path { prefix: false, .. } => {
            let expected = "`match.path_prefix` in the route, whose match this replaces";
            let fault = Fault::new(ErrorKind::Conflict, expected, "none");
            let fault = fault.hint("`rewrite.path` replaces the whole path");
            reader.refuse::<()>(node.place, fault).is_some()
        }
    }
}

impl Lower for ForwardConfig {
    type Plan = ForwardPlan;

    fn lower(self, _: &mut Reader<'_>, _: Place) -> Option<ForwardPlan> {
        let whole = |upstream| {
            vec![SplitPlan {
                upstream,
                weight: 1,
            }]
        };
        Some(ForwardPlan {
            split: self.upstream.map(whole).or(self.split)?,
            timeout: self.timeout,
            try_timeout: self.try_timeout,
            idle_timeout: self.idle_timeout,
            retries: self.retries,
            rewrite: self.rewrite,
            websocket: self.websocket,
        })
    }

    fn raise(plan: &ForwardPlan) -> Self {
        let (upstream, split) = match &plan.split[..] {
            [only] if only.weight == 1 => (Some(only.upstream.clone()), None),
            split => (None, Some(split.to_vec())),
        };
        Self {
            upstream,
            split,
            timeout: plan.timeout,
            try_timeout: plan.try_timeout,
            idle_timeout: plan.idle_timeout,
            retries: plan.retries.clone(),
            rewrite: plan.rewrite.clone(),
            websocket: plan.websocket,
        }
    }
}

impl Lower for RewriteConfig {
    type Plan = RewritePlan;

    fn lower(self, _: &mut Reader<'_>, _: Place) -> Option<RewritePlan> {
        let whole = self.path.map(RewritePath::Whole);
        Some(RewritePlan {
            path: whole.or(self.path_prefix.map(RewritePath::Prefix)),
            host: self.host,
        })
    }

    fn raise(plan: &RewritePlan) -> Self {
        let (path, path_prefix) = match plan.path.clone() {
            Some(RewritePath::Whole(path)) => (Some(path), None),
            Some(RewritePath::Prefix(prefix)) => (None, Some(prefix)),
            None => (None, None),
        };
        Self {
            path,
            path_prefix,
            host: plan.host.clone(),
        }
    }
}
