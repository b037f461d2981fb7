//! Endpoints (OTLP exporter, configuration options and endpoint URLs).

use telemetry::environment::{Effect, Environment, Otlp};

use super::{Variables, check};

const ALL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const METRICS: &str = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
const INSECURE: &str = "OTEL_EXPORTER_OTLP_INSECURE";
const TRACES_INSECURE: &str = "OTEL_EXPORTER_OTLP_TRACES_INSECURE";
const GRPC: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
const IGNORED: Effect = Effect::Ignored;
const PART: Effect = Effect::PartIgnored;

/// The endpoint, with a note when it is the default.
fn shown(otlp: &Otlp) -> String {
    assert_eq!(otlp.insecure, otlp.endpoint.starts_with("http://"));
    let note = if otlp.is_endpoint_set {
        ""
    } else {
        " (default)"
    };
    format!("{}{note}", otlp.endpoint)
}

#[track_caller]
fn check_traces(variables: Variables<'_>, expected: &str, warned: &[(&str, Effect)]) {
    let part = |found: &Environment| shown(&found.otlp.traces);
    check(variables, part, expected.to_owned(), warned);
}

#[test]
fn http_appends_the_signal_to_the_general_endpoint() {
    for (written, expected) in [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("http://collector:4318/", "http://collector:4318/v1/traces"),
        (
            "http://collector:4318/mycollector/",
            "http://collector:4318/mycollector/v1/traces",
        ),
        (
            "http://collector:4318/mycollector",
            "http://collector:4318/mycollector/v1/traces",
        ),
        (
            "http://collector:4318/v1/traces",
            "http://collector:4318/v1/traces/v1/traces",
        ),
        ("https://collector", "https://collector/v1/traces"),
        ("https://collector:/x", "https://collector/x/v1/traces"),
        ("HTTPS://Collector:443", "https://Collector:443/v1/traces"),
        ("http://[::1]:4318", "http://[::1]:4318/v1/traces"),
        ("http://127.0.0.1", "http://127.0.0.1/v1/traces"),
        ("http://c/a%20b", "http://c/a%20b/v1/traces"),
        ("http://c?k=v", "http://c/v1/traces?k=v"),
        ("http://c/a?k=/v", "http://c/a/v1/traces?k=/v"),
        ("http://c/a#b", "http://c/a/v1/traces"),
    ] {
        check_traces(&[(ALL, written)], expected, &[]);
    }
    let part = |found: &Environment| {
        let otlp = &found.otlp;
        [&otlp.traces, &otlp.metrics, &otlp.logs].map(shown)
    };
    let expected = ["traces", "metrics", "logs"].map(|signal| format!("http://c:4318/v1/{signal}"));
    check(&[(ALL, "http://c:4318")], part, expected, &[]);
}

#[test]
fn http_uses_a_signals_endpoint_as_it_is() {
    for (written, expected) in [
        ("http://collector:4318", "http://collector:4318/"),
        ("http://collector:4318/", "http://collector:4318/"),
        (
            "https://collector.example.com/v1/metrics",
            "https://collector.example.com/v1/metrics",
        ),
        (
            "https://collector.example.com/v1/metrics/",
            "https://collector.example.com/v1/metrics/",
        ),
        ("http://c//a//", "http://c//a//"),
        ("http://c?k=v", "http://c/?k=v"),
        ("http://c/a?k=v&l=%2F", "http://c/a?k=v&l=%2F"),
    ] {
        check_traces(&[(TRACES, written)], expected, &[]);
        check_traces(&[(TRACES, written), (ALL, "http://other:1")], expected, &[]);
    }
}

/// OTLP exporter, examples 2 and 3.
#[test]
fn signals_without_their_own_endpoint_use_the_general_one() {
    let part = |found: &Environment| {
        let otlp = &found.otlp;
        [&otlp.traces, &otlp.metrics, &otlp.logs].map(shown)
    };
    let example_2 = [
        (TRACES, "http://collector:4318"),
        (METRICS, "https://collector.example.com/v1/metrics"),
    ];
    let expected = [
        "http://collector:4318/",
        "https://collector.example.com/v1/metrics",
        "http://localhost:4318/v1/logs (default)",
    ];
    check(&example_2, part, expected.map(str::to_owned), &[]);
    let example_3 = [
        (ALL, "http://collector:4318/mycollector/"),
        (METRICS, "https://collector.example.com/v1/metrics/"),
    ];
    let expected = [
        "http://collector:4318/mycollector/v1/traces",
        "https://collector.example.com/v1/metrics/",
        "http://collector:4318/mycollector/v1/logs",
    ];
    check(&example_3, part, expected.map(str::to_owned), &[]);
}

#[test]
fn what_is_no_url_is_ignored() {
    for written in [
        "localhost:4318",
        "localhost",
        "//localhost:4318",
        "/v1/traces",
        "ftp://localhost",
        "grpc://localhost:4317",
        "http:/localhost",
        "http://",
        "http:///v1",
        "http://:4318",
        "http://a b",
        " http://a",
        "http://a\n",
        "http://é",
        "http://a/é",
        "http://a/\"",
        "http://a:0",
        "http://a:65536",
        "http://a:b",
        "http://a:1:2",
        "http://[::1",
        "http://a,b",
        "://a",
    ] {
        let default = "http://localhost:4318/v1/traces (default)";
        check_traces(&[(ALL, written)], default, &[(ALL, IGNORED)]);
        check_traces(&[(TRACES, written)], default, &[(TRACES, IGNORED)]);
        let both = [(TRACES, written), (ALL, "http://c")];
        check_traces(&both, "http://c/v1/traces", &[(TRACES, IGNORED)]);
    }
}

#[test]
fn grpc_takes_urls_and_bare_hosts() {
    for (written, insecure, expected, warned) in [
        ("", "", "http://localhost:4317 (default)", vec![]),
        ("", "false", "http://localhost:4317 (default)", vec![]),
        // A scheme beats INSECURE.
        ("http://c:4317", "", "http://c:4317", vec![]),
        ("http://c:4317", "false", "http://c:4317", vec![]),
        ("https://c:4317", "true", "https://c:4317", vec![]),
        ("HTTP://c:4317/", "", "http://c:4317", vec![]),
        ("https://c", "", "https://c", vec![]),
        // Without one it counts.
        ("c:4317", "", "https://c:4317", vec![]),
        ("c:4317", "false", "https://c:4317", vec![]),
        ("c:4317", "TRUE", "http://c:4317", vec![]),
        (
            "c:4317",
            "1",
            "https://c:4317",
            vec![(INSECURE, Effect::False)],
        ),
        ("c", "true", "http://c", vec![]),
        ("[::1]:4317", "true", "http://[::1]:4317", vec![]),
        // The path is the method's.
        (
            "http://c:4317/v1/traces",
            "",
            "http://c:4317",
            vec![(ALL, PART)],
        ),
        ("http://c:4317?k=v", "", "http://c:4317", vec![(ALL, PART)]),
        // Other ways to name a target.
        (
            "dns:///c:4317",
            "",
            "http://localhost:4317 (default)",
            vec![(ALL, IGNORED)],
        ),
        (
            "dns:c:4317",
            "",
            "http://localhost:4317 (default)",
            vec![(ALL, IGNORED)],
        ),
        (
            "unix:/run/c",
            "",
            "http://localhost:4317 (default)",
            vec![(ALL, IGNORED)],
        ),
        (
            "unix:///run/c",
            "",
            "http://localhost:4317 (default)",
            vec![(ALL, IGNORED)],
        ),
        (
            "c:4317/a",
            "",
            "http://localhost:4317 (default)",
            vec![(ALL, IGNORED)],
        ),
        (
            "c:4317?u=http://d",
            "",
            "http://localhost:4317 (default)",
            vec![(ALL, IGNORED)],
        ),
        (
            "c:x",
            "",
            "http://localhost:4317 (default)",
            vec![(ALL, IGNORED)],
        ),
    ] {
        let variables = [GRPC, (ALL, written), (INSECURE, insecure)];
        check_traces(&variables, expected, &warned);
    }
}

#[test]
fn a_signals_own_variables_win_for_grpc_too() {
    let bare = [GRPC, (ALL, "c:4317"), (INSECURE, "true")];
    check_traces(&bare, "http://c:4317", &[]);
    let own = [
        GRPC,
        (ALL, "c:4317"),
        (INSECURE, "true"),
        (TRACES_INSECURE, "false"),
    ];
    check_traces(&own, "https://c:4317", &[]);
    // What is not `true` is false, and set.
    let neither = [
        GRPC,
        (ALL, "c:4317"),
        (INSECURE, "true"),
        (TRACES_INSECURE, "0"),
    ];
    check_traces(
        &neither,
        "https://c:4317",
        &[(TRACES_INSECURE, Effect::False)],
    );
    let endpoint = [GRPC, (ALL, "c:4317"), (TRACES, "http://d:1")];
    check_traces(&endpoint, "http://d:1", &[]);
    let part = |found: &Environment| [shown(&found.otlp.traces), shown(&found.otlp.logs)];
    let expected = ["http://d:1", "https://c:4317"].map(str::to_owned);
    check(&endpoint, part, expected, &[]);
}

/// INSECURE is for gRPC only.
#[test]
fn insecure_changes_nothing_for_http() {
    for written in ["true", "false"] {
        let variables = [(INSECURE, written), (ALL, "https://c")];
        check_traces(&variables, "https://c/v1/traces", &[]);
        let variables = [(INSECURE, written), (ALL, "http://c")];
        check_traces(&variables, "http://c/v1/traces", &[]);
        let default = "http://localhost:4318/v1/traces (default)";
        let variables = [(INSECURE, written), (ALL, "c:4318")];
        check_traces(&variables, default, &[(ALL, IGNORED)]);
    }
}

/// The general endpoint is read as each signal's protocol wants it, and what is wrong with it is told once.
#[test]
fn signals_may_differ_in_protocol() {
    let part = |found: &Environment| {
        let otlp = &found.otlp;
        [&otlp.traces, &otlp.metrics, &otlp.logs].map(shown)
    };
    let traces = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc");
    let expected = ["http://c:1", "http://c:1/v1/metrics", "http://c:1/v1/logs"];
    check(
        &[traces, (ALL, "http://c:1")],
        part,
        expected.map(str::to_owned),
        &[],
    );
    let expected = [
        "https://c:1",
        "http://localhost:4318/v1/metrics (default)",
        "http://localhost:4318/v1/logs (default)",
    ];
    let bare = [traces, (ALL, "c:1")];
    check(&bare, part, expected.map(str::to_owned), &[(ALL, IGNORED)]);
    let none = [traces];
    let expected = [
        "http://localhost:4317 (default)",
        "http://localhost:4318/v1/metrics (default)",
        "http://localhost:4318/v1/logs (default)",
    ];
    check(&none, part, expected.map(str::to_owned), &[]);
}

/// Only scheme, host, port and path have to be honoured; credentials go into headers.
#[test]
fn user_and_password_are_left_out() {
    for written in [
        "http://user:pass@c:1",
        "http://user@c:1",
        "http://a@b:c@c:1",
    ] {
        check_traces(&[(ALL, written)], "http://c:1/v1/traces", &[(ALL, PART)]);
        check_traces(&[(TRACES, written)], "http://c:1/", &[(TRACES, PART)]);
        check_traces(&[GRPC, (ALL, written)], "http://c:1", &[(ALL, PART)]);
    }
    let both = [GRPC, (ALL, "http://user:pass@c:1/x")];
    check_traces(&both, "http://c:1", &[(ALL, PART), (ALL, PART)]);
}
