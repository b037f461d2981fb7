//! What a back end answers when it took a request (OT-4 to OT-6, OT-22, OT-35).

use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use otlp::{Malformed as M, PartialSuccess, Signal, decode_response, decode_response_json};
use prost::Message as _;

type Expected<'a> = Result<Option<(u64, &'a str)>, M>;

fn expect(expected: Expected<'_>) -> Result<Option<PartialSuccess>, M> {
    expected.map(|partial| {
        partial.map(|(rejected, message)| PartialSuccess {
            rejected,
            message: message.to_owned(),
        })
    })
}

#[track_caller]
fn check(rule: &str, body: &[u8], expected: Expected<'_>) {
    for signal in Signal::ALL {
        let found = decode_response(signal, body);
        assert_eq!(found, expect(expected), "{rule}: {}", body.escape_ascii());
    }
}

#[track_caller]
fn check_json(rule: &str, signal: Signal, body: &str, expected: Expected<'_>) {
    let found = decode_response_json(signal, body.as_bytes());
    assert_eq!(found, expect(expected), "{rule}: {body}");
}

#[test]
fn in_protobuf() {
    for (rule, body, expected) in [
        ("OT-22", &b""[..], Ok(None)),
        ("OT-4, empty is unset", b"\x0a\x00", Ok(None)),
        (
            "OT-4, defaults are unset",
            b"\x0a\x04\x08\x00\x12\x00",
            Ok(None),
        ),
        ("OT-5", b"\x0a\x02\x08\x05", Ok(Some((5, "")))),
        (
            "OT-5",
            b"\x0a\x06\x08\x80\x01\x12\x01x",
            Ok(Some((128, "x"))),
        ),
        ("OT-6", b"\x0a\x03\x12\x01x", Ok(Some((0, "x")))),
        (
            "merged",
            b"\x0a\x02\x08\x05\x0a\x03\x12\x01x",
            Ok(Some((5, "x"))),
        ),
        (
            "the last counts",
            b"\x0a\x07\x08\x05\x08\x06\x12\x01x",
            Ok(Some((6, "x"))),
        ),
        (
            "OT-9",
            b"\x12\x01x\x0a\x04\x18\x01\x08\x02",
            Ok(Some((2, ""))),
        ),
        (
            "not UTF-8",
            b"\x0a\x04\x12\x02x\xff",
            Ok(Some((0, "x\u{fffd}"))),
        ),
        (
            "a negative count",
            b"\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            Ok(None),
        ),
        ("cut off", b"\x0a\x02\x08", Err(M::Truncated)),
        (
            "a count that is text",
            b"\x0a\x03\x0a\x01x",
            Err(M::WireType),
        ),
        (
            "a message that is a number",
            b"\x0a\x02\x10\x01",
            Err(M::WireType),
        ),
        (
            "a partial success that is a number",
            b"\x08\x01",
            Err(M::WireType),
        ),
        ("no protobuf", b"<html>", Err(M::Tag)),
        ("JSON", b"{}", Err(M::Truncated)),
    ] {
        check(rule, body, expected);
    }
}

#[test]
fn of_another_encoder() {
    let traces = ExportTraceServiceResponse {
        partial_success: Some(ExportTracePartialSuccess {
            rejected_spans: 7,
            error_message: "why".to_owned(),
        }),
    };
    let metrics = ExportMetricsServiceResponse {
        partial_success: Some(ExportMetricsPartialSuccess {
            rejected_data_points: 7,
            error_message: "why".to_owned(),
        }),
    };
    let logs = ExportLogsServiceResponse {
        partial_success: Some(ExportLogsPartialSuccess {
            rejected_log_records: 7,
            error_message: "why".to_owned(),
        }),
    };
    let bodies = [
        traces.encode_to_vec(),
        metrics.encode_to_vec(),
        logs.encode_to_vec(),
    ];
    for body in bodies {
        check("OT-5", &body, Ok(Some((7, "why"))));
    }
}

#[test]
fn in_json() {
    use Signal::{Logs, Metrics, Traces};
    for (rule, signal, body, expected) in [
        ("OT-4", Traces, "{}", Ok(None)),
        ("OT-4", Traces, " { } \n", Ok(None)),
        ("no body at all", Traces, "", Ok(None)),
        ("OT-41", Traces, r#"{"partialSuccess":null}"#, Ok(None)),
        ("OT-4", Traces, r#"{"partialSuccess":{}}"#, Ok(None)),
        (
            "OT-5",
            Traces,
            r#"{"partialSuccess":{"rejectedSpans":"5"}}"#,
            Ok(Some((5, ""))),
        ),
        (
            "OT-40",
            Traces,
            r#"{"partialSuccess":{"rejectedSpans": 5 }}"#,
            Ok(Some((5, ""))),
        ),
        (
            "OT-5",
            Metrics,
            r#"{"partialSuccess":{"rejectedDataPoints":"5","errorMessage":"a\u00e9\n"}}"#,
            Ok(Some((5, "a\u{e9}\n"))),
        ),
        (
            "OT-5",
            Logs,
            r#"{"partialSuccess":{"rejectedLogRecords":1}}"#,
            Ok(Some((1, ""))),
        ),
        (
            "OT-6",
            Logs,
            r#"{"partialSuccess":{"errorMessage":"x"}}"#,
            Ok(Some((0, "x"))),
        ),
        (
            "another signal's",
            Logs,
            r#"{"partialSuccess":{"rejectedSpans":[1]}}"#,
            Ok(None),
        ),
        (
            "OT-38",
            Traces,
            r#"{"partial_success":{"rejectedSpans":5}}"#,
            Ok(None),
        ),
        (
            "OT-38",
            Traces,
            r#"{"partialSuccess":{"rejected_spans":5}}"#,
            Ok(None),
        ),
        (
            "OT-39",
            Traces,
            r#"{"a":[{"partialSuccess":1}],"partialSuccess":{"b":{},"rejectedSpans":5},"c":1e9}"#,
            Ok(Some((5, ""))),
        ),
        (
            "OT-41",
            Traces,
            r#"{"partialSuccess":{"rejectedSpans":null,"errorMessage":null}}"#,
            Ok(None),
        ),
        (
            "a negative count",
            Traces,
            r#"{"partialSuccess":{"rejectedSpans":-5}}"#,
            Ok(None),
        ),
        (
            "an escaped key",
            Traces,
            r#"{"partial\u0053uccess":{"rejectedSpans":5}}"#,
            Ok(Some((5, ""))),
        ),
        ("cut off", Traces, r#"{"partialSuccess":{"#, Err(M::Json)),
        ("more behind it", Traces, "{} {}", Err(M::Json)),
        ("an array", Traces, "[]", Err(M::Json)),
        ("no JSON", Traces, "<html>", Err(M::Json)),
        (
            "a word",
            Traces,
            r#"{"partialSuccess":{"rejectedSpans":"many"}}"#,
            Err(M::Json),
        ),
        (
            "a number that is none",
            Traces,
            r#"{"partialSuccess":{"rejectedSpans":{}}}"#,
            Err(M::Json),
        ),
        (
            "text that is none",
            Traces,
            r#"{"partialSuccess":{"errorMessage":5}}"#,
            Err(M::Json),
        ),
        (
            "an object that is none",
            Traces,
            r#"{"partialSuccess":5}"#,
            Err(M::Json),
        ),
    ] {
        check_json(rule, signal, body, expected);
    }
    let body = b"{\"partialSuccess\":{\"errorMessage\":\"\xff\"}}";
    assert_eq!(
        decode_response_json(Traces, body),
        Err(M::Json),
        "not UTF-8"
    );
}

/// A message of any length is cut to 1 KiB, between two characters.
#[test]
fn messages_are_bounded() {
    for (message, len) in [
        ("x".repeat(1024), 1024),
        ("x".repeat(1025), 1024),
        ("\u{20ac}".repeat(400_000), 1023),
        (format!("x{}", "\u{20ac}".repeat(400)), 1024),
    ] {
        let expected: String = message.chars().take(message.chars().count()).collect();
        let response = ExportTraceServiceResponse {
            partial_success: Some(ExportTracePartialSuccess {
                rejected_spans: 1,
                error_message: message.clone(),
            }),
        };
        let json = serde_json::json!({"partialSuccess": {"errorMessage": message}}).to_string();
        let found = decode_response(Signal::Traces, &response.encode_to_vec());
        let from_json = decode_response_json(Signal::Traces, json.as_bytes());
        for found in [found, from_json] {
            let found = found.unwrap().unwrap().message;
            assert_eq!(found.len(), len);
            assert!(expected.starts_with(&found));
        }
    }
}

/// Deep nesting in what is skipped is no recursion.
#[test]
fn nesting_in_json_is_harmless() {
    let deep = format!(
        "{{\"a\":{}{},\"partialSuccess\":{{\"rejectedSpans\":1}}}}",
        "[".repeat(1 << 20),
        "]".repeat(1 << 20)
    );
    let found = decode_response_json(Signal::Traces, deep.as_bytes());
    assert_eq!(found, expect(Ok(Some((1, "")))));
}
