//! Buckets, sums, merging and the rendered text.

use std::time::Duration;

use telemetry::metrics::{
    ClientMetrics, Exposition, Format, Histogram, Outcome, RequestMetrics, RouteLabel, ScopeLabels,
    Served, Sheet, process_sheet, thread_cpu_time,
};

use crate::figures::{CPU, EVENTS, LATENCY, LEVEL, PLAIN, exemplar, served, value};
use crate::strict;

#[track_caller]
fn check_bucket(elapsed: Duration, bound: &str, below: Option<&str>) {
    let histogram = Histogram::new();
    histogram.observe(elapsed);
    let mut sheet = Sheet::new();
    sheet.histogram(&LATENCY, &[], &histogram);
    let text = sheet.render(PLAIN);
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
    assert_eq!(example().render(PLAIN), expected);
}

#[test]
fn openmetrics_text() {
    let text = example().render(Exposition {
        format: Format::OpenMetrics,
        ..PLAIN
    });
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
    strict::check(&text, Format::OpenMetrics);
}

#[test]
fn everything_collected_is_valid_in_both_formats() {
    let metrics = RequestMetrics::default();
    let route = metrics.label("we\"ird\\route\n");
    for outcome in [Outcome::answered(200), Outcome::failed("timeout")] {
        metrics.finished(&Served {
            exemplar: Some(exemplar(1, 2, 3)),
            ..served(route, outcome)
        });
        metrics.finished(&served(RouteLabel::UNMATCHED, outcome));
    }
    let mut sheet = example();
    sheet.target(&[("service.name", "a\"b\\\n"), ("service.version", "")]);
    metrics.collect(&mut sheet);
    ClientMetrics::default().collect(&mut sheet);
    process_sheet(&mut sheet);
    sheet.gauge(&LEVEL, &[("odd", "nan")], f64::NAN);
    sheet.gauge(&LEVEL, &[("odd", "inf")], f64::NEG_INFINITY);
    for format in [Format::Prometheus, Format::OpenMetrics] {
        for scope_labels in [ScopeLabels::Shown, ScopeLabels::Hidden] {
            for sheet in [&sheet, &Sheet::new()] {
                let exposition = Exposition {
                    format,
                    scope_labels,
                };
                strict::check(&sheet.render(exposition), format);
            }
        }
    }
    assert_eq!(Sheet::new().render(PLAIN), "");
}

#[test]
fn merging_adds_what_is_equal() {
    let mut sum = example();
    let mut other = example();
    other.counter(&EVENTS, &[("kind", "b")], 5);
    other.counter(&EVENTS, &[("kind", "c")], 1);
    sum.merge(other);
    let text = sum.render(PLAIN);
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
    let text = sheet.render(PLAIN);
    assert_eq!(value(&text, "test_events_total{a=\"1\",b=\"2\"}"), "2");
}

#[test]
fn the_process_tells_about_itself() {
    let mut sheet = Sheet::new();
    process_sheet(&mut sheet);
    let text = sheet.render(PLAIN);
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
