//! What workers run: a plan compiled once, immutable, shared by all workers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use message::{FieldName, FieldValue, StatusCode};
use telemetry::metrics::KnownMethods;
use telemetry::plan::TracingPlan;
use telemetry::trace::{RouteNames, Tracing};
use upstream::Connectors;
use upstream::plan::UpstreamPlan;

use crate::plan::{
    FilterPlan, ForwardPlan, HeaderEditsPlan, ListenerPlan, PathMatch, RedirectPlan, RespondPlan,
    RetryOn, RetryPlan, RewritePath, RoutePlan, TargetPlan, TextTemplate,
};
use crate::router::{PathTemplate, Router};

/// A compiled plan.
#[derive(Debug)]
pub struct Program {
    /// Finds the route of a request.
    pub router: Router,
    /// In the order of the plan; a [`crate::router::RouteIndex`] points here.
    pub routes: Vec<Route>,
    /// In the order of the plan.
    pub upstreams: Vec<Arc<UpstreamPlan>>,
    /// What those of them that speak TLS begin it with.
    pub connectors: Connectors,
    /// In the order of the plan.
    pub listeners: Vec<Arc<ListenerPlan>>,
    /// Counts reloads from 1.
    pub version: u64,
    /// How requests are traced; `None`: contexts pass through untouched.
    pub tracing: Option<Arc<Tracing>>,
    /// Methods that metrics call by their names.
    pub known_methods: KnownMethods,
}

/// A route as it runs.
#[derive(Debug)]
pub struct Route {
    /// Labels logs.
    pub name: Box<str>,
    /// `http.route` of metrics and spans: the name it was given, or the path it matches.
    pub label: Box<str>,
    /// `package.Service/Method` of the gRPC calls it takes, if they are of one method.
    pub rpc_method: Option<Box<str>>,
    /// Header edits of all its filters, in order.
    pub request_edits: Box<[HeaderEditsPlan]>,
    /// Header edits of all its filters, in order.
    pub response_edits: Box<[HeaderEditsPlan]>,
    /// The value of `Strict-Transport-Security`, where there is TLS; of several filters the last one's.
    pub hsts: Option<Box<str>>,
    /// What answers.
    pub target: Target,
    /// For `${path.NAME}`.
    pub template: Option<PathTemplate>,
}

/// What answers.
#[derive(Debug)]
pub enum Target {
    /// Sends the request to an upstream.
    Forward(Forward),
    /// Answers from the configuration.
    Respond(RespondPlan),
    /// Answers with a `Location`.
    Redirect(RedirectPlan),
}

/// A `forward` target as it runs.
#[derive(Debug)]
pub struct Forward {
    /// With the running sum of weights, so that one draw picks.
    shares: Box<[Share]>,
    /// Head received to response head sent, all tries included.
    pub timeout: Duration,
    /// One try.
    pub try_timeout: Option<Duration>,
    /// No byte in either direction.
    pub idle_timeout: Duration,
    /// When a failed try is repeated.
    pub retry: RetryPlan,
    /// Changes the path.
    pub rewrite_path: Option<Rewrite>,
    /// Changes Host.
    pub rewrite_host: Option<TextTemplate>,
    /// Whether `Upgrade: websocket` is forwarded.
    pub websocket: bool,
}

/// One share of a split.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    /// Index into [`Program::upstreams`].
    pub upstream: usize,
    sum: u64,
}

/// How the path changes.
#[derive(Debug)]
pub enum Rewrite {
    /// The whole path.
    Whole(TextTemplate),
    /// The first `matched` bytes become `to`; the seam has exactly one slash.
    Prefix {
        /// Length of the route's prefix without a trailing slash.
        matched: usize,
        /// Without a trailing slash.
        to: Box<str>,
    },
}

impl Program {
    /// Compiles. Upstream plans that did not change since `previous` are shared with it, so that workers tell at a
    /// glance which pools live on.
    pub fn new(
        listeners: &[ListenerPlan],
        routes: &[RoutePlan],
        upstreams: &[UpstreamPlan],
        previous: Option<&Self>,
    ) -> Self {
        let known: HashMap<&str, &Arc<UpstreamPlan>> = previous
            .iter()
            .flat_map(|old| &old.upstreams)
            .map(|plan| (&*plan.name, plan))
            .collect();
        let upstreams: Vec<Arc<UpstreamPlan>> = upstreams
            .iter()
            .map(|plan| match known.get(&*plan.name) {
                Some(same) if ***same == *plan => Arc::clone(same),
                Some(_) | None => Arc::new(plan.clone()),
            })
            .collect();
        let by_name = (0..)
            .zip(&upstreams)
            .map(|(index, plan)| (&*plan.name, index))
            .collect();
        Self {
            router: Router::new(routes),
            routes: routes
                .iter()
                .map(|route| Route::new(route, &by_name))
                .collect(),
            listeners: listeners.iter().cloned().map(Arc::new).collect(),
            version: previous.map_or(0, |old| old.version) + 1,
            upstreams,
            tracing: None,
            connectors: Connectors::new(),
            known_methods: KnownMethods::default(),
        }
    }

    /// With requests traced, on so many workers.
    #[must_use]
    pub fn traced(mut self, plan: &TracingPlan, workers: usize) -> Self {
        let names: Vec<RouteNames<'_>> = self
            .routes
            .iter()
            .map(|route| RouteNames {
                name: &route.name,
                label: &route.label,
            })
            .collect();
        self.tracing = Some(Arc::new(Tracing::new(plan.clone(), &names, workers)));
        self
    }
}

impl Route {
    fn new(plan: &RoutePlan, upstreams: &HashMap<&str, usize>) -> Self {
        let (mut request_edits, mut response_edits) = (Vec::new(), Vec::new());
        let mut hsts = None;
        for filter in &plan.filters {
            match filter {
                FilterPlan::RequestHeaders(edits) => request_edits.push(edits.clone()),
                FilterPlan::ResponseHeaders(edits) => response_edits.push(edits.clone()),
                FilterPlan::Hsts(plan) => hsts = Some(plan.value().into()),
            }
        }
        let template = match &plan.matches.path {
            Some(PathMatch::Template(template)) => PathTemplate::parse(template).ok(),
            Some(PathMatch::Exact(_) | PathMatch::Prefix(_)) | None => None,
        };
        let target = match &plan.target {
            TargetPlan::Forward(forward) => {
                Target::Forward(Forward::new(forward, plan.matches.path.as_ref(), upstreams))
            }
            TargetPlan::Respond(respond) => Target::Respond(with_content_type(respond)),
            TargetPlan::Redirect(redirect) => Target::Redirect(redirect.clone()),
        };
        Self {
            name: plan.name.clone(),
            label: plan.label(),
            rpc_method: plan.rpc_method().map(Into::into),
            request_edits: request_edits.into(),
            response_edits: response_edits.into(),
            hsts,
            target,
            template,
        }
    }
}

fn with_content_type(plan: &RespondPlan) -> RespondPlan {
    let mut respond = plan.clone();
    let has_type = respond
        .headers
        .iter()
        .any(|(name, _)| name.as_str() == "content-type");
    if !has_type && !respond.body.is_empty() {
        let name = FieldName::new("content-type").expect("a known name is a token");
        let value = FieldValue::new("text/plain; charset=utf-8").expect("a known value is one");
        respond.headers.push((name, value));
    }
    respond
}

impl Forward {
    fn new(plan: &ForwardPlan, path: Option<&PathMatch>, upstreams: &HashMap<&str, usize>) -> Self {
        let mut sum = 0;
        let mut shares = Vec::with_capacity(plan.split.len());
        for share in plan.split.iter().filter(|share| share.weight > 0) {
            // `config` checked that the upstream exists.
            if let Some(upstream) = upstreams.get(&*share.upstream) {
                sum += u64::from(share.weight);
                shares.push(Share {
                    upstream: *upstream,
                    sum,
                });
            }
        }
        Self {
            shares: shares.into(),
            timeout: plan.timeout,
            try_timeout: plan.try_timeout,
            idle_timeout: plan.idle_timeout,
            retry: plan.retries.clone(),
            rewrite_path: plan
                .rewrite
                .path
                .as_ref()
                .map(|rewrite| Rewrite::new(rewrite, path)),
            rewrite_host: plan.rewrite.host.clone(),
            websocket: plan.websocket,
        }
    }

    /// Draws an upstream by weight.
    pub(crate) fn draw(&self) -> Option<usize> {
        match &*self.shares {
            [] => None,
            [only] => Some(only.upstream),
            shares => {
                let draw = fastrand::u64(..shares.last()?.sum);
                shares
                    .iter()
                    .find(|share| draw < share.sum)
                    .map(|share| share.upstream)
            }
        }
    }

    /// Whether a failure of this kind may be tried again.
    pub(crate) fn retries_on(&self, cause: RetryOn) -> bool {
        self.retry.on.contains(&cause)
    }

    /// Whether this status may be tried again.
    pub(crate) fn retries_status(&self, status: StatusCode) -> bool {
        self.retries_on(RetryOn::Status(status))
    }
}

impl Rewrite {
    fn new(plan: &RewritePath, path: Option<&PathMatch>) -> Self {
        match plan {
            RewritePath::Whole(template) => Self::Whole(template.clone()),
            RewritePath::Prefix(to) => {
                let matched = match path {
                    Some(PathMatch::Prefix(prefix)) => prefix.trim_end_matches('/').len(),
                    Some(PathMatch::Exact(_) | PathMatch::Template(_)) | None => 0,
                };
                Self::Prefix {
                    matched,
                    to: to.trim_end_matches('/').into(),
                }
            }
        }
    }
}
