//! Requests as OTLP/JSON (OT-36 to OT-41).

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use otlp::{Malformed as M, Signal, append_json};
use proptest::prelude::*;

use crate::json_agreement::agree;
use crate::support::{field, message, request};
use crate::{logs, metrics, spans};

#[track_caller]
fn to_json(signal: Signal, request: &[u8]) -> String {
    let mut out = b"before".to_vec();
    append_json(signal, request, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    text.strip_prefix("before").unwrap().to_owned()
}

/// A span, by its fields.
#[track_caller]
fn check_span(rule: &str, span: &[u8], expected: &str) {
    let request = message(&[1, 2, 2], span);
    let expected = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{expected}]}}]}}]}}"#);
    assert_eq!(to_json(Signal::Traces, &request), expected, "{rule}");
}

/// The body of a log record.
#[track_caller]
fn check_value(rule: &str, value: &[u8], expected: &str) {
    let request = message(&[1, 2, 2, 5], value);
    let expected = format!(
        r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{expected}}}]}}]}}]}}"#
    );
    assert_eq!(to_json(Signal::Logs, &request), expected, "{rule}");
}

/// A metric.
#[track_caller]
fn check_metric(rule: &str, metric: &[u8], expected: &str) {
    let request = message(&[1, 2, 2], metric);
    let expected =
        format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{expected}]}}]}}]}}"#);
    assert_eq!(to_json(Signal::Metrics, &request), expected, "{rule}");
}

#[test]
fn envelopes() {
    for (signal, name) in [
        (Signal::Traces, "Spans"),
        (Signal::Metrics, "Metrics"),
        (Signal::Logs, "Logs"),
    ] {
        assert_eq!(to_json(signal, b""), "{}", "OT-3");
        let resource =
            format!(r#"{{"resource{name}":[{{"resource":{{}},"scope{name}":[{{}}]}}]}}"#);
        assert_eq!(
            to_json(signal, b"\x0a\x04\x0a\x00\x12\x00"),
            resource,
            "OT-11"
        );
        let two = format!(r#"{{"resource{name}":[{{}},{{"schemaUrl":"s"}}]}}"#);
        assert_eq!(to_json(signal, b"\x0a\x00\x0a\x03\x1a\x01s"), two, "OT-43");
    }
}

#[test]
fn fields_of_spans() {
    check_span(
        "OT-36, lower-case hex",
        b"\x0a\x02\xab\x0f\x12\x01\xee",
        r#"{"traceId":"ab0f","spanId":"ee"}"#,
    );
    check_span("OT-36, no parent", b"\x22\x00", r#"{"parentSpanId":""}"#);
    check_span(
        "OT-37, enums are integers",
        b"\x30\x02\x7a\x02\x18\x02",
        r#"{"kind":2,"status":{"code":2}}"#,
    );
    check_span(
        "OT-37, unknown ones too",
        b"\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        r#"{"kind":-1}"#,
    );
    check_span(
        "OT-40, times are strings",
        b"\x39\xff\xff\xff\xff\xff\xff\xff\xff\x41\x01\0\0\0\0\0\0\0",
        r#"{"startTimeUnixNano":"18446744073709551615","endTimeUnixNano":"1"}"#,
    );
    check_span(
        "32 bits are numbers",
        b"\x50\xff\xff\xff\xff\x0f\x85\x01\x01\x03\0\x80",
        r#"{"droppedAttributesCount":4294967295,"flags":2147484417}"#,
    );
    check_span(
        "OT-39, unknown fields are left out",
        b"\xf8\x07\x01\x2a\x01n\xfa\x07\x01x",
        r#"{"name":"n"}"#,
    );
    check_span(
        "any order",
        b"\x30\x01\x2a\x01n",
        r#"{"name":"n","kind":1}"#,
    );
    check_span(
        "lists in pieces",
        b"\x4a\x03\x0a\x01a\x2a\x01n\x4a\x03\x0a\x01b",
        r#"{"name":"n","attributes":[{"key":"a"},{"key":"b"}]}"#,
    );
    check_span(
        "the last counts",
        b"\x2a\x01a\x2a\x01b\x30\x01\x30\x02",
        r#"{"name":"b","kind":2}"#,
    );
    check_span(
        "messages are merged",
        b"\x7a\x03\x12\x01a\x2a\x01n\x7a\x05\x12\x01b\x18\x02\x7a\x00",
        r#"{"name":"n","status":{"message":"b","code":2}}"#,
    );
}

#[test]
fn texts() {
    for (rule, text, expected) in [
        ("plain", &b"a/b c"[..], "a/b c"),
        ("RFC 8259 7", b"\"\\", r#"\"\\"#),
        (
            "RFC 8259 7",
            b"\n\r\t\0\x01\x1f\x7f",
            "\\n\\r\\t\\u0000\\u0001\\u001f\x7f",
        ),
        (
            "other characters",
            "\u{e9}\u{2028}\u{1f600}".as_bytes(),
            "\u{e9}\u{2028}\u{1f600}",
        ),
        ("not UTF-8", b"a\xff\"\xf0\x9f\x98", "a\u{fffd}\\\"\u{fffd}"),
    ] {
        check_span(
            rule,
            &field(5, text),
            &format!(r#"{{"name":"{expected}"}}"#),
        );
    }
}

#[test]
fn values() {
    check_value("nothing", b"", "{}");
    check_value("text", b"\x0a\x00", r#"{"stringValue":""}"#);
    check_value("false", b"\x10\x00", r#"{"boolValue":false}"#);
    check_value("true", b"\x10\x80\x01", r#"{"boolValue":true}"#);
    check_value("OT-40", b"\x18\x07", r#"{"intValue":"7"}"#);
    check_value(
        "OT-40",
        b"\x18\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
        r#"{"intValue":"-9223372036854775808"}"#,
    );
    for (rule, number, expected) in [
        ("whole", 5.0, "5.0"),
        ("zero", 0.0, "0.0"),
        ("negative zero", -0.0, "-0.0"),
        ("shortest", 0.1, "0.1"),
        ("exponent", 1e300, "1e300"),
        ("small", 5e-324, "5e-324"),
        ("largest", f64::MAX, "1.7976931348623157e308"),
        ("OT-41", f64::NAN, r#""NaN""#),
        ("OT-41", f64::INFINITY, r#""Infinity""#),
        ("OT-41", f64::NEG_INFINITY, r#""-Infinity""#),
    ] {
        let value = [&[0x21][..], &number.to_le_bytes()].concat();
        check_value(rule, &value, &format!(r#"{{"doubleValue":{expected}}}"#));
    }
    check_value("OT-10", b"\x2a\x00", r#"{"arrayValue":{}}"#);
    check_value("OT-10", b"\x32\x00", r#"{"kvlistValue":{}}"#);
    check_value(
        "OT-10, mixed",
        b"\x2a\x0b\x0a\x03\x0a\x01a\x0a\x02\x18\x01\x0a\x00",
        r#"{"arrayValue":{"values":[{"stringValue":"a"},{"intValue":"1"},{}]}}"#,
    );
    check_value(
        "OT-10",
        b"\x32\x0b\x0a\x03\x0a\x01a\x0a\x04\x12\x02\x18\x01",
        r#"{"kvlistValue":{"values":[{"key":"a"},{"value":{"intValue":"1"}}]}}"#,
    );
    for (bytes, expected) in [
        (&b""[..], ""),
        (b"\xff", "/w=="),
        (b"\xff\xef", "/+8="),
        (b"abc", "YWJj"),
    ] {
        let value = field(7, bytes);
        check_value(
            "OT-36, bytes stay base64",
            &value,
            &format!(r#"{{"bytesValue":"{expected}"}}"#),
        );
    }
}

/// Of the members of a oneof the last counts; a message that stands several times is merged, but not across another
/// member.
#[test]
fn one_of_several() {
    check_value("the last", b"\x0a\x01a\x18\x01", r#"{"intValue":"1"}"#);
    check_value("the last", b"\x18\x01\x0a\x01a", r#"{"stringValue":"a"}"#);
    check_value(
        "the last of one kind",
        b"\x18\x01\x18\x02",
        r#"{"intValue":"2"}"#,
    );
    check_value(
        "profiles only",
        b"\x0a\x01a\x40\x01",
        r#"{"stringValue":"a"}"#,
    );
    let (one, two) = (b"\x2a\x04\x0a\x02\x18\x01", b"\x2a\x04\x0a\x02\x18\x02");
    check_value(
        "merged",
        &[&one[..], two].concat(),
        r#"{"arrayValue":{"values":[{"intValue":"1"},{"intValue":"2"}]}}"#,
    );
    check_value(
        "not merged",
        &[&one[..], b"\x10\x01", two].concat(),
        r#"{"arrayValue":{"values":[{"intValue":"2"}]}}"#,
    );
    check_value(
        "merged after another",
        &[&two[..], b"\x10\x01", one, two].concat(),
        r#"{"arrayValue":{"values":[{"intValue":"1"},{"intValue":"2"}]}}"#,
    );
    // The value of a pair in two pieces, each with a piece of a list.
    let value = [field(2, one), field(2, two)].concat();
    check_value(
        "merged twice",
        &field(6, &field(1, &value)),
        r#"{"kvlistValue":{"values":[{"value":{"arrayValue":{"values":[{"intValue":"1"},{"intValue":"2"}]}}}]}}"#,
    );
    check_metric(
        "the last",
        b"\x2a\x02\x0a\x00\x3a\x02\x18\x01",
        r#"{"sum":{"isMonotonic":true}}"#,
    );
}

#[test]
fn metrics_in_all_forms() {
    check_metric(
        "OT-40, points",
        &field(5, b"\x0a\x09\x31\xff\xff\xff\xff\xff\xff\xff\xff\x0a\x09\x21\0\0\0\0\0\0\xf0\x3f\x0a\x02\x40\x01"),
        r#"{"gauge":{"dataPoints":[{"asInt":"-1"},{"asDouble":1.0},{"flags":1}]}}"#,
    );
    let count = |count: u8| [count, 0, 0, 0, 0, 0, 0, 0];
    let packed = field(6, &[count(1), count(2)].concat());
    let alone = [&[0x31][..], &count(3)].concat();
    check_metric(
        "OT-40, packed and not",
        &field(
            9,
            &field(1, &[&packed[..], &alone, &field(6, b"")].concat()),
        ),
        r#"{"histogram":{"dataPoints":[{"bucketCounts":["1","2","3"]}]}}"#,
    );
    check_metric(
        "nothing in a pack",
        &field(9, &field(1, &field(7, b""))),
        r#"{"histogram":{"dataPoints":[{"explicitBounds":[]}]}}"#,
    );
    check_metric(
        "OT-41, bounds",
        &field(
            9,
            &field(
                1,
                &field(7, &[0.5, f64::INFINITY].map(f64::to_le_bytes).concat()),
            ),
        ),
        r#"{"histogram":{"dataPoints":[{"explicitBounds":[0.5,"Infinity"]}]}}"#,
    );
    check_metric(
        "signed and unsigned varints",
        &field(
            10,
            &field(
                1,
                &[
                    &b"\x30\x03"[..],
                    &field(8, b"\x08\x04\x12\x03\x00\x80\x01\x10\x05"),
                ]
                .concat(),
            ),
        ),
        r#"{"exponentialHistogram":{"dataPoints":[{"scale":-2,"positive":{"offset":2,"bucketCounts":["0","128","5"]}}]}}"#,
    );
}

#[test]
fn refused() {
    for (what, span, expected) in [
        ("a name that is a number", &b"\x28\x01"[..], M::WireType),
        ("a kind that is text", b"\x32\x01x", M::WireType),
        ("a time that is a varint", b"\x38\x01", M::WireType),
        ("flags that are a varint", b"\x80\x01\x01", M::WireType),
        ("an attribute that is a number", b"\x48\x01", M::WireType),
        (
            "one of two statuses that is a number",
            b"\x78\x01\x7a\x00",
            M::WireType,
        ),
        (
            "an attribute that is cut off",
            b"\x4a\x01\x0a",
            M::Truncated,
        ),
        ("a field that is cut off", b"\x2a\x02n", M::Truncated),
        ("a tag that is none", b"\x0f", M::Tag),
    ] {
        let mut out = b"before".to_vec();
        let found = append_json(Signal::Traces, &message(&[1, 2, 2], span), &mut out);
        assert_eq!((found, &out[..]), (Err(expected), &b"before"[..]), "{what}");
    }
    for (what, point, expected) in [
        (
            "a count cut off in its pack",
            &field(6, b"1234567")[..],
            M::Truncated,
        ),
        ("a count that is a varint", b"\x30\x01", M::WireType),
    ] {
        let mut out = Vec::new();
        let request = message(&[1, 2, 2, 9, 1], point);
        assert_eq!(
            append_json(Signal::Metrics, &request, &mut out),
            Err(expected),
            "{what}"
        );
    }
}

/// Lists in lists in a log record, the 4th level: two levels each and one for the innermost value.
#[test]
fn nesting_is_bounded() {
    let nested = |lists: usize| {
        let value = (0..lists).fold(Vec::new(), |value, _| field(5, &field(1, &value)));
        message(&[1, 2, 2, 5], &value)
    };
    let deepest = to_json(Signal::Logs, &nested(29));
    assert_eq!(deepest.matches("arrayValue").count(), 29);
    let mut out = Vec::new();
    for lists in [30, 31, 1000] {
        let found = append_json(Signal::Logs, &nested(lists), &mut out);
        assert_eq!((found, out.len()), (Err(M::Nesting), 0), "{lists}");
    }
}

#[track_caller]
fn check_agreement<R: prost::Message + Default + serde::Serialize>(signal: Signal, items: &[u8]) {
    let request = request(signal, items);
    let ours = to_json(signal, &request);
    let theirs = R::decode(&request[..]).unwrap();
    let theirs = serde_json::to_value(theirs).unwrap();
    assert!(
        agree(&serde_json::from_str(&ours).unwrap(), &theirs),
        "{ours}\n{theirs}"
    );
}

proptest! {
    /// The shortest text that is read as the same number.
    #[test]
    fn any_double(number in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO) {
        let value = [&[0x21][..], &number.to_le_bytes()].concat();
        let json = to_json(Signal::Logs, &message(&[1, 2, 2, 5], &value));
        let (_, text) = json.split_once("\"doubleValue\":").unwrap();
        let (text, _) = text.split_once('}').unwrap();
        prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), number.to_bits());
    }

    #[test]
    fn any_span(span in spans::any_span()) {
        check_agreement::<ExportTraceServiceRequest>(Signal::Traces, &span.encode());
    }

    #[test]
    fn any_metric(metric in metrics::any_metric()) {
        check_agreement::<ExportMetricsServiceRequest>(Signal::Metrics, &metric.encode().0);
    }

    #[test]
    fn any_record(record in logs::any_record()) {
        check_agreement::<ExportLogsServiceRequest>(Signal::Logs, &record.encode());
    }
}
