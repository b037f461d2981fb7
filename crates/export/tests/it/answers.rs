//! Answers of a back end that took a request, or says so at length.

use export::{Counts, Protocol};

use crate::items::spans;
use crate::plans::{plan, settled, start};
use crate::server::{Reply, Server};

const ALL: [Protocol; 3] = [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson];

/// Ten spans, every request answered alike.
async fn run(protocol: Protocol, reply: Reply) -> (Counts, usize) {
    let server = Server::start(protocol, move |_| reply.clone()).await;
    let exporter = start(&plan(server.addr, protocol));
    exporter.queue().try_send(spans(1, 10, 10)).unwrap();
    let counts = settled(&exporter.meter()).await;
    (counts, server.received().len())
}

fn partial(protocol: Protocol, rejected: u8, message: &str) -> Vec<u8> {
    match protocol {
        Protocol::HttpJson => format!(
            r#"{{"partialSuccess":{{"rejectedSpans":"{rejected}","errorMessage":"{message}"}}}}"#
        )
        .into(),
        Protocol::Grpc | Protocol::HttpProtobuf => {
            let length = u8::try_from(message.len()).unwrap();
            let mut partial = vec![1 << 3, rejected, 2 << 3 | 2, length];
            partial.extend_from_slice(message.as_bytes());
            let mut response = vec![1 << 3 | 2, u8::try_from(partial.len()).unwrap()];
            response.extend(partial);
            response
        }
    }
}

/// OT-5, OT-6, OT-35: counted, never sent again; a warning rejects nothing; no more is rejected than was sent.
#[tokio::test]
async fn partial_success_is_counted_and_never_repeated() {
    for protocol in ALL {
        for (rejected, counted) in [(0, 0), (3, 3), (10, 10), (99, 10)] {
            let body = partial(protocol, rejected, "no such attribute");
            let (counts, requests) = run(protocol, Reply::With(body)).await;
            let found = (counts.items_exported, counts.items_rejected, requests);
            assert_eq!(found, (10 - counted, counted, 1), "{protocol:?} {rejected}");
            assert_eq!(
                (counts.requests_failed, counts.items_dropped.total()),
                (0, 0)
            );
        }
    }
}

/// OT-22: the status says that it was taken, whatever else the body holds.
#[tokio::test]
async fn nonsense_in_a_good_answer_changes_nothing() {
    for protocol in ALL {
        for body in [Vec::new(), vec![0xFF; 100], vec![b'x'; 1 << 20]] {
            let (counts, requests) = run(protocol, Reply::With(body)).await;
            assert_eq!((counts.items_exported, requests), (10, 1), "{protocol:?}");
        }
    }
}

/// OT-34: an answer over 4 MiB is not read to its end, and what it answers is not sent again.
#[tokio::test]
async fn an_answer_that_is_too_long_is_final() {
    for protocol in ALL {
        let (counts, requests) = run(protocol, Reply::With(vec![b' '; (4 << 20) + 1])).await;
        assert_eq!(
            (counts.items_dropped.rejected, requests),
            (10, 1),
            "{protocol:?}"
        );
    }
    let (counts, requests) = run(
        Protocol::HttpProtobuf,
        Reply::Status(503, Vec::new(), vec![b' '; 5 << 20]),
    )
    .await;
    assert_eq!((counts.items_dropped.rejected, requests), (10, 1));
}

/// A back end may repeat what it was sent; the failure is shown to people.
#[tokio::test]
async fn failures_hold_no_secret_and_no_control_character() {
    let server = Server::start(Protocol::HttpProtobuf, |request| {
        let sent = request.header("authorization").unwrap();
        let text = format!("bad token {sent} \u{1b}[31m{}", "x".repeat(2000));
        Reply::Status(
            401,
            vec![("content-type", "text/plain".to_owned())],
            text.into(),
        )
    })
    .await;
    let mut plan = plan(server.addr, Protocol::HttpProtobuf);
    plan.headers
        .push(("Authorization".into(), base::Secret::new("Bearer hunter2")));
    let exporter = start(&plan);
    exporter.queue().try_send(spans(1, 1, 10)).unwrap();
    assert_eq!(settled(&exporter.meter()).await.items_dropped.rejected, 1);
    let failure = exporter.meter().last_failure().unwrap();
    assert!(
        failure.starts_with("HTTP status 401: bad token *** "),
        "{failure}"
    );
    assert!(
        failure.len() <= 512 && !failure.chars().any(char::is_control),
        "{failure}"
    );
}
