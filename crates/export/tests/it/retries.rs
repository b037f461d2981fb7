//! Which answers lead to another attempt, and when.

use std::time::Duration;
use std::time::SystemTime;

use base::HttpDate;
use export::{Counts, ExportPlan, Protocol, RetryPlan};

use crate::grpc_server::RESETS;
use crate::items::spans;
use crate::plans::{FAR, counts_when, plan, settled, start};
use crate::server::{Received, Reply, Server};

const HTTP: Protocol = Protocol::HttpProtobuf;
const GRPC: Protocol = Protocol::Grpc;

/// One span is sent; the first request gets `first`, the others are taken. Everything is settled at the end.
async fn run(
    protocol: Protocol,
    first: Reply,
    change: impl FnOnce(&mut ExportPlan),
) -> (Counts, Vec<Received>) {
    let server = Server::start(protocol, move |request| {
        if request.nth == 0 {
            first.clone()
        } else {
            Reply::Taken
        }
    })
    .await;
    let mut plan = plan(server.addr, protocol);
    change(&mut plan);
    let exporter = start(&plan);
    exporter.queue().try_send(spans(1, 1, 10)).unwrap();
    let counts = settled(&exporter.meter()).await;
    (counts, server.received())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    SentAgain,
    Rejected,
    TooLarge,
}

#[track_caller]
fn check_fate(case: &str, expected: Fate, (counts, received): &(Counts, Vec<Received>)) {
    let (requests, retries) = (received.len(), counts.retries);
    let dropped = counts.items_dropped;
    match expected {
        Fate::SentAgain => assert_eq!(
            (requests, retries, counts.items_exported),
            (2, 1, 1),
            "{case}"
        ),
        Fate::Rejected => assert_eq!((requests, retries, dropped.rejected), (1, 0, 1), "{case}"),
        Fate::TooLarge => assert_eq!((requests, retries, dropped.too_large), (1, 0, 1), "{case}"),
    }
    assert_eq!(
        (counts.requests, counts.requests_failed),
        (requests as u64, 1),
        "{case}"
    );
    if let [first, second] = &received[..] {
        assert_eq!(first.body, second.body, "{case}");
    }
}

/// OT-30, and OT-7 for 413.
#[tokio::test]
async fn http_statuses() {
    for (statuses, fate) in [
        (&[429, 502, 503, 504][..], Fate::SentAgain),
        (
            &[
                300, 302, 400, 401, 403, 404, 405, 406, 408, 409, 410, 415, 422, 431, 499,
            ],
            Fate::Rejected,
        ),
        (&[500, 501, 505, 507, 520, 599], Fate::Rejected),
        (&[413], Fate::TooLarge),
    ] {
        for status in statuses {
            for protocol in [HTTP, Protocol::HttpJson] {
                let reply = Reply::Status(*status, Vec::new(), Vec::new());
                let run = run(protocol, reply, |_| {}).await;
                check_fate(&format!("{protocol:?} {status}"), fate, &run);
            }
        }
    }
}

/// OT-16, OT-17.
#[tokio::test]
async fn grpc_codes() {
    for (codes, fate) in [
        (&[1, 4, 10, 11, 14, 15][..], Fate::SentAgain),
        (&[2, 3, 5, 6, 7, 8, 9, 12, 13, 16, 17, 1000], Fate::Rejected),
    ] {
        for code in codes {
            let run = run(GRPC, Reply::Code(*code, Vec::new()), |_| {}).await;
            check_fate(&format!("code {code}"), fate, &run);
        }
    }
}

/// gRPC's table of HTTP statuses, for answers of proxies in between.
#[tokio::test]
async fn http_statuses_of_grpc() {
    for (statuses, fate) in [
        (&[429, 502, 503, 504][..], Fate::SentAgain),
        (&[400, 401, 403, 404, 500], Fate::Rejected),
        (&[413], Fate::TooLarge),
    ] {
        for status in statuses {
            let fields = vec![("content-type", "text/html".to_owned())];
            let reply = Reply::Status(*status, fields, b"<html>".to_vec());
            check_fate(
                &format!("status {status}"),
                fate,
                &run(GRPC, reply, |_| {}).await,
            );
        }
    }
}

/// OT-32.
#[tokio::test]
async fn streams_that_end_without_an_answer_are_sent_again() {
    for reason in RESETS {
        let run = run(GRPC, Reply::Reset(*reason), |_| {}).await;
        check_fate(&format!("{reason:?}"), Fate::SentAgain, &run);
    }
    for protocol in [GRPC, HTTP] {
        let run = run(protocol, Reply::Cut, |_| {}).await;
        check_fate(&format!("{protocol:?} cut"), Fate::SentAgain, &run);
    }
}

/// Own waits are far longer than the test waits: what comes again comes because it was asked for.
fn only_when_asked(plan: &mut ExportPlan) {
    plan.retry = RetryPlan {
        initial: FAR,
        max: FAR,
        elapsed_max: FAR,
        jitter: 0.0,
        ..RetryPlan::default()
    };
}

/// The second request came after this time, and because it was asked for.
#[track_caller]
fn check_wait(least: Duration, (counts, received): &(Counts, Vec<Received>)) {
    assert_eq!(counts.items_exported, 1);
    let waited = received[1].at.duration_since(received[0].at);
    assert!(
        waited >= least,
        "expected at least {least:?}, found {waited:?}"
    );
}

/// OT-31: seconds.
#[tokio::test]
async fn retry_after_in_seconds() {
    for status in [429, 503] {
        let reply = Reply::Status(status, vec![("retry-after", "1".to_owned())], Vec::new());
        check_wait(
            Duration::from_secs(1),
            &run(HTTP, reply, only_when_asked).await,
        );
    }
}

/// OT-31: a date, which names whole seconds.
#[tokio::test]
async fn retry_after_a_date() {
    let date = HttpDate::new(SystemTime::now() + Duration::from_secs(3));
    let date = String::from_utf8(date.as_bytes().to_vec()).unwrap();
    let reply = Reply::Status(503, vec![("retry-after", date)], Vec::new());
    check_wait(
        Duration::from_millis(1500),
        &run(HTTP, reply, only_when_asked).await,
    );
}

/// What `grpc-status-details-bin` holds: a `google.rpc.Status` with a `google.rpc.RetryInfo` (OT-14).
fn retry_info(code: u8, seconds: u8, nanos: u32, padding: &str) -> Vec<(&'static str, String)> {
    use base64::Engine as _;
    fn field(number: u8, payload: &[u8]) -> Vec<u8> {
        let mut field = vec![number << 3 | 2, u8::try_from(payload.len()).unwrap()];
        field.extend_from_slice(payload);
        field
    }
    let mut duration = vec![1 << 3, seconds, 2 << 3];
    let groups = (0..5).map(|group| (nanos >> (7 * group) & 0x7F) as u8 | 0x80);
    duration.extend(groups);
    if let Some(last) = duration.last_mut() {
        *last &= 0x7F;
    }
    let mut any = field(1, b"type.googleapis.com/google.rpc.RetryInfo");
    any.extend(field(2, &field(1, &duration)));
    let mut status = vec![1 << 3, code];
    status.extend(field(2, b"busy"));
    status.extend(field(3, &any));
    let text = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&status);
    let missing = (4 - text.len() % 4) % 4;
    let padding: String = padding.chars().take(missing).collect();
    vec![("grpc-status-details-bin", format!("{text}{padding}"))]
}

/// OT-17, OT-18: `RESOURCE_EXHAUSTED` only with `RetryInfo`, others no earlier than it says. With and without padding.
#[tokio::test]
async fn retry_info_is_waited_for() {
    for (code, padding) in [(8, ""), (8, "==="), (14, "")] {
        let reply = Reply::Code(u32::from(code), retry_info(code, 0, 400_000_000, padding));
        check_wait(
            Duration::from_millis(400),
            &run(GRPC, reply, only_when_asked).await,
        );
    }
}

/// OT-16: it makes nothing else repeatable.
#[tokio::test]
async fn retry_info_repeats_nothing_that_may_not_be() {
    let reply = Reply::Code(3, retry_info(3, 0, 1, ""));
    check_fate(
        "INVALID_ARGUMENT",
        Fate::Rejected,
        &run(GRPC, reply, only_when_asked).await,
    );
}

/// A wait of no length is none: own waits apply, so that a back end is not hammered.
#[tokio::test]
async fn a_wait_of_zero_is_not_asked_for() {
    let run = run(GRPC, Reply::Code(8, retry_info(8, 0, 0, "")), |plan| {
        plan.retry.initial = Duration::from_millis(60);
        plan.retry.jitter = 0.0;
    })
    .await;
    check_wait(Duration::from_millis(60), &run);
}

/// While a back end wants to be left alone, other requests wait too.
#[tokio::test]
async fn a_wait_that_is_asked_for_holds_for_all_requests() {
    let server = Server::start(HTTP, |request| {
        if request.nth == 0 {
            Reply::Status(429, vec![("retry-after", "1".to_owned())], Vec::new())
        } else {
            Reply::Taken
        }
    })
    .await;
    let exporter = start(&plan(server.addr, HTTP));
    exporter.queue().try_send(spans(1, 1, 10)).unwrap();
    let meter = exporter.meter();
    counts_when(&meter, "a failure", |counts| counts.requests_failed == 1).await;
    exporter.queue().try_send(spans(2, 1, 10)).unwrap();
    assert_eq!(settled(&meter).await.items_exported, 2);
    let received = server.received();
    for later in &received[1..] {
        assert!(later.at.duration_since(received[0].at) >= Duration::from_secs(1));
    }
}

#[tokio::test]
async fn retries_end() {
    for protocol in [HTTP, GRPC] {
        let server = Server::start(protocol, move |_| match protocol {
            Protocol::Grpc => Reply::Code(14, vec![("grpc-message", "not%20now".to_owned())]),
            Protocol::HttpProtobuf | Protocol::HttpJson => {
                Reply::Status(503, Vec::new(), b"\x12\x07not now".to_vec())
            }
        })
        .await;
        let mut plan = plan(server.addr, protocol);
        plan.retry.elapsed_max = Duration::from_millis(200);
        let exporter = start(&plan);
        exporter.queue().try_send(spans(1, 3, 10)).unwrap();
        let counts = settled(&exporter.meter()).await;
        assert_eq!(counts.items_dropped.retries_exhausted, 3);
        assert_eq!(counts.requests, counts.retries + 1);
        assert!(counts.retries >= 2, "{counts:?}");
        let failure = exporter.meter().last_failure().unwrap();
        assert!(failure.ends_with(": not now"), "{failure}");
    }
}

#[tokio::test]
async fn no_retries_if_none_are_wanted() {
    let run = run(HTTP, Reply::Status(503, Vec::new(), Vec::new()), |plan| {
        plan.retry.elapsed_max = Duration::ZERO;
    })
    .await;
    assert_eq!((run.1.len(), run.0.items_dropped.retries_exhausted), (1, 1));
}

/// A back end that asks for longer than requests live loses the one it answered, and is left alone by the others for
/// as long as requests live.
#[tokio::test]
async fn a_wait_that_is_too_long_gives_up() {
    let reply = Reply::Status(
        503,
        vec![("retry-after", "99999999999999999999".to_owned())],
        Vec::new(),
    );
    let (counts, received) = run(HTTP, reply, |plan| {
        plan.retry.elapsed_max = Duration::from_millis(300)
    })
    .await;
    assert_eq!(
        (received.len(), counts.items_dropped.retries_exhausted),
        (1, 1)
    );
}
