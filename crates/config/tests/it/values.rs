//! What configurations without faults mean.

use std::time::Duration;

use config::{DnsPlan, NameServers, Workers};
use gateway::plan::{
    FilterPlan, ForwardPlan, ForwardedHeaders, LimitsPlan, MatchPlan, PathMatch, RedirectPlan,
    RespondPlan, RetryOn, RewritePath, RoutePlan, TargetPlan, TextTemplate, UnderscoreFields,
};
use message::{FieldName, HostPattern, PathPolicy, StatusCode};
use telemetry::plan::{AccessLogField, AccessLogFormat, AccessLogTarget, TelemetryPlan};
use upstream::plan::{Balance, ConnectionsPlan, EndpointAddress};

use crate::{BASE, plan};

#[test]
fn defaults_are_those_of_the_plans() {
    let plan = plan(&format!(
        "{BASE}routes: [{{ forward: {{ upstream: app }} }}, {{ respond: {{}} }}, {{ redirect: {{ location: / }} }}]"
    ));
    assert_eq!(plan.workers, Workers::Auto);
    assert!(!plan.pin_workers);
    assert_eq!(plan.shutdown_grace, Duration::from_secs(30));
    let web = &plan.listeners[0];
    assert_eq!(
        (&*web.name, web.address.to_string()),
        ("web", "0.0.0.0:8080".to_owned())
    );
    assert_eq!(web.limits, LimitsPlan::default());
    assert_eq!(web.paths, PathPolicy::default());
    assert_eq!(web.forwarded_headers, ForwardedHeaders::XForwarded);
    assert_eq!(web.underscore_fields, UnderscoreFields::Refuse);
    assert!(web.trusted_proxies.is_empty());
    assert_eq!(plan.upstreams[0].connections, ConnectionsPlan::default());
    assert_eq!(plan.upstreams[0].balance, Balance::P2c);
    assert_eq!(plan.dns, DnsPlan::default());
    assert_eq!(plan.dns.servers, NameServers::System);
    assert_eq!(plan.telemetry, TelemetryPlan::default());
    let admin = plan.admin.unwrap();
    assert_eq!(
        (admin.address.to_string(), admin.token),
        ("127.0.0.1:9901".to_owned(), None)
    );
    let targets: Vec<_> = plan.routes.into_iter().map(|route| route.target).collect();
    let respond = RespondPlan {
        status: StatusCode::OK,
        body: Box::default(),
        headers: Vec::new(),
    };
    let redirect = RedirectPlan {
        status: StatusCode::PERMANENT_REDIRECT,
        location: TextTemplate::parse("/").unwrap(),
    };
    assert_eq!(
        targets,
        [
            TargetPlan::Forward(ForwardPlan::to("app")),
            TargetPlan::Respond(respond),
            TargetPlan::Redirect(redirect)
        ]
    );
}

/// The one route of a configuration.
#[track_caller]
fn route(yaml: &str) -> RoutePlan {
    let mut plan = plan(&format!(
        "{BASE}routes:\n  - {}\n",
        yaml.replace('\n', "\n    ")
    ));
    plan.routes.remove(0)
}

#[test]
fn routes_have_names() {
    assert_eq!(&*route("respond: {}").name, "routes[0]");
    assert_eq!(&*route("name: a.b-c_1\nrespond: {}").name, "a.b-c_1");
}

#[test]
fn matches() {
    let path = |yaml: &str| {
        route(&format!("match: {{ {yaml} }}\nrespond: {{}}"))
            .matches
            .path
    };
    assert_eq!(path(""), None);
    assert_eq!(path("path: /a"), Some(PathMatch::Exact("/a".into())));
    assert_eq!(path("path: /"), Some(PathMatch::Exact("/".into())));
    assert_eq!(
        path("path: /a%2Fb%5C"),
        Some(PathMatch::Exact("/a%2Fb%5C".into()))
    );
    assert_eq!(
        path("path: '/a/{id}/{*x}'"),
        Some(PathMatch::Template("/a/{id}/{*x}".into()))
    );
    assert_eq!(
        path("path_prefix: /a"),
        Some(PathMatch::Prefix("/a".into()))
    );
    assert_eq!(path("path_prefix: /"), Some(PathMatch::Prefix("/".into())));
    let MatchPlan { hosts, methods, headers, query, .. } = route(
        "match: { hosts: [A.example., '*.b.example'], methods: [GET, PURGE], headers: { X-A: 1 }, query: { a b: 'c d' } }\nrespond: {}",
    )
    .matches;
    assert_eq!(
        hosts,
        [
            HostPattern::Exact("a.example".into()),
            HostPattern::Wildcard(".b.example".into())
        ]
    );
    assert_eq!(
        methods
            .iter()
            .map(|method| method.as_str())
            .collect::<Vec<_>>(),
        ["GET", "PURGE"]
    );
    assert_eq!((headers[0].0.as_str(), headers[0].1.as_str()), ("x-a", "1"));
    assert_eq!(query, [("a b".into(), "c d".into())]);
}

#[test]
fn filters_keep_their_order() {
    let filters = route("respond: {}\nfilters: [{ response_headers: { remove: [A] } }, { request_headers: { add: { b: '${path}' } } }]").filters;
    let [
        FilterPlan::ResponseHeaders(first),
        FilterPlan::RequestHeaders(second),
    ] = &filters[..]
    else {
        panic!("{filters:?}");
    };
    assert_eq!(first.remove, [FieldName::new("a").unwrap()]);
    assert_eq!(second.add.len(), 1);
}

#[test]
fn forwards() {
    let TargetPlan::Forward(forward) = route(
        "match: { path_prefix: /a }\nforward: { split: [{ upstream: app, weight: 0 }, { upstream: app }], try_timeout: 1s, \
         retries: { max: 0, on: ['502', 503, reset, timeout] }, rewrite: { path_prefix: /b, host: '${host}:80' }, websocket: false }",
    )
    .target
    else {
        panic!();
    };
    assert_eq!(
        forward
            .split
            .iter()
            .map(|share| share.weight)
            .collect::<Vec<_>>(),
        [0, 1]
    );
    assert_eq!(forward.try_timeout, Some(Duration::from_secs(1)));
    assert_eq!(forward.retries.max, 0);
    let statuses = [StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE].map(RetryOn::Status);
    assert_eq!(
        forward.retries.on,
        [&statuses[..], &[RetryOn::Reset, RetryOn::Timeout]].concat()
    );
    assert_eq!(forward.rewrite.path, Some(RewritePath::Prefix("/b".into())));
    assert!(!forward.websocket);
}

#[test]
fn endpoints() {
    let plan = plan(
        "listeners: { web: { address: ':1' } }\nupstreams: { a: { endpoints: [127.0.0.1:9000, '[::1]:1', Host.Internal.:80, { address: a_b:1, weight: 1000 }] } }",
    );
    let shown: Vec<_> = plan.upstreams[0]
        .endpoints
        .iter()
        .map(|endpoint| (endpoint.address.clone(), endpoint.weight))
        .collect();
    let name = |host: &str, port| EndpointAddress::Name {
        host: host.into(),
        port,
    };
    let socket = |text: &str| EndpointAddress::Socket(text.parse().unwrap());
    assert_eq!(
        shown,
        [
            (socket("127.0.0.1:9000"), 1),
            (socket("[::1]:1"), 1),
            (name("host.internal", 80), 1),
            (name("a_b", 1), 1000)
        ]
    );
}

#[test]
fn balancers() {
    for (word, balance) in [
        ("round_robin", Balance::RoundRobin),
        ("random", Balance::Random),
        ("least_requests", Balance::LeastRequests),
        ("p2c", Balance::P2c),
    ] {
        let plan = plan(&format!(
            "listeners: {{ web: {{ address: ':1' }} }}\nupstreams: {{ a: {{ endpoints: [a.b:1], balance: {word} }} }}"
        ));
        assert_eq!(plan.upstreams[0].balance, balance, "{word}");
    }
}

#[test]
fn name_servers() {
    let servers = |yaml: &str| plan(&format!("{BASE}dns: {{ {yaml} }}")).dns.servers;
    assert_eq!(servers(""), NameServers::System);
    assert_eq!(servers("servers: system"), NameServers::System);
    let addrs = ["127.0.0.1:5353", "[fd00::2]:53"].map(|addr| addr.parse().unwrap());
    assert_eq!(
        servers("servers: [127.0.0.1:5353, '[fd00::2]:53']"),
        NameServers::At(addrs.to_vec())
    );
    let most: Vec<_> = (1..=8).map(|n| format!("10.0.0.{n}:53")).collect();
    let NameServers::At(addrs) = servers(&format!("servers: [{}]", most.join(", "))) else {
        panic!();
    };
    assert_eq!(addrs.len(), 8);
}

#[test]
fn access_logs() {
    let log = |yaml: &str| {
        plan(&format!("{BASE}telemetry: {{ access_log: {{ {yaml} }} }}"))
            .telemetry
            .access_log
            .unwrap()
    };
    assert_eq!(log("").format, AccessLogFormat::default());
    assert_eq!(log("").target, AccessLogTarget::Stdout);
    assert_eq!(log("format: combined").format, AccessLogFormat::Combined);
    assert_eq!(
        log("fields: [end, time]").format,
        AccessLogFormat::Json(vec![AccessLogField::End, AccessLogField::Time])
    );
    assert_eq!(
        log("path: logs/a.log").target,
        AccessLogTarget::File("logs/a.log".into())
    );
}

#[test]
fn addresses_may_be_port_0_more_than_once() {
    let plan = plan(
        "listeners: { a: { address: ':0' }, b: { address: ':0' }, c: { address: '[::]:80' } }\nadmin: off",
    );
    assert_eq!(plan.listeners.len(), 3);
    assert_eq!(plan.admin, None);
}

#[test]
fn bounds_are_within() {
    plan(&format!(
        "{BASE}workers: 1024\nshutdown_grace: 1h\nroutes: [{{ respond: {{ status: 599 }}, match: {{ path: '/{}' }} }}]",
        "a".repeat(4095)
    ));
    for limits in [
        "head_max: 1KiB, headers_max: 1, uri_max: 64, body_max: 0, connections_max: 1, connections_per_ip_max: 1, \
         requests_per_connection_max: 1, head_timeout: 1ms, idle_timeout: 1ms, body_timeout: 1ms, body_rate_min: 1, write_timeout: 1ms",
        "head_max: 1MiB, headers_max: 1000, uri_max: 64KiB, body_max: 1TiB, connections_max: 10000000, \
         connections_per_ip_max: 1000000, requests_per_connection_max: 1000000000, head_timeout: 1h, idle_timeout: 24h, \
         body_timeout: 60m, body_rate_min: 1GiB, write_timeout: 3600s",
    ] {
        plan(&format!(
            "listeners: {{ web: {{ address: ':1', limits: {{ {limits} }} }} }}"
        ));
    }
    for connections in [
        "max: 1, idle_max: 0, idle_timeout: 1ms, lifetime_max: 1s, connect_timeout: 1ms, pending_max: 0, pending_timeout: 1ms",
        "max: 100000, idle_max: 100000, idle_timeout: 1d, lifetime_max: 7d, connect_timeout: 5m, pending_max: 100000, pending_timeout: 300s",
    ] {
        plan(&format!(
            "{}  \n",
            BASE.replace(
                "['a.b:1']",
                &format!("['a.b:1'], connections: {{ {connections} }}")
            )
        ));
    }
}
