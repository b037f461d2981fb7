//! Endpoints by the rules of the `OTEL_EXPORTER_OTLP_ENDPOINT` variables.

use base::Secret;
use export::{Endpoint, EndpointError, ExportPlan, Protocol, Scheme};
use otlp::Signal;

const GRPC: Protocol = Protocol::Grpc;
const HTTP: Protocol = Protocol::HttpProtobuf;

/// `expected` is scheme, host, port and target.
#[track_caller]
fn check(endpoint: Result<Endpoint, EndpointError>, expected: (Scheme, &str, u16, &str)) {
    let endpoint = endpoint.unwrap();
    let found = (
        endpoint.scheme(),
        endpoint.host(),
        endpoint.port(),
        endpoint.target(),
    );
    assert_eq!(found, expected);
}

#[test]
fn a_url_for_all_signals_gets_each_signals_path() {
    for (url, signal, expected) in [
        (
            "http://localhost:4318",
            Signal::Traces,
            (Scheme::Http, "localhost", 4318, "/v1/traces"),
        ),
        (
            "http://localhost:4318/",
            Signal::Metrics,
            (Scheme::Http, "localhost", 4318, "/v1/metrics"),
        ),
        (
            "https://otlp.example.com",
            Signal::Logs,
            (Scheme::Https, "otlp.example.com", 443, "/v1/logs"),
        ),
        (
            "http://collector/mycollector/",
            Signal::Traces,
            (Scheme::Http, "collector", 80, "/mycollector/v1/traces"),
        ),
        (
            "http://collector/mycollector",
            Signal::Traces,
            (Scheme::Http, "collector", 80, "/mycollector/v1/traces"),
        ),
        (
            "HTTPS://[::1]:8443/a/b",
            Signal::Traces,
            (Scheme::Https, "::1", 8443, "/a/b/v1/traces"),
        ),
        (
            "http://my_host.example:1",
            Signal::Traces,
            (Scheme::Http, "my_host.example", 1, "/v1/traces"),
        ),
    ] {
        for protocol in [HTTP, Protocol::HttpJson] {
            check(
                Endpoint::for_all(url, protocol, Scheme::Https, signal),
                expected,
            );
        }
    }
}

#[test]
fn a_url_of_one_signal_is_used_as_it_is() {
    for (url, expected) in [
        (
            "http://localhost:4318",
            (Scheme::Http, "localhost", 4318, "/"),
        ),
        (
            "http://localhost:4318/v1/traces",
            (Scheme::Http, "localhost", 4318, "/v1/traces"),
        ),
        (
            "https://h/ingest/?key=1",
            (Scheme::Https, "h", 443, "/ingest/?key=1"),
        ),
        ("https://h?key=1", (Scheme::Https, "h", 443, "/?key=1")),
    ] {
        check(
            Endpoint::for_one(url, HTTP, Scheme::Https, Signal::Traces),
            expected,
        );
    }
}

#[test]
fn grpc_has_its_own_paths_and_needs_no_scheme() {
    let traces = Signal::Traces.grpc_path();
    for (url, bare, expected) in [
        (
            "http://localhost:4317",
            Scheme::Https,
            (Scheme::Http, "localhost", 4317, traces),
        ),
        (
            "https://localhost:4317/",
            Scheme::Http,
            (Scheme::Https, "localhost", 4317, traces),
        ),
        (
            "localhost:4317",
            Scheme::Http,
            (Scheme::Http, "localhost", 4317, traces),
        ),
        (
            "localhost:4317",
            Scheme::Https,
            (Scheme::Https, "localhost", 4317, traces),
        ),
        (
            "collector",
            Scheme::Https,
            (Scheme::Https, "collector", 443, traces),
        ),
        (
            "[::1]:4317",
            Scheme::Http,
            (Scheme::Http, "::1", 4317, traces),
        ),
    ] {
        check(Endpoint::for_all(url, GRPC, bare, Signal::Traces), expected);
        check(Endpoint::for_one(url, GRPC, bare, Signal::Traces), expected);
    }
}

/// OT-2.
#[test]
fn the_defaults_are_on_this_machine() {
    for signal in Signal::ALL {
        check(
            Ok(Endpoint::local(GRPC, signal)),
            (Scheme::Http, "localhost", 4317, signal.grpc_path()),
        );
        check(
            Ok(Endpoint::local(HTTP, signal)),
            (Scheme::Http, "localhost", 4318, signal.http_path()),
        );
    }
}

#[track_caller]
fn check_error(url: &str, protocol: Protocol, expected: &str) {
    let error = Endpoint::for_all(url, protocol, Scheme::Https, Signal::Traces).unwrap_err();
    assert_eq!(error.to_string(), expected, "{url}");
    assert!(!error.to_string().contains("hunter2"));
}

#[test]
fn what_names_no_back_end_is_refused_without_showing_passwords() {
    let no_user = "expected no user name in the URL: credentials belong into headers";
    for (url, protocol, expected) in [
        (
            "localhost:4318",
            HTTP,
            "expected a URL such as http://localhost:4318, found `localhost:4318`",
        ),
        (
            "",
            GRPC,
            "expected a URL such as http://localhost:4317, found ``",
        ),
        (
            "http://",
            GRPC,
            "expected a URL such as http://localhost:4317, found `http://`",
        ),
        (
            "http:///v1",
            HTTP,
            "expected a URL such as http://localhost:4318, found `http:///v1`",
        ),
        (
            "http://h:0",
            HTTP,
            "expected a URL such as http://localhost:4318, found `http://h:0`",
        ),
        (
            "http://h:",
            HTTP,
            "expected a URL such as http://localhost:4318, found `http://h:`",
        ),
        (
            "http://h:65536",
            HTTP,
            "expected a URL such as http://localhost:4318, found `http://h:65536`",
        ),
        (
            "http://a b",
            HTTP,
            "expected a URL such as http://localhost:4318, found `http://a b`",
        ),
        (
            "unix:///run/otel.sock",
            GRPC,
            "expected http or https, found `unix`",
        ),
        (
            "grpc://h:4317",
            GRPC,
            "expected http or https, found `grpc`",
        ),
        (
            "http://h:4317/v1/traces",
            GRPC,
            "expected no path with gRPC, found `/v1/traces`",
        ),
        (
            "http://h/?key=hunter2",
            HTTP,
            "expected no query in the URL for all signals: give each signal its own",
        ),
        ("http://me:hunter2@h", HTTP, no_user),
        ("me:hunter2@h:4318", HTTP, no_user),
        ("me:hunter2@h:4317", GRPC, no_user),
    ] {
        check_error(url, protocol, expected);
    }
}

#[test]
fn plans_show_neither_queries_nor_headers() {
    let url = "https://h/in?api_key=hunter2";
    let endpoint = Endpoint::for_one(url, HTTP, Scheme::Https, Signal::Traces).unwrap();
    assert_eq!(endpoint.to_string(), "https://h/in");
    let mut plan = ExportPlan::new(endpoint, HTTP);
    plan.headers
        .push(("authorization".into(), Secret::new("hunter2")));
    let shown = format!("{plan:?}");
    assert!(
        !shown.contains("hunter2") && shown.contains("authorization"),
        "{shown}"
    );
    assert_eq!(plan, plan.clone());
}
