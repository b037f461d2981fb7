//! HTTP server spans by the stable conventions.

use axum::Router;
use axum::routing::{any, get};
use http::StatusCode;
use otlp::SpanKind;
use testkit::{RawClient, RawOrigin};

use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use crate::metrics::point;
use crate::receiver::{Seen, as_json, named, receiver, spans, start, until_spans};
use crate::service::Service;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn routes() -> Router {
    Router::new()
        .route("/items/{id}", get(async || "item"))
        .route("/status/{code}", any(answer_with))
        .route("/panic", get(panicking))
}

async fn answer_with(axum::extract::Path(code): axum::extract::Path<u16>) -> StatusCode {
    StatusCode::from_u16(code).expect("a status")
}

async fn panicking() {
    panic!("wanted by a test");
}

/// Sends raw requests one after the other and gives their spans, in order.
async fn served(requests: Vec<String>, more: &[(&str, &str)]) -> (RawOrigin, Vec<Seen>) {
    let receiver = receiver();
    let telemetry = start(&receiver, more);
    let service = Service::start(&telemetry, routes()).await;
    let count = requests.len();
    let addr = service.addr;
    tokio::task::spawn_blocking(move || {
        for request in requests {
            let method = request.split(' ').next().expect("a method").to_owned();
            let mut client = RawClient::connect(addr);
            client.send(&request);
            client.try_read_response_to(&method).ok();
        }
    })
    .await
    .expect("no panic");
    // The end of a span may come after the end of its connection.
    let seen = until_spans(&receiver, count);
    telemetry.shutdown().await;
    (receiver, seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_a_span_by_the_conventions() {
    let request = format!(
        "GET /items/7?token=a&sig=secret HTTP/1.1\r\nHost: shop.example:8443\r\nUser-Agent: it/1\r\nTraceparent: {PARENT}\r\nTracestate: vendor=x\r\n\r\n"
    );
    let (_, seen) = served(vec![request], &[]).await;
    let span = named(&seen, "GET /items/{id}");
    assert_eq!(span.kind, Some(SpanKind::Server));
    assert_eq!(span.trace_id, "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(span.parent, "b7ad6b7169203331");
    assert_eq!(span.trace_state, "vendor=x");
    assert_eq!(span.service, "tested");
    assert!(!span.is_error && span.nanos > 0);
    for (key, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/items/{id}"),
        ("http.response.status_code", "200"),
        ("url.path", "/items/7"),
        ("url.query", "token=a&sig=REDACTED"),
        ("url.scheme", "http"),
        ("server.address", "shop.example"),
        ("server.port", "8443"),
        ("client.address", "127.0.0.1"),
        ("network.peer.address", "127.0.0.1"),
        ("network.protocol.version", "1.1"),
        ("user_agent.original", "it/1"),
    ] {
        assert_eq!(span.get(key), value, "{key}");
    }
    assert_eq!(span.get("error.type"), "");
}

/// 4xx are the client's errors, 5xx the server's.
#[tokio::test(flavor = "multi_thread")]
async fn the_status_decides_what_is_an_error() {
    let cases = [
        (200, ""),
        (304, ""),
        (404, ""),
        (499, ""),
        (500, "500"),
        (503, "503"),
    ];
    let requests = cases.map(|(code, _)| format!("GET /status/{code} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let (_, seen) = served(requests.to_vec(), &[]).await;
    for ((code, error), span) in cases.iter().zip(&seen) {
        assert_eq!(span.get("http.response.status_code"), code.to_string());
        assert_eq!(span.get("error.type"), *error);
        assert_eq!(span.is_error, !error.is_empty(), "{code}");
        assert_eq!(span.status_message, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_strangers_make_up_does_not_make_names() {
    let requests = vec![
        "GET /nowhere/1234 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "BREW /status/200 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "HEAD /items/1 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
    ];
    let (_, seen) = served(requests, &[]).await;
    assert_eq!(named(&seen, "GET").get("http.response.status_code"), "404");
    let brew = named(&seen, "HTTP /status/{code}");
    assert_eq!(brew.get("http.request.method"), "_OTHER");
    assert_eq!(brew.get("http.request.method_original"), "BREW");
    assert_eq!(
        named(&seen, "HEAD /items/{id}").get("http.response.status_code"),
        "200"
    );
}

/// The list replaces the conventions' own.
#[tokio::test(flavor = "multi_thread")]
async fn known_methods_can_be_listed() {
    let requests = ["BREW", "GET", "brew"]
        .map(|method| format!("{method} /status/200 HTTP/1.1\r\nHost: a\r\n\r\n"));
    let variables = [("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "BREW,POST")];
    let (_, seen) = served(requests.to_vec(), &variables).await;
    let names: Vec<&str> = seen.iter().map(|span| &*span.name).collect();
    assert_eq!(
        names,
        [
            "BREW /status/{code}",
            "HTTP /status/{code}",
            "HTTP /status/{code}"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_is_an_error() {
    let (_, seen) = served(
        vec!["GET /panic HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()],
        &[],
    )
    .await;
    let span = named(&seen, "GET /panic");
    assert!(span.is_error);
    assert_eq!(span.get("error.type"), "panic");
    assert_eq!(span.get("http.response.status_code"), "");
}

/// A body that is made while it is sent runs under the context of its request, and the span ends with its last byte.
#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_body_belongs_to_its_request() {
    let receiver = receiver();
    let telemetry = start(&receiver, &[]);
    let (more, pieces) = tokio::sync::mpsc::channel::<()>(1);
    let pieces = std::sync::Arc::new(std::sync::Mutex::new(Some(pieces)));
    let stream = async move || {
        let own = tidegate_telemetry::current();
        let pieces = pieces.lock().unwrap().take().unwrap();
        let pieces = ReceiverStream::new(pieces).map(move |()| {
            assert!(own.is_some() && tidegate_telemetry::current() == own);
            Ok::<_, std::convert::Infallible>("piece")
        });
        axum::body::Body::from_stream(pieces)
    };
    let service = Service::start(&telemetry, Router::new().route("/", get(stream))).await;
    let addr = service.addr;
    let asked = tokio::task::spawn_blocking(move || {
        let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        RawClient::exchange(addr, request).text().to_owned()
    });
    for _ in 0..3 {
        more.send(()).await.unwrap();
    }
    assert_eq!(spans(&receiver).len(), 0);
    drop(more);
    assert_eq!(asked.await.unwrap(), "piecepiecepiece");
    let seen = until_spans(&receiver, 1);
    assert!(!seen[0].is_error);
}

/// A client that goes away is no error of the server, and leaves nothing in flight.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_gone_is_no_error() {
    let receiver = receiver();
    let telemetry = start(&receiver, &[("OTEL_METRICS_EXPORTER", "otlp")]);
    let (came, mut has_come) = tokio::sync::mpsc::channel(1);
    let hang = async move || {
        came.send(()).await.unwrap();
        std::future::pending::<&str>().await
    };
    let service = Service::start(&telemetry, Router::new().route("/", get(hang))).await;
    let addr = service.addr;
    let client = tokio::task::spawn_blocking(move || {
        let mut client = RawClient::connect(addr);
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        client
    });
    let client = client.await.unwrap();
    has_come.recv().await.unwrap();
    drop(client);
    let seen = until_spans(&receiver, 1);
    let span = named(&seen, "GET /");
    assert!(!span.is_error && span.get("error.type").is_empty());
    assert_eq!(span.get("http.response.status_code"), "");
    telemetry.shutdown().await;
    let json = as_json(&receiver, otlp::Signal::Metrics);
    let active = point(&json, "http.server.active_requests", &["GET", "http"]);
    assert_eq!(active["asInt"], "0");
}

/// Whoever is no server of gRPC answers calls, too: what strangers ask for makes no names.
#[tokio::test(flavor = "multi_thread")]
async fn calls_to_a_service_without_grpc_make_no_names() {
    let requests = (0..20).map(|number| {
        format!("POST /made{number}.Up/Method HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n")
    });
    let (receiver, seen) = served(requests.collect(), &[("OTEL_METRICS_EXPORTER", "otlp")]).await;
    for span in &seen {
        assert_eq!((&*span.name, span.get("rpc.method")), ("grpc", "_OTHER"));
    }
    let json = as_json(&receiver, otlp::Signal::Metrics);
    let calls = point(&json, "rpc.server.call.duration", &["grpc", "_OTHER"]);
    assert_eq!(calls["count"], "20");
    assert!(
        !json
            .iter()
            .any(|report| report.to_string().contains("made7"))
    );
}

/// A server of hyper alone, with the layer around its service.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_of_hyper_is_told_as_well() {
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use hyper_util::server::conn::auto::Builder;
    use hyper_util::service::TowerToHyperService;
    use tower_layer::Layer as _;

    let receiver = receiver();
    let telemetry = start(&receiver, &[]);
    let service = tower::service_fn(async |_: http::Request<hyper::body::Incoming>| {
        let body = http_body_util::Full::new(hyper::body::Bytes::from_static(b"hello"));
        Ok::<_, std::convert::Infallible>(http::Response::new(body))
    });
    let service = TowerToHyperService::new(telemetry.server_layer().layer(service));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let server = Builder::new(TokioExecutor::new());
        let served = server.serve_connection(TokioIo::new(tcp), service);
        served.await.unwrap();
    });
    let request =
        format!("GET /x HTTP/1.1\r\nHost: a\r\nTraceparent: {PARENT}\r\nConnection: close\r\n\r\n");
    let response = tokio::task::spawn_blocking(move || RawClient::exchange(addr, request))
        .await
        .unwrap();
    assert_eq!((response.status, response.text()), (200, "hello"));
    let seen = until_spans(&receiver, 1);
    assert_eq!(
        (&*seen[0].name, &*seen[0].parent),
        ("GET", "b7ad6b7169203331")
    );
    assert_eq!(seen[0].get("http.response.status_code"), "200");
    telemetry.shutdown().await;
}
