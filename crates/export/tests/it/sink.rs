//! The counting sink: real protobuf and gRPC libraries on the other side, with faults.

use std::process::Command;
use std::time::{Duration, Instant};

use export::{Compression, ExportPlan, Protocol};
use serde_json::{Value, json};
use testkit::{Process, SOON, client_file, python};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::items::spans;
use crate::plans::{PATIENCE, plan_for, settled, start};

pub(crate) struct Sink {
    http: u16,
    grpc: u16,
    process: Process,
}

impl Sink {
    /// `None` where there is no Python with the packages of the tests.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// With further arguments.
    fn start_with(arguments: &[&str]) -> Option<Self> {
        let python = python()?;
        let (http, grpc) = (free_port(), free_port());
        let mut command = Command::new(python);
        command.arg(client_file("otlp_sink.py"));
        command.args([
            "--http",
            &format!("127.0.0.1:{http}"),
            "--grpc",
            &format!("127.0.0.1:{grpc}"),
        ]);
        command.args(["--run-for", "300"]).args(arguments);
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        let process = Process::spawn(command).unwrap();
        let listening = process.stdout().wait_for_text(SOON * 3, "\"listening\"");
        assert!(listening, "{}", process.stderr().text());
        Some(Self {
            http,
            grpc,
            process,
        })
    }

    pub(crate) fn plan(&self, protocol: Protocol) -> ExportPlan {
        let port = match protocol {
            Protocol::Grpc => self.grpc,
            Protocol::HttpProtobuf | Protocol::HttpJson => self.http,
        };
        plan_for(&format!("http://127.0.0.1:{port}"), protocol)
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.http)).await.unwrap();
        let body = body.to_string();
        let request = format!(
            "{method} /_sink/{path} HTTP/1.1\r\nhost: sink\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("HTTP/1.1 200"),
            "{answer}\n{}",
            self.process.stderr().text()
        );
        serde_json::from_str(body).unwrap()
    }

    /// Behaves like this from here on, and has seen nothing.
    pub(crate) async fn become_new(&self, mode: Value) {
        self.ask("POST", "mode", &mode).await;
        self.ask("POST", "reset", &json!({})).await;
    }

    /// What it has seen once it has seen so many requests: it answers first and counts then.
    pub(crate) async fn stats(&self, requests: u64) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let stats = self.ask("GET", "stats", &Value::Null).await;
            let seen = stats["requests"].as_u64().unwrap();
            assert!(seen <= requests, "expected {requests} requests: {stats}");
            if seen == requests {
                return stats;
            }
            assert!(
                Instant::now() < deadline,
                "expected {requests} requests: {stats}"
            );
        }
    }
}

/// Free when asked. Another process may take it before the sink does, which then says so and fails the test.
fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

/// A thousand spans in ten batches, all of which arrive, whatever happens on the way.
async fn check_arrival(sink: &Sink, plan: &ExportPlan, mode: &Value) {
    let case = format!("{:?} {:?} {mode}", plan.protocol, plan.compression);
    sink.become_new(mode.clone()).await;
    let exporter = start(plan);
    for nth in 0..10 {
        exporter
            .queue()
            .try_send(spans(nth * 100, 100, 50))
            .unwrap();
    }
    let counts = settled(&exporter.meter()).await;
    let failure = exporter.meter().last_failure();
    assert_eq!(
        counts.items_exported, 1000,
        "{case}: {failure:?} {counts:?}"
    );
    let stats = sink.stats(counts.requests).await;
    assert_eq!(stats["unique_spans"], 1000, "{case}: {stats}");
    assert_eq!(stats["duplicate_spans"], 0, "{case}: {stats}");
    assert_eq!(stats["accepted"]["spans"], 1000, "{case}: {stats}");
}

#[tokio::test]
async fn everything_arrives_once_whatever_the_back_end_does() {
    let Some(sink) = Sink::start() else { return };
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson] {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            if (protocol, compression) == (Protocol::Grpc, Compression::Zstd) {
                continue; // Not known to that server.
            }
            let plan = ExportPlan {
                compression,
                batch_items_max: 300,
                ..sink.plan(protocol)
            };
            check_arrival(&sink, &plan, &json!({})).await;
        }
        let mut plan = sink.plan(protocol);
        plan.batch_items_max = 300;
        for mode in [
            json!({"status": 503, "fail_first": 3}),
            json!({"status": 503, "fail_first": 2, "retry_after": "1", "retry_delay": 0.3}),
            json!({"status": 429, "fail_first": 2, "retry_after": "date:1"}),
            json!({"status": 504, "fail_every": 2}),
        ] {
            check_arrival(&sink, &plan, &mode).await;
        }
    }
    for code in [
        "CANCELLED",
        "DEADLINE_EXCEEDED",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNAVAILABLE",
        "DATA_LOSS",
    ] {
        let mode = json!({"status": 503, "grpc_status": code, "fail_first": 1});
        check_arrival(&sink, &sink.plan(Protocol::Grpc), &mode).await;
    }
    let mode = json!({"status": 429, "grpc_status": "RESOURCE_EXHAUSTED", "retry_delay": 0.2, "fail_first": 1});
    check_arrival(&sink, &sink.plan(Protocol::Grpc), &mode).await;
}

/// OT-5, OT-35; and what must not be sent again (OT-16, OT-30).
#[tokio::test]
async fn refusals_are_counted_and_not_repeated() {
    let Some(sink) = Sink::start() else { return };
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson] {
        for (mode, exported, rejected, dropped) in [
            (json!({"partial": 7, "message": "too old"}), 93, 7, 0),
            (json!({"message": "careful"}), 100, 0, 0),
            (json!({"status": 400, "message": "no"}), 0, 0, 100),
            (json!({"status": 401, "message": "who?"}), 0, 0, 100),
            (json!({"status": 500, "message": "oh"}), 0, 0, 100),
        ] {
            sink.become_new(mode.clone()).await;
            let exporter = start(&sink.plan(protocol));
            exporter.queue().try_send(spans(0, 100, 50)).unwrap();
            let counts = settled(&exporter.meter()).await;
            let found = (
                counts.items_exported,
                counts.items_rejected,
                counts.items_dropped.rejected,
            );
            assert_eq!(found, (exported, rejected, dropped), "{protocol:?} {mode}");
            assert_eq!(counts.requests, 1);
            sink.stats(1).await;
            if dropped > 0 {
                let failure = exporter.meter().last_failure().unwrap();
                let message = mode["message"].as_str().unwrap();
                assert!(failure.ends_with(message), "{failure}");
            }
            exporter.shutdown(Duration::from_secs(5)).await;
        }
    }
}

/// OT-32.
#[tokio::test]
async fn connections_that_are_cut_lose_nothing() {
    let Some(sink) = Sink::start() else { return };
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        sink.become_new(json!({"close": true, "fail_first": 2}))
            .await;
        let exporter = start(&sink.plan(protocol));
        exporter.queue().try_send(spans(0, 100, 50)).unwrap();
        let counts = settled(&exporter.meter()).await;
        assert_eq!(counts.items_exported, 100, "{counts:?}");
        assert_eq!(sink.stats(counts.requests).await["unique_spans"], 100);
    }
}

/// OT-12, OT-33: a back end that is slow to answer is sent several requests at once.
#[tokio::test]
async fn slow_answers_do_not_add_up() {
    const DELAY: Duration = Duration::from_millis(500);
    let Some(sink) = Sink::start() else { return };
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let plan = ExportPlan {
            batch_items_max: 100,
            requests_in_flight_max: 10,
            ..sink.plan(protocol)
        };
        let begun = Instant::now();
        check_arrival(&sink, &plan, &json!({"delay": DELAY.as_secs_f64()})).await;
        let took = begun.elapsed();
        assert!(took >= DELAY, "{protocol:?}: {took:?}");
        // Ten requests, one after the other, would take 5 s.
        assert!(took < 8 * DELAY, "{protocol:?}: {took:?}");
    }
}

/// OT-7, OT-34: what is too large for the back end is halved until it is not.
#[tokio::test]
async fn requests_that_are_too_large_are_split() {
    let Some(sink) = Sink::start_with(&["--max-body", "8192"]) else {
        return;
    };
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        sink.become_new(json!({})).await;
        let exporter = start(&sink.plan(protocol));
        exporter.queue().try_send(spans(0, 1_000, 50)).unwrap();
        let counts = settled(&exporter.meter()).await;
        assert_eq!(counts.items_exported, 1_000, "{protocol:?} {counts:?}");
        assert!(counts.splits >= 10, "{protocol:?} {counts:?}");
        // Over gRPC it does not see what is too large.
        let seen = match protocol {
            Protocol::Grpc => counts.requests - counts.requests_failed,
            Protocol::HttpProtobuf | Protocol::HttpJson => counts.requests,
        };
        let stats = sink.stats(seen).await;
        assert_eq!(stats["unique_spans"], 1_000, "{protocol:?} {stats}");
        assert_eq!(stats["duplicate_spans"], 0, "{protocol:?} {stats}");
    }
}
