//! Names of metrics and labels: what Prometheus calls what OpenTelemetry names (M-2, M-5).

use std::collections::BTreeMap;

use message::MethodKind;
use telemetry::access_log::Meter;
use telemetry::metrics::{
    Bounds, ClientMetrics, Family, Instrument, Kind, RequestMetrics, RpcMetrics, RpcSide, Scheme,
    Sheet, process_sheet,
};

use crate::figures::{EVENTS, PLAIN};

#[track_caller]
fn check(kind: Kind, name: &'static str, unit: &'static str, expected: &str, words: &str) {
    let family = Family::new(Instrument {
        name,
        unit,
        description: "",
        kind,
    });
    assert_eq!(family.name(), expected, "{name} {unit}");
    assert_eq!(family.unit_words().unwrap_or(""), words, "{name} {unit}");
}

/// M-2
#[test]
fn names_are_derived() {
    use Kind::{Counter, Gauge, Histogram, ObservableCounter, UpDownCounter};
    check(
        Histogram,
        "http.server.request.duration",
        "s",
        "http_server_request_duration_seconds",
        "seconds",
    );
    // The unit in words, then _total on monotonic sums.
    check(Counter, "foo.bar", "By", "foo_bar_bytes_total", "bytes");
    check(
        ObservableCounter,
        "foo.bar",
        "s",
        "foo_bar_seconds_total",
        "seconds",
    );
    check(UpDownCounter, "foo.bar", "By", "foo_bar_bytes", "bytes");
    check(Gauge, "foo", "ms", "foo_milliseconds", "milliseconds");
    check(Gauge, "foo", "%", "foo_percent", "percent");
    check(
        Gauge,
        "foo",
        "m/s",
        "foo_meters_per_second",
        "meters_per_second",
    );
    check(
        Gauge,
        "foo",
        "By/min",
        "foo_bytes_per_minute",
        "bytes_per_minute",
    );
    check(Counter, "foo", "1/s", "foo_per_second_total", "per_second");
    // Remarks in braces are dropped.
    check(
        UpDownCounter,
        "http.server.active_requests",
        "{request}",
        "http_server_active_requests",
        "",
    );
    check(Counter, "foo", "{request}", "foo_total", "");
    check(Gauge, "foo", "{packet}/s", "foo_per_second", "per_second");
    check(Gauge, "foo", "By{read}", "foo_bytes", "bytes");
    // Not twice, and by whole words.
    check(Gauge, "foo.bytes", "By", "foo_bytes", "bytes");
    check(Gauge, "seconds", "s", "seconds", "seconds");
    check(
        Gauge,
        "foo.milliseconds",
        "s",
        "foo_milliseconds_seconds",
        "seconds",
    );
    check(Counter, "foo.total", "", "foo_total", "");
    check(Counter, "foo.total", "By", "foo_bytes_total", "bytes");
    check(Counter, "foo.bytes.total", "By", "foo_bytes_total", "bytes");
    check(Gauge, "foo.total", "", "foo_total", "");
    // 1 is a ratio of gauges, else nothing.
    check(Gauge, "foo", "1", "foo_ratio", "ratio");
    check(Counter, "foo", "1", "foo_total", "");
    // A unit without a word stands for itself.
    check(Gauge, "foo", "widgets", "foo_widgets", "widgets");
    // What is not legal is _, and runs of _ are one.
    check(Gauge, "foo..bar", "", "foo_bar", "");
    check(Gauge, "foo__bar-baz", "", "foo_bar_baz", "");
    check(Gauge, "größe", "", "gr_e", "");
    check(Gauge, "4xx.rate", "", "_4xx_rate", "");
    check(Gauge, "a:b", "", "a:b", "");
}

/// Names are interfaces: every family of this crate, with what a query of Prometheus calls it.
#[test]
fn every_family_by_both_names() {
    let mut sheet = Sheet::new();
    let requests = RequestMetrics::default();
    drop(requests.started(MethodKind::Get.into(), Scheme::Http));
    requests.collect(&mut sheet);
    ClientMetrics::default().collect(&mut sheet);
    for side in [RpcSide::Server, RpcSide::Client] {
        RpcMetrics::new(side, Bounds::default()).collect(&mut sheet);
    }
    process_sheet(&mut sheet);
    Meter::default().collect(&mut sheet);
    let found: BTreeMap<&str, (&str, &str)> = sheet
        .families()
        .map(|family| {
            let instrument = family.instrument();
            (family.name(), (instrument.name, instrument.unit))
        })
        .collect();
    let expected = BTreeMap::from([
        (
            "http_server_request_duration_seconds",
            ("http.server.request.duration", "s"),
        ),
        (
            "http_server_active_requests",
            ("http.server.active_requests", "{request}"),
        ),
        (
            "http_client_request_duration_seconds",
            ("http.client.request.duration", "s"),
        ),
        (
            "rpc_server_call_duration_seconds",
            ("rpc.server.call.duration", "s"),
        ),
        (
            "rpc_client_call_duration_seconds",
            ("rpc.client.call.duration", "s"),
        ),
        (
            "tidegate_metrics_series_overflow_total",
            ("tidegate.metrics.series_overflow", "{request}"),
        ),
        (
            "tidegate_metrics_routes_overflow_total",
            ("tidegate.metrics.routes_overflow", "{name}"),
        ),
        (
            "tidegate_metrics_servers_overflow_total",
            ("tidegate.metrics.servers_overflow", "{name}"),
        ),
        (
            "tidegate_metrics_rpc_methods_overflow_total",
            ("tidegate.metrics.rpc_methods_overflow", "{name}"),
        ),
        (
            "tidegate_access_log_lines_total",
            ("tidegate.access_log.lines", "{line}"),
        ),
        (
            "tidegate_access_log_dropped_lines_total",
            ("tidegate.access_log.dropped_lines", "{line}"),
        ),
        (
            "tidegate_access_log_errors_total",
            ("tidegate.access_log.errors", "{error}"),
        ),
        ("tidegate_build_info", ("tidegate.build_info", "")),
        ("process_cpu_seconds_total", ("process.cpu", "s")),
        (
            "process_resident_memory_bytes",
            ("process.resident_memory", "By"),
        ),
        ("process_memory_limit_bytes", ("process.memory_limit", "By")),
        ("process_threads", ("process.threads", "{thread}")),
        (
            "process_open_fds",
            ("process.open_fds", "{file_descriptor}"),
        ),
        ("process_max_fds", ("process.max_fds", "{file_descriptor}")),
        ("process_start_time_seconds", ("process.start_time", "s")),
    ]);
    assert_eq!(found, expected);
}

#[track_caller]
fn check_labels(labels: &[(&'static str, &str)], expected: &str) {
    let mut sheet = Sheet::new();
    sheet.counter(&EVENTS, labels, 1);
    let text = sheet.render(PLAIN);
    let line = format!("\ntest_events_total{expected} 1\n");
    assert!(text.contains(&line), "expected {expected} in\n{text}");
}

/// M-5
#[test]
fn labels_are_escaped_and_collisions_joined() {
    check_labels(&[], "");
    check_labels(&[("http.route", "/a")], r#"{http_route="/a"}"#);
    check_labels(&[("a-b c", "1"), ("9", "2")], r#"{_9="2",a_b_c="1"}"#);
    check_labels(&[("a..b", "1")], r#"{a_b="1"}"#);
    // Joined in the order of the original keys: `.` stands before `_`, and that before letters.
    check_labels(&[("a_b", "2"), ("a.b", "1")], r#"{a_b="1;2"}"#);
    check_labels(
        &[("a.b", "x\"y"), ("a.c", "3"), ("a_b", "2"), ("a-b", "0")],
        r#"{a_b="0;x\"y;2",a_c="3"}"#,
    );
}
