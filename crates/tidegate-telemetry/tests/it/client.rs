//! HTTP client spans, and what goes on to the server.

use std::sync::Arc;

use axum::body::Body;
use http::Request;
use otlp::SpanKind;
use testkit::{ClosedPort, RawOrigin};

use crate::receiver::{named, receiver, spans, start, until_spans};
use crate::service::{client, get, send};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_a_span_and_carries_it_on() {
    let (receiver, origin) = (receiver(), RawOrigin::ok("fine"));
    let telemetry = start(&receiver, &[]);
    let client = client(&telemetry);
    let (status, body) = get(&client, origin.addr(), "/a?sig=secret&b=1").await;
    assert_eq!((status, &*body), (200, "fine"));
    let span = named(&until_spans(&receiver, 1), "GET").clone();
    assert_eq!(span.kind, Some(SpanKind::Client));
    assert_eq!((&*span.parent, &*span.trace_state), ("", "ot=th:0"));
    let port = origin.addr().port().to_string();
    let url = format!("http://{}/a?sig=REDACTED&b=1", origin.addr());
    for (key, value) in [
        ("http.request.method", "GET"),
        ("server.address", "127.0.0.1"),
        ("server.port", &port),
        ("url.full", &url),
        ("http.response.status_code", "200"),
        ("network.protocol.version", "1.1"),
        ("error.type", ""),
    ] {
        assert_eq!(span.get(key), value, "{key}");
    }
    let request = &origin.requests()[0];
    // Sampled, and the id is one made here: random.
    let expected = format!("00-{}-{}-03", span.trace_id, span.span_id);
    assert_eq!(request.field("traceparent"), Some(&*expected));
    assert_eq!(request.field("tracestate"), Some("ot=th:0"));
}

/// What a client counts as errors: 4xx, 5xx, and no response at all.
#[tokio::test(flavor = "multi_thread")]
async fn errors_are_told() {
    let receiver = receiver();
    let telemetry = start(&receiver, &[]);
    let client = client(&telemetry);
    for (status, error) in [(204, ""), (301, ""), (404, "404"), (500, "500")] {
        let origin = RawOrigin::fixed(format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n"));
        let before = spans(&receiver).len();
        get(&client, origin.addr(), "/").await;
        let seen = until_spans(&receiver, before + 1);
        let span = &seen[before];
        assert_eq!(span.get("error.type"), error);
        assert_eq!(span.is_error, !error.is_empty(), "{status}");
    }
    let closed = ClosedPort::new();
    let req = Request::get(format!("http://{}/", closed.addr()));
    let failed = send(&client, req.body(Body::empty()).unwrap()).await;
    assert!(failed.is_err());
    let seen = until_spans(&receiver, 5);
    assert!(seen[4].is_error);
    assert_eq!(
        seen[4].get("error.type"),
        "hyper_util::client::legacy::client::Error"
    );
    assert_eq!(seen[4].get("http.response.status_code"), "");
}

/// The caller's own decision is no error of anybody: before the response, and in the middle of its body.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_given_up_is_no_error() {
    let receiver = receiver();
    let telemetry = start(&receiver, &[]);
    let client = client(&telemetry);
    let hanging = Arc::new(RawOrigin::hanging());
    let origin = Arc::clone(&hanging);
    let has_come = tokio::task::spawn_blocking(move || drop(origin.wait_bytes(0, 1)));
    tokio::select! {
        _ = get(&client, hanging.addr(), "/hang") => panic!("expected no answer"),
        () = async { has_come.await.unwrap() } => {}
    }
    let endless = RawOrigin::start(|conn| {
        conn.read_request();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        conn.hang();
    });
    let req = Request::get(format!("http://{}/half", endless.addr()));
    let response = send(&client, req.body(Body::empty()).unwrap())
        .await
        .unwrap();
    drop(response);
    let seen = until_spans(&receiver, 2);
    for (span, status) in seen.iter().zip(["", "200"]) {
        assert!(!span.is_error, "{span:#?}");
        assert_eq!(span.get("error.type"), "");
        assert_eq!(span.get("http.response.status_code"), status);
    }
}

/// A body that breaks off is an error although its head was fine.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_is_an_error() {
    use http_body_util::BodyExt as _;
    let receiver = receiver();
    let telemetry = start(&receiver, &[]);
    let client = client(&telemetry);
    let broken = RawOrigin::start(|conn| {
        conn.read_request();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    });
    let req = Request::get(format!("http://{}/", broken.addr()));
    let response = send(&client, req.body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert!(response.into_body().collect().await.is_err());
    let seen = until_spans(&receiver, 1);
    assert!(seen[0].is_error);
    assert_eq!(seen[0].get("error.type"), "hyper::error::Error");
}
