//! `tracing` events as log records and `tracing` spans as spans, in the trace of the request.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use otlp::{Signal, SpanKind};
use serde_json::Value;
use testkit::RawOrigin;
use tracing::Instrument as _;
use tracing::instrument::WithSubscriber as _;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::receiver::{as_json, named, receiver, start, until_spans};
use crate::service::{HttpClient, Service, client};

#[tracing::instrument(skip_all, fields(item = 7))]
async fn look_up(client: HttpClient, addr: std::net::SocketAddr) {
    tracing::info!(answer = 42, "looking up");
    crate::service::get(&client, addr, "/").await;
    inner().await.ok();
}

#[tracing::instrument(err)]
async fn inner() -> Result<(), std::fmt::Error> {
    Err(std::fmt::Error)
}

fn records(receiver: &RawOrigin) -> Vec<Value> {
    let requests = as_json(receiver, Signal::Logs);
    let all = requests
        .iter()
        .flat_map(|request| request["resourceLogs"][0]["scopeLogs"][0]["logRecords"].as_array());
    all.flatten().cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_spans_and_calls_are_one_trace() {
    let (receiver, origin) = (receiver(), RawOrigin::ok(""));
    let telemetry = start(&receiver, &[("OTEL_LOGS_EXPORTER", "otlp")]);
    let subscriber = tracing_subscriber::registry().with(telemetry.tracing_layer());
    let dispatch = tracing::Dispatch::new(subscriber);
    let addr = origin.addr();
    let own = dispatch.clone();
    let handler = async move |State(client): State<HttpClient>| {
        async {
            tracing::warn!("before");
            look_up(client, addr).await;
            tracing::debug!("too small to tell");
        }
        .with_subscriber(own)
        .await;
        "ok"
    };
    let outside = client(&telemetry);
    let routes = Router::new()
        .route("/", get(handler))
        .with_state(outside.clone());
    let service = Service::start(&telemetry, routes).await;
    crate::service::get(&outside, service.addr, "/").await;
    tracing::dispatcher::with_default(&dispatch, || tracing::info!("of no request"));
    let seen = until_spans(&receiver, 5);
    telemetry.shutdown().await;

    let (server, outer, inner) = (
        named(&seen, "GET /"),
        named(&seen, "look_up"),
        named(&seen, "inner"),
    );
    assert_eq!(outer.kind, Some(SpanKind::Internal));
    assert_eq!(outer.parent, server.span_id);
    assert_eq!(inner.parent, outer.span_id);
    assert_eq!(outer.get("item"), "7");
    assert!(outer.get("code.file.path").ends_with("logs.rs"));
    let call = seen
        .iter()
        .find(|span| span.parent == outer.span_id && span.name == "GET");
    assert_eq!(call.unwrap().kind, Some(SpanKind::Client));
    assert!(inner.is_error && !outer.is_error);
    assert!(
        inner.status_message.contains("error"),
        "{}",
        inner.status_message
    );

    let records = records(&receiver);
    let find = |body: &str| {
        records
            .iter()
            .find(|record| record["body"]["stringValue"] == body)
    };
    let before = find("before").unwrap();
    assert_eq!(
        (&before["severityText"], &before["severityNumber"]),
        (&"WARN".into(), &13.into())
    );
    for (record, span) in [(before, server), (find("looking up").unwrap(), outer)] {
        assert_eq!(record["traceId"], span.trace_id);
        assert_eq!(record["spanId"], span.span_id);
    }
    let attributes = find("looking up").unwrap()["attributes"].to_string();
    assert!(
        attributes.contains("\"answer\"") && attributes.contains("42"),
        "{attributes}"
    );
    assert!(find("of no request").unwrap().get("traceId").is_none());
    assert!(find("too small to tell").is_none());
    // Told once.
    assert!(seen.iter().all(|span| span.events.is_empty()));
}

/// A span that is left in another task, or in another order, takes nothing with it.
#[tokio::test]
async fn entered_spans_do_not_leak() {
    let receiver = receiver();
    let telemetry = start(&receiver, &[]);
    let subscriber = tracing_subscriber::registry().with(telemetry.tracing_layer());
    let dispatch = tracing::Dispatch::new(subscriber);
    tracing::dispatcher::with_default(&dispatch, || {
        let (one, two) = (tracing::info_span!("one"), tracing::info_span!("two"));
        let (in_one, in_two) = (one.enter(), two.enter());
        drop(in_one);
        let of_two = tidegate_telemetry::current().unwrap();
        drop(in_two);
        assert_eq!(tidegate_telemetry::current(), None);
        drop((one, two));
        assert!(of_two.span_id().is_some());
        let root = tracing::info_span!(parent: None, "root");
        let child = tracing::info_span!(parent: &root, "child");
        drop((root, child));
    });
    async {
        assert!(tidegate_telemetry::current().is_some());
        tokio::task::yield_now().await;
    }
    .instrument(tracing::dispatcher::with_default(&dispatch, || {
        tracing::info_span!("task")
    }))
    .await;
    assert_eq!(tidegate_telemetry::current(), None);
    telemetry.shutdown().await;
    let seen = until_spans(&receiver, 5);
    let (one, two) = (named(&seen, "one"), named(&seen, "two"));
    assert!(one.parent.is_empty() && two.parent.is_empty());
    assert_ne!(one.trace_id, two.trace_id);
    assert_eq!(named(&seen, "child").parent, named(&seen, "root").span_id);
}
