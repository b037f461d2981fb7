//! Buckets, sums, bounds and the rendered text.

use std::time::Duration;

use message::{MethodKind, Version};
use telemetry::metrics::{
    Bounds, Family, Format, Histogram, Kind, RequestMetrics, RouteLabel, Scheme, Sheet,
    process_sheet, thread_cpu_time,
};

use crate::openmetrics;

static LATENCY: Family = Family {
    name: "test_latency_seconds",
    help: "How \"long\" it\ntook, with a \\.",
    unit: Some("seconds"),
    kind: Kind::Histogram,
};
static EVENTS: Family = Family {
    name: "test_events_total",
    help: "Events.",
    unit: None,
    kind: Kind::Counter,
};
static CPU: Family = Family {
    name: "test_cpu_seconds_total",
    help: "Time.",
    unit: Some("seconds"),
    kind: Kind::Counter,
};
static LEVEL: Family = Family {
    name: "test_level",
    help: "Level.",
    unit: Some("bytes"),
    kind: Kind::Gauge,
};

/// The line of a series, without its value.
#[track_caller]
fn value<'a>(text: &'a str, series: &str) -> &'a str {
    text.lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
        .unwrap_or_else(|| panic!("no {series} in\n{text}"))
}

#[track_caller]
fn check_bucket(elapsed: Duration, bound: &str, below: Option<&str>) {
    let histogram = Histogram::new();
    histogram.observe(elapsed);
    let mut sheet = Sheet::new();
    sheet.histogram(&LATENCY, &[], &histogram);
    let text = sheet.render(Format::Prometheus);
    let bucket = |bound: &str| {
        value(
            &text,
            &format!("test_latency_seconds_bucket{{le=\"{bound}\"}}"),
        )
    };
    assert_eq!(bucket(bound), "1", "{elapsed:?} le {bound}");
    if let Some(below) = below {
        assert_eq!(bucket(below), "0", "{elapsed:?} le {below}");
    }
    assert_eq!(bucket("+Inf"), "1");
    assert_eq!(value(&text, "test_latency_seconds_count"), "1");
}

#[test]
fn a_bound_belongs_to_its_bucket() {
    let bounds = [
        ("0.005", 5_000_000),
        ("0.01", 10_000_000),
        ("0.025", 25_000_000),
        ("0.05", 50_000_000),
        ("0.075", 75_000_000),
        ("0.1", 100_000_000),
        ("0.25", 250_000_000),
        ("0.5", 500_000_000),
        ("0.75", 750_000_000),
        ("1", 1_000_000_000),
        ("2.5", 2_500_000_000),
        ("5", 5_000_000_000),
        ("7.5", 7_500_000_000),
        ("10", 10_000_000_000),
        ("+Inf", u64::MAX),
    ];
    check_bucket(Duration::ZERO, "0.005", None);
    check_bucket(Duration::MAX, "+Inf", Some("10"));
    for pair in bounds.windows(2) {
        let [(bound, nanos), (next, _)] = pair else {
            unreachable!()
        };
        check_bucket(Duration::from_nanos(nanos - 1), bound, None);
        check_bucket(Duration::from_nanos(*nanos), bound, None);
        check_bucket(Duration::from_nanos(nanos + 1), next, Some(bound));
    }
}

fn example() -> Sheet {
    let histogram = Histogram::new();
    for millis in [1, 7, 700, 20_000] {
        histogram.observe(Duration::from_millis(millis));
    }
    let mut sheet = Sheet::new();
    sheet.histogram(&LATENCY, &[("route", "a")], &histogram);
    sheet.counter(&EVENTS, &[("kind", "b")], 2);
    sheet.counter(&EVENTS, &[("kind", "a\"\\\n{}é"), ("also", "")], 3);
    sheet.counter_seconds(&CPU, &[], Duration::from_millis(1_250));
    sheet.gauge(&LEVEL, &[], 0.5);
    sheet
}

#[test]
fn prometheus_text() {
    let expected = r#"# HELP test_cpu_seconds_total Time.
# TYPE test_cpu_seconds_total counter
test_cpu_seconds_total 1.25
# HELP test_events_total Events.
# TYPE test_events_total counter
test_events_total{also="",kind="a\"\\\n{}é"} 3
test_events_total{kind="b"} 2
# HELP test_latency_seconds How "long" it\ntook, with a \\.
# TYPE test_latency_seconds histogram
test_latency_seconds_bucket{route="a",le="0.005"} 1
test_latency_seconds_bucket{route="a",le="0.01"} 2
test_latency_seconds_bucket{route="a",le="0.025"} 2
test_latency_seconds_bucket{route="a",le="0.05"} 2
test_latency_seconds_bucket{route="a",le="0.075"} 2
test_latency_seconds_bucket{route="a",le="0.1"} 2
test_latency_seconds_bucket{route="a",le="0.25"} 2
test_latency_seconds_bucket{route="a",le="0.5"} 2
test_latency_seconds_bucket{route="a",le="0.75"} 3
test_latency_seconds_bucket{route="a",le="1"} 3
test_latency_seconds_bucket{route="a",le="2.5"} 3
test_latency_seconds_bucket{route="a",le="5"} 3
test_latency_seconds_bucket{route="a",le="7.5"} 3
test_latency_seconds_bucket{route="a",le="10"} 3
test_latency_seconds_bucket{route="a",le="+Inf"} 4
test_latency_seconds_sum{route="a"} 20.708
test_latency_seconds_count{route="a"} 4
# HELP test_level Level.
# TYPE test_level gauge
test_level 0.5
"#;
    assert_eq!(example().render(Format::Prometheus), expected);
}

#[test]
fn openmetrics_text() {
    let text = example().render(Format::OpenMetrics);
    let start = r#"# HELP test_cpu_seconds Time.
# TYPE test_cpu_seconds counter
# UNIT test_cpu_seconds seconds
test_cpu_seconds_total 1.25
# HELP test_events Events.
# TYPE test_events counter
test_events_total{also="",kind="a\"\\\n{}é"} 3
test_events_total{kind="b"} 2
# HELP test_latency_seconds How \"long\" it\ntook, with a \\.
# TYPE test_latency_seconds histogram
# UNIT test_latency_seconds seconds
test_latency_seconds_bucket{route="a",le="0.005"} 1
"#;
    assert!(text.starts_with(start), "{text}");
    assert!(
        text.contains("le=\"1.0\"} 3\n") && text.contains("le=\"10.0\"} 3\n"),
        "{text}"
    );
    let end = "# HELP test_level Level.\n# TYPE test_level gauge\ntest_level 0.5\n# EOF\n";
    assert!(text.ends_with(end), "{text}");
    openmetrics::check(&text);
}

#[test]
fn everything_collected_is_valid_openmetrics() {
    let metrics = RequestMetrics::new(Bounds::default());
    let route = metrics.label("we\"ird\\route\n");
    metrics.finished(
        route,
        MethodKind::Get,
        200,
        Version::Http11,
        Duration::from_millis(3),
    );
    metrics.finished(
        RouteLabel::UNMATCHED,
        MethodKind::Other,
        404,
        Version::Http10,
        Duration::ZERO,
    );
    let mut sheet = example();
    metrics.collect(&mut sheet);
    process_sheet(&mut sheet);
    sheet.gauge(&LEVEL, &[("odd", "nan")], f64::NAN);
    sheet.gauge(&LEVEL, &[("odd", "inf")], f64::NEG_INFINITY);
    openmetrics::check(&sheet.render(Format::OpenMetrics));
    openmetrics::check(&Sheet::new().render(Format::OpenMetrics));
    assert_eq!(Sheet::new().render(Format::Prometheus), "");
}

#[test]
fn merging_adds_what_is_equal() {
    let mut sum = example();
    let mut other = example();
    other.counter(&EVENTS, &[("kind", "b")], 5);
    other.counter(&EVENTS, &[("kind", "c")], 1);
    sum.merge(other);
    let text = sum.render(Format::Prometheus);
    assert_eq!(value(&text, "test_events_total{kind=\"b\"}"), "9");
    assert_eq!(value(&text, "test_events_total{kind=\"c\"}"), "1");
    assert_eq!(value(&text, "test_level"), "1");
    assert_eq!(value(&text, "test_cpu_seconds_total"), "2.5");
    assert_eq!(value(&text, "test_latency_seconds_count{route=\"a\"}"), "8");
    assert_eq!(
        value(&text, "test_latency_seconds_sum{route=\"a\"}"),
        "41.416"
    );
    assert_eq!(text.matches("# TYPE test_events_total").count(), 1);
}

#[test]
fn the_order_of_labels_does_not_matter() {
    let mut sheet = Sheet::new();
    sheet.counter(&EVENTS, &[("a", "1"), ("b", "2")], 1);
    sheet.counter(&EVENTS, &[("b", "2"), ("a", "1")], 1);
    let text = sheet.render(Format::Prometheus);
    assert_eq!(value(&text, "test_events_total{a=\"1\",b=\"2\"}"), "2");
}

fn rendered(metrics: &RequestMetrics) -> String {
    let mut sheet = Sheet::new();
    metrics.collect(&mut sheet);
    // A sheet is what crosses threads.
    std::thread::spawn(move || sheet.render(Format::Prometheus))
        .join()
        .unwrap()
}

#[test]
fn requests_are_labelled() {
    let metrics = RequestMetrics::default();
    let route = metrics.label("products");
    assert_eq!(metrics.label("products"), route);
    metrics.finished(
        route,
        MethodKind::Get,
        200,
        Version::Http11,
        Duration::from_millis(30),
    );
    metrics.finished(
        route,
        MethodKind::Get,
        200,
        Version::Http11,
        Duration::from_millis(40),
    );
    metrics.finished(
        RouteLabel::UNMATCHED,
        MethodKind::Other,
        0,
        Version::Http10,
        Duration::ZERO,
    );
    let text = rendered(&metrics);
    let name = "http_server_request_duration_seconds_count";
    let get = r#"{http_request_method="GET",http_response_status_code="200",http_route="products",network_protocol_version="1.1"}"#;
    assert_eq!(value(&text, &format!("{name}{get}")), "2");
    let unmatched = r#"{http_request_method="_OTHER",network_protocol_version="1.0"}"#;
    assert_eq!(value(&text, &format!("{name}{unmatched}")), "1");
}

#[test]
fn routes_and_series_are_bounded() {
    let metrics = RequestMetrics::new(Bounds {
        routes_max: 2,
        series_max: 3,
    });
    let labels = ["a", "b", "c", "d"].map(|name| metrics.label(name));
    assert_eq!(labels[2], labels[3]);
    for route in labels {
        metrics.finished(route, MethodKind::Get, 200, Version::Http11, Duration::ZERO);
    }
    for status in [201, 202, 203, 200] {
        metrics.finished(
            labels[0],
            MethodKind::Get,
            status,
            Version::Http11,
            Duration::ZERO,
        );
    }
    let text = rendered(&metrics);
    let name = "http_server_request_duration_seconds_count";
    let overflow_route = r#"{http_request_method="GET",http_response_status_code="200",http_route="_OVERFLOW",network_protocol_version="1.1"}"#;
    assert_eq!(value(&text, &format!("{name}{overflow_route}")), "2");
    assert_eq!(
        value(&text, &format!("{name}{{http_route=\"_OVERFLOW\"}}")),
        "3"
    );
    assert_eq!(value(&text, "tidegate_metrics_series_overflow_total"), "3");
    assert_eq!(value(&text, "tidegate_metrics_routes_overflow_total"), "2");
    assert_eq!(text.matches(name).count(), 4);
}

#[test]
fn a_request_is_active_until_it_is_dropped() {
    let metrics = RequestMetrics::default();
    let series = r#"http_server_active_requests{http_request_method="POST",url_scheme="https"}"#;
    let one = metrics.started(MethodKind::Post, Scheme::Https);
    let two = metrics.started(MethodKind::Get, Scheme::Http);
    assert_eq!(metrics.active(), 2);
    assert_eq!(value(&rendered(&metrics), series), "1");
    drop((one, two));
    assert_eq!(metrics.active(), 0);
    assert_eq!(value(&rendered(&metrics), series), "0");
}

#[test]
fn the_process_tells_about_itself() {
    let mut sheet = Sheet::new();
    process_sheet(&mut sheet);
    let text = sheet.render(Format::Prometheus);
    let number = |name: &str| value(&text, name).parse::<f64>().unwrap();
    assert!(number("process_resident_memory_bytes") > 100_000.0);
    assert!(number("process_open_fds") >= 3.0);
    assert!(number("process_max_fds") >= number("process_open_fds"));
    assert!(number("process_threads") >= 1.0);
    assert!(number("process_cpu_seconds_total") > 0.0);
    let age = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
        - number("process_start_time_seconds");
    assert!((-2.0..3600.0).contains(&age), "{age}");
    let build = format!(
        "tidegate_build_info{{version=\"{}\"}}",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(value(&text, &build), "1");
}

#[test]
fn a_thread_knows_its_cpu_time() {
    let before = thread_cpu_time();
    let mut sum = 0_u64;
    while thread_cpu_time() == before {
        sum = std::hint::black_box(sum.wrapping_add(1));
    }
    assert!(thread_cpu_time() > before);
}
