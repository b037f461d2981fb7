//! Every field of every message (opentelemetry-proto 1.11): read by the oracle, written by the crate, the same text.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use otlp::{Signal, append_json};
use prost::Message;
use serde::de::DeserializeOwned;

const RESOURCE: &str = r#"{
    "attributes":[{"key":"r","value":{"boolValue":true}}],
    "droppedAttributesCount":1,
    "entityRefs":[{"schemaUrl":"s","type":"host","idKeys":["a","b"],"descriptionKeys":["c"]}]
}"#;

const SCOPE: &str = r#"{
    "name":"n",
    "version":"v",
    "attributes":[{"key":"s","value":{"intValue":"-7"}}],
    "droppedAttributesCount":2
}"#;

const ATTRIBUTES: &str = r#"[
    {"key":"a","value":{"stringValue":"text"}},
    {"key":"b","value":{"doubleValue":0.5}},
    {"key":"c","value":{"bytesValue":"/+8="}},
    {"key":"d","value":{"arrayValue":{"values":[{"intValue":"1"},{"boolValue":false}]}}},
    {"key":"e","value":{"kvlistValue":{"values":[{"key":"f","value":{"stringValue":""}}]}}}
]"#;

const SPAN: &str = r#"{
    "traceId":"0123456789abcdef0123456789abcdef",
    "spanId":"0123456789abcdef",
    "traceState":"a=b",
    "parentSpanId":"fedcba9876543210",
    "name":"span",
    "kind":2,
    "startTimeUnixNano":"3",
    "endTimeUnixNano":"4",
    "attributes":ATTRIBUTES,
    "droppedAttributesCount":5,
    "events":[{"timeUnixNano":"6","name":"event","attributes":ATTRIBUTES,"droppedAttributesCount":7}],
    "droppedEventsCount":8,
    "links":[{
        "traceId":"0123456789abcdef0123456789abcdef",
        "spanId":"0123456789abcdef",
        "traceState":"c=d",
        "attributes":ATTRIBUTES,
        "droppedAttributesCount":9,
        "flags":10
    }],
    "droppedLinksCount":11,
    "status":{"message":"why","code":2},
    "flags":12
}"#;

const RECORD: &str = r#"{
    "timeUnixNano":"1",
    "severityNumber":2,
    "severityText":"TRACE2",
    "body":{"stringValue":"body"},
    "attributes":ATTRIBUTES,
    "droppedAttributesCount":3,
    "flags":4,
    "traceId":"0123456789abcdef0123456789abcdef",
    "spanId":"0123456789abcdef",
    "observedTimeUnixNano":"5",
    "eventName":"event"
}"#;

const EXEMPLARS: &str = r#"[
    {
        "timeUnixNano":"1",
        "asDouble":2.5,
        "spanId":"0123456789abcdef",
        "traceId":"0123456789abcdef0123456789abcdef",
        "filteredAttributes":ATTRIBUTES
    },
    {"timeUnixNano":"3","asInt":"-4"}
]"#;

/// One of each kind.
const METRICS: &str = r#"{
    "name":"a","description":"b","unit":"c",
    "gauge":{"dataPoints":[
        {"startTimeUnixNano":"1","timeUnixNano":"2","asDouble":3.5,"exemplars":EXEMPLARS,"attributes":ATTRIBUTES,"flags":4},
        {"timeUnixNano":"5","asInt":"-6"}
    ]},
    "metadata":ATTRIBUTES
},{
    "name":"sum",
    "sum":{
        "dataPoints":[{"timeUnixNano":"1","asInt":"2"}],
        "aggregationTemporality":2,
        "isMonotonic":true
    }
},{
    "name":"histogram",
    "histogram":{
        "dataPoints":[{
            "startTimeUnixNano":"1","timeUnixNano":"2","count":"3","sum":4.5,
            "bucketCounts":["5","6"],"explicitBounds":[7.5],
            "exemplars":EXEMPLARS,"attributes":ATTRIBUTES,"flags":8,"min":9.5,"max":10.5
        }],
        "aggregationTemporality":1
    }
},{
    "name":"exponential",
    "exponentialHistogram":{
        "dataPoints":[{
            "attributes":ATTRIBUTES,"startTimeUnixNano":"1","timeUnixNano":"2","count":"3","sum":4.5,
            "scale":-5,"zeroCount":"6",
            "positive":{"offset":-7,"bucketCounts":["8","300"]},
            "negative":{"offset":9,"bucketCounts":["10"]},
            "flags":11,"exemplars":EXEMPLARS,"min":12.5,"max":13.5,"zeroThreshold":14.5
        }],
        "aggregationTemporality":1
    }
},{
    "name":"summary",
    "summary":{"dataPoints":[{
        "startTimeUnixNano":"1","timeUnixNano":"2","count":"3","sum":4.5,
        "quantileValues":[{"quantile":0.5,"value":6.5}],
        "attributes":ATTRIBUTES,"flags":7
    }]}
}"#;

#[track_caller]
fn check<R: Message + Default + DeserializeOwned>(
    signal: Signal,
    name: &str,
    list: &str,
    items: &str,
) {
    let text = format!(
        r#"{{"resource{name}":[{{
            "resource":{RESOURCE},
            "scope{name}":[{{"scope":{SCOPE},"{list}":[{items}],"schemaUrl":"t"}}],
            "schemaUrl":"u"
        }}]}}"#
    );
    let text = text
        .replace("EXEMPLARS", EXEMPLARS)
        .replace("ATTRIBUTES", ATTRIBUTES);
    let text: String = text.split_ascii_whitespace().collect();
    let request: R = serde_json::from_str(&text).unwrap();
    let mut out = Vec::new();
    append_json(signal, &request.encode_to_vec(), &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), text);
}

#[test]
fn traces() {
    check::<ExportTraceServiceRequest>(Signal::Traces, "Spans", "spans", SPAN);
}

#[test]
fn metrics() {
    check::<ExportMetricsServiceRequest>(Signal::Metrics, "Metrics", "metrics", METRICS);
}

#[test]
fn logs() {
    check::<ExportLogsServiceRequest>(Signal::Logs, "Logs", "logRecords", RECORD);
}
