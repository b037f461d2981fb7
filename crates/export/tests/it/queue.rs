//! The queue: never blocks, bounded by bytes, loses nothing uncounted.

use std::sync::mpsc::sync_channel;
use std::time::Duration;

use export::{Batch, Counts, ExportPlan, Exporter, Protocol, Return};
use testkit::ClosedPort;

use crate::items::spans;
use crate::plans::{FAR, check_sum, plan, start};

/// An exporter whose back end is not there, and that gives nothing up.
fn stuck(port: &ClosedPort, queue_bytes_max: usize) -> Exporter {
    start(&ExportPlan {
        batch_delay: FAR,
        queue_bytes_max,
        ..plan(port.addr(), Protocol::Grpc)
    })
}

#[tokio::test]
async fn a_full_queue_gives_the_batch_back() {
    let port = ClosedPort::new();
    let exporter = stuck(&port, 100_000);
    let (queue, meter) = (exporter.queue(), exporter.meter());
    let mut sent = 0;
    let refused = loop {
        match queue.try_send(spans(sent, 10, 100)) {
            Ok(()) => sent += 10,
            Err(batch) => break batch,
        }
    };
    // As it was, and counted by nobody.
    assert_eq!(refused.bytes, spans(sent, 10, 100).bytes);
    let counts = meter.counts();
    assert_eq!((counts.items_offered, counts.queue_items), (sent, sent));
    assert!(
        counts.queue_bytes <= 100_000 && counts.queue_bytes > 90_000,
        "{counts:?}"
    );
    // Until its owner says that it is lost.
    assert!(!queue.send_or_drop(refused));
    queue.count_dropped(5);
    let counts = meter.counts();
    assert_eq!(
        (counts.items_offered, counts.items_dropped.queue_full),
        (sent + 15, 15)
    );
    check_sum(&counts);
}

/// The room of a buffer counts, not what is in it: memory is what is bounded.
#[tokio::test]
async fn roomy_buffers_fill_the_queue() {
    let port = ClosedPort::new();
    let exporter = stuck(&port, 100_000);
    let mut batch = spans(1, 1, 10);
    batch.bytes.reserve_exact(60_000);
    exporter.queue().try_send(batch).unwrap();
    let mut batch = spans(2, 1, 10);
    batch.bytes.reserve_exact(60_000);
    let (back, returned) = sync_channel(1);
    batch.back = Some(Return::from(back));
    assert!(!exporter.queue().send_or_drop(batch));
    let emptied = returned.try_recv().unwrap();
    assert!(emptied.is_empty() && emptied.capacity() >= 60_000);
}

/// A buffer's owner has few: it does not wait for the request to be full, nor for a back end that is down.
#[tokio::test]
async fn buffers_go_back_while_what_was_in_them_waits() {
    let port = ClosedPort::new();
    let exporter = stuck(&port, 1 << 20);
    let (queue, meter) = (exporter.queue(), exporter.meter());
    let (back, returned) = sync_channel(1);
    let mut buffer = Vec::with_capacity(50_000);
    for nth in 0..500 {
        buffer.extend_from_slice(&spans(nth, 1, 1000).bytes);
        let batch = Batch {
            bytes: std::mem::take(&mut buffer),
            items: 1,
            back: Some(Return::from(back.clone())),
        };
        queue.try_send(batch).unwrap();
        // The exporter's task runs when this one rests.
        while buffer.capacity() == 0 {
            tokio::task::yield_now().await;
            if let Ok(empty) = returned.try_recv() {
                buffer = empty;
            }
        }
        assert_eq!(buffer.capacity(), 50_000);
    }
    let counts = meter.counts();
    assert_eq!((counts.items_offered, counts.queue_items), (500, 500));
    // What is in them, not their room: 25 MB otherwise.
    assert!(
        (500_000..1 << 20).contains(&counts.queue_bytes),
        "{counts:?}"
    );
    check_sum(&counts);
    let flushed = exporter.shutdown(Duration::ZERO).await;
    assert_eq!(flushed.lost, 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_threads_may_send() {
    let port = ClosedPort::new();
    let exporter = stuck(&port, 50_000);
    let taken: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4_u64)
            .map(|thread| {
                let queue = exporter.queue();
                scope.spawn(move || {
                    let send = |nth| queue.send_or_drop(spans(thread * 1000 + nth, 1, 100));
                    (0..500).filter(|nth| send(*nth)).count() as u64
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    let counts = exporter.meter().counts();
    assert_eq!(
        (counts.items_offered, counts.items_dropped.queue_full),
        (2000, 2000 - taken)
    );
    assert!(taken > 0 && taken < 2000);
    check_sum(&counts);
    let flushed = exporter.shutdown(Duration::ZERO).await;
    assert_eq!(flushed.lost, taken);
}

/// What is sent to an exporter that has stopped, or whose runtime has, is refused, and counted as lost by that.
#[test]
fn a_queue_outlives_its_exporter() {
    let port = ClosedPort::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (queue, meter) = runtime.block_on(async {
        let exporter = stuck(&port, 100_000);
        exporter.queue().try_send(spans(1, 7, 10)).unwrap();
        (exporter.queue(), exporter.meter())
    });
    assert!(queue.try_send(spans(8, 1, 10)).is_err());
    drop(runtime);
    assert!(!queue.send_or_drop(spans(8, 1, 10)));
    let counts: Counts = meter.counts();
    assert_eq!(
        (counts.items_offered, counts.items_dropped.shutdown),
        (8, 8)
    );
    check_sum(&counts);
}
