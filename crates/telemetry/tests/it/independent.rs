//! The rendered text as Prometheus' own Python client reads it, whose parser of OpenMetrics is strict.

use std::fs;
use std::path::Path;
use std::time::Duration;

use message::{MethodKind, Version};
use serde_json::{Value, json};
use telemetry::metrics::{
    Bounds, ClientMetrics, Exposition, Format, Histogram, Outcome, RequestMetrics, RouteLabel,
    RpcMetrics, RpcSide, RpcStatusCode, ScopeLabels, Served, Sheet, process_sheet,
};
use testkit::{python, run_client};

use crate::figures::{EVENTS, LATENCY, LEVEL, PLAIN, exemplar, served};

/// How long the script may take, interpreter start on a busy machine included.
const SCRIPT_MAX: Duration = Duration::from_secs(60);

#[track_caller]
fn parse(python: &Path, sheet: &Sheet, exposition: Exposition) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("page");
    fs::write(&path, sheet.render(exposition)).unwrap();
    let format = match exposition.format {
        Format::Prometheus => "prometheus",
        Format::OpenMetrics => "openmetrics",
    };
    let arguments = [format.to_owned(), path.to_str().unwrap().to_owned()];
    run_client(python, "prometheus_parse.py", &arguments, SCRIPT_MAX)
}

/// Everything that can be in a page, odd texts included.
fn everything() -> Sheet {
    let mut sheet = Sheet::new();
    sheet.target(&[("service.name", "odd \"\\\n é")]);
    let requests = RequestMetrics::new(Bounds {
        series_max: 2,
        ..Bounds::default()
    });
    let route = requests.label("we\"ird\\route\n{}, # é");
    for outcome in [
        Outcome::answered(200),
        Outcome::answered(503),
        Outcome::failed("timeout"),
    ] {
        requests.finished(&Served {
            exemplar: Some(exemplar(1, 2, 1_700_000_000_250_000_000)),
            elapsed: Duration::from_millis(20),
            ..served(route, outcome)
        });
    }
    requests.finished(&served(RouteLabel::UNMATCHED, Outcome::answered(404)));
    requests.collect(&mut sheet);
    let clients = ClientMetrics::default();
    let server = clients.label("2001:db8::1", 443);
    let elapsed = Duration::from_secs(11);
    clients.finished(
        server,
        MethodKind::Get.into(),
        Outcome::answered(500),
        Version::Http11,
        elapsed,
        None,
    );
    clients.collect(&mut sheet);
    let calls = RpcMetrics::new(RpcSide::Client, Bounds::default());
    let offered = Some(exemplar(3, 4, 1));
    calls.finished(
        calls.label("a.B/C"),
        RpcStatusCode::Aborted,
        elapsed,
        offered,
    );
    calls.collect(&mut sheet);
    process_sheet(&mut sheet);
    sheet.counter(&EVENTS, &[("kind", "a\\nb")], u64::MAX);
    sheet.gauge(&LEVEL, &[("odd", "nan")], f64::NAN);
    sheet.gauge(&LEVEL, &[("odd", "inf")], f64::NEG_INFINITY);
    sheet.gauge(&LEVEL, &[("odd", "small")], -1.5e-300);
    sheet
}

#[test]
fn every_page_is_parsed() {
    let Some(python) = python() else {
        return;
    };
    for format in [Format::Prometheus, Format::OpenMetrics] {
        for scope_labels in [ScopeLabels::Shown, ScopeLabels::Hidden] {
            let exposition = Exposition {
                format,
                scope_labels,
            };
            let found = parse(&python, &everything(), exposition);
            let duration = &found["http_server_request_duration_seconds"];
            assert_eq!(duration["type"], "histogram", "{found}");
            let samples = duration["samples"].as_array().unwrap();
            // Three series of 15 buckets, a sum and a count.
            assert_eq!(samples.len(), 3 * 17);
            let is_odd =
                |sample: &&Value| sample["labels"]["http_route"] == "we\"ird\\route\n{}, # é";
            assert_eq!(samples.iter().filter(is_odd).count(), 2 * 17);
            let is_scoped = |sample: &Value| sample["labels"]["otel_scope_name"] == "tidegate";
            assert_eq!(
                samples.iter().all(is_scoped),
                scope_labels == ScopeLabels::Shown
            );
            let with_exemplar = samples
                .iter()
                .filter(|sample| !sample["exemplar"].is_null());
            let expected = match format {
                Format::Prometheus => 0,
                Format::OpenMetrics => 3,
            };
            assert_eq!(with_exemplar.count(), expected);
        }
    }
    let empty = parse(&python, &Sheet::new(), Format::OpenMetrics.into());
    assert_eq!(empty, json!({}));
}

/// Values as another program reads them.
#[test]
fn what_is_parsed_is_what_was_counted() {
    let Some(python) = python() else {
        return;
    };
    let histogram = Histogram::new();
    histogram.observe(Duration::from_millis(700));
    histogram.observe_with(
        Duration::from_millis(2),
        Some(exemplar(0xab, 0xcd, 1_700_000_000_250_000_000)),
    );
    let mut sheet = Sheet::new();
    sheet.target(&[("service.name", "edge \"1\"\n")]);
    sheet.histogram(&LATENCY, &[("route", "a")], &histogram);
    sheet.counter(&EVENTS, &[("kind", "\\n")], 3);
    let open = Exposition {
        format: Format::OpenMetrics,
        ..PLAIN
    };
    let found = parse(&python, &sheet, open);
    let target = json!({
        "type": "info", "unit": "", "help": "What these figures are of.",
        "samples": [{
            "name": "target_info", "labels": { "service_name": "edge \"1\"\n" },
            "value": 1.0, "exemplar": null,
        }],
    });
    assert_eq!(found["target"], target);
    let events = json!({
        "type": "counter", "unit": "", "help": "Events.",
        "samples": [{
            "name": "test_events_total", "labels": { "kind": "\\n" },
            "value": 3.0, "exemplar": null,
        }],
    });
    assert_eq!(found["test_events"], events);
    let latency = &found["test_latency_seconds"];
    assert_eq!(latency["unit"], "seconds");
    assert_eq!(latency["help"], "How \"long\" it\ntook, with a \\.");
    let first = json!({
        "name": "test_latency_seconds_bucket", "labels": { "route": "a", "le": "0.005" },
        "value": 1.0,
        "exemplar": {
            "labels": { "trace_id": "ab".repeat(16), "span_id": "cd".repeat(8) },
            "value": 0.002, "time": 1_700_000_000.25,
        },
    });
    assert_eq!(latency["samples"][0], first);
    let sum = latency["samples"].as_array().unwrap().iter();
    let sum: Vec<&Value> = sum
        .filter(|sample| sample["name"] == "test_latency_seconds_sum")
        .collect();
    assert_eq!(sum.len(), 1);
    assert_eq!(sum[0]["value"], 0.702);
}
