//! Metrics over OTLP, as a receiver adds them up.

use serde_json::Value;
use testkit::{RawOrigin, Tidegate};

use crate::gate::get;
use crate::system::{until, until_metric};

const REQUESTS: &str = "http.server.request.duration";

/// Data points of the metric in every report so far, in order.
fn points(receiver: &RawOrigin, metric: &str) -> Vec<Value> {
    let requests = receiver.requests();
    let reports = requests
        .iter()
        .filter(|request| request.target() == "/v1/metrics")
        .map(|request| serde_json::from_slice::<Value>(&request.body.bytes).expect("JSON"));
    let metrics = reports.flat_map(|report| {
        let metrics = &report["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
        metrics.as_array().expect("metrics").clone()
    });
    metrics
        .filter(|found| found["name"] == metric)
        .flat_map(|found| {
            let kinds = ["histogram", "sum"];
            let data = kinds.iter().find_map(|kind| found.get(kind));
            data.expect("a histogram or a sum")["dataPoints"]
                .as_array()
                .expect("points")
                .clone()
        })
        .collect()
}

/// A number of 64 bits, which JSON carries as text.
#[track_caller]
fn number(point: &Value, field: &str) -> u64 {
    let text = point[field].as_str().expect("text");
    text.parse().expect("a number")
}

fn counts(points: &[Value]) -> Vec<u64> {
    points.iter().map(|point| number(point, "count")).collect()
}

/// Reports every second.
fn config(origin: &RawOrigin, receiver: &RawOrigin, name: &str, temporality: &str) -> String {
    format!(
        "{}telemetry: {{ service_name: {name}, otlp: {{ endpoint: \"http://{}\", protocol: http/json, signals: [metrics], metrics_interval: 1s, temporality: {temporality} }} }}\n",
        testkit::config_forwarding_to(origin.addr()),
        receiver.addr()
    )
}

fn serve(tidegate: &Tidegate, count: usize) {
    let mut client = tidegate.connect("web");
    for _ in 0..count {
        client.send(get("/"));
        assert_eq!(client.read_response().status, 200);
    }
}

/// Serves some requests, reloads in another name, serves more; every point there then is.
fn points_around_a_reload(temporality: &str, before: usize, after: usize) -> Vec<Value> {
    let origin = RawOrigin::ok("ok");
    let receiver = RawOrigin::fixed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let tidegate = Tidegate::start(config(&origin, &receiver, "one", temporality));
    serve(&tidegate, before);
    until("a report of the first requests", || {
        let points = points(&receiver, REQUESTS);
        (!points.is_empty()).then_some(())
    });
    tidegate.rewrite_config(config(&origin, &receiver, "two", temporality));
    until_metric(&tidegate, "tidegate_config_reloads_total", &[], 1.0);
    serve(&tidegate, after);
    tidegate.signal(testkit::Signal::TERM);
    assert!(tidegate.wait_exit(testkit::SOON).success());
    points(&receiver, REQUESTS)
}

#[test]
fn differences_add_up_across_a_reload() {
    let points = points_around_a_reload("delta", 5, 3);
    assert_eq!(counts(&points).iter().sum::<u64>(), 8, "{points:#?}");
    for pair in points.windows(2) {
        let ended = number(&pair[0], "timeUnixNano");
        assert!(number(&pair[1], "startTimeUnixNano") >= ended, "{pair:#?}");
    }
}

#[test]
fn sums_since_the_start_keep_their_start_across_a_reload() {
    let points = points_around_a_reload("cumulative", 5, 3);
    let starts: Vec<u64> = points
        .iter()
        .map(|point| number(point, "startTimeUnixNano"))
        .collect();
    assert!(starts.iter().all(|start| *start == starts[0]), "{starts:?}");
    let counts = counts(&points);
    assert!(counts.is_sorted(), "{counts:?}");
    assert_eq!(counts.last(), Some(&8));
}
