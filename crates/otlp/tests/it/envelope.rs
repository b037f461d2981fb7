//! The request around items.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use otlp::{Attribute, Envelope, Scope, Signal, Value, count_items};
use proptest::prelude::*;
use prost::Message as _;

use crate::support::{Lent, OwnedValue, Pair, assert_same, expected, pairs};

const SCOPE: Scope<'_> = Scope {
    name: "tidegate",
    version: "0.1.0",
};

/// One element of `ScopeSpans.spans`, a few bytes longer than its name.
fn item(name: usize) -> Vec<u8> {
    let span = Span {
        name: "n".repeat(name),
        ..Span::default()
    };
    let scope = ScopeSpans {
        spans: vec![span],
        ..ScopeSpans::default()
    };
    scope.encode_to_vec()
}

/// Each part in its place, with and without a schema.
#[track_caller]
fn check(items: &[&[u8]], schema_url: &str) {
    let attributes = [Attribute::Pair("service.name", Value::Str(b"tidegate"))];
    let envelope = Envelope::new(Signal::Traces, &attributes, SCOPE, schema_url);
    let len = items.iter().map(|items| items.len()).sum();
    let mut out = b"before".to_vec();
    envelope.append_around(items, &mut out);
    let request = out.strip_prefix(b"before").unwrap();
    assert_eq!(
        request.len(),
        envelope.len_around(len),
        "{len} bytes of items"
    );
    let spans = ScopeSpans::decode(&items.concat()[..]).unwrap().spans;
    let resource = Resource {
        attributes: expected(&[Pair {
            key: "service.name".to_owned(),
            value: OwnedValue::Str(b"tidegate".to_vec()),
            is_encoded: false,
        }]),
        ..Resource::default()
    };
    let expected = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![ScopeSpans {
                scope: Some(InstrumentationScope {
                    name: SCOPE.name.to_owned(),
                    version: SCOPE.version.to_owned(),
                    ..InstrumentationScope::default()
                }),
                spans,
                schema_url: schema_url.to_owned(),
            }],
            schema_url: schema_url.to_owned(),
        }],
    };
    // Byte for byte what `prost` writes.
    assert_eq!(request, expected.encode_to_vec(), "{len} bytes of items");
}

#[test]
fn one_resource_and_one_scope() {
    let (first, second) = (item(100), item(50));
    for schema_url in ["", "https://opentelemetry.io/schemas/1.44.0"] {
        check(&[], schema_url);
        check(&[&first], schema_url);
        check(&[&first, &[], &second], schema_url);
    }
}

/// The lengths of the scope and of the resource grow by a byte at 128, 16,384 and 2,097,152 bytes.
#[test]
fn any_length_of_items() {
    let million = (2_097_040..2_097_160).step_by(7);
    for name in (0..140).chain(16_280..16_400).chain(million) {
        check(&[&item(name)], "");
    }
}

#[test]
fn the_layout_is_the_same_for_all_signals() {
    let attributes = [Attribute::Pair("a", Value::Int(1))];
    let make = |signal| {
        let envelope = Envelope::new(signal, &attributes, SCOPE, "s");
        assert_eq!(envelope.signal(), signal);
        let mut out = Vec::new();
        envelope.append_around(&[], &mut out);
        out
    };
    let metrics = ExportMetricsServiceRequest::decode(&make(Signal::Metrics)[..]).unwrap();
    let metrics = &metrics.resource_metrics[0];
    let logs = ExportLogsServiceRequest::decode(&make(Signal::Logs)[..]).unwrap();
    let logs = &logs.resource_logs[0];
    assert_eq!(metrics.resource, logs.resource);
    assert_eq!(metrics.scope_metrics[0].scope, logs.scope_logs[0].scope);
    assert_eq!(metrics.schema_url, "s");
    assert_eq!(metrics.scope_metrics[0].schema_url, "s");
    assert_eq!(logs.schema_url, "s");
    assert_eq!(logs.scope_logs[0].schema_url, "s");
}

/// OT-43: requests one after another are one request.
#[test]
fn joined_requests_are_one() {
    let envelope = Envelope::new(Signal::Traces, &[], SCOPE, "");
    let mut out = Vec::new();
    for len in [10, 20, 30] {
        envelope.append_around(&[&item(len)], &mut out);
    }
    let request = ExportTraceServiceRequest::decode(&out[..]).unwrap();
    assert_eq!(request.resource_spans.len(), 3);
    assert_eq!(count_items(Signal::Traces, &out), Ok(3));
}

proptest! {
    #[test]
    fn any_resource(pairs in pairs(), name in ".{0,200}", version in ".{0,200}") {
        let lent = Lent::new(&pairs);
        let scope = Scope { name: &name, version: &version };
        let envelope = Envelope::new(Signal::Traces, &lent.attributes(), scope, "");
        let mut out = Vec::new();
        envelope.append_around(&[], &mut out);
        prop_assert_eq!(out.len(), envelope.len_around(0));
        let request = ExportTraceServiceRequest::decode(&out[..]).unwrap();
        let resource = request.resource_spans[0].resource.clone().unwrap();
        assert_same(&resource.attributes, &expected(&pairs));
        let scope = request.resource_spans[0].scope_spans[0].scope.clone().unwrap();
        prop_assert_eq!((scope.name, scope.version), (name, version));
    }
}
