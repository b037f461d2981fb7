//! A worker through its commands: what it does with connections when it is told to stop.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use gateway::plan::{
    ForwardedHeaders, LimitsPlan, ListenerPlan, MatchPlan, RespondPlan, TargetPlan,
    UnderscoreFields,
};
use gateway::{Command, Gate, ListenCommand, Program, WorkerConfig, WorkerHandle, spawn_worker};
use message::{PathPolicy, StatusCode};
use tokio::sync::oneshot;
use upstream::Shared;

use crate::support::route;

const LIMIT: Duration = Duration::from_secs(10);

fn listener() -> ListenerPlan {
    ListenerPlan {
        name: "web".into(),
        address: ([127, 0, 0, 1], 0).into(),
        trusted_proxies: Vec::new(),
        forwarded_headers: ForwardedHeaders::XForwarded,
        paths: PathPolicy::default(),
        underscore_fields: UnderscoreFields::Refuse,
        limits: LimitsPlan::default(),
        tls: None,
    }
}

/// A worker that answers everything with `ok`.
fn worker() -> WorkerHandle {
    let mut route = route(MatchPlan::default());
    route.target = TargetPlan::Respond(RespondPlan {
        status: StatusCode::OK,
        body: b"ok"[..].into(),
        headers: Vec::new(),
    });
    let program = Program::new(&[listener()], &[route], &[], None);
    spawn_worker(WorkerConfig {
        index: 0,
        pin_to: None,
        via: b"tidegate-test"[..].into(),
        shared: Shared::new(),
        program: Arc::new(program),
    })
    .expect("a thread")
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(future)
}

/// Sends commands one right after the other, so that the worker finds them together.
fn send(worker: &WorkerHandle, commands: impl IntoIterator<Item = Command>) {
    block_on(async {
        for command in commands {
            worker.send(command).await.expect("a living worker");
        }
    });
}

/// A listener that is stopped in the moment it begins, with connections in the kernel's queue that have sent their
/// request: they are served.
#[track_caller]
fn check_queued(stop: impl Fn(oneshot::Sender<()>) -> Command) {
    for round in 0..20 {
        let plan = Arc::new(listener());
        let mut sockets = net::bind_reuse_port(plan.address, 1).expect("a free port");
        let socket = sockets.remove(0);
        let address = socket.local_addr().expect("a bound socket");
        let mut clients: Vec<TcpStream> = (0..4)
            .map(|_| {
                let mut client = TcpStream::connect(address).expect("a place in the queue");
                client
                    .set_read_timeout(Some(LIMIT))
                    .expect("a time above zero");
                let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
                client.write_all(request).expect("room");
                client
            })
            .collect();
        let worker = worker();
        let gate = Gate::new(&plan, 1024, 1);
        let (done, stopped) = oneshot::channel();
        send(
            &worker,
            [
                Command::Listen(ListenCommand {
                    plan,
                    socket,
                    gate,
                    tls: None,
                }),
                stop(done),
            ],
        );
        block_on(stopped).ok();
        for client in &mut clients {
            let mut response = String::new();
            client
                .read_to_string(&mut response)
                .unwrap_or_else(|error| panic!("round {round}: {error}"));
            assert!(
                response.ends_with("\r\n\r\nok"),
                "round {round}: {response:?}"
            );
        }
        assert!(
            TcpStream::connect(address).is_err(),
            "the listener is closed"
        );
        worker.join();
    }
}

#[test]
fn a_removed_listener_serves_what_was_queued() {
    check_queued(|done| Command::Unlisten("web".into(), done));
}

#[test]
fn a_drain_serves_what_was_queued() {
    check_queued(|_| Command::Drain {
        grace: LIMIT,
        done: oneshot::channel().0,
    });
}

/// Probes and scrapers go on while a worker drains, and after it: it is not dead.
#[test]
fn a_draining_worker_answers_questions() {
    let plan = Arc::new(listener());
    let mut sockets = net::bind_reuse_port(plan.address, 1).expect("a free port");
    let socket = sockets.remove(0);
    let address = socket.local_addr().expect("a bound socket");
    let worker = worker();
    let gate = Gate::new(&plan, 1024, 1);
    send(
        &worker,
        [Command::Listen(ListenCommand {
            plan,
            socket,
            gate,
            tls: None,
        })],
    );
    let mut client = TcpStream::connect(address).expect("a connection");
    client
        .set_read_timeout(Some(LIMIT))
        .expect("a time above zero");
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET ")
        .expect("room");
    // The first is answered, the second has begun.
    let mut byte = [0];
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n\r\nok") {
        client.read_exact(&mut byte).expect("a response");
        response.push(byte[0]);
    }
    let (done, ended) = oneshot::channel();
    send(&worker, [Command::Drain { grace: LIMIT, done }]);
    for _ in 0..2 {
        let (reply, answer) = oneshot::channel();
        send(&worker, [Command::Ping(reply)]);
        assert!(block_on(answer).is_ok(), "a draining worker lives");
    }
    client
        .write_all(b"/ HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("room");
    let mut response = String::new();
    client.read_to_string(&mut response).expect("a response");
    assert!(
        response.contains("connection: close") && response.ends_with("\r\n\r\nok"),
        "{response}"
    );
    assert_eq!(block_on(ended), Ok(0));
    let (reply, answer) = oneshot::channel();
    send(&worker, [Command::Ping(reply)]);
    assert!(block_on(answer).is_ok(), "a worker that has drained lives");
    worker.join();
}
