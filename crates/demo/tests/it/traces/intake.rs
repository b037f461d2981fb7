//! OTLP over HTTP: what is taken and what is refused.

use demo::Services;
use otlp::{Attribute, Span, decode_status};

use super::spans::{check_taken, data, post_traces, request, request_of, send_spans, server};
use crate::client::{Request, Response, get, post, send, send_then};

const PROTOBUF: &str = "content-type: application/x-protobuf\r\n";

/// OT-23.
#[track_caller]
fn check_refused(response: &Response, status: u16, message: &str) {
    assert_eq!(response.status, status);
    let content_type = response.field("content-type");
    assert_eq!(content_type, Some("application/x-protobuf"));
    let found = decode_status(&response.body).unwrap();
    assert_eq!(found.message, message);
}

/// OT-3.
#[test]
fn an_empty_request_is_taken() {
    let services = Services::start().unwrap();
    check_taken(&post_traces(&services, b""));
    check_taken(&post_traces(&services, &request(&[])));
    assert_eq!(data(&services)["received_spans"], 0);
}

/// OT-21, OT-28; OT-1 but for gzip.
#[test]
fn types_are_read_as_http_says() {
    let services = Services::start().unwrap();
    let body = request(&[server(1)]);
    let expected_type = "expected the content type application/x-protobuf";
    let plain = "expected a body that is not compressed";
    let cases: [(&str, Option<&str>); 12] = [
        (PROTOBUF, None),
        ("Content-Type: Application/X-Protobuf\r\n", None),
        (
            "content-type: application/x-protobuf; charset=utf-8\r\n",
            None,
        ),
        ("content-type:application/x-protobuf;a\r\n", None),
        (
            "content-type: application/x-protobuf\r\ncontent-encoding: Identity\r\n",
            None,
        ),
        ("", Some(expected_type)),
        ("content-type: text/plain\r\n", Some(expected_type)),
        (
            "content-type: application/protobuf\r\n",
            Some(expected_type),
        ),
        (
            "content-type: application/x-protobuf\r\ncontent-type: application/x-protobuf\r\n",
            Some(expected_type),
        ),
        (
            "content-type: application/x-protobuf\r\ncontent-encoding: gzip\r\n",
            Some(plain),
        ),
        (
            "content-type: application/x-protobuf\r\ncontent-encoding: x\r\n",
            Some(plain),
        ),
        (
            "content-type: application/x-protobuf\r\ncontent-encoding: identity\r\ncontent-encoding: br\r\n",
            Some(plain),
        ),
    ];
    for (fields, refused) in cases {
        let response = post(services.traces(), "/v1/traces", fields, &body);
        match refused {
            None => check_taken(&response),
            Some(message) => check_refused(&response, 415, message),
        }
        let accept = (refused == Some(plain)).then_some("identity");
        assert_eq!(response.field("accept-encoding"), accept, "{fields}");
    }
    assert_eq!(data(&services)["received_spans"], 5);
    assert_eq!(data(&services)["refused_requests"], 7);
}

/// OT-23: in the encoding of the request.
#[test]
fn json_is_refused_in_json() {
    let services = Services::start().unwrap();
    let fields = "content-type: application/json; charset=utf-8\r\n";
    let response = post(services.traces(), "/v1/traces", fields, b"{}");
    assert_eq!(response.status, 415);
    assert_eq!(response.field("content-type"), Some("application/json"));
    let message = "expected the content type application/x-protobuf";
    assert_eq!(response.json(), serde_json::json!({ "message": message }));
}

/// OT-24: all or nothing.
#[test]
fn malformed_requests_are_refused() {
    let services = Services::start().unwrap();
    let whole = request(&[server(1)]);
    let broken = |key_value: &'static [u8]| {
        let attributes = [Attribute::Encoded(key_value)];
        let span = Span {
            attributes: &attributes,
            ..server(2)
        };
        request(&[server(1), span])
    };
    let cut = "expected a whole protobuf field, found one that is cut off";
    let other_type =
        "expected a field of the OTLP protocol with its own wire type, found another type";
    let (cut_off, noise) = (whole.split_last().unwrap().1, b"\xff".repeat(100));
    let cases: [(&[u8], &str); 5] = [
        (cut_off, cut),
        (
            &noise,
            "expected a varint of at most 64 bits, found a longer one",
        ),
        (b"\x08\x01", other_type),
        (&broken(b"\x0a\x05key"), cut),
        (&broken(b"\x0a\x03key\x12\x02\x08\x01"), other_type),
    ];
    for (body, message) in cases {
        check_refused(&post_traces(&services, body), 400, message);
    }
    let data = data(&services);
    assert_eq!(data["received_spans"], 0);
    assert_eq!(data["refused_requests"], 5);
    assert_eq!(data["traces"], serde_json::json!([]));
    let list = get(services.traces(), "/");
    assert!(list.text().contains("0 spans received, 5 requests refused"));
}

/// As deep as is read, and one list deeper.
#[test]
fn deep_values_are_refused() {
    fn nested(lists: usize) -> Vec<u8> {
        let mut value = Vec::new();
        for _ in 0..lists {
            let element = framed(0x0a, &value);
            value = framed(0x2a, &element);
        }
        [b"\x0a\x01k".to_vec(), framed(0x12, &value)].concat()
    }
    fn framed(tag: u8, body: &[u8]) -> Vec<u8> {
        let len = u8::try_from(body.len()).unwrap();
        let len = if len < 0x80 {
            vec![len]
        } else {
            vec![len, len >> 7]
        };
        [&[tag][..], &len, body].concat()
    }
    let services = Services::start().unwrap();
    for (lists, status) in [(29, 200), (30, 400)] {
        let attribute = nested(lists);
        let attributes = [Attribute::Encoded(&attribute)];
        let span = Span {
            attributes: &attributes,
            ..server(1)
        };
        let response = post_traces(&services, &request(&[span]));
        assert_eq!(response.status, status, "{lists}");
    }
}

/// OT-25.
#[test]
fn large_requests_are_refused() {
    let services = Services::start().unwrap();
    let message = "expected a body of at most 4194304 bytes";
    let request = Request {
        line: "POST /v1/traces",
        fields: "content-length: 4194305\r\ncontent-type: application/x-protobuf\r\n",
        body: "",
    };
    check_refused(&send(services.traces(), request), 413, message);

    // Of a length that shows on the way only.
    let chunked = Request {
        line: "POST /v1/traces",
        fields: "transfer-encoding: chunked\r\ncontent-type: application/x-protobuf\r\n",
        body: "",
    };
    let body = format!("400001\r\n{}", "x".repeat(0x40_0001));
    check_refused(&send_then(services.traces(), chunked, &body), 413, message);
    assert_eq!(data(&services)["refused_requests"], 2);
}

/// OT-20: in chunks as well.
#[test]
fn bodies_may_come_in_chunks() {
    let services = Services::start().unwrap();
    let request = Request {
        line: "POST /v1/traces",
        fields: "transfer-encoding: chunked\r\ncontent-type: application/x-protobuf\r\n",
        body: "",
    };
    let body = "1\r\n\n\r\n3\r\n\x02\x12\0\r\n0\r\n\r\n";
    check_taken(&send_then(services.traces(), request, body));
}

/// OT-27.
#[test]
fn other_methods_and_signals_are_refused() {
    let services = Services::start().unwrap();
    for target in ["/v1/traces", "/v1/metrics", "/v1/logs"] {
        let response = get(services.traces(), target);
        check_refused(&response, 405, "expected the method POST");
        assert_eq!(response.field("allow"), Some("POST"), "{target}");
    }
    for target in ["/v1/metrics", "/v1/logs"] {
        let response = post(services.traces(), target, PROTOBUF, b"");
        let message = "only traces are taken here, at /v1/traces";
        check_refused(&response, 404, message);
    }
    let put = Request {
        line: "PUT /v1/traces",
        fields: PROTOBUF,
        body: "",
    };
    check_refused(
        &send(services.traces(), put),
        405,
        "expected the method POST",
    );
}

/// Each resource names its service.
#[test]
fn requests_may_hold_several_resources() {
    let services = Services::start().unwrap();
    let joined = [
        request_of("one", &[server(1), server(2)]),
        request_of("two", &[server(3)]),
        request_of("", &[server(4)]),
    ];
    check_taken(&post_traces(&services, &joined.concat()));
    let data = data(&services);
    let rows = data["traces"][0]["spans"].as_array().unwrap();
    let found: Vec<&str> = rows
        .iter()
        .map(|row| row["service"].as_str().unwrap())
        .collect();
    assert_eq!(found, ["one", "one", "two", ""]);
}

/// A connection is kept for the next request.
#[test]
fn senders_keep_their_connection() {
    use std::io::{Read as _, Write as _};

    let services = Services::start().unwrap();
    let mut socket = std::net::TcpStream::connect(services.traces()).unwrap();
    for _ in 0..3 {
        let body = request(&[server(1)]);
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nhost: demo\r\n{PROTOBUF}content-length: {}\r\n\r\n",
            body.len()
        );
        socket.write_all(head.as_bytes()).unwrap();
        socket.write_all(&body).unwrap();
        let mut response = Vec::new();
        while !response.ends_with(b"\r\n\r\n") {
            let mut chunk = [0; 512];
            let count = socket.read(&mut chunk).unwrap();
            assert_ne!(count, 0, "the connection was closed");
            response.extend_from_slice(&chunk[..count]);
        }
        assert!(response.starts_with(b"HTTP/1.1 200 "));
    }
    send_spans(&services, &[server(2)]);
    assert_eq!(data(&services)["received_spans"], 4);
}
