//! What requests look like: compression, JSON, headers.

use base::Secret;
use export::{Compression, ExportPlan, Exporter, HeaderError, Protocol, StartError};
use tokio::runtime::Handle;

use crate::items::{envelope, ids, spans};
use crate::plans::{plan, settled, start};
use crate::server::{Received, Reply, Server};

const ALL: [Protocol; 3] = [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson];

async fn run(
    protocol: Protocol,
    spans_count: u32,
    change: impl FnOnce(&mut ExportPlan),
) -> Received {
    let server = Server::start(protocol, |_| Reply::Taken).await;
    let mut plan = plan(server.addr, protocol);
    change(&mut plan);
    let exporter = start(&plan);
    exporter
        .queue()
        .try_send(spans(1, spans_count, 10))
        .unwrap();
    let counts = settled(&exporter.meter()).await;
    assert_eq!(counts.items_exported, u64::from(spans_count));
    server.received().remove(0)
}

/// OT-1 and the reference's §4.8: from 1 KiB on. That bodies decode is the stand-in's check.
#[tokio::test]
async fn bodies_are_compressed_as_planned() {
    for protocol in ALL {
        for (compression, name) in [
            (Compression::None, None),
            (Compression::Gzip, Some("gzip")),
            (Compression::Zstd, Some("zstd")),
        ] {
            for (count, expected) in [(1, None), (200, name), (20_000, name)] {
                let request = run(protocol, count, |plan| {
                    plan.compression = compression;
                    plan.batch_bytes_max = 10 << 20;
                    plan.batch_items_max = count;
                })
                .await;
                assert_eq!(
                    request.encoding.as_deref(),
                    expected,
                    "{protocol:?} {count}"
                );
                if protocol != Protocol::HttpJson {
                    assert_eq!(ids(&request.body).len(), usize::try_from(count).unwrap());
                }
            }
        }
    }
}

/// The tables of the compressors are used again, and so are the buffers.
#[tokio::test]
async fn one_body_leaves_nothing_behind_in_the_next() {
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        for protocol in ALL {
            let server = Server::start(protocol, |_| Reply::Taken).await;
            let exporter = start(&ExportPlan {
                compression,
                requests_in_flight_max: 1,
                ..plan(server.addr, protocol)
            });
            for (id, count) in [(1, 500), (1000, 50), (2000, 1), (3000, 700)] {
                exporter.queue().try_send(spans(id, count, 10)).unwrap();
                settled(&exporter.meter()).await;
                let request = server.received().pop().unwrap();
                let mut expected = Vec::new();
                envelope().append_around(&[&spans(id, count, 10).bytes], &mut expected);
                if protocol == Protocol::HttpJson {
                    let mut json = Vec::new();
                    otlp::append_json(otlp::Signal::Traces, &expected, &mut json).unwrap();
                    expected = json;
                }
                assert!(
                    request.body == expected,
                    "{protocol:?} {compression:?} {id}"
                );
            }
        }
    }
}

/// OT-36, OT-38, OT-40 as far as a reader sees them.
#[tokio::test]
async fn json_is_otlp_json() {
    let request = run(Protocol::HttpJson, 2, |_| {}).await;
    let json: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    let span = &json["resourceSpans"][0]["scopeSpans"][0]["spans"][1];
    assert_eq!(span["spanId"], "0000000000000002");
    assert_eq!(span["startTimeUnixNano"], "1");
}

#[tokio::test]
async fn requests_say_who_sends_them_and_what_the_plan_adds() {
    let version = env!("CARGO_PKG_VERSION");
    let agent = format!("tidegate/{version} OTel-OTLP-Exporter-Rust/{version}");
    for protocol in ALL {
        let request = run(protocol, 1, |plan| {
            plan.headers
                .push(("X-Api-Key".into(), Secret::new("hunter2")));
            plan.headers.push(("tenant".into(), Secret::new("café")));
        })
        .await;
        assert_eq!(request.header("user-agent"), Some(&*agent));
        assert_eq!(request.header("x-api-key"), Some("hunter2"));
        assert_eq!(request.header("tenant"), Some("café"));
        let request = run(protocol, 1, |plan| {
            plan.headers
                .push(("user-agent".into(), Secret::new("mine")));
        })
        .await;
        assert_eq!(request.header("user-agent"), Some("mine"));
    }
}

/// OT-13, OT-20, and paths that are configured.
#[tokio::test]
async fn requests_go_to_the_endpoints_path() {
    use export::{Endpoint, Scheme};
    use otlp::Signal;
    for (protocol, expected) in [
        (Protocol::Grpc, Signal::Traces.grpc_path()),
        (Protocol::HttpProtobuf, "/v1/traces"),
        (Protocol::HttpJson, "/v1/traces"),
    ] {
        assert_eq!(run(protocol, 1, |_| {}).await.target, expected);
    }
    let request = run(Protocol::HttpProtobuf, 1, |plan| {
        let url = format!("http://127.0.0.1:{}/in/?key=1", plan.endpoint.port());
        plan.endpoint =
            Endpoint::for_one(&url, Protocol::HttpProtobuf, Scheme::Http, Signal::Traces).unwrap();
    })
    .await;
    assert_eq!(request.target, "/in/?key=1");
}

#[tokio::test]
async fn headers_that_cannot_be_sent_are_refused_at_the_start() {
    let reserved = |name: &str| HeaderError::Reserved { name: name.into() };
    for (name, value, expected) in [
        ("", "x", HeaderError::Name { found: "".into() }),
        (
            "a b",
            "x",
            HeaderError::Name {
                found: "a b".into(),
            },
        ),
        (
            ":path",
            "/",
            HeaderError::Name {
                found: ":path".into(),
            },
        ),
        (
            "a",
            "x\r\nhost: evil",
            HeaderError::Value { name: "a".into() },
        ),
        ("Content-Type", "x", reserved("Content-Type")),
        ("content-length", "1", reserved("content-length")),
        (
            "transfer-encoding",
            "chunked",
            reserved("transfer-encoding"),
        ),
        ("Host", "x", reserved("Host")),
        ("te", "x", reserved("te")),
        ("grpc-timeout", "1m", reserved("grpc-timeout")),
        ("connection", "close", reserved("connection")),
    ] {
        let mut plan = plan("127.0.0.1:1".parse().unwrap(), Protocol::Grpc);
        plan.headers.push((name.into(), Secret::new(value)));
        match Exporter::start(envelope(), &plan, &Handle::current()) {
            Err(StartError::Header(found)) => assert_eq!(found, expected),
            other => panic!("{name}: expected {expected}, found {:?}", other.err()),
        }
    }
}
