//! The context that runs: found without plumbing, by nobody else.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Extension, Router};
use http::HeaderMap;
use testkit::RawOrigin;
use tidegate_telemetry::{Context, Telemetry, current};
use tokio::task::{JoinSet, yield_now};

use crate::receiver::{named, receiver, spans, start, until_spans};
use crate::service::{HttpClient, Service, client};

/// A service that asks another one, which says what it was sent.
async fn front(telemetry: &Telemetry, back: &Service) -> Service {
    let (client, addr) = (client(telemetry), back.addr);
    let ask = async move |State(client): State<HttpClient>| {
        crate::service::get(&client, addr, "/back").await.1
    };
    Service::start(
        telemetry,
        Router::new().route("/front", get(ask)).with_state(client),
    )
    .await
}

async fn traceparent(headers: HeaderMap) -> String {
    let value = headers
        .get("traceparent")
        .map_or("none", |value| value.to_str().expect("text"));
    let baggage = headers
        .get("baggage")
        .map_or("none", |value| value.to_str().expect("text"));
    format!("{value} {baggage}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_made_while_serving_is_a_child_of_the_request() {
    let receiver = receiver();
    let telemetry = start(&receiver, &[]);
    let routes = Router::new().route("/back", get(traceparent));
    let back = Service::start(&telemetry, routes).await;
    let front = front(&telemetry, &back).await;
    let outside = client(&telemetry);
    let (status, _) = crate::service::get(&outside, front.addr, "/front").await;
    assert_eq!(status, 200);
    let seen = until_spans(&receiver, 4);
    let (front, back) = (named(&seen, "GET /front"), named(&seen, "GET /back"));
    let client_of = |child: &str| seen.iter().find(|span| span.span_id == child).unwrap();
    let outer = client_of(&front.parent);
    let inner = client_of(&back.parent);
    assert_eq!((&*outer.name, &*outer.parent), ("GET", ""));
    assert_eq!((&inner.name, &inner.parent), (&outer.name, &front.span_id));
    assert!(seen.iter().all(|span| span.trace_id == front.trace_id));
}

/// Each of many requests at once, on few threads and with many turns, sees its own context and no other; a task spawned
/// inside sees none unless it takes it along; the extension says the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_leaks_between_concurrent_requests() {
    let receiver = receiver();
    let telemetry = start(&receiver, &[]);
    let look = async |Extension(own): Extension<Context>| {
        for _ in 0..20 {
            assert_eq!(current().as_ref(), Some(&own));
            yield_now().await;
        }
        let mut tasks = JoinSet::new();
        tasks.spawn(async { current() });
        assert_eq!(tasks.join_next().await.unwrap().unwrap(), None);
        tasks.spawn(own.clone().scope(async {
            yield_now().await;
            current()
        }));
        assert_eq!(tasks.join_next().await.unwrap().unwrap(), Some(own));
        "ok"
    };
    let service = Service::start(&telemetry, Router::new().route("/", get(look))).await;
    let outside = client(&telemetry);
    let mut requests = JoinSet::new();
    for _ in 0..200 {
        let (client, addr) = (outside.clone(), service.addr);
        requests.spawn(async move { crate::service::get(&client, addr, "/").await });
    }
    while let Some(answer) = requests.join_next().await {
        assert_eq!(answer.unwrap(), (200, "ok".to_owned()));
    }
    assert_eq!(current(), None);
    telemetry.shutdown().await;
    let seen = spans(&receiver);
    let servers: Vec<_> = seen.iter().filter(|span| span.name == "GET /").collect();
    assert_eq!((seen.len(), servers.len()), (400, 200));
    for server in servers {
        let caller = seen
            .iter()
            .find(|span| span.span_id == server.parent)
            .unwrap();
        assert_eq!(caller.trace_id, server.trace_id);
    }
}

/// P-9: where the SDK is disabled contexts pass through as they came, and nothing else happens.
#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_sdk_passes_contexts_on() {
    let receiver = receiver();
    let variables = [
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_METRICS_EXPORTER", "otlp"),
        ("OTEL_LOGS_EXPORTER", "otlp"),
    ];
    let telemetry = start(&receiver, &variables);
    let back = Service::start_plain(Router::new().route("/back", get(traceparent))).await;
    let front = front(&telemetry, &back).await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let ask = |lines: String| {
        let addr = front.addr;
        tokio::task::spawn_blocking(move || {
            let request =
                format!("GET /front HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{lines}\r\n");
            testkit::RawClient::exchange(addr, request)
                .text()
                .to_owned()
        })
    };
    let told = ask(format!("traceparent: {parent}\r\nbaggage: user=7\r\n"));
    assert_eq!(told.await.unwrap(), format!("{parent} user=7"));
    assert_eq!(ask(String::new()).await.unwrap(), "none none");
    assert_eq!(
        ask("baggage: user=8\r\n".to_owned()).await.unwrap(),
        "none user=8"
    );
    telemetry.shutdown().await;
    assert_eq!(receiver.accepted(), 0);
}

/// Whatever a caller put into the request itself gives way to the context.
#[tokio::test(flavor = "multi_thread")]
async fn formats_are_those_of_the_variables() {
    let (receiver, origin) = (receiver(), Arc::new(RawOrigin::ok("")));
    let telemetry = start(&receiver, &[("OTEL_PROPAGATORS", "b3,baggage")]);
    let req = http::Request::get(format!("http://{}/", origin.addr()))
        .header("b3", "0")
        .header("x-b3-traceid", "1")
        .header("traceparent", "kept");
    let req = req.body(axum::body::Body::empty()).unwrap();
    crate::service::send(&client(&telemetry), req)
        .await
        .unwrap();
    let span = until_spans(&receiver, 1).remove(0);
    let request = &origin.requests()[0];
    let expected = format!("{}-{}-1", span.trace_id, span.span_id);
    assert_eq!(request.field("b3"), Some(&*expected));
    assert_eq!(request.field("x-b3-traceid"), None);
    assert_eq!(request.field("traceparent"), Some("kept"));
}

/// Where nothing is known, what a program passes on by hand stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_sdk_leaves_headers_alone() {
    let (receiver, origin) = (receiver(), RawOrigin::ok(""));
    let telemetry = start(&receiver, &[("OTEL_SDK_DISABLED", "true")]);
    let req = http::Request::get(format!("http://{}/", origin.addr())).header("traceparent", "own");
    let req = req.body(axum::body::Body::empty()).unwrap();
    crate::service::send(&client(&telemetry), req)
        .await
        .unwrap();
    assert_eq!(origin.requests()[0].field("traceparent"), Some("own"));
}
