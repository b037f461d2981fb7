//! Limits of spans and log records, and queues that are full.

use otlp::Signal;
use testkit::{ClosedPort, RawOrigin};
use tidegate_telemetry::Telemetry;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::receiver::{as_json, named, receiver, setup, spans, start};
use crate::service::{client, get};

/// Runs under a subscriber with the layer; on this thread only.
fn under(telemetry: &Telemetry, run: impl FnOnce()) {
    let subscriber = tracing_subscriber::registry().with(telemetry.tracing_layer());
    tracing::subscriber::with_default(subscriber, run);
}

#[tokio::test]
async fn spans_keep_to_their_limits() {
    let receiver = receiver();
    let variables = [
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "4"),
        ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "2"),
        ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "2"),
    ];
    let telemetry = start(&receiver, &variables);
    under(&telemetry, || {
        let span = tracing::info_span!("limited", a = "long", b = "lönger", c = 12_345, d = true);
        let _entered = span.enter();
        for number in 0..5 {
            tracing::info!(number, x = "long", "event {number}");
        }
    });
    telemetry.shutdown().await;
    let seen = spans(&receiver);
    let span = named(&seen, "limited");
    // Where it stands in the source comes first.
    assert_eq!((span.attributes.len(), span.dropped_attributes), (4, 2));
    assert_eq!((span.get("a"), span.get("b")), ("lon", "lön"));
    assert_eq!(span.dropped_events, 3);
    let names: Vec<&str> = span.events.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["event 0", "event 1"]);
    assert_eq!(span.events[0].1.len(), 2);
    assert_eq!(span.events[0].1["level"], "INF");
}

#[tokio::test]
async fn log_records_keep_to_theirs() {
    let receiver = receiver();
    let variables = [
        ("OTEL_LOGS_EXPORTER", "otlp"),
        ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "1"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "2"),
    ];
    let telemetry = start(&receiver, &variables);
    under(&telemetry, || {
        tracing::info!(a = "long", b = 2, "a body has no limit")
    });
    telemetry.shutdown().await;
    let json = as_json(&receiver, Signal::Logs);
    let record = &json[0]["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
    assert_eq!(record["body"]["stringValue"], "a body has no limit");
    assert_eq!(record["attributes"].as_array().unwrap().len(), 1);
    assert_eq!(record["attributes"][0]["value"]["stringValue"], "lo");
}

/// With a receiver that is down the queue holds what the variable says, requests go on, and the end comes in time.
#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_down_costs_spans_only() {
    let (nobody, figures) = (ClosedPort::new(), receiver());
    let endpoint = format!("http://{}/v1/traces", nobody.addr());
    let variables = [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &*endpoint),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "10"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10"),
        // Nothing leaves the queue while the test fills it.
        ("OTEL_BSP_SCHEDULE_DELAY", "600000"),
        ("OTEL_METRICS_EXPORTER", "otlp"),
    ];
    let telemetry = setup(&figures, &variables)
        .flush_within(std::time::Duration::from_millis(200))
        .start()
        .unwrap();
    let (client, origin) = (client(&telemetry), RawOrigin::ok("ok"));
    for _ in 0..9 {
        assert_eq!(get(&client, origin.addr(), "/").await.0, 200);
    }
    let flushed = telemetry.shutdown().await;
    assert_eq!(flushed.lost, 9);
    assert_eq!(spans(&figures).len(), 0);
}

/// The bound is exact, and what finds no room is counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_counts_what_it_refuses() {
    // Takes requests and never answers: one request is in flight, the rest waits.
    let (silent, figures, origin) = (RawOrigin::hanging(), receiver(), RawOrigin::ok("ok"));
    let endpoint = format!("http://{}/v1/traces", silent.addr());
    let variables = [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &*endpoint),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "10"),
        ("OTEL_BSP_SCHEDULE_DELAY", "600000"),
        ("OTEL_METRICS_EXPORTER", "otlp"),
    ];
    let telemetry = setup(&figures, &variables)
        .flush_within(std::time::Duration::from_millis(200))
        .start()
        .unwrap();
    let client = client(&telemetry);
    for _ in 0..100 {
        get(&client, origin.addr(), "/").await;
    }
    telemetry.shutdown().await;
    let json = as_json(&figures, Signal::Metrics);
    let dropped = crate::metrics::point(
        &json,
        "tidegate.export.items_dropped",
        &["traces", "queue_full"],
    );
    let sent = crate::metrics::point(&json, "tidegate.export.queue_items", &["traces"]);
    let dropped: u64 = dropped["asInt"].as_str().unwrap().parse().unwrap();
    // What is full is sent: four requests of ten may be on their way, ten wait.
    assert!((50..=90).contains(&dropped), "{dropped}");
    assert!(sent["asDouble"].as_f64().unwrap() <= 10.0, "{sent}");
}

/// A full batch is sent at once, and no request holds more.
#[tokio::test(flavor = "multi_thread")]
async fn batches_are_as_large_as_the_variable_says() {
    let (receiver, origin) = (receiver(), RawOrigin::ok("ok"));
    let variables = [
        ("OTEL_BSP_SCHEDULE_DELAY", "600000"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2"),
    ];
    let telemetry = start(&receiver, &variables);
    let client = client(&telemetry);
    for _ in 0..4 {
        get(&client, origin.addr(), "/").await;
    }
    crate::receiver::until_spans(&receiver, 4);
    get(&client, origin.addr(), "/").await;
    telemetry.shutdown().await;
    assert_eq!(spans(&receiver).len(), 5);
    for request in receiver.requests() {
        let count = otlp::count_items(Signal::Traces, &request.body.bytes).unwrap();
        assert!((1..=2).contains(&count), "{count}");
    }
}
