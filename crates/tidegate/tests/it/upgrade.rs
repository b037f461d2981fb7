//! Connections that become WebSockets: bytes both ways, not looked at, and only when both sides agreed (GW-33).

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use testkit::{Connection, RawClient, RawOrigin, Request, SOON, Signal};

use crate::gate::{Setup, get, head, ok, values};

const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Bytes that are no frame of anything.
const BYTES: &[u8] = b"\x00\xff\r\n\r\nGET / HTTP/1.1\r\n\x81\x05hello";

fn upgrade(target: &str) -> String {
    head(&[
        &format!("GET {target} HTTP/1.1"),
        "Host: a.example",
        "Connection: keep-alive, Upgrade",
        "Upgrade: WebSocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ])
}

/// Sends everything back until the other side ends, and then ends as well.
fn echo(conn: &mut Connection) {
    while let Some(bytes) = conn.read_some() {
        conn.send(bytes);
    }
}

fn echoing_origin() -> RawOrigin {
    RawOrigin::start(|conn| {
        while let Some(request) = conn.read_request() {
            if request.head.has_token("upgrade", "websocket") {
                conn.send(SWITCHING);
                return echo(conn);
            }
            conn.send(ok("plain"));
        }
    })
}

#[track_caller]
fn switched(client: &mut RawClient) {
    let response = client.read_response_head();
    assert_eq!(response.status, 101, "{response:?}");
    assert_eq!(values(&response.head, "upgrade"), ["websocket"]);
    assert!(response.head.has_token("connection", "upgrade"));
    assert_eq!(
        response.field("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    assert_eq!(response.field("content-length"), None);
    assert_eq!(response.field("transfer-encoding"), None);
}

#[track_caller]
fn echoed(client: &mut RawClient, bytes: &[u8]) {
    client.send(bytes);
    assert!(client.read_bytes(bytes.len()) == bytes, "what comes back");
}

#[test]
fn bytes_pass_both_ways_as_they_are() {
    let origin = echoing_origin();
    let gateway = Setup::default().start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    // On a connection that carried a request before, on both sides.
    client.send(get("/"));
    assert_eq!(client.read_response().text(), "plain");
    client.send(upgrade("/chat?x=1"));
    switched(&mut client);
    echoed(&mut client, BYTES);
    let large: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    echoed(&mut client, &large);
    echoed(&mut client, BYTES);
    let seen: Request = origin.requests().pop().expect("the upgrade");
    assert_eq!(seen.target(), "/chat?x=1");
    assert_eq!(values(&seen.head, "upgrade"), ["websocket"]);
    assert_eq!(values(&seen.head, "connection"), ["upgrade"]);
    assert_eq!(
        seen.head.field("sec-websocket-key"),
        Some("dGhlIHNhbXBsZSBub25jZQ==")
    );
    client.shutdown_write();
    client.expect_close();
    origin.wait_ended(1);
    assert_eq!(origin.accepted(), 1);
}

/// Runs `act` on a connection to an origin once its upgrade request was read.
fn origin_that(act: impl Fn(&mut Connection) + Send + Sync + 'static) -> RawOrigin {
    RawOrigin::start(move |conn| {
        if conn.read_request().is_some() {
            act(conn);
        }
    })
}

/// A script's way to wait for the test's word.
fn word() -> (std::sync::mpsc::SyncSender<()>, Mutex<Receiver<()>>) {
    let (tx, rx) = sync_channel(1);
    (tx, Mutex::new(rx))
}

fn wait(word: &Mutex<Receiver<()>>) {
    word.lock().expect("one script").recv_timeout(SOON).ok();
}

/// CVE-2026-2833: until the upstream agreed they may be a request.
#[test]
fn early_bytes_wait_for_the_101() {
    let (go, gone) = word();
    let origin = origin_that(move |conn| {
        wait(&gone);
        conn.send(SWITCHING);
        echo(conn);
    });
    let gateway = Setup::default().start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    // In one write with the head, and in another behind it.
    client.send([upgrade("/").as_bytes(), BYTES].concat());
    client.send(BYTES);
    origin.wait_requests(1);
    client.expect_silence(Duration::from_millis(50));
    go.send(()).expect("the script waits");
    switched(&mut client);
    assert_eq!(client.read_bytes(2 * BYTES.len()), [BYTES, BYTES].concat());
    echoed(&mut client, BYTES);
    let bytes = origin.bytes(0);
    let head_end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let body = &bytes[head_end.expect("a head") + 4..];
    assert_eq!(body, [BYTES, BYTES, BYTES].concat());
}

#[test]
fn bytes_right_behind_the_101_are_not_lost() {
    let origin = origin_that(|conn| {
        conn.send([SWITCHING.as_bytes(), BYTES].concat());
        conn.send(BYTES);
        echo(conn);
    });
    let gateway = Setup::default().start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    client.send(upgrade("/"));
    switched(&mut client);
    assert_eq!(client.read_bytes(2 * BYTES.len()), [BYTES, BYTES].concat());
    echoed(&mut client, BYTES);
}

#[test]
fn an_end_on_one_side_is_passed_on_and_the_other_way_stays_open() {
    let (ended, end) = word();
    let origin = origin_that(move |conn| {
        conn.send(SWITCHING);
        // The client ends first: what is said then still reaches it.
        let mut heard = Vec::new();
        while let Some(bytes) = conn.read_some() {
            heard.extend(bytes);
        }
        conn.send(heard);
        conn.send("and more");
    });
    let gateway = Setup::default().start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    client.send(upgrade("/"));
    switched(&mut client);
    client.send("said");
    client.shutdown_write();
    assert_eq!(client.read_to_end(), b"saidand more");
    origin.wait_ended(1);

    let origin = origin_that(move |conn| {
        conn.send(SWITCHING);
        conn.send("over");
        conn.shutdown_write();
        // The origin ended first: what the client says still reaches it.
        while conn.read_some().is_some() {}
        ended.send(()).ok();
    });
    let gateway = Setup::default().start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    client.send(upgrade("/"));
    switched(&mut client);
    assert_eq!(client.read_to_end(), b"over");
    client.send("late words");
    client.shutdown_write();
    wait(&end);
    assert!(origin.bytes(0).ends_with(b"\r\n\r\nlate words"));
}

#[test]
fn a_break_on_one_side_ends_the_other() {
    let origin = echoing_origin();
    let gateway = Setup::default().start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    client.send(upgrade("/"));
    switched(&mut client);
    client.reset();
    origin.wait_ended(1);

    let origin = origin_that(|conn| {
        conn.send(SWITCHING);
        conn.read_some();
        conn.reset();
    });
    let gateway = Setup::default().start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    client.send(upgrade("/"));
    switched(&mut client);
    client.send("go");
    client.expect_close();
}

#[test]
fn a_silent_tunnel_is_closed_on_both_sides() {
    let origin = echoing_origin();
    let setup = Setup {
        forward: "idle_timeout: 300ms, timeout: 100ms",
        ..Setup::default()
    };
    let gateway = setup.start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    client.send(upgrade("/"));
    switched(&mut client);
    // Bytes push the end away, and `timeout` has ended with the 101.
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(600) {
        echoed(&mut client, b"tick");
        client.expect_silence(Duration::from_millis(50));
    }
    let last = Instant::now();
    client.expect_close();
    assert!(last.elapsed() >= Duration::from_millis(200));
    origin.wait_ended(1);
}

/// Idle is a tunnel in which neither side says anything: one side may only listen for as long as it likes.
#[test]
fn a_tunnel_with_one_speaker_is_not_idle() {
    const TICKS: usize = 12;
    let setup = Setup {
        forward: "idle_timeout: 400ms",
        ..Setup::default()
    };
    let pause = || std::thread::sleep(Duration::from_millis(100));
    // Three times the limit in all.
    let origin = origin_that(move |conn| {
        conn.send(SWITCHING);
        for _ in 0..TICKS {
            pause();
            conn.send("tick");
        }
        echo(conn);
    });
    let gateway = setup.start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    client.send(upgrade("/"));
    switched(&mut client);
    assert_eq!(client.read_bytes(4 * TICKS), b"tick".repeat(TICKS));
    echoed(&mut client, BYTES);

    let origin = origin_that(|conn| {
        conn.send(SWITCHING);
        let mut heard = Vec::new();
        while heard.len() < 4 * TICKS
            && let Some(bytes) = conn.read_some()
        {
            heard.extend(bytes);
        }
        conn.send(heard);
    });
    let gateway = setup.start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    client.send(upgrade("/"));
    switched(&mut client);
    for _ in 0..TICKS {
        pause();
        client.send("tick");
    }
    assert_eq!(client.read_to_end(), b"tick".repeat(TICKS));
}

/// What is no agreed upgrade stays HTTP: the answer is an answer, and the connection goes on.
#[test]
fn without_agreement_it_stays_http() {
    let origin = RawOrigin::start(|conn| {
        while let Some(request) = conn.read_request() {
            conn.send(match request.target() {
                "/426" => "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nok".to_owned(),
                _ => ok("ok"),
            });
        }
    });
    let gateway = Setup::default().start(&[origin.addr()]);
    let refusing = Setup {
        forward: "websocket: false",
        ..Setup::default()
    }
    .start(&[origin.addr()]);
    let lines = |request: &str, upgrade: &[&str]| head(&[&[request, "Host: a"], upgrade].concat());
    for (gateway, request, asks) in [
        // An origin that answers 200 declines.
        (&gateway, upgrade("/"), true),
        (&gateway, upgrade("/426"), true),
        // Other protocols, and what no upgrade can be asked with.
        (
            &gateway,
            lines("GET / HTTP/1.1", &["Connection: upgrade", "Upgrade: h2c"]),
            false,
        ),
        (
            &gateway,
            lines("GET / HTTP/1.1", &["Upgrade: websocket"]),
            false,
        ),
        (
            &gateway,
            lines(
                "HEAD / HTTP/1.1",
                &["Connection: upgrade", "Upgrade: websocket"],
            ),
            false,
        ),
        (
            &gateway,
            lines(
                "POST / HTTP/1.1",
                &[
                    "Connection: upgrade",
                    "Upgrade: websocket",
                    "Content-Length: 0",
                ],
            ),
            false,
        ),
        (
            &gateway,
            lines(
                "GET / HTTP/1.0",
                &["Connection: keep-alive, upgrade", "Upgrade: websocket"],
            ),
            false,
        ),
        (
            &gateway,
            lines(
                "GET / HTTP/1.1",
                &["Connection: upgrade", "Upgrade: h2c, WebSocket"],
            ),
            true,
        ),
        (&refusing, upgrade("/"), false),
    ] {
        let mut client = gateway.connect("web");
        client.send(&request);
        let method = if request.starts_with("HEAD") {
            "HEAD"
        } else {
            "GET"
        };
        let response = client.try_read_response_to(method).expect("a response");
        if method == "GET" {
            assert_eq!(response.text(), "ok", "{request}");
        }
        assert_eq!(response.field("upgrade"), None, "{request}");
        let seen = origin.requests().pop().expect("the request");
        let expected: &[&str] = if asks { &["websocket"] } else { &[] };
        assert_eq!(values(&seen.head, "upgrade"), expected, "{request}");
        assert_eq!(
            seen.head.has_token("connection", "upgrade"),
            asks,
            "{request}"
        );
        // Bytes behind a declined upgrade are the next request.
        client.send(get("/"));
        assert_eq!(client.read_response().text(), "ok", "{request}");
    }
    assert_eq!(origin.failures(), <[String; 0]>::default());
}

#[test]
fn a_101_that_was_not_asked_for_is_no_response() {
    let plain = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    for (request, answer, forward) in [
        (get("/"), SWITCHING, ""),
        (upgrade("/"), plain, ""),
        (upgrade("/"), "HTTP/1.1 101 Switching Protocols\r\n\r\n", ""),
        (upgrade("/"), SWITCHING, "websocket: false"),
    ] {
        let origin = origin_that(move |conn| {
            conn.send(answer);
            conn.hang();
        });
        let setup = Setup {
            forward,
            ..Setup::default()
        };
        let gateway = setup.start(&[origin.addr()]);
        let response = RawClient::exchange(gateway.addr("web"), request);
        assert_eq!(response.status, 502, "{answer}");
        origin.wait_ended(1);
    }
}

#[test]
fn a_tunnel_survives_a_reload() {
    let (before, after) = (echoing_origin(), RawOrigin::ok("after"));
    let gateway = Setup::default().start(&[before.addr()]);
    let mut client = gateway.connect("web");
    client.send(upgrade("/"));
    switched(&mut client);
    echoed(&mut client, BYTES);
    gateway.rewrite_config(Setup::default().yaml(&[after.addr()]));
    gateway.signal(Signal::HUP);
    assert!(
        gateway
            .stderr()
            .wait_for_text(SOON, "configuration reloaded"),
        "{}",
        gateway.stderr().text()
    );
    let response = RawClient::exchange(gateway.addr("web"), get("/"));
    assert_eq!(response.text(), "after");
    echoed(&mut client, BYTES);
    client.shutdown_write();
    client.expect_close();
    before.wait_ended(1);
}
