//! Counting the items of requests.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use otlp::{Malformed as M, Signal, count_items};
use prost::Message as _;

#[track_caller]
fn check(rule: &str, signal: Signal, request: &[u8], expected: Result<u64, M>) {
    let found = count_items(signal, request);
    assert_eq!(found, expected, "{rule}: {}", request.escape_ascii());
}

/// OT-42: data points are counted, not metrics.
#[test]
fn the_official_examples() {
    let traces: ExportTraceServiceRequest =
        serde_json::from_str(include_str!("../data/otlp/trace.json")).unwrap();
    let metrics: ExportMetricsServiceRequest =
        serde_json::from_str(include_str!("../data/otlp/metrics.json")).unwrap();
    let logs: ExportLogsServiceRequest =
        serde_json::from_str(include_str!("../data/otlp/logs.json")).unwrap();
    let events: ExportLogsServiceRequest =
        serde_json::from_str(include_str!("../data/otlp/events.json")).unwrap();
    for (signal, request, items) in [
        (Signal::Traces, traces.encode_to_vec(), 1),
        (Signal::Metrics, metrics.encode_to_vec(), 4),
        (Signal::Logs, logs.encode_to_vec(), 1),
        (Signal::Logs, events.encode_to_vec(), 1),
    ] {
        check("OT-42", signal, &request, Ok(items));
        let joined = request.repeat(3);
        check("OT-43", signal, &joined, Ok(items * 3));
        for end in 1..request.len() {
            let cut = count_items(signal, &request[..end]);
            assert_eq!(cut, Err(M::Truncated), "{end} of {} bytes", request.len());
        }
    }
}

#[test]
fn traces_and_logs() {
    for signal in [Signal::Traces, Signal::Logs] {
        for (rule, request, expected) in [
            ("OT-3", &b""[..], Ok(0)),
            ("OT-11", b"\x0a\x00", Ok(0)),
            ("OT-11", b"\x0a\x02\x12\x00", Ok(0)),
            ("one", b"\x0a\x04\x12\x02\x12\x00", Ok(1)),
            ("two", b"\x0a\x06\x12\x04\x12\x00\x12\x00", Ok(2)),
            (
                "two scopes",
                b"\x0a\x08\x12\x02\x12\x00\x12\x02\x12\x00",
                Ok(2),
            ),
            ("items are not read", b"\x0a\x05\x12\x03\x12\x01\xff", Ok(1)),
            // Fields that are unknown, one of each wire type, and a group.
            ("OT-9", b"\x10\x01\x19********\x22\x01*\x2d****", Ok(0)),
            (
                "OT-9",
                b"\x0a\x04\x12\x02\x12\x00\x13\x1b\x08\x01\x1c\x14",
                Ok(1),
            ),
            (
                "OT-9, a known number further up",
                b"\x0a\x06\x12\x04\x0a\x02\x12\x00",
                Ok(0),
            ),
            // Lengths that are written in more bytes than they need.
            ("padded", b"\x0a\x84\x80\x00\x12\x02\x12\x00", Ok(1)),
            (
                "a length beyond the request",
                b"\x0a\x01",
                Err(M::Truncated),
            ),
            (
                "a length beyond the resource",
                b"\x0a\x02\x12\x01\x00",
                Err(M::Truncated),
            ),
            (
                "a length beyond the scope",
                b"\x0a\x04\x12\x02\x12\x01\x00",
                Err(M::Truncated),
            ),
            ("half a varint", b"\x0a\x80", Err(M::Truncated)),
            ("no length", b"\x0a", Err(M::Truncated)),
            ("half a number", b"\x19*******", Err(M::Truncated)),
            ("a group without an end", b"\x13\x08\x01", Err(M::Truncated)),
            ("a group with another's end", b"\x13\x1c", Err(M::Tag)),
            ("an end without a group", b"\x14", Err(M::Tag)),
            ("field 0", b"\x02\x00", Err(M::Tag)),
            ("wire type 6", b"\x0e", Err(M::Tag)),
            ("wire type 7", b"\x0f", Err(M::Tag)),
            (
                "a tag beyond 32 bits",
                b"\x8a\x80\x80\x80\x10\x00",
                Err(M::Tag),
            ),
            ("a resource that is a number", b"\x08\x01", Err(M::WireType)),
            (
                "a scope that is a number",
                b"\x0a\x02\x10\x01",
                Err(M::WireType),
            ),
            (
                "an item that is a number",
                b"\x0a\x04\x12\x02\x10\x01",
                Err(M::WireType),
            ),
            (
                "a varint of 65 bits",
                b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
                Err(M::Varint),
            ),
            (
                "a varint of 11 bytes",
                b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00",
                Err(M::Varint),
            ),
            (
                "the longest varint",
                b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                Ok(0),
            ),
            (
                "a length of 64 bits",
                b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                Err(M::Truncated),
            ),
        ] {
            check(rule, signal, request, expected);
        }
    }
}

#[test]
fn data_points() {
    // In the place of `*`, one `Metric`.
    let request = |metric: &[u8]| {
        let mut request = metric.to_vec();
        for tag in [0x12, 0x12, 0x0a] {
            let len = u8::try_from(request.len()).unwrap();
            request = [&[tag, len][..], &request].concat();
        }
        request
    };
    for (what, metric, expected) in [
        ("none", &b""[..], Ok(0)),
        ("a name", b"\x0a\x01n", Ok(0)),
        ("a gauge", b"\x2a\x04\x0a\x00\x0a\x00", Ok(2)),
        ("a sum", b"\x3a\x04\x0a\x00\x10\x02", Ok(1)),
        ("a histogram", b"\x4a\x02\x0a\x00", Ok(1)),
        ("an exponential histogram", b"\x52\x02\x0a\x00", Ok(1)),
        ("a summary", b"\x5a\x02\x0a\x00", Ok(1)),
        (
            "a gauge in two parts",
            b"\x2a\x02\x0a\x00\x2a\x02\x0a\x00",
            Ok(2),
        ),
        (
            "a gauge, then a sum: the last counts",
            b"\x2a\x04\x0a\x00\x0a\x00\x3a\x02\x0a\x00",
            Ok(1),
        ),
        (
            "reserved fields",
            b"\x22\x02\x0a\x00\x32\x02\x0a\x00\x42\x02\x0a\x00",
            Ok(0),
        ),
        ("points are not read", b"\x2a\x03\x0a\x01\xff", Ok(1)),
        ("a gauge that is a number", b"\x28\x01", Err(M::WireType)),
        (
            "a point that is a number",
            b"\x2a\x02\x08\x01",
            Err(M::WireType),
        ),
        (
            "a length beyond the gauge",
            b"\x2a\x02\x0a\x01",
            Err(M::Truncated),
        ),
    ] {
        check(what, Signal::Metrics, &request(metric), expected);
    }
}

/// Groups within groups, which are skipped, are bounded as messages are.
#[test]
fn nesting_of_groups_is_bounded() {
    let nested = |levels| [&b"\x13".repeat(levels)[..], &b"\x14".repeat(levels)].concat();
    check("64", Signal::Traces, &nested(64), Ok(0));
    check("65", Signal::Traces, &nested(65), Err(M::Nesting));
    check(
        "a million",
        Signal::Traces,
        &nested(1 << 20),
        Err(M::Nesting),
    );
}
