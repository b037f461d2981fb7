//! Where messages end, through the gateway: what is uncertain is refused, what is certain is framed anew (GW-1 to GW-22,
//! GW-31, GW-35 to GW-37, GW-43, GW-48). Long because most of it is tables.

use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use testkit::{RawClient, RawOrigin, SOON, Tidegate, config_forwarding_to};

use crate::gate::{Setup, Then, answering, forwarded, get, head, ok, post, values};

/// A request that would be answered if anyone went on reading.
const NEXT: &str = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";

/// Sends the bytes and another request behind them: one answer of this status, then the end, and nothing upstream.
#[track_caller]
fn check_refused(gateway: &Tidegate, rule: &str, request: &[u8], status: u16) {
    let shown = request[..request.len().min(200)].escape_ascii();
    let mut client = gateway.connect("web");
    client.send([request, NEXT.as_bytes()].concat());
    let response = match client.try_read_response_to("GET") {
        Ok(response) => response,
        Err(error) => panic!("{rule} {shown}: {error}"),
    };
    assert_eq!(response.status, status, "{rule} {shown}");
    assert_eq!(
        response.field("connection"),
        Some("close"),
        "{rule} {shown}"
    );
    assert_eq!(
        client.read_to_end().escape_ascii().to_string(),
        "",
        "{rule} {shown}"
    );
}

#[test]
fn heads_that_could_be_read_in_two_ways_are_refused() {
    let origin = RawOrigin::ok("ok");
    let gateway = Setup::default().start(&[origin.addr()]);
    let cases: &[(&str, &str, u16)] = &[
        (
            "GW-1",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            "GW-1",
            "POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            "GW-2",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody",
            400,
        ),
        (
            "GW-2",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4, 5\r\n\r\nbody",
            400,
        ),
        (
            "GW-2",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\nbody",
            400,
        ),
        (
            "GW-2",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -4\r\n\r\nbody",
            400,
        ),
        (
            "GW-2",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x4\r\n\r\nbody",
            400,
        ),
        (
            "GW-2",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4 4\r\n\r\nbody",
            400,
        ),
        (
            "GW-2",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
            400,
        ),
        (
            "GW-2",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4,\r\n\r\nbody",
            400,
        ),
        (
            "GW-2",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551620\r\n\r\nbody",
            400,
        ),
        (
            "GW-3",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
            400,
        ),
        (
            "GW-3",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
            400,
        ),
        (
            "GW-3",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
            400,
        ),
        (
            "GW-3",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n",
            400,
        ),
        (
            "GW-3",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            501,
        ),
        (
            "GW-4",
            "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            "GW-5",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            "GW-5",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            "GW-5",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            "GW-5",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            "GW-5",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (
            "GW-5",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        ("GW-8", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
        ("GW-8", "GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n", 400),
        ("GW-8", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
        (
            "GW-8",
            "GET / HTTP/1.1\r\nHost: a\r\nX: 1\rY: 2\r\n\r\n",
            400,
        ),
        ("GW-13", "GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n", 400),
        ("GW-13", "GET / HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n", 400),
        ("GW-13", "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400),
        ("GW-13", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
        (
            "GW-14",
            "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n",
            400,
        ),
        (
            "GW-14",
            "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\tfolded\r\n\r\n",
            400,
        ),
        ("GW-15", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\0\r\n\r\n", 400),
        ("GW-15", "GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", 400),
        ("GW-16", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GW-16", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GW-16", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GW-16", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
        ("GW-16", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GW-16", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GW-16", "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GW-16", "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GW-16", "GET / http/1.1\r\nHost: a\r\n\r\n", 400),
        ("GW-16", "GET /\r\n\r\n", 400),
        ("GW-17", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GW-17", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GW-20", "GET / HTTP/1.1\r\n\r\n", 400),
        ("GW-20", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GW-20", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GW-20", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
        ("GW-20", "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", 400),
        ("GW-20", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        ("GW-20", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400),
        ("GW-20", "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", 400),
        ("GW-20", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
        ("GW-20", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
        (
            "GW-20",
            "GET http://user@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            400,
        ),
        ("GW-20", "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GW-21", "GET http://a/ HTTP/1.1\r\nHost: b/c\r\n\r\n", 400),
        ("GW-22", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GW-22", "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GW-22", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GW-22", "GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GW-22", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        ("GW-22", "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        (
            "GW-35",
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-maybe\r\nContent-Length: 4\r\n\r\nbody",
            417,
        ),
        ("GW-48", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ("GW-48", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
        ("GW-48", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (
            "GW-48",
            "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03",
            400,
        ),
    ];
    for (rule, request, status) in cases {
        check_refused(&gateway, rule, request.as_bytes(), *status);
    }
    assert_eq!(origin.accepted(), 0);
}

#[test]
fn chunks_that_could_be_read_in_two_ways_are_refused() {
    let origin = RawOrigin::ok("ok");
    let gateway = Setup::default().start(&[origin.addr()]);
    let long_extension = format!("4;{}\r\nbody\r\n0\r\n\r\n", "x".repeat(5000));
    let many_trailers = format!("0\r\n{}\r\n", "X: 1\r\n".repeat(100));
    for (rule, body) in [
        ("GW-6", "0x4\r\nbody\r\n0\r\n\r\n"),
        ("GW-6", "+4\r\nbody\r\n0\r\n\r\n"),
        ("GW-6", "-1\r\nbody\r\n0\r\n\r\n"),
        ("GW-6", "4g\r\nbody\r\n0\r\n\r\n"),
        ("GW-6", " 4\r\nbody\r\n0\r\n\r\n"),
        ("GW-6", "4 \r\nbody\r\n0\r\n\r\n"),
        ("GW-6", "\r\nbody\r\n0\r\n\r\n"),
        ("GW-6", "fffffffffffffffff\r\nbody\r\n0\r\n\r\n"),
        ("GW-6", "10000000000000004\r\nbody\r\n0\r\n\r\n"),
        ("GW-6", "00000000000000000000000004\r\nbody\r\n0\r\n\r\n"),
        ("GW-6", "3\r\nbody\r\n0\r\n\r\n"),
        ("GW-6", "5\r\nbody\r\n0\r\n\r\n"),
        ("GW-6", "4\r\nbody\n0\r\n\r\n"),
        ("GW-7", "4;a\nb\r\nbody\r\n0\r\n\r\n"),
        ("GW-7", "4;a\rb\r\nbody\r\n0\r\n\r\n"),
        ("GW-7", "4;a\0b\r\nbody\r\n0\r\n\r\n"),
        ("GW-7", &long_extension),
        ("GW-8", "4\nbody\r\n0\r\n\r\n"),
        ("GW-8", "4\r\nbody\r\n0\n\r\n"),
        ("GW-8", "4\r\nbody\r\n0\r\n\n"),
        ("GW-37", "0\r\nX : 1\r\n\r\n"),
        ("GW-37", "0\r\nX: 1\r\n folded\r\n\r\n"),
        ("GW-37", "0\r\nX: 1\n\r\n"),
        ("GW-37", &many_trailers),
    ] {
        let request = head(&["POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked"]) + body;
        check_refused(&gateway, rule, request.as_bytes(), 400);
    }
    assert_eq!(origin.accepted(), 0);

    // Found out once the origin has a part: it sees no end, the client the refusal.
    let mut client = gateway.connect("web");
    client.send(
        head(&["POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked"]) + "4\r\nbody\r\n",
    );
    origin.wait_accepted(1);
    client.send("x\r\n");
    assert_eq!(client.read_response().status, 400);
    client.expect_close();
    origin.wait_ended(1);
    assert_eq!(origin.requests(), []);
}

#[test]
fn messages_beyond_the_limits_are_refused() {
    let origin = RawOrigin::ok("ok");
    let setup = Setup {
        limits: "head_max: 2KiB, headers_max: 10, uri_max: 1KiB, body_max: 100B",
        ..Setup::default()
    };
    let gateway = setup.start(&[origin.addr()]);
    let target = |length: usize| format!("/{}", "a".repeat(length - 1));
    let fields = |count: usize| "X: 1\r\n".repeat(count);
    let value = |length: usize| format!("X: {}\r\n", "v".repeat(length));
    let with = |fields: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (request, status) in [
        (get(&target(1025)), 414),
        (format!("GET {}", target(4000)), 414),
        (with(&fields(10)), 431),
        (with(&value(2048)), 431),
        (
            format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "v".repeat(4000)),
            431,
        ),
        (post("/", &"b".repeat(101)), 413),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n".to_owned(),
            413,
        ),
        (
            format!("{chunked}65\r\n{}\r\n0\r\n\r\n", "b".repeat(101)),
            413,
        ),
        (
            format!("{chunked}{}0\r\n\r\n", "1\r\nb\r\n".repeat(101)),
            413,
        ),
    ] {
        check_refused(&gateway, "GW-48", request.as_bytes(), status);
    }
    assert_eq!(origin.accepted(), 0);

    // A client that waits for 100 learns it before it sends the body.
    let mut client = gateway.connect("web");
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 101\r\n\r\n");
    let response = client.read_response();
    assert_eq!((response.status, response.interim.len()), (413, 0));

    for request in [
        get(&target(1024)),
        with(&fields(9)),
        post("/", &"b".repeat(100)),
        format!("{chunked}64\r\n{}\r\n0\r\n\r\n", "b".repeat(100)),
    ] {
        let (response, _) = forwarded(gateway.addr("web"), &origin, &request);
        assert_eq!(response.status, 200, "{request}");
    }

    // Found out once the origin has a part.
    let mut client = gateway.connect("web");
    let before = origin.bytes(0).len();
    client.send(format!("{chunked}64\r\n{}\r\n", "b".repeat(100)));
    origin.wait_bytes(0, before + 200);
    client.send("1\r\nb\r\n0\r\n\r\n");
    assert_eq!(client.read_response().status, 413);
    client.expect_close();
    assert_eq!(origin.requests().len(), 4);
}

#[test]
fn requests_are_framed_anew() {
    let origin = RawOrigin::ok("ok");
    let gateway = Setup::default().start(&[origin.addr()]);
    let none: &[&str] = &[];
    for (rule, request, length, coding, body, trailers) in [
        (
            "GW-2",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\ncontent-length: 4, 4\r\n\r\nbody",
            &["4"][..],
            none,
            "body",
            &[][..],
        ),
        (
            "GW-2",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 004\r\n\r\nbody",
            &["4"],
            none,
            "body",
            &[],
        ),
        (
            "GW-9",
            "POST / HTTP/1.1\r\nHost: a\r\n\r\n",
            none,
            none,
            "",
            &[],
        ),
        (
            "GW-9",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
            &["0"],
            none,
            "",
            &[],
        ),
        (
            "GW-9",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody",
            &["4"],
            none,
            "body",
            &[],
        ),
        (
            "GW-12",
            "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nbo\r\n0002\r\ndy\r\n000\r\n\r\n",
            none,
            &["chunked"],
            "body",
            &[],
        ),
        (
            "GW-7",
            "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4;x=\"y;z\" ; q\r\nbody\r\n0;end\r\n\r\n",
            none,
            &["chunked"],
            "body",
            &[],
        ),
        (
            "GW-17",
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            none,
            none,
            "",
            &[],
        ),
        (
            "GW-37",
            "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 1\r\nHost: b\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\nAuthorization: x\r\nX-Forwarded-For: 1.2.3.4\r\nCookie: a=1\r\nX-Last: 2\r\n\r\n",
            none,
            &["chunked"],
            "body",
            &[("X-Sum", "1"), ("X-Last", "2")],
        ),
    ] {
        let (response, seen) = forwarded(gateway.addr("web"), &origin, request);
        assert_eq!(response.status, 200, "{rule} {request}");
        assert_eq!(
            values(&seen.head, "content-length"),
            length,
            "{rule} {request}"
        );
        assert_eq!(
            values(&seen.head, "transfer-encoding"),
            coding,
            "{rule} {request}"
        );
        assert_eq!(seen.body.text(), body, "{rule} {request}");
        let found: Vec<_> = seen
            .body
            .trailers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(found, trailers, "{rule} {request}");
    }
    assert!(!String::from_utf8_lossy(&origin.bytes(0)).contains(";"));
    assert_eq!((origin.accepted(), origin.failures()), (1, Vec::new()));
}

/// GW-31
#[test]
fn trace_is_not_served() {
    let origin = RawOrigin::ok("ok");
    let gateway = Setup::default().start(&[origin.addr()]);
    let request = head(&["TRACE / HTTP/1.1", "Host: a", "Max-Forwards: 0"]);
    check_refused(&gateway, "GW-31", request.as_bytes(), 501);
    // Its body, unread, must not cost the client the answer.
    let mut client = gateway.connect("web");
    client.send(head(&[
        "TRACE / HTTP/1.1",
        "Host: a",
        "Content-Length: 100000",
    ]));
    assert_eq!(client.read_response().status, 501);
    client.send([b'b'; 100_000]);
    client.expect_close();
    assert_eq!(origin.accepted(), 0);
}

/// GW-18: in order, and nothing behind an error.
#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = RawOrigin::start(|conn| {
        while let Some(request) = conn.read_request() {
            conn.send(ok(&format!("{} {}", request.target(), request.body.text())));
        }
    });
    let gateway = Setup::default().start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    let chunked = head(&["POST /2 HTTP/1.1", "Host: a", "Transfer-Encoding: chunked"])
        + "3\r\ntwo\r\n0\r\n\r\n";
    let pipeline = [get("/0"), post("/1", "one"), chunked, get("/3")].concat();
    client.send(pipeline.repeat(50));
    for _ in 0..50 {
        for expected in ["/0 ", "/1 one", "/2 two", "/3 "] {
            assert_eq!(client.read_response().text(), expected);
        }
    }
    client.send([get("/0"), "GET / HTTP/9.9\r\n\r\n".to_owned(), get("/1")].concat());
    assert_eq!(client.read_response().text(), "/0 ");
    assert_eq!(client.read_response().status, 505);
    client.expect_close();
    assert_eq!(origin.requests().len(), 201);

    // Nor behind a request that asks for the end.
    let mut client = gateway.connect("web");
    let last = head(&["GET /last HTTP/1.1", "Host: a", "Connection: close"]);
    client.send([get("/0"), last, get("/1")].concat());
    assert_eq!(client.read_response().field("connection"), None);
    let response = client.read_response();
    assert_eq!(response.text(), "/last ");
    assert_eq!(response.field("connection"), Some("close"));
    client.expect_close();
    assert_eq!((origin.accepted(), origin.requests().len()), (1, 203));
}

#[test]
fn connections_are_kept_on_both_sides() {
    let origin = RawOrigin::ok("ok");
    let setup = Setup {
        limits: "requests_per_connection_max: 3",
        ..Setup::default()
    };
    let gateway = setup.start(&[origin.addr()]);
    for _ in 0..2 {
        let mut client = gateway.connect("web");
        for connection in [None, None, Some("close")] {
            client.send(get("/"));
            let response = client.read_response();
            assert_eq!(response.field("connection"), connection);
        }
        client.expect_close();
    }
    for line in ["Connection: close", "Connection: keep-alive, Close"] {
        let mut client = gateway.connect("web");
        client.send(head(&["GET / HTTP/1.1", "Host: a", line]));
        assert_eq!(client.read_response().field("connection"), Some("close"));
        client.expect_close();
    }
    assert_eq!(origin.accepted(), 1);
}

/// The response of an upstream as a client of HTTP/1.1 gets it.
struct Answered {
    rule: &'static str,
    method: &'static str,
    answer: &'static str,
    then: Then,
    status: u16,
    length: Option<&'static str>,
    coding: Option<&'static str>,
    body: &'static str,
    /// Whether the connection to the upstream is used again.
    kept: bool,
}

const ANSWERED: Answered = Answered {
    rule: "",
    method: "GET",
    answer: "",
    then: Then::Keep,
    status: 200,
    length: None,
    coding: None,
    body: "",
    kept: true,
};

#[track_caller]
fn check_responses(cases: &[Answered]) {
    let mut answers: Vec<_> = cases
        .iter()
        .map(|case| (case.answer.to_owned(), case.then))
        .collect();
    answers.push((ok("last"), Then::Keep));
    let last = get(&format!("/{}", cases.len()));
    let origin = answering(answers);
    let gateway = Setup::default().start(&[origin.addr()]);
    for (index, case) in cases.iter().enumerate() {
        let (rule, answer) = (case.rule, case.answer.as_bytes().escape_ascii());
        let mut client = gateway.connect("web");
        client.send(&last);
        assert_eq!(client.read_response().text(), "last", "{rule} {answer}");
        let accepted = origin.accepted();
        client.send(head(&[
            &format!("{} /{index} HTTP/1.1", case.method),
            "Host: a",
        ]));
        let response = match client.try_read_response_to(case.method) {
            Ok(response) => response,
            Err(error) => panic!("{rule} {answer}: {error}"),
        };
        assert_eq!(response.status, case.status, "{rule} {answer}");
        if response.status != 502 {
            assert_eq!(
                response.field("content-length"),
                case.length,
                "{rule} {answer}"
            );
            assert_eq!(
                response.field("transfer-encoding"),
                case.coding,
                "{rule} {answer}"
            );
            assert_eq!(response.text(), case.body, "{rule} {answer}");
        }
        // The client's connection survives either way, and in step.
        client.send(&last);
        assert_eq!(client.read_response().text(), "last", "{rule} {answer}");
        let kept = origin.accepted() == accepted;
        assert_eq!(kept, case.kept, "{rule} {answer}");
    }
    assert_eq!(origin.failures(), <[String; 0]>::default());
}

/// GW-9, GW-10: what has no body has none, whatever its fields say.
#[test]
fn responses_without_a_body_have_none() {
    check_responses(&[
        Answered {
            rule: "GW-10 204",
            answer: "HTTP/1.1 204 No Content\r\n\r\n",
            status: 204,
            ..ANSWERED
        },
        Answered {
            rule: "GW-10 204 with a length and its bytes",
            answer: "HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nbody",
            status: 204,
            kept: false,
            ..ANSWERED
        },
        Answered {
            rule: "GW-10 204 chunked",
            answer: "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            status: 204,
            kept: false,
            ..ANSWERED
        },
        Answered {
            rule: "GW-10 304 keeps what it says of the length",
            answer: "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\nETag: \"x\"\r\n\r\n",
            status: 304,
            length: Some("4"),
            ..ANSWERED
        },
        Answered {
            rule: "GW-10 HEAD",
            method: "HEAD",
            answer: "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n",
            length: Some("4"),
            ..ANSWERED
        },
        Answered {
            rule: "GW-10 HEAD chunked",
            method: "HEAD",
            answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            ..ANSWERED
        },
        Answered {
            rule: "GW-10 HEAD without a length",
            method: "HEAD",
            answer: "HTTP/1.1 200 OK\r\n\r\n",
            ..ANSWERED
        },
        Answered {
            rule: "GW-11 HEAD with a body all the same",
            method: "HEAD",
            answer: "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
            length: Some("4"),
            kept: false,
            ..ANSWERED
        },
    ]);
}

#[test]
fn responses_are_framed_anew() {
    check_responses(&[
        Answered {
            rule: "length",
            answer: "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
            length: Some("4"),
            body: "body",
            ..ANSWERED
        },
        Answered {
            rule: "length 0",
            answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            length: Some("0"),
            ..ANSWERED
        },
        Answered {
            rule: "GW-2 the same length twice",
            answer: "HTTP/1.1 200 OK\r\nContent-Length: 4, 4\r\nContent-Length: 4\r\n\r\nbody",
            length: Some("4"),
            body: "body",
            ..ANSWERED
        },
        Answered {
            rule: "GW-7, GW-12",
            answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nbo\r\n002\r\ndy\r\n0\r\n\r\n",
            coding: Some("chunked"),
            body: "body",
            ..ANSWERED
        },
        Answered {
            rule: "GW-9 until close",
            answer: "HTTP/1.1 200 OK\r\n\r\nbody",
            then: Then::Close,
            coding: Some("chunked"),
            body: "body",
            kept: false,
            ..ANSWERED
        },
        Answered {
            rule: "GW-9 until close, empty",
            answer: "HTTP/1.1 200 OK\r\n\r\n",
            then: Then::Close,
            coding: Some("chunked"),
            kept: false,
            ..ANSWERED
        },
        Answered {
            rule: "9112 9.6",
            answer: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody",
            length: Some("4"),
            body: "body",
            kept: false,
            ..ANSWERED
        },
        Answered {
            rule: "GW-11 bytes behind the response",
            answer: "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodyHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
            length: Some("4"),
            body: "body",
            kept: false,
            ..ANSWERED
        },
        Answered {
            rule: "GW-11 bytes behind the last chunk",
            answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
            coding: Some("chunked"),
            kept: false,
            ..ANSWERED
        },
        Answered {
            rule: "GW-13 space before the colon goes",
            answer: "HTTP/1.1 200 OK\r\nContent-Length : 4\r\n\r\nbody",
            length: Some("4"),
            body: "body",
            ..ANSWERED
        },
        Answered {
            rule: "GW-8 LF ends a line of a response",
            answer: "HTTP/1.1 200 OK\nContent-Length: 4\n\nbody",
            length: Some("4"),
            body: "body",
            ..ANSWERED
        },
        Answered {
            rule: "9112 4 no reason",
            answer: "HTTP/1.1 299 \r\nContent-Length: 4\r\n\r\nbody",
            status: 299,
            length: Some("4"),
            body: "body",
            ..ANSWERED
        },
    ]);
}

/// GW-43: what could be read in two ways is no response.
#[test]
fn responses_that_are_none_become_502() {
    const REFUSED: Answered = Answered {
        status: 502,
        kept: false,
        ..ANSWERED
    };
    check_responses(&[
        Answered {
            rule: "GW-1",
            answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            ..REFUSED
        },
        Answered {
            rule: "GW-2",
            answer: "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody!",
            ..REFUSED
        },
        Answered {
            rule: "GW-2",
            answer: "HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nbody",
            ..REFUSED
        },
        Answered {
            rule: "GW-3",
            answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            then: Then::Close,
            ..REFUSED
        },
        Answered {
            rule: "GW-5",
            answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
            ..REFUSED
        },
        Answered {
            rule: "GW-4",
            answer: "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            ..REFUSED
        },
        Answered {
            rule: "GW-14",
            answer: "HTTP/1.1 200 OK\r\nX: 1\r\n folded\r\nContent-Length: 0\r\n\r\n",
            ..REFUSED
        },
        Answered {
            rule: "GW-15",
            answer: "HTTP/1.1 200 OK\r\nX: 1\0\r\nContent-Length: 0\r\n\r\n",
            ..REFUSED
        },
        Answered {
            rule: "GW-13",
            answer: "HTTP/1.1 200 OK\r\n: 1\r\nContent-Length: 0\r\n\r\n",
            ..REFUSED
        },
        Answered {
            rule: "9112 4",
            answer: "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
            ..REFUSED
        },
        Answered {
            rule: "9112 4",
            answer: "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
            ..REFUSED
        },
        Answered {
            rule: "9112 4",
            answer: "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
            ..REFUSED
        },
        Answered {
            rule: "9112 4",
            answer: "ICY 200 OK\r\n\r\n",
            ..REFUSED
        },
        Answered {
            rule: "9112 4",
            answer: "HTTP/1.1 099 Early\r\nContent-Length: 0\r\n\r\n",
            ..REFUSED
        },
        Answered {
            rule: "no bytes before",
            answer: "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            ..REFUSED
        },
        Answered {
            rule: "no protocol",
            answer: "SSH-2.0-OpenSSH_9.2p1\r\n",
            ..REFUSED
        },
        Answered {
            rule: "cut in the head",
            answer: "HTTP/1.1 200 OK\r\nContent-Le",
            then: Then::Close,
            ..REFUSED
        },
    ]);
}

#[test]
fn response_heads_are_bounded() {
    let fields = |count| {
        format!(
            "HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\n\r\n",
            "X: 1\r\n".repeat(count)
        )
    };
    let value = format!("X: {}\r\n", "v".repeat(70_000));
    let origin = answering(vec![
        (fields(128), Then::Hang),
        (fields(1).replace("X: 1\r\n", &value), Then::Hang),
        (fields(127), Then::Keep),
        (
            "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(40) + &ok("ok"),
            Then::Hang,
        ),
    ]);
    let gateway = Setup::default().start(&[origin.addr()]);
    for (target, status) in [("/0", 502), ("/1", 502), ("/2", 200)] {
        let response = RawClient::exchange(gateway.addr("web"), get(target));
        assert_eq!(response.status, status, "{target}");
    }
    // GW-36: an upstream that only ever hints has lost its way.
    let response = RawClient::exchange(gateway.addr("web"), get("/3"));
    assert_eq!(response.status, 502);
    assert!((1..40).contains(&response.interim.len()));
}

/// GW-36, GW-37, and what an HTTP/1.0 client cannot read.
#[test]
fn interim_responses_and_trailers_go_to_those_who_know_them() {
    let origin = answering(vec![
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 3\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n".to_owned()
                + &ok("ok"),
            Then::Keep,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\nSet-Cookie: a=1\r\nConnection: close\r\n\r\n".to_owned(),
            Then::Keep,
        ),
    ]);
    let gateway = Setup::default().start(&[origin.addr()]);
    let addr = gateway.addr("web");
    let response = RawClient::exchange(addr, get("/0"));
    assert_eq!(response.text(), "ok");
    // No 100 that was not asked for.
    let lines: Vec<_> = response
        .interim
        .iter()
        .map(|head| head.start_line.as_str())
        .collect();
    assert_eq!(
        lines,
        ["HTTP/1.1 102 Processing", "HTTP/1.1 103 Early Hints"]
    );
    let names: Vec<_> = response.interim[1]
        .fields
        .iter()
        .map(|(name, _)| name.to_lowercase())
        .collect();
    assert_eq!(names, ["link"]);
    let response = RawClient::exchange(addr, get("/1"));
    assert_eq!(response.body.trailers, [("X-Sum".into(), "1".into())]);
    assert_eq!(response.text(), "ok");

    let response = RawClient::exchange(addr, get("/0").replace("HTTP/1.1", "HTTP/1.0"));
    assert_eq!((response.text(), response.interim.len()), ("ok", 0));
    let mut client = RawClient::connect(addr);
    client.send(get("/1").replace("HTTP/1.1", "HTTP/1.0"));
    let text = String::from_utf8(client.read_to_end()).expect("text");
    assert!(text.ends_with("\r\n\r\nok"), "{text}");
    assert_eq!(origin.accepted(), 1);
}

/// A request that waits for 100 before it sends the four bytes of its body.
fn expecting(target: &str) -> String {
    head(&[
        &format!("POST {target} HTTP/1.1"),
        "Host: a",
        "Expect: 100-continue",
        "Content-Length: 4",
    ])
}

/// GW-35: the body goes up when the upstream asks for it.
#[test]
fn an_expectation_is_forwarded() {
    let origin = RawOrigin::start(|conn| {
        while let Some(mut request) = conn.read_request_head() {
            if request.head.field("expect") == Some("100-continue") {
                conn.send("HTTP/1.1 100 Continue\r\n\r\n");
            }
            if conn.read_request_body(&mut request).is_ok() {
                conn.send(ok("thanks"));
            }
        }
    });
    let gateway = Setup::default().start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    for _ in 0..2 {
        client.send(expecting("/"));
        assert_eq!(client.read_bytes(25), b"HTTP/1.1 100 Continue\r\n\r\n");
        client.send("body");
        let response = client.read_response();
        assert_eq!((response.text(), response.interim.len()), ("thanks", 0));
    }
    let requests = origin.requests();
    assert_eq!(requests[0].head.field("expect"), Some("100-continue"));
    assert_eq!(requests[1].body.bytes, b"body");

    // A client that does not wait after all.
    client.send(expecting("/") + "body");
    let response = client.read_response();
    assert_eq!((response.text(), response.interim.len()), ("thanks", 1));
    // Nothing to wait for, and a client that cannot wait.
    client.send(expecting("/").replace("Content-Length: 4", "Content-Length: 0"));
    client.send(expecting("/").replace("1.1\r\n", "1.0\r\n") + "body");
    for interim in [0, 0] {
        let response = client.read_response();
        assert_eq!(
            (response.text(), response.interim.len()),
            ("thanks", interim)
        );
    }
    for request in &origin.requests()[3..] {
        assert_eq!(request.head.field("expect"), None);
    }
    assert_eq!(origin.accepted(), 1);
}

/// GW-35: an origin that does not know it reads on for the body; the client is told to go on after a wait.
#[test]
fn an_expectation_that_the_upstream_ignores_ends_in_a_wait() {
    let origin = RawOrigin::ok("thanks");
    let gateway = Setup::default().start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    client.send(expecting("/"));
    assert_eq!(client.read_bytes(25), b"HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(origin.requests(), []);
    client.send("body");
    assert_eq!(client.read_response().text(), "thanks");
    assert_eq!(origin.requests()[0].body.bytes, b"body");
    client.send(get("/"));
    assert_eq!(client.read_response().status, 200);
    assert_eq!(origin.accepted(), 1);
}

/// GW-35: a final status in place of 100 reaches the client; neither connection, owed a body, is used again.
#[test]
fn an_expectation_may_be_answered_with_a_final_status() {
    let (tx, rx) = sync_channel(1);
    let origin = RawOrigin::start(move |conn| {
        if conn.read_request_head().is_some() {
            conn.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
            conn.hang();
            tx.send(()).ok();
        }
    });
    let gateway = Setup::default().start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    client.send(expecting("/"));
    let response = client.read_response();
    assert_eq!((response.status, response.text()), (403, "no"));
    assert_eq!(response.field("connection"), Some("close"));
    assert_eq!(response.interim, []);
    client.expect_close();
    rx.recv_timeout(SOON)
        .expect("the origin's connection is closed");
    assert!(origin.bytes(0).ends_with(b"\r\n\r\n"), "no body went up");
}

/// A client with a final response owes no body: its silence must not cut a response that takes its time.
#[test]
fn a_final_status_in_place_of_100_may_take_its_time() {
    let origin = RawOrigin::start(|conn| {
        conn.read_request_head();
        conn.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..18 {
            thread::sleep(Duration::from_millis(100));
            conn.send("4\r\nslow\r\n");
        }
        conn.send("0\r\n\r\n");
    });
    let setup = Setup {
        limits: "body_timeout: 100ms",
        ..Setup::default()
    };
    let gateway = setup.start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    client.send(expecting("/"));
    assert_eq!(client.read_response().text(), "slow".repeat(18));
}

#[test]
fn a_refused_request_counts_no_body() {
    let origin = RawOrigin::ok("ok");
    let gateway = Tidegate::start(config_forwarding_to(origin.addr()));
    assert_eq!(
        RawClient::exchange(gateway.addr("web"), post("/", "body")).status,
        200
    );
    check_refused(&gateway, "GW-20", b"GET / HTTP/1.1\r\n\r\n", 400);
    let (_, metrics) = gateway.admin_get("/metrics");
    let line = metrics
        .lines()
        .find(|line| line.starts_with("tidegate_request_body_bytes_total"));
    assert_eq!(line.and_then(|line| line.rsplit(' ').next()), Some("4"));
}
