//! When what waits becomes a request: by bytes, by items, by time.

use std::sync::mpsc::sync_channel;
use std::time::Duration;

use export::{ExportPlan, Protocol, Return};

use crate::items::{envelope, ids, named_envelope, spans};
use crate::plans::{FAR, check_sum, counts_when, plan, settled, start};
use crate::server::{Reply, Server};

const HTTP: Protocol = Protocol::HttpProtobuf;

async fn server() -> Server {
    Server::start(HTTP, |_| Reply::Taken).await
}

fn patient(server: &Server) -> ExportPlan {
    ExportPlan {
        batch_delay: FAR,
        ..plan(server.addr, HTTP)
    }
}

#[tokio::test]
async fn items_are_joined_up_to_their_number() {
    let server = server().await;
    let exporter = start(&ExportPlan {
        batch_items_max: 30,
        ..patient(&server)
    });
    for first in [1, 11, 21, 31, 41] {
        exporter.queue().try_send(spans(first, 10, 10)).unwrap();
    }
    let meter = exporter.meter();
    let counts = counts_when(&meter, "one request", |counts| counts.items_exported == 30).await;
    assert_eq!((counts.requests, counts.queue_items), (1, 20));
    assert_eq!(
        ids(&server.received()[0].body),
        (1..=30).collect::<Vec<_>>()
    );
    exporter.queue().try_send(spans(51, 10, 10)).unwrap();
    assert_eq!(settled(&meter).await.items_exported, 60);
}

/// Workers hand over as many as fit into a buffer, whatever a request may hold.
#[tokio::test]
async fn a_batch_of_too_many_items_is_cut() {
    let server = server().await;
    let exporter = start(&ExportPlan {
        batch_items_max: 30,
        ..patient(&server)
    });
    exporter.queue().try_send(spans(1, 100, 10)).unwrap();
    assert_eq!(settled(&exporter.meter()).await.items_exported, 100);
    let requests = server.received();
    let mut seen: Vec<u64> = requests.iter().flat_map(|one| ids(&one.body)).collect();
    seen.sort_unstable();
    assert_eq!(seen, (1..=100).collect::<Vec<_>>());
    assert!(requests.iter().all(|one| ids(&one.body).len() <= 30));
}

#[tokio::test]
async fn the_queue_is_bounded_by_items_too() {
    let server = server().await;
    let exporter = start(&ExportPlan {
        queue_items_max: 25,
        ..patient(&server)
    });
    let queue = exporter.queue();
    assert!(queue.send_or_drop(spans(1, 10, 10)));
    assert!(queue.send_or_drop(spans(11, 10, 10)));
    assert!(!queue.send_or_drop(spans(21, 10, 10)));
    let counts = exporter.meter().counts();
    assert_eq!(
        (counts.queue_items, counts.items_dropped.queue_full),
        (20, 10)
    );
    // One that is larger than all the room goes alone.
    let alone = start(&ExportPlan {
        queue_items_max: 5,
        ..patient(&server)
    });
    assert!(alone.queue().send_or_drop(spans(1, 10, 10)));
    assert!(!alone.queue().send_or_drop(spans(11, 1, 10)));
}

#[tokio::test]
async fn items_are_joined_up_to_their_bytes() {
    let server = server().await;
    let exporter = start(&ExportPlan {
        batch_bytes_max: 10_000,
        ..patient(&server)
    });
    let size = spans(0, 1, 4000).bytes.len();
    for id in 1..=4 {
        exporter.queue().try_send(spans(id, 1, 4000)).unwrap();
    }
    let meter = exporter.meter();
    let counts = counts_when(&meter, "one request", |counts| counts.items_exported == 2).await;
    assert_eq!((counts.requests, counts.queue_items), (1, 2));
    let request = &server.received()[0].body;
    assert!(
        request.len() <= 10_000 && request.len() > 2 * size,
        "{}",
        request.len()
    );
}

/// Small ones wait for no longer than the plan says, from the first on.
#[tokio::test]
async fn items_wait_only_so_long() {
    let server = server().await;
    let exporter = start(&ExportPlan {
        batch_delay: Duration::from_millis(400),
        ..plan(server.addr, HTTP)
    });
    let began = std::time::Instant::now();
    exporter.queue().try_send(spans(1, 1, 10)).unwrap();
    exporter.queue().try_send(spans(2, 1, 10)).unwrap();
    let counts = settled(&exporter.meter()).await;
    assert_eq!((counts.items_exported, counts.requests), (2, 1));
    assert!(began.elapsed() >= Duration::from_millis(400));
}

/// One copy: the request is the envelope around the items, and the buffer is free once it is made.
#[tokio::test]
async fn requests_are_the_envelope_around_the_items() {
    for protocol in [Protocol::Grpc, HTTP] {
        let server = Server::start(protocol, |_| Reply::Hang).await;
        let exporter = start(&plan(server.addr, protocol));
        let (back, returned) = sync_channel(1);
        let mut batch = spans(1, 20, 10);
        batch.back = Some(Return::from(back));
        let (bytes, buffer) = (batch.bytes.clone(), batch.bytes.as_ptr());
        exporter.queue().try_send(batch).unwrap();
        counts_when(&exporter.meter(), "a request", |_| {
            server.received().len() == 1
        })
        .await;
        let mut expected = Vec::new();
        envelope().append_around(&[&bytes], &mut expected);
        assert_eq!(server.received()[0].body, expected);
        let emptied = returned.try_recv().unwrap();
        assert!(emptied.is_empty() && emptied.as_ptr() == buffer);
    }
}

#[tokio::test]
async fn another_envelope_is_used_from_then_on() {
    let server = server().await;
    let exporter = start(&plan(server.addr, HTTP));
    for (id, service) in [(1, "export-test"), (2, "renamed")] {
        exporter.reload(named_envelope(service)).unwrap();
        exporter.queue().try_send(spans(id, 1, 10)).unwrap();
        settled(&exporter.meter()).await;
    }
    for (request, service) in server.received().iter().zip(["export-test", "renamed"]) {
        let text = String::from_utf8_lossy(&request.body);
        assert!(text.contains(service), "{text:?}");
    }
    let logs = otlp::Envelope::new(
        otlp::Signal::Logs,
        &[],
        otlp::Scope {
            name: "",
            version: "",
        },
        "",
    );
    let error = exporter.reload(logs).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected an envelope of Traces, found one of Logs"
    );
}

#[tokio::test]
async fn odd_batches_are_counted_like_others() {
    let server = server().await;
    let exporter = start(&plan(server.addr, HTTP));
    // No items in no bytes: nothing happens but that the buffer goes back.
    let (back, returned) = sync_channel(1);
    let empty = export::Batch {
        bytes: Vec::with_capacity(10),
        items: 0,
        back: Some(Return::from(back)),
    };
    exporter.queue().try_send(empty).unwrap();
    assert_eq!(returned.try_recv().unwrap().capacity(), 10);
    let counts = exporter.meter().counts();
    assert_eq!((counts.items_offered, counts.queue_bytes), (0, 0));
    // Counts that do not fit their bytes are believed, also where they are cut.
    for (items, bytes) in [
        (5, Vec::new()),
        (0, spans(1, 3, 10).bytes),
        (1000, spans(4, 200, 9000).bytes),
    ] {
        let batch = export::Batch {
            bytes,
            items,
            back: None,
        };
        exporter.queue().try_send(batch).unwrap();
        check_sum(&settled(&exporter.meter()).await);
    }
    assert_eq!(exporter.meter().counts().items_exported, 1005);
}
