//! The most specific route wins: examples, and random routes and requests against a search that looks at every route.

use std::cmp::Reverse;

use gateway::plan::{MatchPlan, PathMatch, RoutePlan};
use gateway::router::Router;
use message::{FieldName, FieldValue, HostPattern, Method, RequestHead};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::support::{path, request, route};

/// A route as it is written here.
#[derive(Clone, Debug, Default)]
struct Spec {
    hosts: Vec<&'static str>,
    path: Option<String>,
    methods: Vec<&'static str>,
    headers: Vec<(&'static str, &'static str)>,
    query: Vec<(&'static str, &'static str)>,
}

impl Spec {
    fn route(&self) -> RoutePlan {
        let field = |(name, value): &(&str, &str)| {
            let name = FieldName::new(name).expect("a field name");
            (name, FieldValue::new(value).expect("a field value"))
        };
        route(MatchPlan {
            hosts: self
                .hosts
                .iter()
                .map(|host| HostPattern::parse(host).expect("a host"))
                .collect(),
            path: self.path.as_deref().map(path),
            methods: self
                .methods
                .iter()
                .map(|method| Method::new(method).expect("a method"))
                .collect(),
            headers: self.headers.iter().map(field).collect(),
            query: self
                .query
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
        })
    }
}

/// How specific a route is for a request, larger is better; `None` when it does not take it. As the rules say it, word
/// by word, without any table.
type Rank = ((u8, usize), (u8, usize, bool), bool, usize);

fn rank(spec: &Spec, asked: &Asked) -> Option<Rank> {
    let host = if spec.hosts.is_empty() {
        (0, 0)
    } else {
        spec.hosts
            .iter()
            .filter_map(|pattern| host_rank(pattern, asked.host))
            .max()?
    };
    let path = match spec.path.as_deref().map(path) {
        None => (0, 0, false),
        Some(pattern) => path_rank(&pattern, &asked.path)?,
    };
    let holds = (spec.methods.is_empty() || spec.methods.contains(&asked.method))
        && spec
            .headers
            .iter()
            .all(|wanted| asked.headers.contains(wanted))
        && spec.query.iter().all(|wanted| asked.query.contains(wanted));
    let conditions = spec.headers.len() + spec.query.len();
    holds.then_some((host, path, !spec.methods.is_empty(), conditions))
}

fn host_rank(pattern: &str, host: &str) -> Option<(u8, usize)> {
    match pattern.strip_prefix('*') {
        Some(suffix) => {
            (host.len() > suffix.len() && host.ends_with(suffix)).then_some((1, suffix.len()))
        }
        None => (pattern == host).then_some((2, 0)),
    }
}

fn path_rank(pattern: &PathMatch, asked: &str) -> Option<(u8, usize, bool)> {
    let asked: Vec<&str> = asked.split('/').skip(1).collect();
    let split =
        |text: &str| -> Vec<String> { text.split('/').skip(1).map(str::to_owned).collect() };
    match pattern {
        PathMatch::Exact(text) => (split(text) == asked).then_some((2, 0, false)),
        PathMatch::Prefix(text) => {
            let wanted: Vec<String> = split(text)
                .into_iter()
                .filter(|segment| !segment.is_empty())
                .collect();
            let begins = asked.len() >= wanted.len()
                && wanted
                    .iter()
                    .zip(&asked)
                    .all(|(wanted, asked)| wanted == asked);
            begins.then_some((0, wanted.len(), false))
        }
        PathMatch::Template(text) => {
            let wanted = split(text);
            let literals = wanted
                .iter()
                .filter(|segment| !segment.starts_with('{'))
                .count();
            let has_rest = wanted
                .last()
                .is_some_and(|segment| segment.starts_with("{*"));
            let fixed = wanted.len() - usize::from(has_rest);
            let head_fits = asked.len() >= fixed
                && wanted
                    .iter()
                    .take(fixed)
                    .zip(&asked)
                    .all(|(wanted, asked)| {
                        if wanted.starts_with('{') {
                            !asked.is_empty()
                        } else {
                            wanted == asked
                        }
                    });
            let tail_fits = if has_rest {
                asked.len() > fixed && !asked[fixed..].join("/").is_empty()
            } else {
                asked.len() == fixed
            };
            (head_fits && tail_fits).then_some((1, literals, !has_rest))
        }
    }
}

/// A request as it is written here.
#[derive(Clone, Debug)]
struct Asked {
    method: &'static str,
    host: &'static str,
    path: String,
    headers: Vec<(&'static str, &'static str)>,
    query: Vec<(&'static str, &'static str)>,
}

impl Asked {
    fn head(&self) -> RequestHead {
        let query: Vec<String> = self
            .query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mark = if query.is_empty() { "" } else { "?" };
        let target = format!("{}{mark}{}", self.path, query.join("&"));
        request(self.method, self.host, &target, &self.headers)
    }
}

/// The first of the most specific routes.
fn naive(specs: &[Spec], asked: &Asked) -> Option<u32> {
    (0..)
        .zip(specs)
        .filter_map(|(index, spec)| Some((rank(spec, asked)?, Reverse(index))))
        .max()
        .map(|(_, Reverse(index))| index)
}

const HOSTS: [&str; 7] = [
    "a.example",
    "b.a.example",
    "*.example",
    "*.a.example",
    "*.b.a.example",
    "example",
    "127.0.0.1",
];
const ASKED_HOSTS: [&str; 7] = [
    "a.example",
    "b.a.example",
    "c.b.a.example",
    "x.example",
    "example",
    "127.0.0.1",
    "other.test",
];
const METHODS: [&str; 3] = ["GET", "POST", "PROPFIND"];
const HEADERS: [(&str, &str); 3] = [("x-a", "1"), ("x-a", "2"), ("x-b", "1")];
const QUERY: [(&str, &str); 3] = [("v", "1"), ("v", "2"), ("w", "1")];

/// Few names, so that routes meet.
fn segment() -> impl Strategy<Value = String> {
    select(vec!["a", "b", "c"]).prop_map(str::to_owned)
}

fn any_path() -> impl Strategy<Value = Option<String>> {
    let joined = |segments: &[String]| format!("/{}", segments.join("/"));
    let exact = prop::collection::vec(segment(), 0..4).prop_map(move |all| joined(&all));
    let prefix =
        prop::collection::vec(segment(), 0..4).prop_map(move |all| format!("{}*", joined(&all)));
    let part = prop_oneof![segment(), Just("{}".to_owned())];
    let template =
        (prop::collection::vec(part, 0..4), prop::bool::ANY).prop_map(move |(parts, rest)| {
            let mut parts: Vec<String> = parts
                .into_iter()
                .enumerate()
                .map(|(at, part)| {
                    if part == "{}" {
                        format!("{{p{at}}}")
                    } else {
                        part
                    }
                })
                .collect();
            if rest || !parts.iter().any(|part| part.starts_with('{')) {
                parts.push("{*rest}".to_owned());
            }
            joined(&parts)
        });
    prop_oneof![1 => Just(None), 3 => exact.prop_map(Some), 3 => prefix.prop_map(Some), 5 => template.prop_map(Some)]
}

fn spec() -> impl Strategy<Value = Spec> {
    let few = |most: usize| prop_oneof![3 => Just(0..=0), 2 => Just(1..=most)];
    let hosts = few(2).prop_flat_map(|count| subsequence(HOSTS.to_vec(), count));
    let methods = few(2).prop_flat_map(|count| subsequence(METHODS.to_vec(), count));
    let headers = few(2).prop_flat_map(|count| subsequence(HEADERS.to_vec(), count));
    let query = few(2).prop_flat_map(|count| subsequence(QUERY.to_vec(), count));
    (hosts, any_path(), methods, headers, query).prop_map(
        |(hosts, path, methods, headers, query)| Spec {
            hosts,
            path,
            methods,
            headers,
            query,
        },
    )
}

fn asked() -> impl Strategy<Value = Asked> {
    let path = (
        prop::collection::vec(segment(), 0..5),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(segments, slash)| {
            format!(
                "/{}{}",
                segments.join("/"),
                if slash && !segments.is_empty() {
                    "/"
                } else {
                    ""
                }
            )
        });
    (
        select(METHODS.to_vec()),
        select(ASKED_HOSTS.to_vec()),
        path,
        subsequence(HEADERS.to_vec(), 0..=3),
        subsequence(QUERY.to_vec(), 0..=3),
    )
        .prop_map(|(method, host, path, headers, query)| Asked {
            method,
            host,
            path,
            headers,
            query,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_router_finds_what_looking_at_every_route_finds(
        specs in prop::collection::vec(spec(), 0..40),
        asked in prop::collection::vec(asked(), 1..20),
    ) {
        let routes: Vec<RoutePlan> = specs.iter().map(Spec::route).collect();
        let router = Router::new(&routes);
        for asked in &asked {
            prop_assert_eq!(router.find(&asked.head()), naive(&specs, asked), "{:?}", asked);
        }
    }
}

fn paths(texts: &[&str]) -> Vec<Spec> {
    texts
        .iter()
        .map(|text| Spec {
            path: Some((*text).to_owned()),
            ..Spec::default()
        })
        .collect()
}

/// The reference is checked with the router: both must say what the rules say.
#[track_caller]
fn check(
    specs: &[Spec],
    method: &'static str,
    host: &'static str,
    target: &str,
    expected: Option<u32>,
) {
    let asked = Asked {
        method,
        host,
        path: target.to_owned(),
        headers: vec![("x-a", "1")],
        query: vec![("v", "2")],
    };
    let routes: Vec<RoutePlan> = specs.iter().map(Spec::route).collect();
    assert_eq!(naive(specs, &asked), expected, "{asked:?}");
    assert_eq!(
        Router::new(&routes).find(&asked.head()),
        expected,
        "{asked:?}"
    );
}

#[test]
fn exact_before_template_before_prefix() {
    let specs = paths(&["/*", "/a*", "/a/b*", "/{x}/b", "/a/{y}", "/a/{*z}", "/a/b"]);
    for (target, expected) in [
        ("/a/b", 6),
        ("/a/c", 4),
        ("/c/b", 3),
        ("/a/b/c", 5),
        // An empty last segment, which no parameter takes.
        ("/a/", 1),
        ("/a", 1),
        ("/ab", 0),
        ("/", 0),
    ] {
        check(&specs, "GET", "a.example", target, Some(expected));
    }
}

#[test]
fn exact_host_before_longest_wildcard_before_none() {
    let on = |hosts: &[&'static str], path: &str| Spec {
        hosts: hosts.to_vec(),
        path: Some(path.to_owned()),
        ..Spec::default()
    };
    let specs = [
        on(&[], "/a"),
        on(&["*.example"], "/*"),
        on(&["*.a.example"], "/a*"),
        on(&["b.a.example"], "/b*"),
    ];
    for (host, target, expected) in [
        ("b.a.example", "/b", Some(3)),
        ("b.a.example", "/a", Some(2)),
        ("b.a.example", "/c", Some(1)),
        ("c.b.a.example", "/a", Some(2)),
        ("a.example", "/a", Some(1)),
        ("example", "/a", Some(0)),
        ("other.test", "/c", None),
    ] {
        check(&specs, "GET", host, target, expected);
    }
}

#[test]
fn method_before_conditions_before_file_order() {
    let mut specs = vec![Spec::default(); 5];
    specs[1].query = vec![("v", "2")];
    specs[2].headers = vec![("x-a", "1")];
    specs[2].query = vec![("v", "2")];
    specs[3].methods = vec!["POST"];
    check(&specs, "GET", "a.example", "/", Some(2));
    check(&specs, "POST", "a.example", "/", Some(3));
    check(&specs[..2], "POST", "a.example", "/", Some(1));
    check(
        &[specs[0].clone(), specs[4].clone()],
        "GET",
        "a.example",
        "/",
        Some(0),
    );
    specs[2].headers = vec![("x-a", "2")];
    check(&specs[..3], "GET", "a.example", "/", Some(1));
}
