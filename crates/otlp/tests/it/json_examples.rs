//! The four official examples of requests (OT-42): out of JSON by the oracle, into JSON by the crate.

use std::fmt::Debug;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use otlp::{Signal, append_json};
use prost::Message;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::json_agreement::agree;

/// The example means the same when it comes back, and says the same but for what JSON leaves open: the case of hex digits,
/// how a number is written, and defaults.
#[track_caller]
fn check<R: Message + Default + PartialEq + Debug + DeserializeOwned>(signal: Signal, text: &str) {
    let request: R = serde_json::from_str(text).unwrap();
    let mut out = Vec::new();
    append_json(signal, &request.encode_to_vec(), &mut out).unwrap();
    let back: R = serde_json::from_slice(&out).unwrap();
    assert_eq!(back, request);
    let example: Value = serde_json::from_str(text).unwrap();
    let found: Value = serde_json::from_slice(&out).unwrap();
    assert!(
        agree(&found, &lower_case("", &example)),
        "{found}\n{example}"
    );
}

/// Ids in lower case.
fn lower_case(name: &str, value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), lower_case(name, value)))
            .collect(),
        Value::Array(values) => values.iter().map(|value| lower_case(name, value)).collect(),
        Value::String(text) if name.to_ascii_lowercase().ends_with("id") => {
            text.to_ascii_lowercase().into()
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => value.clone(),
    }
}

#[test]
fn traces() {
    let text = include_str!("../data/otlp/trace.json");
    check::<ExportTraceServiceRequest>(Signal::Traces, text);
}

#[test]
fn metrics() {
    let text = include_str!("../data/otlp/metrics.json");
    check::<ExportMetricsServiceRequest>(Signal::Metrics, text);
}

#[test]
fn logs() {
    let text = include_str!("../data/otlp/logs.json");
    check::<ExportLogsServiceRequest>(Signal::Logs, text);
}

#[test]
fn events() {
    let text = include_str!("../data/otlp/events.json");
    check::<ExportLogsServiceRequest>(Signal::Logs, text);
}
