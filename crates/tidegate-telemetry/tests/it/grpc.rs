//! The conventions for gRPC, between a tonic server and a tonic client.

use std::net::SocketAddr;

use http::Uri;
use otlp::{Signal, SpanKind};
use tidegate_telemetry::{ClientService, Telemetry};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Code;
use tonic::transport::{Channel, Server};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower_layer::Layer as _;

use crate::metrics::point;
use crate::receiver::{as_json, receiver, spans, start, until_spans};

const CHECK: &str = "grpc.health.v1.Health/Check";
const WATCH: &str = "grpc.health.v1.Health/Watch";

/// The health service, behind the layer.
async fn serve(telemetry: &Telemetry) -> (SocketAddr, JoinSet<()>) {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter
        .set_service_status("known", tonic_health::ServingStatus::Serving)
        .await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("a bound socket");
    let server = Server::builder()
        .layer(telemetry.server_layer())
        .add_service(health);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        // The reporter must outlive the calls.
        let _reporter = reporter;
        server
            .serve_with_incoming(TcpListenerStream::new(listener))
            .await
            .expect("served to the end");
    });
    (addr, tasks)
}

fn connect(telemetry: &Telemetry, addr: SocketAddr) -> HealthClient<ClientService<Channel>> {
    let target: Uri = format!("http://{addr}").parse().expect("a URI");
    let channel = Channel::builder(target.clone()).connect_lazy();
    HealthClient::new(telemetry.client_layer().for_target(target).layer(channel))
}

fn request(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_spans_by_the_conventions_for_rpc() {
    let receiver = receiver();
    let telemetry = start(&receiver, &[("OTEL_METRICS_EXPORTER", "otlp")]);
    let (addr, _tasks) = serve(&telemetry).await;
    let mut client = connect(&telemetry, addr);
    client.check(request("known")).await.unwrap();
    let unknown = client.check(request("unknown")).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    let seen = until_spans(&receiver, 4);
    let of = |kind, status: &str| {
        let found = |span: &&crate::receiver::Seen| {
            span.kind == Some(kind) && span.get("rpc.status_code") == status
        };
        seen.iter().find(found).unwrap()
    };
    let port = addr.port().to_string();
    for status in ["OK", "NOT_FOUND"] {
        let (client, server) = (of(SpanKind::Client, status), of(SpanKind::Server, status));
        assert_eq!(server.parent, client.span_id);
        assert_eq!(server.trace_id, client.trace_id);
        for span in [client, server] {
            assert_eq!(span.name, CHECK);
            assert_eq!(span.get("rpc.system.name"), "grpc");
            assert_eq!(span.get("rpc.method"), CHECK);
            assert_eq!(span.get("server.address"), "127.0.0.1");
            assert_eq!(span.get("server.port"), port);
            assert_eq!(span.get("http.request.method"), "");
        }
        // What is not there is the client's error and not the server's.
        assert!(!server.is_error && server.get("error.type").is_empty());
        assert_eq!(client.is_error, status == "NOT_FOUND");
        let error = if client.is_error { status } else { "" };
        assert_eq!(client.get("error.type"), error);
    }
    telemetry.shutdown().await;
    let json = as_json(&receiver, Signal::Metrics);
    for metric in ["rpc.server.call.duration", "rpc.client.call.duration"] {
        for status in ["OK", "NOT_FOUND"] {
            assert_eq!(point(&json, metric, &["grpc", CHECK, status])["count"], "1");
        }
    }
    let sent = point(
        &json,
        "rpc.client.call.duration",
        &["OK", "127.0.0.1", &port],
    );
    assert_eq!(sent["count"], "1");
    // Counted once, by the conventions for RPC alone.
    let http = "\"name\":\"http.server.request.duration\"";
    assert!(!json[0].to_string().contains(http));
}

/// A stream ends with its trailers; one that its client drops is cancelled, and nobody's error.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_dropped_is_cancelled() {
    let receiver = receiver();
    let telemetry = start(&receiver, &[]);
    let (addr, _tasks) = serve(&telemetry).await;
    let mut client = connect(&telemetry, addr);
    let mut stream = client.watch(request("known")).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    assert_eq!(spans(&receiver).len(), 0);
    drop(stream);
    let seen = until_spans(&receiver, 2);
    for span in &seen {
        assert_eq!(
            (&*span.name, span.get("rpc.status_code")),
            (WATCH, "CANCELLED")
        );
        assert!(
            !span.is_error && span.get("error.type").is_empty(),
            "{span:#?}"
        );
    }
}

/// A method nobody has is the server's error, and makes no name.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_method_makes_no_name() {
    let receiver = receiver();
    let telemetry = start(&receiver, &[]);
    let (addr, _tasks) = serve(&telemetry).await;
    let target: Uri = format!("http://{addr}").parse().unwrap();
    let channel = Channel::builder(target.clone()).connect_lazy();
    let service = telemetry.client_layer().layer(channel);
    let mut grpc = tonic::client::Grpc::with_origin(service, target);
    grpc.ready().await.unwrap();
    let codec = tonic_health_codec();
    let path = http::uri::PathAndQuery::from_static("/made.Up/Method");
    let answer = grpc
        .unary::<HealthCheckRequest, HealthCheckRequest, _>(
            tonic::Request::new(request("")),
            path,
            codec,
        )
        .await;
    assert_eq!(answer.unwrap_err().code(), Code::Unimplemented);
    let seen = until_spans(&receiver, 2);
    let server = crate::receiver::named(&seen, "grpc");
    assert_eq!(server.get("rpc.method"), "_OTHER");
    assert_eq!(server.get("rpc.method_original"), "made.Up/Method");
    assert!(server.is_error && server.get("error.type") == "UNIMPLEMENTED");
    let client = crate::receiver::named(&seen, "made.Up/Method");
    assert_eq!(client.get("server.address"), "127.0.0.1");
    assert!(client.is_error);
}

/// Where nobody listens the call has the code of that.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_a_server_is_unavailable() {
    let receiver = receiver();
    let telemetry = start(&receiver, &[]);
    let nobody = testkit::ClosedPort::new();
    let mut client = connect(&telemetry, nobody.addr());
    assert!(client.check(request("")).await.is_err());
    let seen = until_spans(&receiver, 1);
    assert_eq!(seen[0].get("rpc.status_code"), "UNAVAILABLE");
    assert!(seen[0].is_error && seen[0].get("error.type") == "UNAVAILABLE");
}

fn tonic_health_codec() -> tonic_prost::ProstCodec<HealthCheckRequest, HealthCheckRequest> {
    tonic_prost::ProstCodec::default()
}
