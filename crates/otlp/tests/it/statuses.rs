//! What a back end answers when it refused a request: `google.rpc.Status` (OT-14, OT-17, OT-18, OT-23).

use std::time::Duration;

use otlp::{Malformed as M, RpcStatus, decode_status, decode_status_json};
use prost::Message;

/// The oracle's own messages: `google.rpc.Status` and what may be in it.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

fn detail(type_url: &str, delay: Option<(i64, i32)>) -> Any {
    let retry_delay = delay.map(|(seconds, nanos)| Delay { seconds, nanos });
    Any {
        type_url: type_url.to_owned(),
        value: RetryInfo { retry_delay }.encode_to_vec(),
    }
}

#[track_caller]
fn check_delay(what: &str, details: &[Any], expected: Option<Duration>) {
    let status = Status {
        code: 14,
        message: "overloaded".to_owned(),
        details: details.to_vec(),
    };
    let expected = RpcStatus {
        code: 14,
        message: "overloaded".to_owned(),
        retry_delay: expected,
    };
    assert_eq!(
        decode_status(&status.encode_to_vec()),
        Ok(expected),
        "{what}"
    );
}

#[test]
fn delays_in_protobuf() {
    const SECONDS: fn(u64) -> Option<Duration> = |seconds| Some(Duration::from_secs(seconds));
    let other = |value: &[u8]| Any {
        type_url: "type.googleapis.com/google.rpc.BadRequest".to_owned(),
        value: value.to_vec(),
    };
    check_delay("OT-17", &[], None);
    check_delay("OT-18", &[detail(RETRY_INFO, Some((30, 0)))], SECONDS(30));
    check_delay(
        "OT-18",
        &[detail(RETRY_INFO, Some((1, 500_000_000)))],
        Some(Duration::from_millis(1500)),
    );
    check_delay(
        "another host",
        &[detail("x/google.rpc.RetryInfo", Some((1, 0)))],
        SECONDS(1),
    );
    check_delay(
        "no host",
        &[detail("google.rpc.RetryInfo", Some((1, 0)))],
        SECONDS(1),
    );
    check_delay(
        "another type",
        &[detail("x/my.google.rpc.RetryInfo", Some((1, 0)))],
        None,
    );
    check_delay(
        "details of other types are not read",
        &[other(b"\xff")],
        None,
    );
    check_delay(
        "among others",
        &[other(b""), detail(RETRY_INFO, Some((2, 0))), other(b"\x0a")],
        SECONDS(2),
    );
    check_delay(
        "the longest of several",
        &[
            detail(RETRY_INFO, Some((2, 0))),
            detail(RETRY_INFO, Some((3, 0))),
            detail(RETRY_INFO, Some((1, 0))),
        ],
        SECONDS(3),
    );
    check_delay(
        "OT-17, without a delay",
        &[detail(RETRY_INFO, None)],
        SECONDS(0),
    );
    check_delay("negative", &[detail(RETRY_INFO, Some((-1, 0)))], SECONDS(0));
    check_delay("negative", &[detail(RETRY_INFO, Some((0, -1)))], SECONDS(0));
    check_delay(
        "too many nanoseconds",
        &[detail(RETRY_INFO, Some((1, i32::MAX)))],
        SECONDS(1),
    );
    check_delay(
        "centuries",
        &[detail(RETRY_INFO, Some((i64::MAX, 0)))],
        SECONDS(i64::MAX as u64),
    );
}

#[track_caller]
fn check(what: &str, body: &[u8], expected: Result<(i32, &str), M>) {
    let expected = expected.map(|(code, message)| RpcStatus {
        code,
        message: message.to_owned(),
        retry_delay: None,
    });
    assert_eq!(
        decode_status(body),
        expected,
        "{what}: {}",
        body.escape_ascii()
    );
}

#[test]
fn in_protobuf() {
    check("OT-23, the code may be missing", b"", Ok((0, "")));
    check("OT-23", b"\x08\x03\x12\x03bad", Ok((3, "bad")));
    check("any order", b"\x12\x03bad\x08\x03", Ok((3, "bad")));
    check(
        "the last counts",
        b"\x08\x03\x08\x04\x12\x01a\x12\x01b",
        Ok((4, "b")),
    );
    check("OT-9", b"\x20\x01\x2a\x01*\x08\x03", Ok((3, "")));
    check(
        "negative",
        b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        Ok((-1, "")),
    );
    check("not UTF-8", b"\x12\x02a\xff", Ok((0, "a\u{fffd}")));
    check("cut off", b"\x08", Err(M::Truncated));
    check("a code that is text", b"\x0a\x01x", Err(M::WireType));
    check("a message that is a number", b"\x10\x01", Err(M::WireType));
    check("a detail that is a number", b"\x18\x01", Err(M::WireType));
    check("a detail that is none", b"\x1a\x01\x0a", Err(M::Truncated));
    check("HTML", b"<html>bad gateway</html>", Err(M::Tag));
    let long = Status {
        message: "\u{20ac}".repeat(100_000),
        ..Status::default()
    };
    check(
        "1 KiB",
        &long.encode_to_vec(),
        Ok((0, &"\u{20ac}".repeat(341))),
    );
}

#[track_caller]
fn check_json(what: &str, body: &str, expected: Result<(i32, &str, Option<Duration>), M>) {
    let expected = expected.map(|(code, message, retry_delay)| RpcStatus {
        code,
        message: message.to_owned(),
        retry_delay,
    });
    assert_eq!(
        decode_status_json(body.as_bytes()),
        expected,
        "{what}: {body}"
    );
}

#[test]
fn in_json() {
    for (what, body, expected) in [
        ("OT-23, the code may be missing", "{}", Ok((0, "", None))),
        (
            "OT-23",
            r#"{"code":3,"message":"bad","details":[]}"#,
            Ok((3, "bad", None)),
        ),
        ("OT-40", r#"{"code":"3"}"#, Ok((3, "", None))),
        (
            "OT-41",
            r#"{"code":null,"message":null,"details":null}"#,
            Ok((0, "", None)),
        ),
        (
            "OT-39",
            r#"{"error":{"code":5},"message":"a\"b"}"#,
            Ok((0, "a\"b", None)),
        ),
        ("no body", "", Err(M::Json)),
        ("text", "bad gateway", Err(M::Json)),
        ("a string", r#""bad""#, Err(M::Json)),
        (
            "a code that is none",
            r#"{"code":"INVALID_ARGUMENT"}"#,
            Err(M::Json),
        ),
        (
            "a code beyond 32 bits",
            r#"{"code":4294967296}"#,
            Err(M::Json),
        ),
        ("a message that is none", r#"{"message":[]}"#, Err(M::Json)),
        ("details that are none", r#"{"details":"x"}"#, Err(M::Json)),
    ] {
        check_json(what, body, expected);
    }
}

#[test]
fn delays_in_json() {
    const TYPE: &str = r#""@type":"type.googleapis.com/google.rpc.RetryInfo""#;
    for (detail, expected) in [
        (
            format!(r#"{{{TYPE},"retryDelay":"30s"}}"#),
            Some(Duration::from_secs(30)),
        ),
        (
            format!(r#"{{"retryDelay":"0.5s",{TYPE}}}"#),
            Some(Duration::from_millis(500)),
        ),
        (
            format!(r#"{{{TYPE},"retryDelay":"1.000000001s"}}"#),
            Some(Duration::new(1, 1)),
        ),
        (
            format!(r#"{{{TYPE},"retryDelay":"9223372036854775807s"}}"#),
            Some(Duration::from_secs(i64::MAX as u64)),
        ),
        // Retry information all the same (OT-17), with a delay that is none.
        (format!("{{{TYPE}}}"), Some(Duration::ZERO)),
        (
            format!(r#"{{{TYPE},"retryDelay":null}}"#),
            Some(Duration::ZERO),
        ),
        (
            format!(r#"{{{TYPE},"retryDelay":"-1s"}}"#),
            Some(Duration::ZERO),
        ),
        (
            format!(r#"{{{TYPE},"retryDelay":"soon"}}"#),
            Some(Duration::ZERO),
        ),
        (
            format!(r#"{{{TYPE},"retryDelay":"1"}}"#),
            Some(Duration::ZERO),
        ),
        (
            format!(r#"{{{TYPE},"retryDelay":"+1s"}}"#),
            Some(Duration::ZERO),
        ),
        (
            format!(r#"{{{TYPE},"retryDelay":"1.+5s"}}"#),
            Some(Duration::ZERO),
        ),
        (
            format!(r#"{{{TYPE},"retryDelay":"1.0000000001s"}}"#),
            Some(Duration::ZERO),
        ),
        (
            format!(r#"{{{TYPE},"retryDelay":"9223372036854775808s"}}"#),
            Some(Duration::ZERO),
        ),
        (
            format!(r#"{{{TYPE},"retryDelay":30}}"#),
            Some(Duration::ZERO),
        ),
        // Something else.
        (
            r#"{"@type":"google.rpc.BadRequest","retryDelay":"30s"}"#.to_owned(),
            None,
        ),
        (r#"{"retryDelay":"30s"}"#.to_owned(), None),
        (r#"{"@type":5}"#.to_owned(), None),
        ("5".to_owned(), None),
        ("[[]]".to_owned(), None),
    ] {
        let body = format!(r#"{{"code":14,"details":[{{"@type":"a.B"}},{detail}]}}"#);
        check_json("OT-14", &body, Ok((14, "", expected)));
    }
    let several = format!(
        r#"{{"details":[{{{TYPE},"retryDelay":"2s"}},{{{TYPE},"retryDelay":"3s"}},{{{TYPE}}}]}}"#
    );
    check_json(
        "the longest",
        &several,
        Ok((0, "", Some(Duration::from_secs(3)))),
    );
}
