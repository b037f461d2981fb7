//! Bodies under way: both directions at once, towards an origin that does not read, and ends that come late and are none.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use testkit::{Connection, RawOrigin, SOON};

use crate::gate::{Setup, get, head, ok};
use crate::system::resident_kib;

/// A script waits for the test's word.
fn wait(word: &Mutex<Receiver<()>>) {
    word.lock().expect("one script").recv_timeout(SOON).ok();
}

/// Begins the answer before it has a byte of the body, then sends each piece back as it comes.
fn echo(conn: &mut Connection) {
    while let Some(request) = conn.read_request_head() {
        if request.head.start_line.starts_with("GET ") {
            conn.send(ok("ok"));
            continue;
        }
        let length = request.head.field("content-length");
        let framing = match length {
            Some(length) => format!("Content-Length: {length}"),
            None => "Transfer-Encoding: chunked".to_owned(),
        };
        conn.send(head(&["HTTP/1.1 200 OK", &framing]));
        let mut left: usize = length.map_or(usize::MAX, |text| text.parse().expect("a number"));
        while left > 0 {
            let Some(piece) = conn.read_some() else {
                return;
            };
            conn.send(&piece);
            left -= piece.len();
            if piece.ends_with(b"0\r\n\r\n") {
                left = 0;
            }
        }
    }
}

/// The response is under way while the request is, each piece of it made of a piece of the other.
#[test]
fn both_directions_stream_at_once() {
    const PIECES: usize = 50;
    let origin = RawOrigin::start(echo);
    let gateway = Setup::default().start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    let length = format!("Content-Length: {}", 4 * PIECES);
    // How it is framed, a piece, and what ends it.
    type Case<'a> = (&'a str, fn(usize) -> String, &'a str);
    let cases: [Case<'_>; 2] = [
        (&length, |piece| format!("{piece:04}"), ""),
        (
            "Transfer-Encoding: chunked",
            |piece| format!("4\r\n{piece:04}\r\n"),
            "0\r\n\r\n",
        ),
    ];
    for (framing, piece, end) in cases {
        client.send(head(&["POST / HTTP/1.1", "Host: a", framing]));
        let response = client.read_response_head();
        assert_eq!(response.status, 200);
        assert_eq!(response.field("connection"), None, "{framing}");
        for piece in (0..PIECES).map(piece) {
            client.send(&piece);
            assert_eq!(client.read_bytes(piece.len()), piece.as_bytes());
        }
        client.send(end);
        assert_eq!(client.read_bytes(end.len()), end.as_bytes());
        client.send(get("/"));
        assert_eq!(client.read_response().text(), "ok", "{framing}");
    }
    assert_eq!(origin.accepted(), 1);
}

/// A response that is complete while its request is not ends both connections, whatever was hoped for.
#[test]
fn a_response_that_ends_before_its_request_ends_the_connections() {
    let (go, gone) = sync_channel(1);
    let gone = Mutex::new(gone);
    let origin = RawOrigin::start(move |conn| {
        conn.read_request_head();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npart");
        wait(&gone);
        conn.send("rest");
        conn.hang();
    });
    let gateway = Setup::default().start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    client.send(head(&["POST / HTTP/1.1", "Host: a", "Content-Length: 9"]) + "part");
    assert_eq!(client.read_response_head().status, 200);
    assert_eq!(client.read_bytes(4), b"part");
    go.send(()).expect("the script waits");
    assert_eq!(client.read_bytes(4), b"rest");
    client.expect_close();
    origin.wait_ended(1);
}

/// A client may send as fast as it can: what an origin does not take stays with the client, not in the gateway's memory.
#[test]
fn an_upload_waits_for_its_origin_without_taking_memory() {
    const BODY: usize = 256 << 20;
    const PIECE: usize = 1 << 20;
    /// Buffers of two connections in the kernel, and then some.
    const SENT_MAX: usize = 64 << 20;
    const GROWTH_MAX_KIB: u64 = 4 << 10;
    let (go, gone) = sync_channel(2);
    let gone = Mutex::new(gone);
    let origin = RawOrigin::start(move |conn| {
        let request = conn.read_request_head();
        if request.is_some_and(|request| request.target() == "/") {
            conn.send(ok("ok"));
        } else {
            wait(&gone);
        }
    });
    let setup = Setup {
        limits: "body_max: 1GiB",
        ..Setup::default()
    };
    let gateway = setup.start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    client.send(get("/"));
    assert_eq!(client.read_response().status, 200);
    let before = resident_kib(&gateway);
    let zeros = vec![b'0'; PIECE];
    let chunk = [format!("{PIECE:x}\r\n").as_bytes(), &zeros, b"\r\n"].concat();
    let length = format!("Content-Length: {BODY}");
    for (framing, piece) in [(&*length, &zeros), ("Transfer-Encoding: chunked", &chunk)] {
        let mut client = gateway.connect("web");
        client.send(head(&["POST /upload HTTP/1.1", "Host: a", framing]));
        // Nobody takes a byte for so long: the way is full.
        client.set_limit(Duration::from_millis(500));
        let sent = (0..BODY / PIECE)
            .take_while(|_| client.try_send(piece))
            .count();
        assert!(sent < SENT_MAX / PIECE, "{framing}: {sent} MiB were taken");
        let growth = resident_kib(&gateway).saturating_sub(before);
        assert!(growth < GROWTH_MAX_KIB, "{framing}: {growth} KiB");
        go.send(()).expect("the script waits");
    }
}

/// A part of the body is upstream already when the rest turns out to be none: the client is told, and the origin must
/// not take what it has for a whole.
#[test]
fn a_bad_end_of_chunks_comes_late() {
    let many = format!("0\r\n{}\r\n", "X: 1\r\n".repeat(1000));
    let large = format!("0\r\nX: {}\r\n\r\n", "x".repeat(128 << 10));
    let ends = [
        "0\r\nX : 1\r\n\r\n",
        "0\r\n X: 1\r\n\r\n",
        "0\r\nX: 1\r\n Y: 2\r\n\r\n",
        "0\r\nX\r\n\r\n",
        "0\r\n: 1\r\n\r\n",
        "0\r\nX: 1\n\r\n",
        "0\r\nX: a\0b\r\n\r\n",
        "0\r\nX: a\rb\r\n\r\n",
        "0\n\r\n",
        "zz\r\n",
        &many,
        &large,
    ];
    let (tx, rx) = sync_channel(1);
    let origin = RawOrigin::start(move |conn| {
        if conn.read_request_head().is_some() {
            tx.send(conn.read_some()).ok();
            conn.hang();
        }
    });
    let gateway = Setup::default().start(&[origin.addr()]);
    for (index, end) in ends.iter().enumerate() {
        let shown = end.get(..40).unwrap_or(end).escape_debug();
        let mut client = gateway.connect("web");
        client.send(
            head(&["POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked"]) + "4\r\npart\r\n",
        );
        let part = rx.recv_timeout(SOON).expect("a part of the body");
        assert!(part.is_some(), "{shown}");
        // It may be refused before all of it is taken.
        client.try_send(end);
        let response = client.read_response();
        assert_eq!(response.status, 400, "{shown}");
        assert_eq!(response.field("connection"), Some("close"), "{shown}");
        client.expect_close();
        origin.wait_ended(index + 1);
        let seen = origin.bytes(index);
        assert!(seen.ends_with(b"4\r\npart\r\n"), "{}", seen.escape_ascii());
    }
    assert_eq!(origin.accepted(), ends.len(), "nothing is sent again");
}
