//! Connections: how many, how they are kept, and what happens when they end.

use std::time::Duration;

use export::Protocol;
use tokio::net::TcpSocket;

use crate::items::spans;
use crate::plans::{FAR, counts_when, plan, settled, start};
use crate::server::{Reply, Server};

const HTTP: Protocol = Protocol::HttpProtobuf;
const GRPC: Protocol = Protocol::Grpc;

/// OT-33: keep-alive.
#[tokio::test]
async fn one_after_another_goes_over_one_connection() {
    for protocol in [HTTP, GRPC] {
        let server = Server::start(protocol, |_| Reply::Taken).await;
        let exporter = start(&plan(server.addr, protocol));
        for id in 1..=5 {
            exporter.queue().try_send(spans(id, 1, 10)).unwrap();
            settled(&exporter.meter()).await;
        }
        assert_eq!(
            (server.received().len(), server.connections()),
            (5, 1),
            "{protocol:?}"
        );
    }
}

/// Several at once: over one connection with gRPC, each over its own with HTTP (OT-33). No more than the plan allows.
#[tokio::test]
async fn requests_in_flight_are_bounded() {
    for (protocol, connections) in [(HTTP, 3), (GRPC, 1)] {
        let server = Server::start(protocol, |_| Reply::Hang).await;
        let mut plan = plan(server.addr, protocol);
        (plan.requests_in_flight_max, plan.batch_items_max) = (3, 1);
        let exporter = start(&plan);
        for id in 1..=10 {
            exporter.queue().try_send(spans(id, 1, 10)).unwrap();
        }
        let counts = counts_when(&exporter.meter(), "requests", |_| {
            server.received().len() == 3
        })
        .await;
        assert_eq!(
            (
                counts.requests_in_flight,
                counts.items_in_flight,
                counts.queue_items
            ),
            (3, 3, 7)
        );
        assert_eq!(server.connections(), connections);
        let flushed = exporter.shutdown(Duration::ZERO).await;
        assert_eq!((flushed.exported, flushed.lost), (0, 10));
        assert_eq!(server.received().len(), 3);
    }
}

/// OT-32: a kept connection that was dead is replaced at once; nobody waits or counts.
#[tokio::test]
async fn a_dead_connection_is_replaced_silently() {
    for (protocol, second) in [
        (HTTP, Reply::Cut),
        (GRPC, Reply::Cut),
        (GRPC, Reply::Reset(h2::Reason::REFUSED_STREAM)),
    ] {
        let server = Server::start(protocol, move |request| {
            if request.nth == 1 {
                second.clone()
            } else {
                Reply::Taken
            }
        })
        .await;
        let mut plan = plan(server.addr, protocol);
        (plan.retry.initial, plan.retry.max) = (FAR, FAR);
        let exporter = start(&plan);
        for id in 1..=2 {
            exporter.queue().try_send(spans(id, 1, 10)).unwrap();
            settled(&exporter.meter()).await;
        }
        let counts = exporter.meter().counts();
        assert_eq!(
            (
                counts.items_exported,
                counts.retries,
                counts.requests_failed
            ),
            (2, 0, 0),
            "{protocol:?} {:?}",
            exporter.meter().last_failure()
        );
        assert_eq!(server.received().len(), 3);
    }
}

/// A back end that says goodbye, by `Connection: close` or GOAWAY.
#[tokio::test]
async fn a_goodbye_costs_nothing() {
    for protocol in [HTTP, GRPC] {
        let server = Server::start(protocol, |_| Reply::TakenAndBye).await;
        let mut plan = plan(server.addr, protocol);
        (plan.retry.initial, plan.retry.max) = (FAR, FAR);
        let exporter = start(&plan);
        for id in 1..=5 {
            exporter.queue().try_send(spans(id, 1, 10)).unwrap();
            settled(&exporter.meter()).await;
        }
        let counts = exporter.meter().counts();
        assert_eq!(
            (counts.items_exported, counts.requests_failed),
            (5, 0),
            "{protocol:?}"
        );
        assert_eq!(
            (server.received().len(), server.connections()),
            (5, 5),
            "{protocol:?}"
        );
    }
}

/// No answer in time: cancelled, and sent again over another connection.
#[tokio::test]
async fn a_request_without_an_answer_times_out() {
    for protocol in [HTTP, GRPC] {
        let server = Server::start(protocol, |request| {
            if request.nth == 0 {
                Reply::Hang
            } else {
                Reply::Taken
            }
        })
        .await;
        let mut plan = plan(server.addr, protocol);
        plan.timeout = Duration::from_millis(300);
        let exporter = start(&plan);
        exporter.queue().try_send(spans(1, 1, 10)).unwrap();
        let counts = settled(&exporter.meter()).await;
        assert_eq!(
            (counts.items_exported, counts.retries),
            (1, 1),
            "{protocol:?}"
        );
        assert!(counts.request_time >= plan.timeout, "{counts:?}");
        assert_eq!(server.connections(), 2);
        let failure = exporter.meter().last_failure().unwrap();
        assert_eq!(failure, "expected an answer within 300ms, none came");
    }
}

/// OT-33: a connect that fails is tried again.
#[tokio::test]
async fn a_back_end_that_comes_late_gets_everything() {
    for protocol in [HTTP, GRPC] {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let exporter = start(&plan(socket.local_addr().unwrap(), protocol));
        exporter.queue().try_send(spans(1, 5, 10)).unwrap();
        let meter = exporter.meter();
        counts_when(&meter, "two failures", |counts| counts.requests_failed >= 2).await;
        let failure = meter.last_failure().unwrap();
        assert!(
            failure.contains("cannot connect: Connection refused"),
            "{failure}"
        );
        let server = Server::start_on(socket.listen(16).unwrap(), protocol, None, |_| Reply::Taken);
        assert_eq!(settled(&meter).await.items_exported, 5);
        assert_eq!(server.ids(|_| true), [1, 2, 3, 4, 5]);
    }
}
