//! Bytes that are nothing: an error or an answer, never a panic, and never much more memory than there were bytes.

use otlp::{
    Signal, append_json, count_items, decode_response, decode_response_json, decode_status,
    decode_status_json,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::corpus::properties;
use crate::{logs, metrics, spans, support};

/// Bytes that begin fields more often than chance would have it.
fn like_protobuf() -> impl Strategy<Value = Vec<u8>> {
    let tags = vec![
        0x0a, 0x12, 0x1a, 0x2a, 0x32, 0x3a, 0x4a, 0x52, 0x7a, 0x08, 0x18, 0x39, 0x85, 1, 2, 3, 4,
    ];
    vec(prop_oneof![3 => select(tags), 1 => any::<u8>()], 0..200)
}

/// Text that is nearly JSON.
fn like_json() -> impl Strategy<Value = Vec<u8>> {
    let pieces = vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "null",
        "1",
        "-",
        "1e9",
        "\\u00",
        "\"partialSuccess\":",
        "\"rejectedSpans\":",
        "\"errorMessage\":\"x\"",
        "\"code\":",
        "\"details\":[{",
        "\"@type\":\"google.rpc.RetryInfo\"",
        "\"retryDelay\":\"1s\"",
    ];
    vec(select(pieces), 0..20).prop_map(|pieces| pieces.concat().into_bytes())
}

/// Whole requests, cut off or with one byte changed.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let whole = prop_oneof![
        spans::any_span().prop_map(|span| support::request(Signal::Traces, &span.encode())),
        metrics::any_metric()
            .prop_map(|metric| support::request(Signal::Metrics, &metric.encode().0)),
        logs::any_record().prop_map(|record| support::request(Signal::Logs, &record.encode())),
    ];
    (whole, any::<prop::sample::Index>(), any::<Option<u8>>()).prop_map(|(mut whole, at, byte)| {
        let at = at.index(whole.len());
        match byte {
            Some(byte) => whole[at] = byte,
            None => whole.truncate(at),
        }
        whole
    })
}

proptest! {
    #[test]
    fn random_bytes(bytes in vec(any::<u8>(), 0..100)) {
        properties::otlp(&bytes);
    }

    #[test]
    fn nearly_protobuf(bytes in like_protobuf()) {
        properties::otlp(&bytes);
    }

    #[test]
    fn nearly_json(bytes in like_json()) {
        properties::otlp(&bytes);
    }

    #[test]
    fn nearly_requests(bytes in damaged()) {
        properties::otlp(&bytes);
    }
}

/// No part of a request is a request: each cut is within a field.
#[test]
fn what_is_cut_off_is_refused() {
    let body = b"\x0a\x06\x08\x80\x01\x12\x01x";
    let status = b"\x12\x03bad";
    for end in 1..body.len() {
        assert!(
            decode_response(Signal::Logs, &body[..end]).is_err(),
            "{end}"
        );
    }
    for end in 1..status.len() {
        assert!(decode_status(&status[..end]).is_err(), "{end}");
    }
    for body in [
        r#"{"partialSuccess":{"rejectedSpans":"5"}}"#,
        r#"{"code":5,"details":[{}]}"#,
    ] {
        for end in 1..body.len() {
            let body = &body.as_bytes()[..end];
            assert!(decode_response_json(Signal::Traces, body).is_err(), "{end}");
            assert!(decode_status_json(body).is_err(), "{end}");
        }
    }
    let request = support::request(Signal::Traces, &support::message(&[2, 5], b"name"));
    for end in 1..request.len() {
        let (count, json) = (
            count_items(Signal::Traces, &request[..end]),
            append_json(Signal::Traces, &request[..end], &mut Vec::new()),
        );
        assert!(count.is_err() && json.is_err(), "{end}");
    }
}
