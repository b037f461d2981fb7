//! `routes:` decided.

use std::time::Duration;

use message::{FieldName, FieldValue, HostPattern, Method, StatusCode};

use super::template::TextTemplate;

/// A match, filters, and exactly one target.
#[derive(Clone, Debug, PartialEq)]
pub struct RoutePlan {
    /// The `name` key, else `routes[N]`; labels metrics and logs.
    pub name: Box<str>,
    /// Which requests it takes.
    pub matches: MatchPlan,
    /// In file order; at most 64.
    pub filters: Vec<FilterPlan>,
    /// What answers.
    pub target: TargetPlan,
}

impl RoutePlan {
    /// What metrics and spans call it: the name it was given, or the path it matches.
    pub fn label(&self) -> Box<str> {
        // Brackets have no place in a written name.
        if !self.name.contains('[') {
            return self.name.clone();
        }
        match &self.matches.path {
            Some(PathMatch::Exact(path) | PathMatch::Template(path)) => path.clone(),
            Some(PathMatch::Prefix(prefix)) => format!("{}/*", prefix.trim_end_matches('/')).into(),
            None => "/*".into(),
        }
    }

    /// `package.Service/Method`, when the path it matches is that of one gRPC method.
    pub fn rpc_method(&self) -> Option<&str> {
        let Some(PathMatch::Exact(path)) = &self.matches.path else {
            return None;
        };
        let method = path.strip_prefix('/')?;
        let (service, name) = method.split_once('/')?;
        let is_one = !service.is_empty() && !name.is_empty() && !name.contains('/');
        is_one.then_some(method)
    }
}

/// Which requests a route takes; an empty list or `None` takes all.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct MatchPlan {
    /// Any of these; at most 1,000.
    pub hosts: Vec<HostPattern>,
    /// The path; `None` is the prefix `/`.
    pub path: Option<PathMatch>,
    /// Any of these; at most 32.
    pub methods: Vec<Method>,
    /// All of these, values compared exactly; at most 32.
    pub headers: Vec<(FieldName, FieldValue)>,
    /// All of these, names and values compared after percent-decoding; at most 32.
    pub query: Vec<(Box<str>, Box<str>)>,
}

/// How a path is matched; always on the normalised path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathMatch {
    /// `/hello`: the whole path, already normalised.
    Exact(Box<str>),
    /// `/products/{id}`, `/files/{*rest}`: already normalised, checked by [`crate::router::PathTemplate::parse`].
    Template(Box<str>),
    /// `/v2`: whole segments; never ends in `/` except for `/` itself.
    Prefix(Box<str>),
}

/// One step on a request or response.
#[derive(Clone, Debug, PartialEq)]
pub enum FilterPlan {
    /// Edits the request's fields before they are forwarded.
    RequestHeaders(HeaderEditsPlan),
    /// Edits the response's fields before they are sent.
    ResponseHeaders(HeaderEditsPlan),
    /// Tells browsers to come back over TLS only.
    Hsts(HstsPlan),
}

/// `Strict-Transport-Security` (RFC 6797), on responses to clients that came over TLS and unless the upstream sent one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HstsPlan {
    /// How long browsers remember, in whole seconds: 0 to 10 years (default 365 days); 0 makes them forget.
    pub max_age: Duration,
    /// Whether it holds for every name below the host's (default false).
    pub include_subdomains: bool,
    /// Whether browsers may be delivered with it (default false).
    pub preload: bool,
}

impl HstsPlan {
    /// The field's value.
    pub fn value(&self) -> String {
        let mut value = format!("max-age={}", self.max_age.as_secs());
        if self.include_subdomains {
            value.push_str("; includeSubDomains");
        }
        if self.preload {
            value.push_str("; preload");
        }
        value
    }
}

impl Default for HstsPlan {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(365 * 86_400),
            include_subdomains: false,
            preload: false,
        }
    }
}

/// Edits in the order remove, set, add; at most 64 each.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct HeaderEditsPlan {
    /// Every field of these names goes.
    pub remove: Vec<FieldName>,
    /// Replaces every field of the name by one.
    pub set: Vec<(FieldName, TextTemplate)>,
    /// Appends a field.
    pub add: Vec<(FieldName, TextTemplate)>,
}

/// What answers.
#[derive(Clone, Debug, PartialEq)]
pub enum TargetPlan {
    /// Sends the request to an upstream.
    Forward(ForwardPlan),
    /// Answers from the configuration.
    Respond(RespondPlan),
    /// Answers with a `Location`.
    Redirect(RedirectPlan),
}

/// Sends the request to an upstream. Defaults in parentheses.
#[derive(Clone, Debug, PartialEq)]
pub struct ForwardPlan {
    /// One entry, or several with weights; 1 to 64.
    pub split: Vec<SplitPlan>,
    /// Head received to response head sent, all tries included and waits for the client left out: 1 ms to 24 h (default 60 s); 504 beyond.
    pub timeout: Duration,
    /// One try, from picking an endpoint to its response head: 1 ms to 24 h (default none).
    pub try_timeout: Option<Duration>,
    /// No byte in either direction, of a body or of a tunnel: 1 ms to 24 h (default 5 min).
    pub idle_timeout: Duration,
    /// When a failed try is repeated.
    pub retries: RetryPlan,
    /// What is changed on the way.
    pub rewrite: RewritePlan,
    /// Whether `Upgrade: websocket` is forwarded (default true).
    pub websocket: bool,
}

/// One share of a split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitPlan {
    /// A key under `upstreams:`, known to exist.
    pub upstream: Box<str>,
    /// 0 to 1,000,000; at least one entry above 0 (default 1).
    pub weight: u32,
}

/// When a failed try is repeated, on another endpoint where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPlan {
    /// Further tries: 0 to 10 (default 1).
    pub max: u8,
    /// Causes (default connect).
    pub on: Vec<RetryOn>,
}

/// A cause that allows another try. All but `Connect` need an idempotent method (RFC 9110 9.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryOn {
    /// No connection came to be; nothing was sent.
    Connect,
    /// The connection broke before the first response byte.
    Reset,
    /// `try_timeout` ended before the response head.
    Timeout,
    /// The upstream answered with this status: 400 to 599.
    Status(StatusCode),
}

/// What `forward` changes.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct RewritePlan {
    /// The path (default as matched).
    pub path: Option<RewritePath>,
    /// The Host field sent upstream (default as received).
    pub host: Option<TextTemplate>,
}

/// How the path changes; the query stays.
#[derive(Clone, Debug, PartialEq)]
pub enum RewritePath {
    /// The whole path.
    Whole(TextTemplate),
    /// The matched prefix (of a `path_prefix` match) is replaced by this one.
    Prefix(Box<str>),
}

/// Answers from the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct RespondPlan {
    /// 200 to 599 (default 200).
    pub status: StatusCode,
    /// At most 1 MiB (default empty).
    pub body: Box<[u8]>,
    /// Sent with it; `content-type` defaults to `text/plain; charset=utf-8` when there is a body; at most 64.
    pub headers: Vec<(FieldName, FieldValue)>,
}

/// Answers with a `Location`.
#[derive(Clone, Debug, PartialEq)]
pub struct RedirectPlan {
    /// 301, 302, 303, 307 or 308 (default 308).
    pub status: StatusCode,
    /// Where to.
    pub location: TextTemplate,
}

impl Default for RetryPlan {
    fn default() -> Self {
        Self {
            max: 1,
            on: vec![RetryOn::Connect],
        }
    }
}

impl ForwardPlan {
    /// Forwards to one upstream with every default.
    pub fn to(upstream: &str) -> Self {
        Self {
            split: vec![SplitPlan {
                upstream: upstream.into(),
                weight: 1,
            }],
            timeout: Duration::from_secs(60),
            try_timeout: None,
            idle_timeout: Duration::from_secs(300),
            retries: RetryPlan::default(),
            rewrite: RewritePlan::default(),
            websocket: true,
        }
    }
}
