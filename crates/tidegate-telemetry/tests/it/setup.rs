//! One call sets everything up, and its guard can be dropped anywhere.

use testkit::RawOrigin;
use tidegate_telemetry::{Setup, SetupError};

use crate::receiver::{receiver, setup, spans, start, until_spans};
use crate::service::{client, get};

#[tokio::test(flavor = "multi_thread")]
async fn names_and_attributes_of_the_service() {
    let (receiver, origin) = (receiver(), RawOrigin::ok(""));
    let telemetry = setup(
        &receiver,
        &[("OTEL_RESOURCE_ATTRIBUTES", "team=a,region=b")],
    )
    .service_name("by-code")
    .default_service_name("unused")
    .resource("region", "c")
    .start()
    .unwrap();
    get(&client(&telemetry), origin.addr(), "/").await;
    assert_eq!(until_spans(&receiver, 1)[0].service, "by-code");
    let body = receiver.requests()[0].body.bytes.clone();
    let mut json = Vec::new();
    otlp::append_json(otlp::Signal::Traces, &body, &mut json).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let resource = json["resourceSpans"][0]["resource"]["attributes"].to_string();
    for (key, value) in [
        ("team", "a"),
        ("region", "c"),
        ("telemetry.sdk.language", "rust"),
    ] {
        let pair = format!("{{\"key\":\"{key}\",\"value\":{{\"stringValue\":\"{value}\"}}}}");
        assert!(resource.contains(&pair), "{pair} in {resource}");
    }
    // This library's is not the service's.
    assert!(!resource.contains("service.version"), "{resource}");
}

/// Without a word about it, a service exports.
#[test]
fn the_specifications_default_is_to_export() {
    let debug = |variables: &'static [(&str, &str)]| {
        let find = move |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Setup::new().variables(find).start()
    };
    // The endpoint is checked only where something is sent to it.
    let unusable = debug(&[
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://localhost:1"),
    ]);
    assert!(matches!(unusable, Err(SetupError::Export { .. })));
    let nothing = debug(&[
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://localhost:1"),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_LOGS_EXPORTER", "none"),
    ]);
    assert!(nothing.is_ok());
}

/// Inside of a task, and with layers that live on.
#[tokio::test]
async fn the_guard_can_be_dropped_anywhere() {
    let (receiver, origin) = (receiver(), RawOrigin::ok(""));
    let telemetry = start(&receiver, &[("OTEL_BSP_SCHEDULE_DELAY", "600000")]);
    let client = client(&telemetry);
    drop(telemetry);
    assert_eq!(get(&client, origin.addr(), "/").await.0, 200);
    let telemetry = start(&receiver, &[]);
    drop(telemetry.shutdown());
    assert_eq!(spans(&receiver).len(), 0);
}

/// What waits is sent at the end, not before.
#[tokio::test(flavor = "multi_thread")]
async fn shutdown_sends_what_waits() {
    let (receiver, origin) = (receiver(), RawOrigin::ok(""));
    let telemetry = start(&receiver, &[("OTEL_BSP_SCHEDULE_DELAY", "600000")]);
    let client = client(&telemetry);
    for _ in 0..5 {
        get(&client, origin.addr(), "/").await;
    }
    assert_eq!(spans(&receiver).len(), 0);
    let flushed = telemetry.shutdown().await;
    assert_eq!((flushed.exported, flushed.lost), (5, 0));
    assert_eq!(spans(&receiver).len(), 5);
}
