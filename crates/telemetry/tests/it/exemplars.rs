//! Exemplars: kept per bucket, shown by OpenMetrics alone (M-8), merged by age.

use std::time::Duration;

use telemetry::metrics::{
    Exemplar, ExemplarFilter, Exposition, Format, Histogram, Outcome, RequestMetrics, RouteLabel,
    Served, Sheet,
};

use crate::figures::{LATENCY, PLAIN, exemplar, served};
use crate::strict;

const OPEN: Exposition = Exposition {
    format: Format::OpenMetrics,
    ..PLAIN
};

/// What follows the value in each line that has more.
fn shown(text: &str) -> Vec<(&str, &str)> {
    text.lines()
        .filter_map(|line| line.split_once(" # "))
        .filter(|(before, _)| !before.is_empty())
        .collect()
}

fn sheet(observations: &[(u64, Option<Exemplar>)]) -> Sheet {
    let histogram = Histogram::new();
    for (millis, exemplar) in observations {
        histogram.observe_with(Duration::from_millis(*millis), *exemplar);
    }
    let mut sheet = Sheet::new();
    sheet.histogram(&LATENCY, &[("route", "a")], &histogram);
    sheet
}

#[test]
fn each_bucket_keeps_the_last() {
    let sheet = sheet(&[
        (1, Some(exemplar(1, 1, 5_000_000_000))),
        (2, Some(exemplar(0xab, 0x2, 1_700_000_000_250_000_000))),
        (3, None),
        (30_000, Some(exemplar(3, 3, 1))),
    ]);
    let text = sheet.render(OPEN);
    let first = r#"{trace_id="abababababababababababababababab",span_id="0202020202020202"} 0.002 1700000000.25"#;
    let last = r#"{trace_id="03030303030303030303030303030303",span_id="0303030303030303"} 30 0.000000001"#;
    assert_eq!(
        shown(&text),
        [
            (
                r#"test_latency_seconds_bucket{route="a",le="0.005"} 3"#,
                first
            ),
            (
                r#"test_latency_seconds_bucket{route="a",le="+Inf"} 4"#,
                last
            ),
        ]
    );
    strict::check(&text, Format::OpenMetrics);
    // Never in the plain format.
    let plain = sheet.render(PLAIN);
    assert!(
        shown(&plain).is_empty() && !plain.contains("trace_id"),
        "{plain}"
    );
}

#[test]
fn merging_keeps_the_newest_of_each_bucket() {
    let old = || sheet(&[(1, Some(exemplar(1, 1, 10))), (7, Some(exemplar(2, 2, 30)))]);
    let new = || sheet(&[(1, Some(exemplar(3, 3, 20))), (30, Some(exemplar(4, 4, 5)))]);
    for (mut sum, other) in [(old(), new()), (new(), old())] {
        sum.merge(other);
        let text = sum.render(OPEN);
        let trace = |(_, shown): &(&str, &str)| shown.split('"').nth(1).unwrap().to_owned();
        let traces: Vec<String> = shown(&text).iter().map(trace).collect();
        let expected = ["03", "02", "04"].map(|digits| digits.repeat(16));
        assert_eq!(traces, expected, "{text}");
        strict::check(&text, Format::OpenMetrics);
    }
}

/// Through a worker's cells: those of several series, and of the overflow.
#[test]
fn requests_have_exemplars() {
    let metrics = RequestMetrics::new(telemetry::metrics::Bounds {
        series_max: 2,
        ..Default::default()
    });
    for (status, trace) in [(200, Some(1)), (201, None), (202, Some(2)), (203, Some(3))] {
        metrics.finished(&Served {
            exemplar: trace.map(|trace| exemplar(trace, 9, u64::from(trace))),
            ..served(RouteLabel::UNMATCHED, Outcome::answered(status))
        });
    }
    for _ in 0..2 {
        let mut sheet = Sheet::new();
        metrics.collect(&mut sheet);
        let text = sheet.render(OPEN);
        let found = shown(&text);
        assert_eq!(found.len(), 2, "{text}");
        assert!(found[0].0.contains("status_code=\"200\"") && found[0].1.contains("\"0101"));
        assert!(found[1].0.contains("otel_metric_overflow") && found[1].1.contains("\"0303"));
    }
}

/// The meaning of `OTEL_METRICS_EXEMPLAR_FILTER`.
#[test]
fn the_filter_decides_what_is_offered() {
    for (filter, kept, not_kept) in [
        (ExemplarFilter::AlwaysOn, true, true),
        (ExemplarFilter::AlwaysOff, false, false),
        (ExemplarFilter::TraceBased, true, false),
    ] {
        let offered = (filter.offers(true), filter.offers(false));
        assert_eq!(offered, (kept, not_kept), "{filter:?}");
    }
    assert_eq!(ExemplarFilter::default(), ExemplarFilter::TraceBased);
}
