//! The raw client and the raw origin against one another: a test of others is worth what these two see.

use std::process::Command;
use std::time::Duration;

use testkit::{Connection, Ended, Process, RawClient, RawOrigin, SOON, Signal, WireError};

const GET: &str = "GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n";

#[track_caller]
fn check_refused(response: &'static str) {
    let origin = RawOrigin::fixed(response);
    let mut client = RawClient::connect(origin.addr());
    client.send(GET);
    let read = client.try_read_response_to("GET");
    assert!(
        matches!(read, Err(WireError::Malformed { .. })),
        "{response:?}: {read:?}"
    );
}

#[test]
fn reads_messages_of_every_framing() {
    let origin = RawOrigin::start(|conn| {
        while let Some(request) = conn.read_request() {
            let pieces: &[&str] = match request.target() {
                "/chunked" => &[
                    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                    "3\r\nab",
                    "c\r\n2;x=y\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n",
                ],
                "/none" => &["HTTP/1.1 204 No Content\r\n\r\n"],
                _ => &["HTTP/1.1 200 OK\r\nContent-Le", "ngth: 2\r\n\r\nok"],
            };
            conn.send_pieces(pieces);
        }
    });
    let mut client = RawClient::connect(origin.addr());
    client.send("GET /chunked HTTP/1.1\r\nHost: a\r\n\r\nGET /none HTTP/1.1\r\nHost: a\r\n\r\n");
    client.send("PUT /b HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
    let chunked = client.read_response();
    assert_eq!((chunked.status, chunked.text()), (200, "abcde"));
    assert_eq!(chunked.body.chunks, [3, 2]);
    assert_eq!(chunked.body.trailers, [("X-Sum".into(), "5".into())]);
    assert_eq!(chunked.interim.len(), 1);
    assert_eq!(client.read_response().status, 204);
    assert_eq!(client.read_response().text(), "ok");
    client.expect_silence(Duration::from_millis(50));
    let requests = origin.wait_requests(3);
    assert_eq!(requests[2].body.bytes, b"body");
    assert_eq!((origin.accepted(), origin.open()), (1, 1));
    drop(client);
    origin.wait_ended(1);
    assert_eq!(origin.failures(), <[String; 0]>::default());
}

#[test]
fn refuses_what_is_ambiguous() {
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : 1\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+2\r\nab\r\n0\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
    ] {
        check_refused(response);
    }
}

#[test]
fn tells_close_cut_and_reset_apart() {
    fn script(conn: &mut Connection) {
        match (conn.read_request(), conn.index()) {
            (_, 0) => {
                conn.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut");
            }
            (_, 1) => conn.reset(),
            _ => {}
        }
    }
    let origin = RawOrigin::start(script);
    let mut read = Vec::new();
    for _ in 0..3 {
        let mut client = RawClient::connect(origin.addr());
        client.send(GET);
        read.push(client.try_read_response_to("GET"));
    }
    assert!(matches!(read[0], Err(WireError::Closed { .. })), "{read:?}");
    assert!(matches!(read[1], Err(WireError::Io { .. })), "{read:?}");
    assert!(matches!(read[2], Err(WireError::Closed { .. })), "{read:?}");
}

#[test]
fn a_hanging_origin_ends_with_its_guard() {
    let origin = RawOrigin::hanging();
    let mut client = RawClient::connect(origin.addr());
    client.send(GET);
    assert_eq!(origin.wait_bytes(0, GET.len()), GET.as_bytes());
    assert_eq!(origin.requests(), []);
    drop(origin);
    client.expect_close();
}

#[test]
fn a_hanging_origin_sees_how_the_peer_left() {
    let (tx, rx) = std::sync::mpsc::sync_channel(2);
    let origin = RawOrigin::start(move |conn| {
        let ended = conn.hang();
        tx.send(ended).expect("the test waits");
    });
    drop(RawClient::connect(origin.addr()));
    assert_eq!(rx.recv_timeout(SOON), Ok(Ended::Closed));
    RawClient::connect(origin.addr()).reset();
    assert_eq!(rx.recv_timeout(SOON), Ok(Ended::Reset));
}

#[test]
fn processes_end_by_signal_and_with_their_guard() {
    let spawn = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::spawn(command).expect("a shell")
    };
    let process =
        spawn("trap 'echo caught; exit 7' TERM; echo ready; while :; do sleep 0.05; done");
    assert!(process.stdout().wait_for_text(SOON, "ready"));
    assert_eq!(process.wait_exit(Duration::from_millis(50)), None);
    process.signal(Signal::TERM);
    let status = process.wait_exit(SOON).expect("it ends");
    assert_eq!(status.code(), Some(7));
    assert!(process.stdout().wait_for_text(SOON, "caught"));
    assert!(!process.is_running());

    let process = spawn("echo ready; exec sleep 1000");
    let stdout = process.stdout().clone();
    assert!(stdout.wait_for_text(SOON, "ready"));
    drop(process);
    assert!(stdout.wait_end(SOON), "its output ends with it");
}
