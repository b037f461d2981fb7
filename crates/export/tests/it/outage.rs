//! A back end that is gone, then slow, then well again: every item is counted once, and memory stays within the plan.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use export::{BreakerPlan, BreakerState, ExportPlan, Protocol};
use tokio::net::TcpSocket;

use crate::items::{ids, spans};
use crate::plans::{check_sum, counts_when, plan, settled, start};
use crate::server::{Reply, Server};

const SICK: u8 = 0;
const SLOW: u8 = 1;
const WELL: u8 = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_item_is_in_exactly_one_place() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        run(protocol).await;
    }
}

async fn run(protocol: Protocol) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut plan = ExportPlan {
        batch_items_max: 50,
        queue_bytes_max: 30_000,
        breaker: BreakerPlan {
            failures_to_open: 4,
            open_for: Duration::from_millis(30),
        },
        ..plan(socket.local_addr().unwrap(), protocol)
    };
    plan.retry.elapsed_max = Duration::from_millis(150);
    let exporter = start(&plan);
    let (queue, meter) = (exporter.queue(), exporter.meter());
    let bound = plan.queue_bytes_max;
    let mut offered = 0;
    let offer = |offered: &mut u64, batches: u32| {
        for _ in 0..batches {
            queue.send_or_drop(spans(*offered, 10, 50));
            *offered += 10;
            let counts = meter.counts();
            check_sum(&counts);
            assert_eq!(counts.items_offered, *offered);
            assert!(
                counts.queue_bytes <= bound && counts.items_in_flight <= 200,
                "{counts:?}"
            );
        }
    };

    // Gone: what does not fit is refused, what is tried for too long is given up.
    offer(&mut offered, 200);
    let gone = counts_when(&meter, "items given up", |counts| {
        counts.items_dropped.retries_exhausted > 0
    })
    .await;
    assert!(gone.items_dropped.queue_full > 0 && gone.items_exported == 0);
    assert!(gone.breaker_openings > 0);

    // There, but failing; then slow; then well.
    let state = Arc::new(AtomicU8::new(SICK));
    let seen = Arc::clone(&state);
    let taken = Arc::new(Mutex::new(Vec::new()));
    let takes = Arc::clone(&taken);
    let server = Server::start_on(socket.listen(64).unwrap(), protocol, None, move |request| {
        let state = seen.load(Ordering::SeqCst);
        if state == SICK {
            return match protocol {
                Protocol::Grpc => Reply::Code(14, Vec::new()),
                Protocol::HttpProtobuf | Protocol::HttpJson => {
                    Reply::Status(502, Vec::new(), Vec::new())
                }
            };
        }
        takes.lock().unwrap().extend(ids(&request.body));
        let reply = if request.nth % 7 == 0 {
            Reply::TakenAndBye
        } else {
            Reply::Taken
        };
        if state == SLOW {
            Reply::Later(Duration::from_millis(20), Box::new(reply))
        } else {
            reply
        }
    });
    offer(&mut offered, 50);
    counts_when(&meter, "a failing back end", |_| {
        !server.received().is_empty()
    })
    .await;
    state.store(SLOW, Ordering::SeqCst);
    offer(&mut offered, 100);
    counts_when(&meter, "a slow back end", |counts| {
        counts.items_exported > 100
    })
    .await;
    state.store(WELL, Ordering::SeqCst);
    let first_well = offered;
    for _ in 0..20 {
        offer(&mut offered, 5);
        counts_when(&meter, "room", |counts| counts.queue_items == 0).await;
    }
    let counts = settled(&meter).await;
    assert_eq!(
        (counts.breaker, counts.queue_bytes),
        (BreakerState::Closed, 0)
    );
    assert_eq!(counts.items_offered, offered);

    // The back end's view: what it took it took once, and that is what counts as exported. Nothing that came while it was
    // well is missing.
    let mut taken = std::mem::take(&mut *taken.lock().unwrap());
    assert_eq!(taken.len() as u64, counts.items_exported, "{protocol:?}");
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len() as u64, counts.items_exported, "{protocol:?}");
    let last = taken.into_iter().filter(|id| *id >= first_well);
    assert!(last.eq(first_well..offered), "{protocol:?}");
    let flushed = exporter.shutdown(Duration::from_secs(5)).await;
    assert_eq!((flushed.exported, flushed.lost), (0, 0));
}
