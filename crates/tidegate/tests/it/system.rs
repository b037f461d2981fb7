//! What tests of the running process share: the admin API, metrics, the process' own figures, and waits for a condition.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use testkit::{RawClient, Response, SOON, Tidegate};

use crate::gate::get;

/// A configuration with the listener `web`, the admin API, and a route that answers everything with this body.
pub(crate) fn saying(body: &str) -> String {
    format!(
        "workers: 2\nlisteners: {{ web: {{ address: 127.0.0.1:0 }} }}\nroutes: [{{ respond: {{ body: \"{body}\" }} }}]\nadmin: {{ address: 127.0.0.1:0 }}\n"
    )
}

/// One worker whose listener has these limits, an `ok` for everything, and whatever else stands in `more`.
pub(crate) fn limited(limits: &str, more: &str) -> String {
    format!(
        "workers: 1\nlisteners: {{ web: {{ address: 127.0.0.1:0, limits: {{ {limits} }} }} }}\nroutes: [{{ name: all, respond: {{ body: ok }} }}]\nadmin: {{ address: 127.0.0.1:0 }}\n{more}"
    )
}

/// Looks again and again until there is something.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "expected {what} within {SOON:?}, it did not come"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// `Some` when it holds, for [`until`].
pub(crate) fn when(holds: bool) -> Option<()> {
    holds.then_some(())
}

/// Asks the admin API with these further lines in the head.
#[track_caller]
pub(crate) fn ask(tidegate: &Tidegate, method: &str, path: &str, lines: &str) -> Response {
    let addr = tidegate.admin_addr();
    RawClient::exchange(
        addr,
        format!("{method} {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n{lines}\r\n"),
    )
}

/// The body of an answer of the admin API.
#[track_caller]
pub(crate) fn json(response: &Response) -> Value {
    serde_json::from_slice(&response.body.bytes).expect("a body of JSON")
}

/// `POST /reload`: the status and the body.
#[track_caller]
pub(crate) fn reload(tidegate: &Tidegate) -> (u16, Value) {
    let response = ask(tidegate, "POST", "/reload", "");
    (response.status, json(&response))
}

/// Reloads, which must change something.
#[track_caller]
pub(crate) fn reload_to(tidegate: &Tidegate, yaml: &str) {
    rewrite_unseen(tidegate, yaml);
    let (status, report) = reload(tidegate);
    assert_eq!(
        (status, &report["changed"]),
        (200, &Value::Bool(true)),
        "{report}"
    );
}

/// Rewrites the configuration by another name of the same file, in a folder that is not watched: only who asks for a
/// reload gets one.
#[track_caller]
pub(crate) fn rewrite_unseen(tidegate: &Tidegate, yaml: &str) {
    let hidden = tidegate.dir().join("hidden");
    let other = hidden.join("other-name");
    if !other.exists() {
        fs::create_dir(&hidden)
            .and_then(|()| fs::hard_link(tidegate.config(), &other))
            .expect("another name for the file");
    }
    fs::write(other, yaml).expect("a file that can be written");
}

/// The body of `GET /` on a connection of its own.
#[track_caller]
pub(crate) fn said(tidegate: &Tidegate) -> String {
    let response = RawClient::exchange(tidegate.addr("web"), get("/"));
    response.text().to_owned()
}

/// Waits until `GET /` is answered with this body.
#[track_caller]
pub(crate) fn until_said(tidegate: &Tidegate, body: &str) {
    until(body, || when(said(tidegate) == body));
}

/// One scrape.
pub(crate) struct Metrics(String);

impl Metrics {
    #[track_caller]
    pub(crate) fn of(tidegate: &Tidegate) -> Self {
        let (status, text) = tidegate.admin_get("/metrics");
        assert_eq!(status, 200, "{text}");
        Self(text)
    }

    pub(crate) fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// The sum of the series of that name whose labels hold all of these, each written as `name="value"`; 0 without one.
    pub(crate) fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        self.series(name)
            .filter(|(found, _)| labels.iter().all(|label| found.contains(label)))
            .map(|(_, value)| value)
            .sum()
    }

    /// Labels and value of each series of that name.
    pub(crate) fn series<'m>(&'m self, name: &'m str) -> impl Iterator<Item = (&'m str, f64)> {
        self.0.lines().filter_map(move |line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = match rest.strip_prefix('{') {
                Some(rest) => rest.rsplit_once("} ")?,
                None => ("", rest.strip_prefix(' ')?),
            };
            Some((labels, value.parse().ok()?))
        })
    }
}

/// Waits until a scrape shows this sum.
#[track_caller]
pub(crate) fn until_metric(tidegate: &Tidegate, name: &str, labels: &[&str], expected: f64) {
    let mut found = 0.0;
    let deadline = Instant::now() + SOON;
    while Instant::now() < deadline {
        found = Metrics::of(tidegate).sum(name, labels);
        if found == expected {
            return;
        }
    }
    panic!("expected {name} {labels:?} to be {expected}, found {found}");
}

/// Open descriptors of the process.
pub(crate) fn descriptors(tidegate: &Tidegate) -> usize {
    let folder = format!("/proc/{}/fd", tidegate.process().pid());
    fs::read_dir(folder).map_or(0, Iterator::count)
}

/// Resident memory of the process, in KiB.
pub(crate) fn resident_kib(tidegate: &Tidegate) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", tidegate.process().pid()));
    status
        .unwrap_or_default()
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmRSS:")?
                .trim()
                .strip_suffix(" kB")?
                .trim()
                .parse()
                .ok()
        })
        .unwrap_or(0)
}

/// Starts the binary with no more than that many descriptors, for good.
#[track_caller]
pub(crate) fn start_with_descriptors(yaml: &str, most: u32) -> Tidegate {
    start_with_descriptor_limits(yaml, most, most)
}

/// Starts the binary with that many descriptors, which it may raise to `hard`.
#[track_caller]
pub(crate) fn start_with_descriptor_limits(yaml: &str, soft: u32, hard: u32) -> Tidegate {
    let dir = TempDir::new().expect("a temporary folder");
    let config = dir.path().join("tidegate.yaml");
    fs::write(&config, yaml).expect("a file in a new folder");
    let mut command = Command::new("prlimit");
    command
        .arg(format!("--nofile={soft}:{hard}"))
        .arg(Tidegate::command().get_program());
    command.arg("run").arg("-c").arg(config);
    match Tidegate::start_in(dir, command) {
        Ok(tidegate) => tidegate,
        Err(error) => panic!("{error}"),
    }
}

/// An address that was free a moment ago, for what cannot have port 0.
pub(crate) fn free_addr() -> SocketAddr {
    let probe = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    probe.local_addr().expect("a bound socket")
}

/// Whether nobody listens there.
pub(crate) fn is_refused(addr: SocketAddr) -> bool {
    TcpStream::connect(addr).is_err()
}

/// Every line of a file so far.
pub(crate) fn lines_of(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}
