//! Figures of requests that are served and sent.

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use otlp::Signal;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::receiver::{as_json, receiver, start};
use crate::service::{Service, client};

/// The one point of a metric that has these values among its attributes'.
#[track_caller]
pub(crate) fn point(requests: &[Value], metric: &str, values: &[&str]) -> Value {
    let metrics = requests
        .iter()
        .flat_map(|request| request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array())
        .flatten()
        .filter(|found| found["name"] == metric);
    let points: Vec<&Value> = metrics
        .flat_map(|found| {
            let kinds = ["sum", "gauge", "histogram"];
            let data = kinds
                .into_iter()
                .map(move |kind| &found[kind]["dataPoints"]);
            data.filter_map(Value::as_array).flatten()
        })
        .filter(|point| values.iter().all(|value| has(point, value)))
        .collect();
    match points[..] {
        [one] => one.clone(),
        _ => panic!(
            "{} points of {metric} {values:?} in {requests:#?}",
            points.len()
        ),
    }
}

fn has(point: &Value, value: &str) -> bool {
    let attributes = point["attributes"].as_array();
    attributes.into_iter().flatten().any(|attribute| {
        let found = &attribute["value"];
        found["stringValue"] == value || found["intValue"] == value
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_are_counted_on_both_sides_and_any_thread() {
    let receiver = receiver();
    let telemetry = start(&receiver, &[("OTEL_METRICS_EXPORTER", "otlp")]);
    let routes = Router::new()
        .route("/items/{id}", get(async || "item"))
        .route("/broken", get(async || StatusCode::INTERNAL_SERVER_ERROR));
    let service = Service::start(&telemetry, routes).await;
    let outside = client(&telemetry);
    let mut requests = JoinSet::new();
    for number in 0..100 {
        let (client, addr) = (outside.clone(), service.addr);
        let target = if number % 4 == 0 {
            "/broken".to_owned()
        } else {
            format!("/items/{number}")
        };
        requests.spawn(async move { crate::service::get(&client, addr, &target).await });
    }
    while requests.join_next().await.is_some() {}
    telemetry.shutdown().await;
    let json = as_json(&receiver, Signal::Metrics);
    let count = |metric, values: &[&str]| point(&json, metric, values)["count"].clone();
    let served = "http.server.request.duration";
    assert_eq!(
        count(served, &["/items/{id}", "200", "GET", "http", "1.1"]),
        "75"
    );
    let broken = point(&json, served, &["/broken", "500"]);
    assert_eq!(broken["count"], "25");
    assert_eq!(broken["explicitBounds"].as_array().unwrap().len(), 14);
    assert!(
        has(&broken, "500")
            && broken["exemplars"]
                .as_array()
                .is_some_and(|e| !e.is_empty())
    );
    let sent = "http.client.request.duration";
    let port = service.addr.port().to_string();
    assert_eq!(count(sent, &["127.0.0.1", &port, "200"]), "75");
    assert_eq!(count(sent, &["127.0.0.1", &port, "500"]), "25");
    // All have ended; methods that nobody used are not told.
    let active = point(&json, "http.server.active_requests", &[]);
    assert_eq!(active["asInt"], "0");
    assert!(has(&active, "GET") && has(&active, "http"), "{active}");
    point(&json, "process.cpu", &[]);
}

/// `OTEL_METRICS_EXEMPLAR_FILTER` and the interval.
#[tokio::test(flavor = "multi_thread")]
async fn the_variables_say_how_figures_are_sent() {
    let receiver = receiver();
    let variables = [
        ("OTEL_METRICS_EXPORTER", "otlp"),
        ("OTEL_METRICS_EXEMPLAR_FILTER", "always_off"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "5"),
    ];
    let telemetry = start(&receiver, &variables);
    let service = Service::start(&telemetry, Router::new().route("/", get(async || "ok"))).await;
    crate::service::get(&client(&telemetry), service.addr, "/").await;
    // More than one without an end.
    crate::receiver::until("figures to arrive", || {
        let json = as_json(&receiver, Signal::Metrics);
        (json.len() > 3).then_some(())
    });
    telemetry.shutdown().await;
    let text = format!("{:?}", as_json(&receiver, Signal::Metrics));
    assert!(text.contains("http.server.request.duration") && !text.contains("exemplars"));
}
