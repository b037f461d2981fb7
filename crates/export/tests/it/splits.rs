//! Requests that are too large for a back end (complaint 10), or for OTLP (OT-34).

use export::{Batch, Counts, Protocol};

use crate::items::{ids, spans};
use crate::plans::{plan, settled, start};
use crate::server::{Received, Reply, Server};

const HTTP: Protocol = Protocol::HttpProtobuf;
const GRPC: Protocol = Protocol::Grpc;

/// Sends the spans in one request to a back end that refuses requests of more than `max` bytes in this way.
async fn run(
    protocol: Protocol,
    max: usize,
    batch: Batch,
    refusal: Reply,
) -> (Counts, Vec<Received>) {
    let server = Server::start(protocol, move |request| {
        if request.body.len() > max {
            refusal.clone()
        } else {
            Reply::Taken
        }
    })
    .await;
    let exporter = start(&plan(server.addr, protocol));
    exporter.queue().try_send(batch).unwrap();
    let counts = settled(&exporter.meter()).await;
    (counts, server.received())
}

fn message(code: u32, text: &str) -> Reply {
    Reply::Code(code, vec![("grpc-message", text.to_owned())])
}

/// The ways in which servers say it.
fn refusals() -> Vec<(Protocol, Reply)> {
    let text = |status, text: &str| {
        let fields = vec![("content-type", "text/plain".to_owned())];
        Reply::Status(status, fields, text.into())
    };
    vec![
        (HTTP, text(413, "")),
        (HTTP, text(400, "http: request body too large")),
        (
            GRPC,
            message(
                8,
                "grpc: received message larger than max (4194305 vs. 4194304)",
            ),
        ),
        (
            GRPC,
            message(8, "gRPC message exceeds maximum size 4194304: 5000000"),
        ),
        (
            GRPC,
            message(
                11,
                "Error, decoded message length too large: found 5 bytes, the limit is: 4 bytes",
            ),
        ),
        (GRPC, text(413, "")),
    ]
}

#[tokio::test]
async fn a_request_that_is_too_large_is_cut_at_item_boundaries() {
    for (protocol, refusal) in refusals() {
        let (counts, received) = run(protocol, 3000, spans(1, 100, 100), refusal.clone()).await;
        assert_eq!(
            (counts.items_exported, counts.items_dropped.total()),
            (100, 0),
            "{refusal:?}"
        );
        let taken = received.iter().filter(|request| request.body.len() <= 3000);
        let taken: Vec<u64> = taken.flat_map(|request| ids(&request.body)).collect();
        // In their order, each once.
        assert_eq!(taken, (1..=100).collect::<Vec<_>>(), "{refusal:?}");
        let refused = received
            .iter()
            .filter(|request| request.body.len() > 3000)
            .count();
        assert_eq!(counts.splits, refused as u64);
        assert_eq!(counts.requests_failed, refused as u64);
        assert_eq!(counts.retries, 0);
    }
}

#[tokio::test]
async fn one_item_that_is_too_large_is_dropped_and_the_others_arrive() {
    for (protocol, refusal) in refusals() {
        let mut batch = spans(1, 10, 100);
        batch.bytes.extend(spans(11, 1, 5000).bytes);
        batch.bytes.extend(spans(12, 9, 100).bytes);
        batch.items = 20;
        let (counts, _) = run(protocol, 3000, batch, refusal.clone()).await;
        assert_eq!(
            (counts.items_exported, counts.items_dropped.too_large),
            (19, 1),
            "{refusal:?}"
        );
        assert_eq!(counts.items_dropped.total(), 1);
    }
}

/// OT-17: without `RetryInfo` and without a word about size it may be the size. Small requests were not refused for it.
#[tokio::test]
async fn what_is_exhausted_without_a_word_is_cut_while_it_is_large() {
    let (counts, received) = run(GRPC, 150_000, spans(1, 4000, 100), message(8, "no")).await;
    assert_eq!(counts.items_exported, 4000);
    assert!(received.len() > 2);

    let (counts, received) = run(GRPC, 0, spans(1, 4000, 100), message(8, "memory limit")).await;
    assert_eq!(counts.items_dropped.rejected, 4000);
    assert!(received.len() < 40, "{}", received.len());
}

/// Bytes that are no items cannot be cut.
#[tokio::test]
async fn nonsense_that_is_too_large_is_dropped() {
    let server = Server::start(Protocol::HttpJson, |_| Reply::Taken).await;
    let exporter = start(&plan(server.addr, Protocol::HttpJson));
    let nonsense = Batch {
        bytes: vec![0xFF; 10],
        items: 7,
        back: None,
    };
    exporter.queue().try_send(nonsense).unwrap();
    let counts = settled(&exporter.meter()).await;
    assert_eq!((counts.items_dropped.rejected, counts.requests), (7, 0));
}

/// Batches over the plan's limit are cut before anyone complains; an item over it goes alone.
#[tokio::test]
async fn requests_keep_to_the_plan() {
    for protocol in [HTTP, GRPC] {
        let server = Server::start(protocol, |_| Reply::Taken).await;
        let mut plan = plan(server.addr, protocol);
        plan.batch_bytes_max = 4096;
        let exporter = start(&plan);
        let mut batch = spans(1, 100, 100);
        batch.bytes.extend(spans(101, 1, 10_000).bytes);
        batch.bytes.extend(spans(102, 1, 100).bytes);
        batch.items = 102;
        exporter.queue().try_send(batch).unwrap();
        let counts = settled(&exporter.meter()).await;
        assert_eq!((counts.items_exported, counts.splits), (102, 0));
        for request in server.received() {
            let fits = request.body.len() <= 4096;
            assert!(
                fits || ids(&request.body) == [101],
                "{}",
                request.body.len()
            );
        }
        assert_eq!(server.ids(|_| true), (1..=102).collect::<Vec<_>>());
    }
}

/// OT-34: over 64 MiB is not sent to anyone; the discard is counted.
#[tokio::test]
async fn an_item_over_64_mib_is_never_sent() {
    let server = Server::start(HTTP, |_| Reply::Taken).await;
    let mut plan = plan(server.addr, HTTP);
    plan.queue_bytes_max = 80 << 20;
    let exporter = start(&plan);
    exporter.queue().try_send(spans(1, 1, 64 << 20)).unwrap();
    let meter = exporter.meter();
    let counts = settled(&meter).await;
    assert_eq!((counts.items_dropped.too_large, counts.requests), (1, 0));
    exporter.queue().try_send(spans(2, 1, 10)).unwrap();
    assert_eq!(settled(&meter).await.items_exported, 1);
    assert_eq!(server.ids(|_| true), [2]);
}
