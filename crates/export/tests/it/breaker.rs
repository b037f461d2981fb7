//! A back end that fails is left alone; what waits for it is kept, as far as there is room.

use std::time::Duration;

use export::{BreakerPlan, BreakerState, ExportPlan, Protocol};
use testkit::ClosedPort;

use crate::items::spans;
use crate::plans::{FAR, counts_when, plan, settled, start};
use crate::server::{Reply, Server};

const HTTP: Protocol = Protocol::HttpProtobuf;
const GRPC: Protocol = Protocol::Grpc;

fn breaking(failures_to_open: u32, open_for: Duration, plan: ExportPlan) -> ExportPlan {
    ExportPlan {
        breaker: BreakerPlan {
            failures_to_open,
            open_for,
        },
        ..plan
    }
}

#[tokio::test]
async fn an_open_breaker_sends_nothing_keeps_what_fits_and_refuses_the_rest() {
    let port = ClosedPort::new();
    let mut plan = breaking(3, FAR, plan(port.addr(), GRPC));
    (plan.queue_bytes_max, plan.requests_in_flight_max) = (20_000, 1);
    let exporter = start(&plan);
    let (queue, meter) = (exporter.queue(), exporter.meter());
    queue.try_send(spans(1, 1, 100)).unwrap();
    let open = counts_when(&meter, "an open breaker", |counts| {
        counts.breaker == BreakerState::Open
    })
    .await;
    assert_eq!((open.requests_failed, open.breaker_openings), (3, 1));
    let taken = (0..1000)
        .filter(|_| queue.send_or_drop(spans(2, 1, 100)))
        .count() as u64;
    assert!(taken > 10 && taken < 1000);
    // Long enough for several tries, were they made.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let counts = meter.counts();
    assert_eq!((counts.requests, counts.queue_items), (3, taken));
    assert_eq!(
        (counts.items_in_flight, counts.items_dropped.queue_full),
        (1, 1000 - taken)
    );
    assert!(counts.queue_bytes <= 20_000);
}

/// After its time one request is tried; only when it is taken the others follow.
#[tokio::test]
async fn one_request_is_tried_and_decides() {
    for protocol in [HTTP, GRPC] {
        let open_for = Duration::from_millis(150);
        let server = Server::start(protocol, move |request| match (request.nth, protocol) {
            (0..=3, Protocol::Grpc) => Reply::Code(14, Vec::new()),
            (0..=3, Protocol::HttpProtobuf | Protocol::HttpJson) => {
                Reply::Status(503, Vec::new(), Vec::new())
            }
            _ => Reply::Taken,
        })
        .await;
        let mut plan = breaking(3, open_for, plan(server.addr, protocol));
        plan.batch_items_max = 1;
        let exporter = start(&plan);
        for id in 1..=8 {
            exporter.queue().try_send(spans(id, 1, 10)).unwrap();
        }
        let counts = settled(&exporter.meter()).await;
        assert_eq!(
            (counts.items_exported, counts.items_dropped.total()),
            (8, 0)
        );
        assert_eq!(counts.breaker, BreakerState::Closed);
        // The fourth failure is that of the first probe, unless it was on its way when the breaker opened.
        let received = server.received();
        let pause = |nth: usize| received[nth].at.duration_since(received[nth - 1].at);
        assert!((3..=4).any(|nth| pause(nth) >= open_for), "{protocol:?}");
        assert!((1..=2).contains(&counts.breaker_openings));
        assert_eq!(
            server.ids(|request| request.nth > 3),
            (1..=8).collect::<Vec<_>>()
        );
    }
}

/// RPC-11, RPC-12: refusals of what was sent, and a back end that is merely busy, do not open it.
#[tokio::test]
async fn refusals_do_not_open_it() {
    for (protocol, reply) in [
        (HTTP, Reply::Status(400, Vec::new(), Vec::new())),
        (HTTP, Reply::Status(401, Vec::new(), Vec::new())),
        (HTTP, Reply::Status(429, Vec::new(), Vec::new())),
        (GRPC, Reply::Code(3, Vec::new())),
        (GRPC, Reply::Code(8, Vec::new())),
        (GRPC, Reply::Code(16, Vec::new())),
    ] {
        let server = Server::start(protocol, move |_| reply.clone()).await;
        let mut plan = breaking(2, FAR, plan(server.addr, protocol));
        plan.retry.elapsed_max = Duration::from_millis(100);
        let exporter = start(&plan);
        for id in 1..=5 {
            exporter.queue().try_send(spans(id, 1, 10)).unwrap();
            settled(&exporter.meter()).await;
        }
        assert_eq!(exporter.meter().counts().breaker_openings, 0);
    }
}
