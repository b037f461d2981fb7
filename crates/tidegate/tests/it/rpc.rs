//! gRPC calls in figures and spans (semantic conventions, RPC). Over HTTP/1.1 a call ends in trailers as it does over
//! HTTP/2.

use otlp::SpanKind;
use otlp::read::StatusCode;
use testkit::{RawOrigin, Tidegate};

use crate::spans::{receiver, sending_to, until_spans};
use crate::system::Metrics;

const METHOD: &str = "shop.v1.Products/Get";

/// Answers each call by its path: `/…/Get` with the status in trailers, `/…/List` in the head, `/…/Fail` with no gRPC.
fn origin() -> RawOrigin {
    RawOrigin::start(|conn| {
        while let Some(request) = conn.read_request() {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n";
            let answer = match request.target().rsplit('/').next() {
                Some("Get") => format!(
                    "{head}Transfer-Encoding: chunked\r\n\r\n5\r\n\0\0\0\0\0\r\n0\r\ngrpc-status: 5\r\n\r\n"
                ),
                Some("List") => format!("{head}Grpc-Status: 13\r\nContent-Length: 0\r\n\r\n"),
                _ => "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".to_owned(),
            };
            if !conn.send(answer) {
                return;
            }
        }
    })
}

fn config(origin: &RawOrigin, telemetry: &str) -> String {
    format!(
        "\
workers: 1
listeners: {{ web: {{ address: 127.0.0.1:0 }} }}
routes:
  - {{ name: one, match: {{ path: /{METHOD} }}, forward: {{ upstream: origin }} }}
  - {{ name: rest, match: {{ path_prefix: / }}, forward: {{ upstream: origin }} }}
upstreams: {{ origin: {{ endpoints: [\"{}\"] }} }}
admin: {{ address: 127.0.0.1:0 }}
telemetry: {{ {telemetry} }}
",
        origin.addr()
    )
}

fn call(tidegate: &Tidegate, path: &str) -> u16 {
    let mut client = tidegate.connect("web");
    client.send(format!(
        "POST /{path} HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/grpc+proto\r\nTE: trailers\r\nContent-Length: 5\r\n\r\n\0\0\0\0\0"
    ));
    client.read_response().status
}

#[test]
fn calls_are_counted_by_their_own_status_on_both_sides() {
    let origin = origin();
    let tidegate = Tidegate::start(config(&origin, "service_name: edge"));
    for (path, status) in [
        (METHOD, 200),
        ("shop.v1.Products/List", 200),
        ("shop.v1.Products/Fail", 503),
    ] {
        assert_eq!(call(&tidegate, path), status);
    }
    let metrics = Metrics::of(&tidegate);
    for side in ["server", "client"] {
        let count = format!("rpc_{side}_call_duration_seconds_count");
        let of = |labels: &[&str]| metrics.sum(&count, labels);
        assert_eq!(of(&["rpc_system_name=\"grpc\""]), 3.0);
        let method = format!("rpc_method=\"{METHOD}\"");
        assert_eq!(of(&[&method, "rpc_status_code=\"NOT_FOUND\""]), 1.0);
        // What a client sends is no name.
        for status in ["INTERNAL", "UNAVAILABLE"] {
            let status = format!("rpc_status_code=\"{status}\"");
            assert_eq!(
                of(&["rpc_method=\"_OTHER\"", &status]),
                1.0,
                "{side} {status}"
            );
        }
        // Only a client counts NOT_FOUND as an error.
        let is_error = if side == "client" { 1.0 } else { 0.0 };
        assert_eq!(of(&[&method, "error_type=\"NOT_FOUND\""]), is_error);
    }
    // They are requests, too.
    let requests = "http_server_request_duration_seconds_count";
    assert_eq!(
        metrics.sum(requests, &["http_response_status_code=\"200\""]),
        2.0
    );
}

#[test]
fn spans_of_calls_follow_the_conventions_for_calls() {
    let (origin, receiver) = (origin(), receiver());
    let tidegate = Tidegate::start(config(&origin, &sending_to(receiver.addr(), "")));
    for (path, name, status, server_fails) in [
        (METHOD, METHOD, "NOT_FOUND", false),
        ("shop.v1.Products/List", "_OTHER", "INTERNAL", true),
        ("shop.v1.Products/Fail", "_OTHER", "UNAVAILABLE", true),
    ] {
        let before = crate::spans::spans(&receiver).len();
        call(&tidegate, path);
        let seen = until_spans(&receiver, before + 2);
        for span in &seen[before..] {
            assert_eq!(span.name, name);
            let attributes = &span.attributes;
            assert_eq!(attributes["rpc.system.name"], "grpc");
            assert_eq!(attributes["rpc.method"], name);
            assert_eq!(attributes["rpc.status_code"], status, "{span:#?}");
            let original = attributes.get("rpc.method_original").map(String::as_str);
            assert_eq!(original, (name == "_OTHER").then_some(path));
            assert!(!attributes.contains_key("http.request.method"));
            let is_error = span.kind == Some(SpanKind::Client) || server_fails;
            assert_eq!(span.status == StatusCode::Error, is_error, "{span:#?}");
            let error = attributes.get("error.type").map(String::as_str);
            assert_eq!(error, is_error.then_some(status));
        }
        assert_eq!(seen[before].attributes["server.address"], "shop.example");
    }
}

#[test]
fn other_requests_are_no_calls() {
    let origin = RawOrigin::ok("ok");
    let tidegate = Tidegate::start(testkit::config_forwarding_to(origin.addr()));
    for kind in [
        "application/grpc-web",
        "application/json",
        "application/grpcx",
    ] {
        let mut client = tidegate.connect("web");
        client.send(format!(
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\n\r\n"
        ));
        assert_eq!(client.read_response().status, 200);
    }
    let metrics = Metrics::of(&tidegate);
    assert_eq!(
        metrics.sum("rpc_server_call_duration_seconds_count", &[]),
        0.0
    );
    let tries = "http_client_request_duration_seconds_count";
    let server = format!("server_port=\"{}\"", origin.addr().port());
    assert_eq!(
        metrics.sum(tries, &["server_address=\"127.0.0.1\"", &server]),
        3.0
    );
}
