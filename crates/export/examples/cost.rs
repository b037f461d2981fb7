//! What exporting costs: CPU per item of this process, the kernel's part included, against a sink in a process of its
//! own that reads and forgets.
//!
//! ```sh
//! cargo run --profile dist -p export --example cost            # every protocol and compression
//! cargo run --profile dist -p export --example cost -- 20000   # with so many thousand items each (default 4000)
//! ```
//!
//! Who fills the buffers is not counted. Items are spans of about 400 bytes, in buffers of 64 KiB, sent in requests of
//! 1 MiB.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on panics, and prints its result"
)]

use std::env;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use export::{Batch, Compression, Endpoint, ExportPlan, Exporter, Protocol, Queue, Return, Scheme};
use http::{HeaderMap, HeaderValue, Response};
use otlp::{Attribute, Envelope, Scope, Signal, Span, SpanKind, Status, Value, append_span};
use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::task::{JoinSet, LocalSet};

const BUFFER_BYTES: usize = 64 << 10;
const BUFFERS: usize = 64;
/// Different contents, so that a request of 1 MiB repeats no buffer: compressors would see that.
const TEMPLATES: usize = 32;
/// The argument that makes this program the sink.
const SINK: &str = "sink";

fn main() {
    let argument = env::args().nth(1).unwrap_or_default();
    if argument == SINK {
        run_sink();
        return;
    }
    let items = 1000 * argument.parse::<u64>().unwrap_or(4000);
    println!("| protocol | compression | µs CPU per item | items per request | bytes per item |");
    println!("|---|---|---|---|---|");
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson] {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            measure(protocol, compression, items);
        }
    }
}

fn measure(protocol: Protocol, compression: Compression, items: u64) {
    let (mut sink, port) = spawn_sink(protocol);
    let url = format!("http://127.0.0.1:{port}");
    let endpoint = Endpoint::for_all(&url, protocol, Scheme::Http, Signal::Traces).unwrap();
    let plan = ExportPlan {
        compression,
        ..ExportPlan::new(endpoint, protocol)
    };
    let scope = Scope {
        name: "tidegate",
        version: "1",
    };
    let envelope = Envelope::new(Signal::Traces, &[], scope, "");
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let exporter = Exporter::start(envelope, &plan, runtime.handle()).unwrap();
    let meter = exporter.meter();
    let templates: Vec<(Vec<u8>, u32)> = (0..TEMPLATES).map(|_| template()).collect();
    let per_item = templates[0].0.len() as f64 / f64::from(templates[0].1);
    // Connected, and every buffer made.
    feed(&exporter.queue(), &templates, items / 10);
    let before = (cpu(ClockId::ProcessCPUTime), meter.counts());
    let queue = exporter.queue();
    let feeder = thread::spawn(move || {
        feed(&queue, &templates, items);
        cpu(ClockId::ThreadCPUTime)
    });
    let fed = feeder.join().unwrap();
    runtime.block_on(exporter.shutdown(Duration::from_secs(60)));
    let spent = cpu(ClockId::ProcessCPUTime) - before.0 - fed;
    let counts = meter.counts();
    let exported = counts.items_exported - before.1.items_exported;
    let requests = counts.requests - before.1.requests;
    assert_eq!(
        counts.items_dropped.total(),
        0,
        "{:?}",
        meter.last_failure()
    );
    println!(
        "| {protocol:?} | {compression:?} | {:.3} | {} | {per_item:.0} |",
        spent.as_secs_f64() * 1e6 / exported as f64,
        exported / requests.max(1),
    );
    sink.kill().unwrap();
    sink.wait().unwrap();
}

/// Sends batches until so many items are in, at the pace of the queue.
fn feed(queue: &Queue, templates: &[(Vec<u8>, u32)], items: u64) {
    let (back, returned) = sync_channel(BUFFERS);
    for _ in 0..BUFFERS {
        back.send(Vec::with_capacity(BUFFER_BYTES)).unwrap();
    }
    let mut left = items;
    for (template, count) in templates.iter().cycle() {
        let mut bytes = returned.recv().unwrap();
        bytes.extend_from_slice(template);
        let batch = Batch {
            bytes,
            items: *count,
            back: Some(Return::from(back.clone())),
        };
        assert!(queue.send_or_drop(batch), "the buffers fit into the queue");
        left = match left.checked_sub(u64::from(*count)) {
            Some(left) => left,
            None => return,
        };
    }
}

/// A buffer full of spans, and how many.
fn template() -> (Vec<u8>, u32) {
    let mut bytes = Vec::with_capacity(BUFFER_BYTES);
    let mut count = 0;
    loop {
        let before = bytes.len();
        count += 1;
        let id = fastrand::u64(..).to_be_bytes();
        let address = format!("192.0.2.{}", fastrand::u8(..));
        let path = format!("/v1/products/{}", fastrand::u32(..100_000));
        append_span(
            &mut bytes,
            &Span {
                trace_id: fastrand::u128(..).to_be_bytes(),
                span_id: id,
                parent_span_id: Some(id),
                trace_state: b"",
                flags: 0x101,
                name: &[b"GET /v1/products/{id}"],
                kind: SpanKind::Server,
                start_unix_nanos: 1_790_000_000_000_000_000 + fastrand::u64(..1_000_000_000),
                end_unix_nanos: 1_790_000_001_000_000_000 + fastrand::u64(..1_000_000_000),
                attributes: &[
                    Attribute::Pair("http.request.method", Value::Str(b"GET")),
                    Attribute::Pair("http.response.status_code", Value::Int(200)),
                    Attribute::Pair("http.route", Value::Str(b"/v1/products/{id}")),
                    Attribute::Pair("url.scheme", Value::Str(b"https")),
                    Attribute::Pair("url.path", Value::Str(path.as_bytes())),
                    Attribute::Pair("server.address", Value::Str(b"api.example.com")),
                    Attribute::Pair("server.port", Value::Int(443)),
                    Attribute::Pair("client.address", Value::Str(address.as_bytes())),
                    Attribute::Pair("network.protocol.version", Value::Str(b"1.1")),
                ],
                dropped_attributes: 0,
                events: &[],
                dropped_events: 0,
                links: &[],
                status: Status::Unset,
            },
        );
        if bytes.len() > BUFFER_BYTES {
            bytes.truncate(before);
            return (bytes, count - 1);
        }
    }
}

fn cpu(clock: ClockId) -> Duration {
    clock_gettime(clock).try_into().unwrap()
}

fn spawn_sink(protocol: Protocol) -> (Child, u16) {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([
        SINK,
        if protocol == Protocol::Grpc {
            "grpc"
        } else {
            "http"
        },
    ]);
    let mut sink = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(sink.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (sink, line.trim().parse().unwrap())
}

/// Listens, prints its port, and takes everything until it is killed.
fn run_sink() {
    let grpc = env::args()
        .nth(2)
        .is_some_and(|protocol| protocol == "grpc");
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap().port());
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            if grpc {
                connections.spawn_local(serve_grpc(stream));
            } else {
                connections.spawn_local(serve_http(stream));
            }
        }
    });
}

/// With the windows of a server that expects large messages.
async fn serve_grpc(stream: TcpStream) {
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(4 << 20)
        .initial_connection_window_size(16 << 20);
    let mut connection = builder.handshake::<_, Bytes>(stream).await.unwrap();
    let mut calls = JoinSet::new();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        calls.spawn_local(async move {
            let mut body = request.into_body();
            while let Some(Ok(data)) = body.data().await {
                body.flow_control().release_capacity(data.len()).unwrap();
            }
            let mut stream = respond.send_response(Response::new(()), false).unwrap();
            stream
                .send_data(Bytes::from_static(&[0; 5]), false)
                .unwrap();
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static("0"));
            stream.send_trailers(trailers).unwrap();
        });
    }
}

async fn serve_http(mut stream: TcpStream) {
    let mut buffer = vec![0; 256 << 10];
    let mut filled = 0;
    loop {
        let Ok(count @ 1..) = stream.read(&mut buffer[filled..]).await else {
            return;
        };
        filled += count;
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut fields);
        let Ok(httparse::Status::Complete(head)) = request.parse(&buffer[..filled]) else {
            continue;
        };
        let length = request
            .headers
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case("content-length"));
        let length: usize = std::str::from_utf8(length.unwrap().value)
            .unwrap()
            .parse()
            .unwrap();
        let mut left = (head + length) - filled;
        while left > 0 {
            let most = left.min(buffer.len());
            left -= stream.read(&mut buffer[..most]).await.unwrap();
        }
        filled = 0;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
    }
}
