//! Upstreams and clients that break, stall or leave: who is told what, what is tried again, what is let go.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use testkit::{
    ClosedPort, Connection, Ended, FullPort, RawClient, RawOrigin, SOON, Tidegate, WireError,
};

use crate::gate::{Setup, Then, answering, get, head, ok, post};
use crate::system::until_metric;

/// How soon one side is let go when the other has left. What else could end a wait here takes far longer.
const AT_ONCE: Duration = Duration::from_secs(1);

fn put(target: &str) -> String {
    post(target, "body").replace("POST", "PUT")
}

/// Sends requests on one connection each; they are answered with these statuses.
#[track_caller]
fn check_statuses(gateway: &Tidegate, cases: &[(&str, u16)]) {
    for (request, status) in cases {
        let response = RawClient::exchange(gateway.addr("web"), request);
        assert_eq!(response.status, *status, "{request}: {}", response.text());
    }
}

/// An origin for which `act` decides what happens to each whole request; `true` goes on.
fn origin_that(act: impl Fn(&mut Connection, &str) -> bool + Send + Sync + 'static) -> RawOrigin {
    RawOrigin::start(move |conn| {
        while let Some(request) = conn.read_request() {
            if !act(conn, request.target()) {
                return;
            }
        }
    })
}

/// Statuses of responses that the client can go on after, on one connection.
#[track_caller]
fn check_kept(gateway: &Tidegate, cases: &[(String, u16)]) {
    let mut client = gateway.connect("web");
    for (request, status) in cases {
        client.send(request);
        let response = client.read_response();
        assert_eq!(response.status, *status, "{request}: {}", response.text());
        assert_eq!(response.field("connection"), None, "{request}");
    }
}

#[test]
fn an_upstream_that_refuses_is_passed_by() {
    let closed = ClosedPort::new();
    let gateway = Setup::default().start(&[closed.addr()]);
    check_kept(
        &gateway,
        &[(get("/"), 502), (post("/", "body"), 502), (get("/"), 502)],
    );
    let response = RawClient::exchange(gateway.addr("web"), get("/"));
    // No address of ours in it.
    assert!(
        !response.text().contains("127.0.0.1"),
        "{}",
        response.text()
    );

    // Nothing was sent, so that any method may go elsewhere.
    let origin = RawOrigin::ok("ok");
    let gateway = Setup::default().start(&[closed.addr(), origin.addr()]);
    for _ in 0..3 {
        check_statuses(&gateway, &[(&get("/"), 200), (&post("/", "body"), 200)]);
    }
    let bodies: Vec<_> = origin
        .requests()
        .iter()
        .map(|request| request.body.text().to_owned())
        .collect();
    assert_eq!(bodies, ["", "body", "", "body", "", "body"]);

    let setup = Setup {
        forward: "retries: { max: 0 }",
        ..Setup::default()
    };
    let gateway = setup.start(&[closed.addr(), origin.addr()]);
    let statuses = [(); 4].map(|()| RawClient::exchange(gateway.addr("web"), get("/")).status);
    let refused = statuses.iter().filter(|status| **status == 502).count();
    assert_eq!(refused, 2, "{statuses:?}");
}

#[test]
fn a_connection_that_does_not_come_to_be_is_waited_for_so_long() {
    let full = FullPort::new();
    let setup = Setup {
        connections: "connect_timeout: 200ms",
        forward: "retries: { max: 0 }",
        ..Setup::default()
    };
    let gateway = setup.start(&[full.addr()]);
    check_kept(&gateway, &[(get("/"), 504), (post("/", "body"), 504)]);
    let origin = RawOrigin::ok("ok");
    let gateway = Setup {
        connections: "connect_timeout: 200ms",
        ..Setup::default()
    }
    .start(&[full.addr(), origin.addr()]);
    check_statuses(&gateway, &[(&get("/"), 200), (&get("/"), 200)]);
    // `timeout` bounds all of it.
    let gateway = Setup {
        forward: "timeout: 200ms",
        ..Setup::default()
    }
    .start(&[full.addr()]);
    check_kept(&gateway, &[(get("/"), 504)]);
}

/// A response that breaks off in its head, or is none, is an answer all the same: it is not asked for again.
#[test]
fn an_upstream_that_breaks_before_its_head_is_a_502() {
    let origin = answering(vec![
        (String::new(), Then::Reset),
        (String::new(), Then::Close),
        ("HTTP/1.1 200 OK\r\nContent-".to_owned(), Then::Reset),
        ("HTTP/1.1 200 OK\r\nContent-".to_owned(), Then::Close),
        ("\x00\x01\x02 garbage".to_owned(), Then::Hang),
        ("<html>\r\n\r\n".to_owned(), Then::Hang),
    ]);
    let setup = Setup {
        forward: "retries: { max: 2, on: [connect] }",
        ..Setup::default()
    };
    let gateway = setup.start(&[origin.addr()]);
    let cases: Vec<_> = (0..6).map(|i| (get(&format!("/{i}")), 502)).collect();
    check_kept(&gateway, &cases);
    origin.wait_ended(6);
    assert_eq!(origin.requests().len(), 6);
}

#[test]
fn a_broken_connection_is_retried_where_that_is_allowed() {
    let broken = origin_that(|_, _| false);
    let origin = RawOrigin::ok("ok");
    let setup = Setup {
        forward: "retries: { max: 1, on: [reset] }",
        ..Setup::default()
    };
    let gateway = setup.start(&[broken.addr(), origin.addr()]);
    for _ in 0..3 {
        check_statuses(&gateway, &[(&get("/"), 200), (&put("/"), 200)]);
    }
    assert!(!broken.requests().is_empty());
    // Sent, perhaps acted upon: not sent again.
    let before = origin.requests().len();
    let statuses: Vec<_> = (0..4)
        .map(|_| RawClient::exchange(gateway.addr("web"), post("/", "body")).status)
        .collect();
    let refused = statuses.iter().filter(|status| **status == 502).count();
    assert_eq!(refused, 2, "{statuses:?}");
    assert_eq!(origin.requests().len() - before, 2);
}

#[test]
fn statuses_are_retried_on_other_endpoints() {
    let busy =
        || RawOrigin::fixed("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy");
    let (first, second, origin) = (busy(), busy(), RawOrigin::ok("ok"));
    let setup = Setup {
        forward: "retries: { max: 2, on: [\"503\"] }",
        ..Setup::default()
    };
    let gateway = setup.start(&[first.addr(), second.addr(), origin.addr()]);
    for _ in 0..4 {
        check_statuses(&gateway, &[(&get("/"), 200), (&put("/"), 200)]);
    }
    assert!(!first.requests().is_empty() && !second.requests().is_empty());
    assert_eq!(origin.requests().len(), 8);

    // The last answer is the answer; and `max` is the most.
    let gateway = setup.start(&[first.addr(), second.addr()]);
    let before = first.requests().len() + second.requests().len();
    let response = RawClient::exchange(gateway.addr("web"), get("/"));
    assert_eq!((response.status, response.text()), (503, "busy"));
    assert_eq!(first.requests().len() + second.requests().len() - before, 3);
    // Not idempotent: answered with the first.
    let response = RawClient::exchange(gateway.addr("web"), post("/", "body"));
    assert_eq!((response.status, response.text()), (503, "busy"));
    assert_eq!(first.requests().len() + second.requests().len() - before, 4);
}

/// How the client sees a response that the upstream did not finish.
#[test]
fn a_response_that_breaks_off_has_no_clean_end() {
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n";
    let origin = answering(vec![
        (length.to_owned(), Then::Close),
        (length.to_owned(), Then::Reset),
        (chunked.to_owned(), Then::Close),
        (chunked.to_owned(), Then::Reset),
        (format!("{chunked}5\r\npa"), Then::Close),
        (format!("{chunked}x\r\n"), Then::Hang),
        (format!("{chunked}0\r\nX: 1"), Then::Close),
        ("HTTP/1.1 200 OK\r\n\r\npart".to_owned(), Then::Reset),
    ]);
    let gateway = Setup::default().start(&[origin.addr()]);
    for index in 0..8 {
        for version in ["HTTP/1.1", "HTTP/1.0"] {
            let mut client = gateway.connect("web");
            client.send(get(&format!("/{index}")).replace("HTTP/1.1", version));
            let read = client.try_read_response_to("GET");
            assert!(
                matches!(read, Err(WireError::Io { .. } | WireError::Closed { .. })),
                "/{index} {version}: {read:?}"
            );
        }
    }
    origin.wait_ended(16);
    check_kept(&gateway, &[]);
}

/// GW-11: bytes that no one asked for, though they come when no request is under way.
#[test]
fn a_connection_that_speaks_unasked_is_not_used_again() {
    let (said, spoken) = sync_channel(1);
    let (go, gone) = sync_channel(1);
    let gone = Mutex::new(gone);
    let origin = origin_that(move |conn, _| {
        conn.send(ok("ok"));
        if conn.index() == 0 {
            wait(&gone);
            conn.send(ok("poison"));
            said.send(()).ok();
        }
        true
    });
    let gateway = Setup::default().start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    client.send(get("/"));
    assert_eq!(client.read_response().text(), "ok");
    go.send(()).expect("the script waits");
    spoken.recv_timeout(SOON).expect("poison was sent");
    for request in [post("/", "body"), get("/")] {
        client.send(request);
        assert_eq!(client.read_response().text(), "ok");
    }
    assert_eq!(origin.accepted(), 2);
}

fn wait(word: &Mutex<Receiver<()>>) {
    word.lock()
        .expect("one script at a time")
        .recv_timeout(SOON)
        .ok();
}

/// An origin closes what is idle whenever it likes; no request may suffer, of whatever method.
#[test]
fn a_kept_connection_that_was_closed_costs_no_request() {
    let origin = origin_that(|conn, _| {
        conn.send(ok("ok"));
        false
    });
    let gateway = Setup::default().start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    for (count, request) in [get("/"), post("/", "body"), get("/"), post("/", "body")]
        .iter()
        .enumerate()
    {
        client.send(request);
        assert_eq!(client.read_response().text(), "ok", "{request}");
        origin.wait_ended(count + 1);
    }
    assert_eq!(origin.accepted(), 4);
}

/// GW-39: the upstream took the request on a kept connection and closed without a byte of response.
#[test]
fn a_kept_connection_that_dies_under_a_request_is_replaced_once() {
    // Each connection answers one request and dies of the second.
    let origin = RawOrigin::start(|conn| {
        if conn.read_request().is_some() {
            conn.send(ok("ok"));
            conn.read_request();
        }
    });
    let setup = Setup {
        forward: "retries: { max: 0 }",
        ..Setup::default()
    };
    let gateway = setup.start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    client.send(get("/0"));
    assert_eq!(client.read_response().status, 200);
    client.send(get("/1"));
    assert_eq!(client.read_response().status, 200);
    client.send(post("/2", "body"));
    assert_eq!(client.read_response().status, 502);
    let targets: Vec<_> = origin
        .requests()
        .iter()
        .map(|request| request.target().to_owned())
        .collect();
    assert_eq!(targets, ["/0", "/1", "/1", "/2"]);
    assert_eq!(origin.accepted(), 2);

    // Once: an upstream that dies of every request is no kept connection's fault.
    let origin = RawOrigin::start(|conn| {
        if conn.index() == 0 && conn.read_request().is_some() {
            conn.send(ok("ok"));
        }
        conn.read_request();
    });
    let gateway = setup.start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    client.send(get("/0"));
    assert_eq!(client.read_response().status, 200);
    client.send(get("/1"));
    assert_eq!(client.read_response().status, 502);
    assert_eq!(origin.requests().len(), 3);
}

#[test]
fn a_silent_upstream_is_waited_for_so_long() {
    let silent = RawOrigin::hanging();
    let gateway = Setup {
        forward: "timeout: 200ms",
        ..Setup::default()
    }
    .start(&[silent.addr()]);
    check_kept(&gateway, &[(get("/"), 504), (post("/", "body"), 504)]);
    silent.wait_ended(2);

    let half = origin_that(|conn, _| {
        conn.send("HTTP/1.1 200 OK\r\nContent-");
        conn.hang();
        false
    });
    let gateway = Setup {
        forward: "timeout: 200ms",
        ..Setup::default()
    }
    .start(&[half.addr()]);
    check_kept(&gateway, &[(get("/"), 504)]);
    half.wait_ended(1);

    // A try may be shorter than all of them, and another endpoint may answer.
    let origin = RawOrigin::ok("ok");
    let setup = Setup {
        forward: "try_timeout: 200ms, retries: { max: 1, on: [timeout] }",
        ..Setup::default()
    };
    let gateway = setup.start(&[silent.addr(), origin.addr()]);
    let before = silent.accepted();
    for _ in 0..2 {
        check_statuses(&gateway, &[(&get("/"), 200), (&put("/"), 200)]);
    }
    assert!(silent.accepted() > before);
    let statuses =
        [(); 2].map(|()| RawClient::exchange(gateway.addr("web"), post("/", "body")).status);
    assert!(
        statuses.contains(&504) && statuses.contains(&200),
        "{statuses:?}"
    );
    let gateway = Setup {
        forward: "try_timeout: 200ms",
        ..Setup::default()
    }
    .start(&[silent.addr()]);
    check_kept(&gateway, &[(get("/"), 504)]);
}

/// `timeout` ends with the head; a body is bounded by how long it rests.
#[test]
fn a_body_that_rests_too_long_is_cut() {
    let origin = origin_that(|conn, target| {
        conn.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        if target == "/slow" {
            // Longer in all than any one limit.
            for _ in 0..8 {
                thread::sleep(Duration::from_millis(100));
                conn.send("4\r\nslow\r\n");
            }
            return conn.send("0\r\n\r\n");
        }
        conn.send("4\r\npart\r\n");
        conn.hang();
        false
    });
    let gateway = Setup {
        forward: "timeout: 300ms, idle_timeout: 400ms",
        ..Setup::default()
    }
    .start(&[origin.addr()]);
    let response = RawClient::exchange(gateway.addr("web"), get("/slow"));
    assert_eq!(response.text(), "slow".repeat(8));
    let mut client = gateway.connect("web");
    client.send(get("/stuck"));
    let started = Instant::now();
    let read = client.try_read_response_to("GET");
    assert!(
        matches!(read, Err(WireError::Io { .. } | WireError::Closed { .. })),
        "{read:?}"
    );
    assert!(started.elapsed() >= Duration::from_millis(400));
    // Both came on one connection.
    origin.wait_ended(1);
}

/// Opens a connection, lets both sides come to the state of the case, and drops it: the origin's is closed at once.
#[track_caller]
fn check_cancelled(
    script: impl Fn(&mut Connection) + Send + Sync + 'static,
    request: &str,
    until: impl Fn(&mut RawClient),
) {
    let (engage, engaged) = sync_channel(1);
    let (end, ended) = sync_channel(1);
    let origin = RawOrigin::start(move |conn| {
        script(conn);
        engage.send(()).ok();
        end.send(conn.hang()).ok();
    });
    let gateway = Setup::default().start(&[origin.addr()]);
    let leave: [fn(RawClient); 3] = [
        |client| drop(client),
        RawClient::reset,
        // Only the sending side: such a client counts as gone.
        |mut client| client.shutdown_write(),
    ];
    for leave in leave {
        let mut client = gateway.connect("web");
        client.send(request);
        engaged.recv_timeout(SOON).expect("a request at the origin");
        until(&mut client);
        assert!(ended.try_recv().is_err(), "nothing is closed before");
        leave(client);
        let ended: Result<Ended, _> = ended.recv_timeout(AT_ONCE);
        assert!(ended.is_ok(), "{request}: {ended:?}");
    }
}

#[test]
fn a_client_that_leaves_while_it_waits_frees_the_upstream() {
    check_cancelled(|conn| drop(conn.read_request()), &post("/", "body"), |_| ());
}

#[test]
fn a_client_that_leaves_in_an_upload_frees_the_upstream() {
    check_cancelled(
        |conn| {
            drop(conn.read_request_head());
            drop(conn.read_some());
        },
        &(head(&["POST / HTTP/1.1", "Host: a", "Content-Length: 1000"]) + "part"),
        |_| (),
    );
}

#[test]
fn a_client_that_leaves_in_a_download_frees_the_upstream() {
    check_cancelled(
        |conn| {
            drop(conn.read_request());
            conn.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart");
        },
        &get("/"),
        |client| {
            assert_eq!(client.read_response_head().status, 200);
            assert_eq!(client.read_bytes(4), b"part");
        },
    );
}

#[test]
fn slow_requests_are_refused_and_hold_no_one_up() {
    let origin = RawOrigin::ok("ok");
    let setup = Setup {
        limits: "head_timeout: 300ms, body_timeout: 300ms, body_rate_min: 1GiB, idle_timeout: 300ms",
        ..Setup::default()
    };
    let gateway = setup.start(&[origin.addr()]);
    let body = head(&["POST / HTTP/1.1", "Host: a", "Content-Length: 1000"]) + "part";
    let chunked = head(&["POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked"]) + "4\r\npa";
    let mut slow: Vec<_> = [
        "G",
        "GET / HTTP/1.1\r\nHost: a\r\nX: ",
        "\r\n",
        &body,
        &chunked,
    ]
    .into_iter()
    .map(|part| {
        let mut client = gateway.connect("web");
        client.send(part);
        (part.to_owned(), client, Instant::now())
    })
    .collect();
    check_kept(&gateway, &[(get("/"), 200), (post("/", "body"), 200)]);
    for (part, client, sent) in &mut slow {
        let response = client.read_response();
        assert_eq!(response.status, 408, "{part}");
        assert_eq!(response.field("connection"), Some("close"), "{part}");
        assert!(sent.elapsed() >= Duration::from_millis(300), "{part}");
        client.expect_close();
    }
    // A drop now and then does not push the end of a head away.
    let mut client = gateway.connect("web");
    let started = Instant::now();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n");
    while started.elapsed() < Duration::from_secs(5) && client.try_send("X: 1\r\n") {
        thread::sleep(Duration::from_millis(50));
    }
    assert!(started.elapsed() < Duration::from_secs(3), "cut in time");
    // Who says nothing is told nothing: before the first request and after one.
    let mut client = gateway.connect("web");
    client.expect_close();
    let mut client = gateway.connect("web");
    client.send(get("/"));
    assert_eq!(client.read_response().status, 200);
    client.expect_close();
}

/// Whoever sends at the least rate or above may take its time.
#[test]
fn a_body_earns_time_by_coming() {
    let origin = RawOrigin::ok("ok");
    let gateway = Setup {
        limits: "body_timeout: 300ms, body_rate_min: 100B",
        ..Setup::default()
    }
    .start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    client.send(head(&[
        "POST / HTTP/1.1",
        "Host: a",
        "Content-Length: 1000",
    ]));
    for _ in 0..10 {
        thread::sleep(Duration::from_millis(80));
        client.send([b'b'; 100]);
    }
    assert_eq!(client.read_response().status, 200);
    assert_eq!(origin.requests()[0].body.bytes.len(), 1000);
}

/// The origin would send a gigabyte. What is on the way is bounded by the buffers of two connections.
#[test]
fn a_client_that_does_not_read_is_dropped() {
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let origin = origin_that(move |conn, _| {
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
        let piece = vec![b'x'; 64 << 10];
        while conn.send(&piece) {
            counter.fetch_add(piece.len(), Ordering::SeqCst);
        }
        false
    });
    let setup = Setup {
        limits: "write_timeout: 300ms",
        ..Setup::default()
    };
    let gateway = setup.start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    client.send(get("/"));
    assert_eq!(client.read_response_head().status, 200);
    origin.wait_ended(1);
    let taken = taken.load(Ordering::SeqCst);
    assert!(taken < 64 << 20, "{taken} bytes were taken");
    let resident = resident_bytes(&gateway);
    assert!(resident < 128 << 20, "{resident} bytes are resident");
    let received = client.read_to_end().len();
    assert!(received < taken, "a broken message: {received} of {taken}");
}

fn resident_bytes(gateway: &Tidegate) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.process().pid()));
    let status = status.expect("the state of a child");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<usize>().ok());
    kib.expect("a size in kB") << 10
}

/// An upstream that does not read is as slow as a client that does not: the upload ends.
#[test]
fn an_upstream_that_does_not_read_is_given_up() {
    let origin = RawOrigin::start(|conn| {
        conn.read_request_head();
        // Not a byte of the body is read until the gateway has given up.
        thread::sleep(Duration::from_millis(900));
    });
    let gateway = Setup {
        forward: "idle_timeout: 300ms",
        limits: "body_max: 1GiB",
        ..Setup::default()
    }
    .start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    client.send(head(&[
        "POST / HTTP/1.1",
        "Host: a",
        "Content-Length: 1000000000",
    ]));
    let started = Instant::now();
    let sender = thread::spawn(move || {
        client.set_limit(Duration::from_millis(700));
        let piece = vec![b'x'; 1 << 20];
        while client.try_send(&piece) {}
        client.read_response().status
    });
    let status = sender.join().expect("a response");
    assert_eq!(status, 504, "after {:?}", started.elapsed());
}

/// The upstream has heard enough: its answer comes through though the upload is under way, and though its connection
/// breaks right behind it.
#[test]
fn an_early_response_reaches_a_client_that_uploads() {
    let origin = RawOrigin::start(|conn| {
        conn.read_request_head();
        conn.send(
            "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 4\r\n\r\nless",
        );
        // Closing over unread bytes resets the connection.
    });
    let gateway = Setup {
        limits: "body_max: 1GiB",
        ..Setup::default()
    }
    .start(&[origin.addr()]);
    for _ in 0..5 {
        let mut client = gateway.connect("web");
        client.send(head(&[
            "POST / HTTP/1.1",
            "Host: a",
            "Content-Length: 1000000000",
        ]));
        let piece = [b'x'; 16 << 10];
        for _ in 0..8 {
            if !client.try_send(piece) {
                break;
            }
        }
        let response = client.read_response();
        assert_eq!((response.status, response.text()), (413, "less"));
        assert_eq!(response.field("connection"), Some("close"));
        client.expect_close();
    }
}

/// An origin that holds every request until told to answer, and counts how many it had at once.
struct Holding {
    origin: RawOrigin,
    release: Arc<AtomicBool>,
    most: Arc<AtomicUsize>,
}

impl Holding {
    fn start() -> Self {
        let release = Arc::new(AtomicBool::new(false));
        let (held, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let (released, seen) = (Arc::clone(&release), Arc::clone(&most));
        // Requests are counted and not connections: of one that is closed as another comes this side hears in any order.
        let origin = RawOrigin::start(move |conn| {
            while conn.read_request().is_some() {
                seen.fetch_max(1 + held.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
                while !released.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(5));
                }
                held.fetch_sub(1, Ordering::SeqCst);
                conn.send(ok("ok"));
            }
        });
        Self {
            origin,
            release,
            most,
        }
    }

    fn release(&self) {
        self.release.store(true, Ordering::SeqCst);
    }
}

impl Drop for Holding {
    /// The origin waits for its threads, which wait for this.
    fn drop(&mut self) {
        self.release();
    }
}

/// Sends `GET /` on connections of their own, each from a thread; the receiver tells the statuses as they come.
fn send_all(addr: SocketAddr, count: usize) -> Receiver<(u16, Option<String>)> {
    let (tx, rx) = sync_channel(count);
    for _ in 0..count {
        let tx: SyncSender<_> = tx.clone();
        thread::spawn(move || {
            let response = RawClient::exchange(addr, get("/"));
            let retry = response.field("retry-after").map(str::to_owned);
            tx.send((response.status, retry)).ok();
        });
    }
    rx
}

#[test]
fn connections_to_an_endpoint_are_bounded_over_all_workers() {
    let holding = Holding::start();
    let gateway = Setup {
        workers: 2,
        connections: "max: 2",
        ..Setup::default()
    }
    .start(&[holding.origin.addr()]);
    let answers = send_all(gateway.addr("web"), 12);
    holding.origin.wait_requests(2);
    holding.release();
    for _ in 0..12 {
        let (status, _) = answers.recv_timeout(SOON).expect("an answer");
        assert_eq!(status, 200);
    }
    // Two were there before one was answered.
    assert!(holding.most.load(Ordering::SeqCst) <= 2);
    assert_eq!(holding.origin.requests().len(), 12);
}

#[test]
fn who_finds_no_connection_in_time_is_told_to_come_back() {
    for connections in [
        "max: 1, pending_timeout: 200ms",
        "max: 1, pending_max: 0",
        "max: 1, pending_max: 1, pending_timeout: 300ms",
    ] {
        let holding = Holding::start();
        let gateway = Setup {
            connections,
            ..Setup::default()
        }
        .start(&[holding.origin.addr()]);
        let first = send_all(gateway.addr("web"), 1);
        holding.origin.wait_requests(1);
        let others = send_all(gateway.addr("web"), 3);
        for _ in 0..3 {
            let (status, retry) = others.recv_timeout(SOON).expect("an answer");
            assert_eq!(
                (status, retry.as_deref()),
                (503, Some("1")),
                "{connections}"
            );
        }
        holding.release();
        assert_eq!(first.recv_timeout(SOON).expect("an answer").0, 200);
        let response = RawClient::exchange(gateway.addr("web"), get("/"));
        assert_eq!(response.status, 200, "{connections}");
        assert_eq!(holding.origin.requests().len(), 2, "{connections}");
    }
}

/// Who leaves the queue is not served, and its place is another's.
#[test]
fn a_client_that_leaves_the_queue_is_forgotten() {
    let holding = Holding::start();
    let setup = Setup {
        connections: "max: 1, pending_max: 1, pending_timeout: 60s",
        ..Setup::default()
    };
    let yaml = setup.yaml(&[holding.origin.addr()]);
    let gateway = Tidegate::start(yaml.replace("admin: off", "admin: { address: 127.0.0.1:0 }"));
    let pending = |count| until_metric(&gateway, "tidegate_upstream_pending", &[], count);
    let first = send_all(gateway.addr("web"), 1);
    holding.origin.wait_requests(1);
    for _ in 0..3 {
        let mut client = gateway.connect("web");
        client.send(get("/gone"));
        pending(1.0);
        check_statuses(&gateway, &[(&get("/full"), 503)]);
        drop(client);
        pending(0.0);
    }
    holding.release();
    assert_eq!(first.recv_timeout(SOON).expect("an answer").0, 200);
    check_statuses(&gateway, &[(&get("/last"), 200)]);
    let targets: Vec<_> = holding
        .origin
        .requests()
        .iter()
        .map(|request| request.target().to_owned())
        .collect();
    assert_eq!(targets, ["/", "/last"]);
}

#[test]
fn connections_of_clients_are_bounded() {
    let origin = RawOrigin::ok("ok");
    for limit in ["connections_max: 2", "connections_per_ip_max: 2"] {
        let gateway = Setup {
            limits: limit,
            ..Setup::default()
        }
        .start(&[origin.addr()]);
        let mut kept: Vec<_> = (0..2).map(|_| gateway.connect("web")).collect();
        for client in &mut kept {
            client.send(get("/"));
            assert_eq!(client.read_response().status, 200);
        }
        let mut client = gateway.connect("web");
        let response = client.read_response();
        assert_eq!(response.status, 503, "{limit}");
        assert_eq!(response.field("retry-after"), Some("1"), "{limit}");
        client.expect_close();
        kept[0].send(get("/"));
        assert_eq!(kept[0].read_response().status, 200, "{limit}");
        // One leaves, another comes in.
        kept[1].send(head(&["GET / HTTP/1.1", "Host: a", "Connection: close"]));
        assert_eq!(kept[1].read_response().status, 200);
        kept[1].expect_close();
        let deadline = Instant::now() + SOON;
        loop {
            let mut client = gateway.connect("web");
            client.try_send(get("/"));
            match client
                .try_read_response_to("GET")
                .map(|response| response.status)
            {
                Ok(200) => break,
                found => assert!(Instant::now() < deadline, "{limit}: {found:?}"),
            }
        }
    }
}

/// The time a client takes for its body is not the upstream's: `timeout` begins where the request is complete.
#[test]
fn an_upload_may_take_longer_than_the_timeout() {
    let origin = RawOrigin::ok("ok");
    let gateway = Setup {
        forward: "timeout: 300ms",
        ..Setup::default()
    }
    .start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    client.send(head(&[
        "POST / HTTP/1.1",
        "Host: a",
        "Content-Length: 1000",
    ]));
    for _ in 0..10 {
        thread::sleep(Duration::from_millis(80));
        client.send([b'b'; 100]);
    }
    assert_eq!(client.read_response().status, 200);
}

/// `try_timeout` counts from picking an endpoint: one that takes no connection is given up in time.
#[test]
fn a_try_includes_connecting() {
    let full = FullPort::new();
    let gateway = Setup {
        forward: "try_timeout: 200ms, retries: { max: 0 }",
        connections: "connect_timeout: 1m",
        ..Setup::default()
    }
    .start(&[full.addr()]);
    let started = Instant::now();
    let response = RawClient::exchange(gateway.addr("web"), get("/"));
    assert_eq!(response.status, 504);
    assert!(started.elapsed() < Duration::from_secs(10));
}
