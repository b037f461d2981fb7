//! The life of the process: start, ready lines, exit codes, drain.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{RawClient, RawOrigin, SOON, Signal, Tidegate, repository, run_command};

use crate::gate::{get, ok};
use crate::system::{ask, is_refused, json, lines_of, saying, until, when};

/// A gate that keeps an origin from answering until it is opened.
#[derive(Clone, Default)]
struct Latch(Arc<(Mutex<bool>, Condvar)>);

impl Latch {
    fn open(&self) {
        *self.0.0.lock().expect("no panic under the lock") = true;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let open = self.0.0.lock().expect("no panic under the lock");
        let waited = self.0.1.wait_timeout_while(open, SOON, |open| !*open);
        drop(waited.expect("no panic under the lock"));
    }
}

/// Answers `/slow` when the latch is opened, everything else at once.
fn latched(latch: &Latch) -> RawOrigin {
    let latch = latch.clone();
    RawOrigin::start(move |conn| {
        while let Some(request) = conn.read_request() {
            if request.target() == "/slow" {
                latch.wait();
            }
            conn.send(ok("done"));
        }
    })
}

fn forwarding(origin: SocketAddr, grace: &str) -> String {
    format!(
        "workers: 2\nshutdown_grace: {grace}\nlisteners: {{ web: {{ address: 127.0.0.1:0 }} }}\nroutes: [{{ forward: {{ upstream: origin }} }}]\nupstreams: {{ origin: {{ endpoints: [\"{origin}\"] }} }}\nadmin: {{ address: 127.0.0.1:0 }}\n"
    )
}

#[test]
fn run_prints_one_line_per_listener() {
    let tidegate = Tidegate::start(
        "listeners:\n  web: { address: 127.0.0.1:0 }\n  other: { address: 127.0.0.1:0 }\nroutes: [{ respond: { body: ok } }]\nadmin: { address: 127.0.0.1:0 }\n",
    );
    let (web, other, admin) = (
        tidegate.addr("web"),
        tidegate.addr("other"),
        tidegate.admin_addr(),
    );
    assert_ne!(web, other);
    for addr in [web, other] {
        assert_eq!(RawClient::exchange(addr, get("/")).text(), "ok");
    }
    assert_eq!(ask(&tidegate, "GET", "/ready", "").status, 200);
    tidegate.signal(Signal::INT);
    assert_eq!(tidegate.wait_exit(SOON).code(), Some(0));
    tidegate.stdout().wait_end(SOON);
    let expected = [
        format!("listening on {web} (web)"),
        format!("listening on {other} (other)"),
        format!("admin on {admin}"),
    ];
    assert_eq!(tidegate.stdout().all(), expected);
}

#[track_caller]
fn check_run(arguments: &[&str], yaml: &str, code: i32) -> Output {
    let output = Tidegate::run(arguments, yaml);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{stderr}");
    output
}

#[test]
fn arguments_that_are_none_exit_with_2() {
    for arguments in [
        &[][..],
        &["bogus"],
        &["run"],
        &["run", "-c"],
        &["run", "--bogus"],
        &["check"],
        &["schema", "extra"],
        &["run", "-c", "/nonexistent/tidegate.yaml"],
        &["check", "-c", "/nonexistent/tidegate.yaml"],
    ] {
        let output = check_run(arguments, "", 2);
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{arguments:?}"
        );
    }
}

#[test]
fn version_help_and_schema_exit_with_0() {
    let version = check_run(&["--version"], "", 0);
    let expected = format!("tidegate {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        String::from_utf8_lossy(&version.stdout).trim_end(),
        expected
    );
    let help = check_run(&["--help"], "", 0);
    let help = String::from_utf8_lossy(&help.stdout);
    assert!(
        ["run", "check", "schema", "demo"]
            .iter()
            .all(|word| help.contains(word)),
        "{help}"
    );
    let schema = check_run(&["schema"], "", 0);
    let schema: Value = serde_json::from_slice(&schema.stdout).expect("JSON");
    assert!(schema["$schema"].is_string(), "{schema}");
    assert!(schema["properties"]["listeners"].is_object(), "{schema}");
}

#[test]
fn check_is_silent_about_a_good_file() {
    let output = check_run(&["check", "-c", "{config}"], &saying("hello"), 0);
    assert_eq!((output.stdout.len(), output.stderr.len()), (0, 0));
}

#[test]
fn every_fault_is_named_with_its_place() {
    let yaml = "\
workers: none
listeners:
  web: { address: 127.0.0.1:99999, limits: { head_maxx: 1KiB } }
routes:
  - { match: { path: no-slash }, forward: { upstream: missing, timeout: 5 } }
";
    for arguments in [["check", "-c", "{config}"], ["run", "-c", "{config}"]] {
        let output = check_run(&arguments, yaml, 2);
        let stderr = String::from_utf8_lossy(&output.stderr);
        for expected in [
            "tidegate.yaml:1:",
            "tidegate.yaml:3:",
            "tidegate.yaml:5:",
            "workers",
            "listeners.web.address",
            "head_max",
            "routes[0].match.path",
            "routes[0].forward.upstream",
            "routes[0].forward.timeout",
        ] {
            assert!(
                stderr.contains(expected),
                "{arguments:?}: no {expected:?} in\n{stderr}"
            );
        }
        assert!(output.stdout.is_empty());
    }
}

/// The corpus of the configuration's own tests, which look at each message: here, that the program says as many and ends
/// as it should.
#[test]
fn every_malformed_file_exits_with_2() {
    /// Runs at a time.
    const RUNS: usize = 4;
    let folder = repository().join("crates/config/tests/malformed");
    let files: Vec<_> = fs::read_dir(folder)
        .expect("a corpus")
        .map(|entry| entry.expect("a readable corpus").path())
        .collect();
    assert!(files.len() >= 300, "{}", files.len());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..RUNS {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::SeqCst)) {
                    check_malformed(file);
                }
            });
        }
    });
}

/// Checks a file that begins with a line for each of its faults.
#[track_caller]
fn check_malformed(file: &Path) {
    let text = fs::read_to_string(file).expect("a readable file");
    let faults = text
        .lines()
        .take_while(|line| line.starts_with("# expect: "))
        .count();
    let mut command = Tidegate::command();
    command.arg("check").arg("-c").arg(file);
    command.env_remove("NOT_SET").envs([
        ("WORKERS", "4"),
        ("PORT", "8080"),
        ("EMPTY", ""),
        ("TOKEN", "0123456789abcdef"),
        ("SHORT", "hunter2"),
        ("TWO_LINES", "a\nb"),
        ("SMUGGLED", "${host}$${x}"),
    ]);
    let output = run_command(command, SOON);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let shown = file.display();
    assert_eq!(output.status.code(), Some(2), "{shown}: {stderr}");
    assert_eq!(output.stdout, b"", "{shown}");
    assert_eq!(stderr.lines().count(), faults, "{shown}:\n{stderr}");
    assert!(!stderr.contains("hunter2"), "a secret: {stderr}");
}

/// `expected` stands in what is said about it.
#[track_caller]
fn check_cannot_run(yaml: &str, expected: &[&str]) {
    let output = check_run(&["run", "-c", "{config}"], yaml, 1);
    let stderr = String::from_utf8_lossy(&output.stderr);
    for expected in expected {
        assert!(stderr.contains(expected), "no {expected:?} in\n{stderr}");
    }
    assert!(output.stdout.is_empty(), "nothing is ready");
}

#[test]
fn what_cannot_be_had_exits_with_1() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let taken = taken.local_addr().map(|addr| (addr.to_string(), taken));
    let (addr, _taken) = taken.expect("a bound socket");
    let on = |address: &str, more: &str| {
        format!(
            "listeners: {{ good: {{ address: 127.0.0.1:0 }}, web: {{ address: {address} }} }}\nadmin: off\n{more}"
        )
    };
    check_cannot_run(&on(&addr, ""), &["listener web", &addr, "in use"]);
    // TEST-NET-1 (RFC 5737) is no address of ours.
    check_cannot_run(
        &on("192.0.2.1:8080", ""),
        &["listener web", "192.0.2.1:8080"],
    );
    let admin =
        format!("listeners: {{ web: {{ address: 127.0.0.1:0 }} }}\nadmin: {{ address: {addr} }}\n");
    check_cannot_run(&admin, &["admin", &addr, "in use"]);
    let log = "telemetry: { access_log: { path: /nonexistent/folder/access.log } }\n";
    check_cannot_run(&on("127.0.0.1:0", log), &["access_log"]);
}

/// Two processes on one address would take each other's connections.
#[test]
fn a_second_process_does_not_share_an_address() {
    let first = Tidegate::start(saying("first"));
    let addr = first.addr("web");
    for address in [addr, ([0, 0, 0, 0], addr.port()).into()] {
        let second = format!(
            "listeners: {{ web: {{ address: {address} }} }}\nroutes: [{{ respond: {{ body: second }} }}]\nadmin: off\n"
        );
        check_cannot_run(&second, &["listener web", &address.to_string(), "in use"]);
    }
    for _ in 0..20 {
        assert_eq!(RawClient::exchange(addr, get("/")).text(), "first");
    }
}

/// In flight, idle, silent and half-way through a head: each ends as it should.
#[test]
fn a_drain_lets_finish_what_is_under_way() {
    let latch = Latch::default();
    let origin = latched(&latch);
    let tidegate = Tidegate::start(forwarding(origin.addr(), "30s"));
    let mut idle = tidegate.connect("web");
    idle.send(get("/"));
    assert_eq!(idle.read_response().status, 200);
    let mut slow = tidegate.connect("web");
    slow.send(get("/slow"));
    origin.wait_requests(2);
    let mut half = tidegate.connect("web");
    half.send("GET /half HTTP/1.1\r\nHost: a.ex");
    let silent = tidegate.connect("web");
    until("every connection to be accepted", || {
        when(crate::system::Metrics::of(&tidegate).sum("tidegate_connections", &[]) == 4.0)
    });
    tidegate.signal(Signal::TERM);
    idle.expect_close();
    let mut silent = silent;
    silent.expect_close();
    let ready = ask(&tidegate, "GET", "/ready", "");
    assert_eq!(
        (ready.status, &json(&ready)["status"]),
        (503, &Value::from("draining"))
    );
    assert_eq!(ask(&tidegate, "GET", "/health", "").status, 200);
    let addr = tidegate.addr("web");
    until("new connections to be refused", || when(is_refused(addr)));
    half.send("ample\r\n\r\n");
    let response = half.read_response();
    assert_eq!(
        (response.status, response.field("connection")),
        (200, Some("close"))
    );
    half.expect_close();
    assert!(tidegate.process().is_running(), "one request is under way");
    latch.open();
    let response = slow.read_response();
    assert_eq!(
        (response.text(), response.field("connection")),
        ("done", Some("close"))
    );
    slow.expect_close();
    assert_eq!(tidegate.wait_exit(SOON).code(), Some(0));
    assert!(origin.failures().is_empty(), "{:?}", origin.failures());
    // Pools are closed with the process, and cleanly.
    origin.wait_ended(origin.accepted());
}

/// Clients that go on until they are sent away: whatever the origin answered has reached one of them.
#[test]
fn a_drain_under_load_loses_nothing() {
    let answered = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&answered);
    let origin = RawOrigin::start(move |conn| {
        while conn.read_request().is_some() {
            counting.fetch_add(1, Ordering::SeqCst);
            conn.send(ok("done"));
        }
    });
    let tidegate = Tidegate::start(forwarding(origin.addr(), "30s"));
    let addr = tidegate.addr("web");
    let received = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..8)
        .map(|client| {
            let received = Arc::clone(&received);
            thread::spawn(move || load(addr, client % 2 == 0, &received))
        })
        .collect();
    until("some load", || when(received.load(Ordering::SeqCst) > 500));
    tidegate.signal(Signal::TERM);
    for client in clients {
        client.join().expect("no malformed response");
    }
    assert_eq!(tidegate.wait_exit(SOON).code(), Some(0));
    origin.wait_ended(origin.accepted());
    assert!(origin.failures().is_empty(), "{:?}", origin.failures());
    assert_eq!(
        received.load(Ordering::SeqCst),
        answered.load(Ordering::SeqCst)
    );
}

/// Requests on kept connections, or each on its own, until a connection ends without a response or none is to be had.
fn load(addr: SocketAddr, keeps: bool, received: &AtomicUsize) {
    while let Some(mut client) = RawClient::try_connect(addr) {
        loop {
            if !client.try_send(get("/")) {
                return;
            }
            match client.try_read_response_to("GET") {
                Ok(response) => {
                    assert_eq!((response.status, response.text()), (200, "done"));
                    received.fetch_add(1, Ordering::SeqCst);
                    if !keeps {
                        break;
                    }
                    if response.head.has_token("connection", "close") {
                        client.expect_close();
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    }
}

/// The process is held while requests come in and the signal with them: they came first and are answered.
#[test]
fn what_came_before_the_signal_is_answered() {
    let tidegate = Tidegate::start(saying("ok"));
    let mut kept: Vec<_> = (0..20).map(|_| tidegate.connect("web")).collect();
    for client in &mut kept {
        client.send(get("/"));
        assert_eq!(client.read_response().status, 200);
    }
    tidegate.signal(Signal::STOP);
    let mut fresh: Vec<_> = (0..20).map(|_| tidegate.connect("web")).collect();
    for client in kept.iter_mut().chain(&mut fresh) {
        client.send(get("/"));
    }
    tidegate.signal(Signal::TERM);
    tidegate.signal(Signal::CONT);
    for (index, client) in kept.iter_mut().chain(&mut fresh).enumerate() {
        match client.try_read_response_to("GET") {
            Ok(response) => assert_eq!(response.status, 200),
            Err(error) => panic!("client {index}: {error}"),
        }
        client.expect_close();
    }
    assert_eq!(tidegate.wait_exit(SOON).code(), Some(0));
}

#[test]
fn the_grace_ends() {
    let origin = RawOrigin::hanging();
    let tidegate = Tidegate::start(forwarding(origin.addr(), "300ms"));
    let mut client = tidegate.connect("web");
    client.send(get("/"));
    origin.wait_accepted(1);
    let start = Instant::now();
    tidegate.signal(Signal::TERM);
    client.expect_close();
    assert_eq!(tidegate.wait_exit(SOON).code(), Some(0));
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert!(
        tidegate
            .stderr()
            .wait_for_text(SOON, "1 connections were cut"),
        "{}",
        tidegate.stderr().text()
    );
    origin.wait_ended(1);
}

#[test]
fn a_second_signal_ends_at_once() {
    let origin = RawOrigin::hanging();
    let tidegate = Tidegate::start(forwarding(origin.addr(), "1h"));
    let mut client = tidegate.connect("web");
    client.send(get("/"));
    origin.wait_accepted(1);
    tidegate.signal(Signal::TERM);
    assert!(tidegate.stderr().wait_for_text(SOON, "draining"));
    assert!(tidegate.process().is_running());
    tidegate.signal(Signal::INT);
    let status = tidegate.wait_exit(SOON);
    assert_eq!((status.code(), status.signal()), (Some(0), None));
    client.expect_close();
}

/// The last lines are written before the process ends.
#[test]
fn a_drain_writes_the_access_log_out() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let log = dir.path().join("access.log");
    let yaml = saying("ok")
        + &format!(
            "telemetry: {{ access_log: {{ path: {} }} }}\n",
            log.display()
        );
    let tidegate = Tidegate::start(yaml);
    let stop = AtomicBool::new(false);
    let mut client = tidegate.connect("web");
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        client.send(get("/"));
        assert_eq!(client.read_response().status, 200);
        sent += 1;
        stop.store(sent == 100, Ordering::Relaxed);
    }
    tidegate.signal(Signal::TERM);
    assert_eq!(tidegate.wait_exit(SOON).code(), Some(0));
    assert_eq!(lines_of(&log).len(), sent);
}
