//! `match:` of a route.

use gateway::plan::{MatchPlan, PathMatch};
use gateway::router::PathTemplate;
use message::{FieldName, FieldValue, HostPattern, HostPatternError, Method};

use super::headers::carries_secret;
use super::path::{PATH, PREFIX};
use super::scope::Matched;
use super::word::{FIELD_NAME, FIELD_VALUE, SHORT_TEXT};
use crate::kind::{Lower, Nature, Parsed, Refusal, list, map};
use crate::object::{object, optional, or};
use crate::reader::Reader;
use crate::yaml::Place;

/// A match as written.
pub(super) struct MatchConfig {
    hosts: Vec<HostPattern>,
    path: Option<PathMatch>,
    path_prefix: Option<Box<str>>,
    methods: Vec<Method>,
    headers: Vec<(FieldName, FieldValue)>,
    query: Vec<(Box<str>, Box<str>)>,
}

object! {
    /// Which requests a route takes; what is absent takes all. Exact host before wildcard before none; then exact path
    /// before template before prefix; then method; then the number of fields and query parameters.
    "match": MatchConfig => {
        /// Any of these hosts, such as `api.example.com` or `*.example.org`, which takes at least one label more.
        hosts: or(list("hosts", &HOST, 0, 1_000).unique(), Vec::new()),
        /// The whole path, in which `{name}` takes one segment and a last `{*name}` takes the rest.
        path: optional(&PATH),
        /// The beginning of the path, in whole segments.
        path_prefix: optional(&PREFIX),
        /// Any of these methods.
        methods: or(list("methods", &METHOD, 0, 32).unique(), Vec::new()),
        /// All of these fields with exactly these values.
        headers: or(map("headers", &FIELD_NAME, &FIELD_VALUE, 0, 32).hiding(carries_secret), Vec::new()),
        /// All of these query parameters with exactly these values, after percent-decoding.
        query: or(map("query parameters", &SHORT_TEXT, &SHORT_TEXT, 0, 32), Vec::new()),
    }
    at_most_one: ["path", "path_prefix"];
}

pub(super) static HOST: Parsed<HostPattern> = Parsed {
    name: "host",
    expected: "a host such as api.example.com or *.example.org",
    pattern: "^[^/: ]+$|^\\[",
    parse: |text| {
        HostPattern::parse(text).map_err(|error| match error {
            HostPatternError::NotAHost { .. } if !text.is_ascii() => {
                Refusal::hint("write international names in their `xn--` form")
            }
            HostPatternError::NotAHost { .. } => Refusal::default(),
            error @ HostPatternError::MisplacedStar { .. } => Refusal::of(error),
            error @ HostPatternError::HasPort { .. } => {
                Refusal::of(error).and_hint("routes apply to every listener and port")
            }
        })
    },
    show: |host| match host {
        HostPattern::Exact(host) => host.to_string(),
        HostPattern::Wildcard(suffix) => format!("*{suffix}"),
    },
    nature: Nature::Plain,
};

static METHOD: Parsed<Method> = Parsed {
    name: "method",
    expected: "a method such as GET, in upper case",
    pattern: "^[A-Z0-9!#$%&'*+.^_`|~-]+$",
    parse: |text| {
        Method::new(text).map_err(|error| {
            let upper = text.to_ascii_uppercase();
            match Method::new(&upper) {
                Ok(_) => Refusal::hint(format!("did you mean `{upper}`?")),
                Err(_) => Refusal::of(error),
            }
        })
    },
    show: |method| method.as_str().to_owned(),
    nature: Nature::Plain,
};

impl Lower for MatchConfig {
    type Plan = MatchPlan;

    fn prepare(reader: &mut Reader<'_>) {
        reader.scope.matched = Matched::Unknown;
    }

    fn lower(self, reader: &mut Reader<'_>, _: Place) -> Option<MatchPlan> {
        let path = self.path.or(self.path_prefix.map(PathMatch::Prefix));
        reader.scope.matched = Matched::of(path.as_ref());
        Some(MatchPlan {
            hosts: self.hosts,
            path,
            methods: self.methods,
            headers: self.headers,
            query: self.query,
        })
    }

    fn raise(plan: &MatchPlan) -> Self {
        let (path, path_prefix) = match plan.path.clone() {
            Some(PathMatch::Prefix(prefix)) => (None, Some(prefix)),
            path @ (Some(PathMatch::Exact(_) | PathMatch::Template(_)) | None) => (path, None),
        };
        Self {
            hosts: plan.hosts.clone(),
            path,
            path_prefix,
            methods: plan.methods.clone(),
            headers: plan.headers.clone(),
            query: plan.query.clone(),
        }
    }
}

impl Matched {
    pub(super) fn of(path: Option<&PathMatch>) -> Self {
        match path {
            Some(PathMatch::Template(path)) => Self::Path {
                params: params(path),
                prefix: false,
            },
            Some(PathMatch::Prefix(_)) => Self::Path {
                params: Vec::new(),
                prefix: true,
            },
            Some(PathMatch::Exact(_)) | None => Self::Path {
                params: Vec::new(),
                prefix: false,
            },
        }
    }
}

fn params(path: &str) -> Vec<Box<str>> {
    match PathTemplate::parse(path) {
        Ok(template) => template.params().map(Box::from).collect(),
        Err(_) => Vec::new(),
    }
}
