//! Stopping: what can be delivered is, for as long as allowed; the rest is counted (OT-45).

use std::time::{Duration, Instant};

use export::{BreakerPlan, BreakerState, ExportPlan, Flushed, Protocol};
use testkit::{ClosedPort, FullPort};
use tokio::net::TcpSocket;

use crate::items::spans;
use crate::plans::{FAR, PATIENCE, check_sum, counts_when, plan, settled, start};
use crate::server::{Reply, Server};

const HTTP: Protocol = Protocol::HttpProtobuf;
const GRPC: Protocol = Protocol::Grpc;

#[tokio::test]
async fn everything_that_waits_is_flushed() {
    for protocol in [HTTP, GRPC] {
        let slow = Reply::Later(Duration::from_millis(30), Box::new(Reply::Taken));
        let server = Server::start(protocol, move |_| slow.clone()).await;
        let exporter = start(&ExportPlan {
            batch_delay: FAR,
            batch_items_max: 10,
            ..plan(server.addr, protocol)
        });
        for nth in 0..21 {
            exporter.queue().try_send(spans(nth * 5, 5, 10)).unwrap();
        }
        let (queue, meter) = (exporter.queue(), exporter.meter());
        let before = meter.counts().items_exported;
        let flushed = exporter.shutdown(PATIENCE).await;
        assert_eq!(
            flushed,
            Flushed {
                exported: 105 - before,
                lost: 0
            },
            "{protocol:?}"
        );
        assert_eq!(server.ids(|_| true), (0..105).collect::<Vec<_>>());
        assert!(!queue.send_or_drop(spans(200, 1, 10)));
        let counts = meter.counts();
        assert_eq!(
            (counts.items_exported, counts.items_dropped.shutdown),
            (105, 1)
        );
        check_sum(&counts);
    }
}

#[tokio::test]
async fn an_idle_exporter_stops_at_once() {
    let server = Server::start(GRPC, |_| Reply::Taken).await;
    let exporter = start(&plan(server.addr, GRPC));
    exporter.queue().try_send(spans(1, 1, 10)).unwrap();
    settled(&exporter.meter()).await;
    let began = Instant::now();
    assert_eq!(
        exporter.shutdown(FAR).await,
        Flushed {
            exported: 0,
            lost: 0
        }
    );
    assert!(began.elapsed() < PATIENCE);
}

/// However the back end fails, stopping takes no longer than allowed, and every item is accounted for.
#[tokio::test]
async fn time_is_up_and_the_rest_is_counted() {
    let (closed, full) = (ClosedPort::new(), FullPort::new());
    let silent = Server::start(GRPC, |_| Reply::Hang).await;
    for addr in [closed.addr(), full.addr(), silent.addr] {
        let exporter = start(&ExportPlan {
            batch_items_max: 2,
            ..plan(addr, GRPC)
        });
        for nth in 0..50 {
            exporter.queue().try_send(spans(nth, 1, 10)).unwrap();
        }
        let meter = exporter.meter();
        counts_when(&meter, "a request", |counts| counts.requests > 0).await;
        let began = Instant::now();
        let flushed = exporter.shutdown(Duration::from_millis(100)).await;
        assert!(began.elapsed() < PATIENCE);
        assert_eq!(
            flushed,
            Flushed {
                exported: 0,
                lost: 50
            }
        );
        let counts = meter.counts();
        assert_eq!(
            (counts.items_dropped.shutdown, counts.requests_in_flight),
            (50, 0)
        );
        check_sum(&counts);
    }
}

/// Neither an own wait nor an open breaker keeps back what could be delivered.
#[tokio::test]
async fn own_waits_are_cut_short() {
    for failures_to_open in [0, 1] {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut plan = plan(socket.local_addr().unwrap(), HTTP);
        (plan.retry.initial, plan.retry.max, plan.retry.elapsed_max) = (FAR, FAR, 2 * FAR);
        plan.retry.jitter = 0.0;
        plan.breaker = BreakerPlan {
            failures_to_open,
            open_for: FAR,
        };
        let exporter = start(&plan);
        exporter.queue().try_send(spans(1, 3, 10)).unwrap();
        let meter = exporter.meter();
        let failed = counts_when(&meter, "a failure", |counts| counts.requests_failed == 1).await;
        assert_eq!(failed.breaker == BreakerState::Open, failures_to_open == 1);
        let server = Server::start_on(socket.listen(16).unwrap(), HTTP, None, |_| Reply::Taken);
        exporter.queue().try_send(spans(4, 3, 10)).unwrap();
        let flushed = exporter.shutdown(PATIENCE).await;
        assert_eq!(
            flushed,
            Flushed {
                exported: 6,
                lost: 0
            }
        );
        assert_eq!(server.ids(|_| true), [1, 2, 3, 4, 5, 6]);
    }
}

/// A wait that the back end asked for is kept.
#[tokio::test]
async fn waits_that_were_asked_for_are_kept() {
    let server = Server::start(HTTP, |_| {
        Reply::Status(503, vec![("retry-after", "15".to_owned())], Vec::new())
    })
    .await;
    let exporter = start(&plan(server.addr, HTTP));
    exporter.queue().try_send(spans(1, 1, 10)).unwrap();
    counts_when(&exporter.meter(), "a failure", |counts| {
        counts.requests_failed == 1
    })
    .await;
    let flushed = exporter.shutdown(Duration::from_millis(200)).await;
    assert_eq!((flushed.lost, server.received().len()), (1, 1));
}

#[tokio::test]
async fn dropping_an_exporter_counts_what_it_had() {
    let server = Server::start(GRPC, |_| Reply::Hang).await;
    let exporter = start(&ExportPlan {
        batch_items_max: 1,
        ..plan(server.addr, GRPC)
    });
    for nth in 0..10 {
        exporter.queue().try_send(spans(nth, 1, 10)).unwrap();
    }
    let meter = exporter.meter();
    counts_when(&meter, "requests", |_| server.received().len() == 4).await;
    drop(exporter);
    assert_eq!(settled(&meter).await.items_dropped.shutdown, 10);
}

/// The future of a shutdown may be dropped; that stops at once.
#[tokio::test]
async fn dropping_a_shutdown_counts_what_was_left() {
    let server = Server::start(HTTP, |_| Reply::Hang).await;
    let exporter = start(&plan(server.addr, HTTP));
    exporter.queue().try_send(spans(1, 2, 10)).unwrap();
    let meter = exporter.meter();
    let stop = tokio::time::timeout(Duration::from_millis(50), exporter.shutdown(FAR));
    assert!(stop.await.is_err());
    assert_eq!(settled(&meter).await.items_dropped.shutdown, 2);
}
