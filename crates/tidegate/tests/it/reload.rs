//! Changes of the configuration while requests run.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{RawClient, RawOrigin, Signal, Tidegate};

use crate::gate::{get, head, ok};
use crate::system::{
    Metrics, ask, descriptors, free_addr, is_refused, json, lines_of, reload, reload_to,
    resident_kib, rewrite_unseen, said, saying, until, until_metric, until_said, when,
};

#[test]
fn every_way_to_ask() {
    let tidegate = Tidegate::start(saying("one"));
    assert_eq!(said(&tidegate), "one");
    fs::write(tidegate.config(), saying("in place")).expect("a file that can be written");
    until_said(&tidegate, "in place");
    tidegate.rewrite_config(saying("renamed"));
    until_said(&tidegate, "renamed");
    rewrite_unseen(&tidegate, &saying("by signal"));
    tidegate.signal(Signal::HUP);
    until_said(&tidegate, "by signal");
    rewrite_unseen(&tidegate, &saying("by request"));
    let (status, report) = reload(&tidegate);
    assert_eq!((status, &report["changed"]), (200, &Value::Bool(true)));
    assert_eq!(said(&tidegate), "by request");
    let (status, again) = reload(&tidegate);
    assert_eq!((status, &again["changed"]), (200, &Value::Bool(false)));
    assert_eq!(again["version"], report["version"]);
}

/// A writer that empties the file, waits, and goes on: what is read half-way is refused or the whole, never a part.
#[test]
fn editors_write_as_they_like() {
    let tidegate = Tidegate::start(saying("one"));
    let backup = tidegate.dir().join("tidegate.yaml~");
    fs::rename(tidegate.config(), &backup).expect("a rename");
    fs::write(tidegate.config(), "").expect("a file that can be written");
    fs::write(tidegate.config(), saying("two")).expect("a file that can be written");
    until_said(&tidegate, "two");
    // Gone for a while: the old plan stays, and the file is found when it is back.
    fs::remove_file(tidegate.config()).expect("a file");
    until_metric(&tidegate, "tidegate_config_last_reload_failed", &[], 1.0);
    assert_eq!(said(&tidegate), "two");
    fs::rename(&backup, tidegate.config()).expect("a rename");
    until_said(&tidegate, "one");
    until_metric(&tidegate, "tidegate_config_last_reload_failed", &[], 0.0);
}

#[track_caller]
fn start_on(dir: TempDir, config: &str) -> Tidegate {
    let mut command = Tidegate::command();
    command.arg("run").arg("-c").arg(dir.path().join(config));
    match Tidegate::start_in(dir, command) {
        Ok(tidegate) => tidegate,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_folder_of_files() {
    let dir = TempDir::new().expect("a temporary folder");
    let folder = dir.path().join("conf.d");
    let write = |name: &str, text: &str| fs::write(folder.join(name), text);
    fs::create_dir(&folder)
        .and_then(|()| write("10-base.yaml", "workers: 1\nlisteners: { web: { address: 127.0.0.1:0 } }\nadmin: { address: 127.0.0.1:0 }\n"))
        .and_then(|()| write("90-last.yml", "routes: [{ name: last, respond: { body: last } }]\n"))
        .expect("files in a new folder");
    let tidegate = start_on(dir, "conf.d");
    assert_eq!(said(&tidegate), "last");
    write(
        "50-more.yaml",
        "routes: [{ name: more, respond: { body: more } }]\n",
    )
    .expect("a file");
    until_said(&tidegate, "more");
    write(
        "50-more.yaml",
        "routes: [{ name: more, respond: { body: changed } }]\n",
    )
    .expect("a file");
    until_said(&tidegate, "changed");
    fs::remove_file(folder.join("50-more.yaml")).expect("a file");
    until_said(&tidegate, "last");
}

/// As Kubernetes mounts a ConfigMap: the file is a link through `..data`, which is swapped as a whole.
#[test]
fn a_folder_that_is_swapped_by_a_link() {
    let dir = TempDir::new().expect("a temporary folder");
    let path = |name: &str| dir.path().join(name);
    for (version, body) in [("..v1", "one"), ("..v2", "two")] {
        fs::create_dir(path(version))
            .and_then(|()| fs::write(path(version).join("tidegate.yaml"), saying(body)))
            .expect("a file in a new folder");
    }
    symlink("..v1", path("..data"))
        .and_then(|()| symlink("..data/tidegate.yaml", path("tidegate.yaml")))
        .expect("links");
    let (draft, data) = (path("..data_tmp"), path("..data"));
    let tidegate = start_on(dir, "tidegate.yaml");
    assert_eq!(said(&tidegate), "one");
    symlink("..v2", &draft)
        .and_then(|()| fs::rename(&draft, &data))
        .expect("a swapped link");
    until_said(&tidegate, "two");
}

#[test]
fn a_kept_connection_runs_the_new_plan() {
    let tidegate = Tidegate::start(saying("one"));
    let mut client = tidegate.connect("web");
    for body in ["one", "two", "three"] {
        if body != "one" {
            reload_to(&tidegate, &saying(body));
        }
        client.send(get("/"));
        assert_eq!(client.read_response().text(), body);
    }
    until_metric(&tidegate, "tidegate_connections", &[], 1.0);
}

/// Its route and its upstream are gone when the answer comes.
#[test]
fn a_request_under_way_survives() {
    let answer = Arc::new(AtomicBool::new(false));
    let answering = Arc::clone(&answer);
    let origin = RawOrigin::start(move |conn| {
        while conn.read_request().is_some() {
            until("the test to say so", || {
                when(answering.load(Ordering::SeqCst))
            });
            conn.send(ok("slow"));
        }
    });
    let yaml = format!(
        "workers: 1\nlisteners: {{ web: {{ address: 127.0.0.1:0 }} }}\nroutes: [{{ forward: {{ upstream: origin }} }}]\nupstreams: {{ origin: {{ endpoints: [\"{}\"] }} }}\nadmin: {{ address: 127.0.0.1:0 }}\n",
        origin.addr()
    );
    let tidegate = Tidegate::start(yaml);
    let mut client = tidegate.connect("web");
    client.send(get("/"));
    origin.wait_requests(1);
    reload_to(
        &tidegate,
        &saying("new").replace("workers: 2", "workers: 1"),
    );
    assert_eq!(said(&tidegate), "new");
    answer.store(true, Ordering::SeqCst);
    assert_eq!(client.read_response().text(), "slow");
    // The connection to an upstream that is gone is not kept.
    origin.wait_ended(1);
    client.send(get("/"));
    assert_eq!(client.read_response().text(), "new");
    let upstreams = json(&ask(&tidegate, "GET", "/upstreams", ""));
    assert_eq!(upstreams, Value::Array(Vec::new()));
}

#[test]
fn a_broken_file_keeps_the_old_plan() {
    let tidegate = Tidegate::start(saying("good"));
    let version = |tidegate| json(&ask(tidegate, "GET", "/config", ""))["version"].clone();
    let before = version(&tidegate);
    rewrite_unseen(
        &tidegate,
        "listeners: { web: { address: here } }\nroutes: [{ respond: { status: 1 } }]\nbogus: 1\n",
    );
    let (status, problem) = reload(&tidegate);
    assert_eq!(status, 400);
    let errors: Vec<&str> = problem["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for expected in ["listeners.web.address", "routes[0].respond.status", "bogus"] {
        assert!(
            errors
                .iter()
                .any(|error| error.contains(expected) && error.contains("tidegate.yaml:")),
            "{problem}"
        );
        assert!(
            tidegate.stderr().wait_for_text(testkit::SOON, expected),
            "{}",
            tidegate.stderr().text()
        );
    }
    assert_eq!(said(&tidegate), "good");
    assert_eq!(version(&tidegate), before);
    let metrics = Metrics::of(&tidegate);
    let figures = [
        "tidegate_config_last_reload_failed",
        "tidegate_config_reload_failures_total",
        "tidegate_config_reloads_total",
    ];
    assert_eq!(figures.map(|name| metrics.sum(name, &[])), [1.0, 1.0, 0.0]);
    assert_eq!(ask(&tidegate, "GET", "/ready", "").status, 200);
    reload_to(&tidegate, &saying("better"));
    let metrics = Metrics::of(&tidegate);
    assert_eq!(figures.map(|name| metrics.sum(name, &[])), [0.0, 1.0, 1.0]);
    assert_ne!(version(&tidegate), before);
    assert_eq!(said(&tidegate), "better");
}

fn listening(listeners: &[(&str, SocketAddr)], body: &str) -> String {
    let listeners: Vec<String> = listeners
        .iter()
        .map(|(name, addr)| format!("{name}: {{ address: \"{addr}\" }}"))
        .collect();
    format!(
        "workers: 2\nlisteners: {{ {} }}\nroutes: [{{ respond: {{ body: {body} }} }}]\nadmin: {{ address: 127.0.0.1:0 }}\n",
        listeners.join(", ")
    )
}

#[track_caller]
fn expect_said(addr: SocketAddr, body: &str) {
    assert_eq!(RawClient::exchange(addr, get("/")).text(), body);
}

#[test]
fn listeners_come_move_and_go() {
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    let (second, third) = (free_addr(), free_addr());
    let tidegate = Tidegate::start(listening(&[("web", any)], "one"));
    let web = tidegate.addr("web");
    let mut kept = tidegate.connect("web");
    reload_to(
        &tidegate,
        &listening(&[("web", any), ("more", second)], "two"),
    );
    assert_eq!(tidegate.addr("web"), web, "port 0 means: the one it has");
    expect_said(web, "two");
    expect_said(second, "two");
    let mut on_second = RawClient::connect(second);
    reload_to(
        &tidegate,
        &listening(&[("web", any), ("more", third)], "three"),
    );
    expect_said(third, "three");
    until("the old address to be left", || when(is_refused(second)));
    // Renamed and moved at once, the address of the one going to the other.
    reload_to(
        &tidegate,
        &listening(&[("web", any), ("other", third)], "four"),
    );
    expect_said(third, "four");
    reload_to(&tidegate, &listening(&[("web", any)], "five"));
    until("the removed listener to be left", || {
        when(is_refused(third))
    });
    for client in [&mut kept, &mut on_second] {
        client.send(get("/"));
        assert_eq!(
            client.read_response().text(),
            "five",
            "connections outlive their listener"
        );
    }
    until_metric(&tidegate, "tidegate_connections", &[], 2.0);
}

/// What this process listens on itself is not taken: by the port it got, by the wildcard and back. What another one
/// listens on is.
#[test]
fn listeners_move_over_their_own_addresses() {
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    let other = Tidegate::start(saying("other"));
    let tidegate = Tidegate::start(listening(&[("web", any)], "zero"));
    let web = tidegate.addr("web");
    let wildcard = ([0, 0, 0, 0], web.port()).into();
    for (addr, body) in [(web, "one"), (wildcard, "two"), (web, "three")] {
        reload_to(&tidegate, &listening(&[("web", addr)], body));
        expect_said(web, body);
    }
    let theirs = other.addr("web");
    rewrite_unseen(
        &tidegate,
        &listening(&[("web", web), ("more", theirs)], "four"),
    );
    let (status, problem) = reload(&tidegate);
    assert_eq!(status, 409, "{problem}");
    assert!(
        problem.to_string().contains(&theirs.to_string()),
        "{problem}"
    );
    for _ in 0..20 {
        expect_said(theirs, "other");
    }
    expect_said(web, "three");
}

#[test]
fn limits_of_a_kept_listener() {
    let with = |limits: &str| crate::system::limited(limits, "");
    let tidegate = Tidegate::start(with("connections_max: 2, body_max: 10"));
    let mut client = tidegate.connect("web");
    let mut send = |length: usize| {
        let length = format!("Content-Length: {length}");
        client.send(head(&["POST / HTTP/1.1", "Host: a", &length]) + &"x".repeat(10));
        client.read_response().status
    };
    assert_eq!(send(10), 200);
    reload_to(&tidegate, &with("connections_max: 1, body_max: 9"));
    assert_eq!(
        RawClient::exchange(tidegate.addr("web"), get("/")).status,
        503
    );
    assert_eq!(
        send(10),
        413,
        "a connection that was open takes on the new limits too"
    );
    drop(client);
    until_metric(&tidegate, "tidegate_connections", &[], 0.0);
    reload_to(&tidegate, &with("connections_max: 3"));
    let mut three: Vec<RawClient> = (0..3).map(|_| tidegate.connect("web")).collect();
    for client in &mut three {
        client.send(get("/"));
        assert_eq!(client.read_response().status, 200);
    }
}

/// The process is held while connections come in and the reload that removes their listener with them.
#[test]
fn a_removed_listener_serves_what_was_queued() {
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    let gone = free_addr();
    let tidegate = Tidegate::start(listening(&[("web", any), ("gone", gone)], "one"));
    expect_said(gone, "one");
    tidegate.signal(Signal::STOP);
    let mut clients: Vec<RawClient> = (0..40).map(|_| RawClient::connect(gone)).collect();
    for client in &mut clients {
        client.send(get("/"));
    }
    rewrite_unseen(&tidegate, &listening(&[("web", any)], "two"));
    tidegate.signal(Signal::HUP);
    tidegate.signal(Signal::CONT);
    for client in &mut clients {
        let response = client.read_response();
        assert!(["one", "two"].contains(&response.text()), "{response:?}");
    }
    until("the listener to be left", || when(is_refused(gone)));
}

#[test]
fn the_access_log_moves() {
    let dir = TempDir::new().expect("a temporary folder");
    let logs = ["first.log", "second.log"].map(|name| dir.path().join(name));
    let to = |path: &std::path::Path| {
        saying("ok")
            + &format!(
                "telemetry: {{ access_log: {{ path: {} }} }}\n",
                path.display()
            )
    };
    let tidegate = Tidegate::start(to(&logs[0]));
    let mut client = tidegate.connect("web");
    let mut send = |count: usize| {
        for _ in 0..count {
            client.send(get("/"));
            assert_eq!(client.read_response().status, 200);
        }
    };
    send(30);
    reload_to(&tidegate, &to(&logs[1]));
    assert_eq!(
        lines_of(&logs[0]).len(),
        30,
        "written out before the answer"
    );
    send(20);
    until("the lines in the new file", || {
        when(lines_of(&logs[1]).len() == 20)
    });
    reload_to(&tidegate, &saying("no log"));
    send(10);
    assert_eq!(logs.map(|log| lines_of(&log).len()), [30, 20]);
}

/// What a reload asks for beside what it cannot have is given back.
#[test]
fn a_failed_reload_leaves_nothing_behind() {
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let taken_addr = taken.local_addr().expect("a bound socket");
    let free = free_addr();
    let dir = TempDir::new().expect("a temporary folder");
    let log = dir.path().join("access.log");
    let logging = |path: &str| format!("telemetry: {{ access_log: {{ path: {path} }} }}\n");
    let tidegate = Tidegate::start(listening(&[("web", any)], "old"));
    reload_to(&tidegate, &listening(&[("web", any)], "older"));
    reload_to(&tidegate, &listening(&[("web", any)], "old"));
    let before = descriptors(&tidegate);
    let blocked = listening(
        &[("web", any), ("free", free), ("taken", taken_addr)],
        "new",
    ) + &logging(&log.display().to_string());
    let logless =
        listening(&[("web", any), ("free", free)], "new") + &logging("/nonexistent/access.log");
    for (yaml, expected) in [
        (&blocked, taken_addr.to_string()),
        (&logless, "access_log".to_owned()),
    ] {
        rewrite_unseen(&tidegate, yaml);
        let (status, problem) = reload(&tidegate);
        assert_eq!(status, 409, "{problem}");
        assert!(
            problem["errors"].to_string().contains(&expected),
            "{problem}"
        );
        assert_eq!(said(&tidegate), "old");
        assert!(is_refused(free), "the free address was given back");
    }
    until("no descriptor more than before", || {
        when(descriptors(&tidegate) <= before)
    });
    assert!(!log.exists());
    assert_eq!(
        Metrics::of(&tidegate).sum("tidegate_config_last_reload_failed", &[]),
        1.0
    );
    drop(taken);
    rewrite_unseen(&tidegate, &blocked);
    assert_eq!(reload(&tidegate).0, 200);
    for addr in [tidegate.addr("web"), free, taken_addr] {
        expect_said(addr, "new");
    }
    until("the log", || when(lines_of(&log).len() == 3));
}

/// What cannot change without a start is said, and everything else of the file is in force.
#[test]
fn what_needs_a_start_is_said() {
    let tidegate = Tidegate::start(saying("one"));
    rewrite_unseen(
        &tidegate,
        &saying("two").replace("workers: 2", "workers: 3"),
    );
    let (status, report) = reload(&tidegate);
    assert_eq!((status, said(&tidegate).as_str()), (200, "two"));
    assert!(
        report["notes"][0]
            .as_str()
            .is_some_and(|note| note.contains("workers")),
        "{report}"
    );
}

/// Two plans that differ in routes, balance, bounds and limits, in turn.
fn in_turn(origin: SocketAddr, round: usize) -> String {
    let odd = round % 2 == 1;
    format!(
        "workers: 2\nlisteners: {{ web: {{ address: 127.0.0.1:0, limits: {{ body_max: {}, requests_per_connection_max: 1000000 }} }} }}\nroutes:\n  - {{ name: all, forward: {{ upstream: origin }} }}\n  - {{ name: r{}, match: {{ path: /r{round} }}, respond: {{ body: {round} }} }}\nupstreams: {{ origin: {{ endpoints: [\"{origin}\"], balance: {}, connections: {{ idle_max: {} }} }} }}\nadmin: {{ address: 127.0.0.1:0 }}\n",
        1000 + round,
        round % 10,
        if odd { "p2c" } else { "round_robin" },
        if round.is_multiple_of(5) { 64 } else { 128 },
    )
}

#[test]
fn hundreds_of_reloads_under_load() {
    const WARM_UP: usize = 100;
    const ROUNDS: usize = 400;
    let origin = RawOrigin::fixed(ok("ok"));
    let tidegate = Tidegate::start(in_turn(origin.addr(), 0));
    let web = tidegate.addr("web");
    let stop = Arc::new(AtomicBool::new(false));
    let served = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (stop, served) = (Arc::clone(&stop), Arc::clone(&served));
            thread::spawn(move || {
                let mut client = RawClient::connect(web);
                while !stop.load(Ordering::Relaxed) {
                    client.send(get("/"));
                    let response = client.read_response();
                    assert_eq!((response.status, response.text()), (200, "ok"));
                    served.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let round = |round: usize| {
        rewrite_unseen(&tidegate, &in_turn(origin.addr(), round));
        let (status, report) = reload(&tidegate);
        assert_eq!(
            (status, &report["changed"]),
            (200, &Value::Bool(true)),
            "{report}"
        );
        if round.is_multiple_of(50) {
            let new = RawClient::exchange(web, get(&format!("/r{round}")));
            assert_eq!(new.text(), round.to_string());
        }
    };
    (1..WARM_UP).for_each(round);
    let (files, memory) = (descriptors(&tidegate), resident_kib(&tidegate));
    (WARM_UP..ROUNDS).for_each(round);
    let grown = resident_kib(&tidegate).saturating_sub(memory);
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().expect("no request fails");
    }
    assert!(served.load(Ordering::Relaxed) > ROUNDS, "there was load");
    assert!(
        grown < 8 << 10,
        "{grown} KiB more after {} reloads",
        ROUNDS - WARM_UP
    );
    // Retired pools close as their requests end.
    until("no more descriptors than before", || {
        when(descriptors(&tidegate) <= files + 2)
    });
    let metrics = Metrics::of(&tidegate);
    assert_eq!(
        metrics.sum("tidegate_config_reloads_total", &[]),
        (ROUNDS - 1) as f64
    );
    let failed = metrics
        .series("http_server_request_duration_seconds_count")
        .filter(|(labels, _)| !labels.contains("status_code=\"200\""))
        .count();
    assert_eq!(failed, 0, "{}", metrics.text());
    assert!(origin.failures().is_empty(), "{:?}", origin.failures());
}
