//! The real Prometheus as a child process, and its HTTP API.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use testkit::{Process, RawClient, Tool, tool};

/// The Prometheus server.
pub(super) const PROMETHEUS: Tool = Tool {
    name: "prometheus",
    version_argument: "--version",
};
/// What comes with it: checks of rules, configurations and metrics.
pub(super) const PROMTOOL: Tool = Tool {
    name: "promtool",
    version_argument: "--version",
};

/// How long the start, or two scrapes and the rules after them, may take on a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(60);

/// A running Prometheus. Dropping it kills the process and removes its folder.
pub(super) struct Prometheus {
    addr: SocketAddr,
    // In front of the folder: fields drop in order, and nothing is written once the process is gone.
    process: Process,
    _dir: TempDir,
}

impl Prometheus {
    /// Starts it on a free port, with this configuration and its data in `dir`. `None` when there is none.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    pub(super) fn start(dir: TempDir, config: &Path) -> Option<Self> {
        let mut command = Command::new(tool(PROMETHEUS)?);
        command
            .arg("--config.file")
            .arg(config)
            .arg("--storage.tsdb.path")
            .arg(dir.path().join("data"))
            .args(["--web.listen-address", "127.0.0.1:0"]);
        let process = Process::spawn(command).expect("prometheus starts");
        let addr = process.stderr().wait_for(SOON, |line| {
            let (_, rest) = line.split_once("\"Listening on\"")?;
            let (_, addr) = rest.split_once("address=")?;
            addr.split(' ').next()?.parse().ok()
        });
        // It listens before it answers queries.
        let is_ready = process
            .stderr()
            .wait_for_text(SOON, "Server is ready to receive web requests");
        let Some(addr) = addr.filter(|_| is_ready) else {
            panic!(
                "expected prometheus to listen and get ready, found\n{}",
                process.stderr().text()
            );
        };
        Some(Self {
            addr,
            process,
            _dir: dir,
        })
    }

    /// Looks again and again until it holds.
    ///
    /// # Panics
    /// When it does not within a minute.
    #[track_caller]
    pub(super) fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + SOON;
        while !holds() {
            assert!(
                Instant::now() < deadline,
                "expected {what} within {SOON:?}\n{:#}\n{}",
                self.get("/api/v1/targets", &[]),
                self.process.stderr().text()
            );
        }
    }

    /// The series an expression has at this moment.
    ///
    /// # Panics
    /// When it is not understood.
    #[track_caller]
    pub(super) fn query(&self, expression: &str) -> Vec<Value> {
        let data = self.get("/api/v1/query", &[("query", expression)]);
        data["result"].as_array().expect("a list").clone()
    }

    /// Whether an expression has any.
    #[track_caller]
    pub(super) fn finds(&self, expression: &str) -> bool {
        !self.query(expression).is_empty()
    }

    /// Every rule of every group, as the API tells it.
    #[track_caller]
    pub(super) fn rules(&self) -> Vec<Value> {
        let data = self.get("/api/v1/rules", &[]);
        let groups = data["groups"].as_array().expect("groups");
        groups
            .iter()
            .flat_map(|group| group["rules"].as_array().expect("rules"))
            .cloned()
            .collect()
    }

    /// `GET` of the API: the data of the answer.
    ///
    /// # Panics
    /// When the answer is an error.
    #[track_caller]
    pub(super) fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let query: Vec<_> = parameters
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
            .collect();
        let request = format!(
            "GET {path}?{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            query.join("&"),
            self.addr
        );
        let response = RawClient::exchange(self.addr, request);
        let answer: Value = serde_json::from_str(response.text())
            .unwrap_or_else(|error| panic!("{path}: {error}: {}", response.text()));
        assert_eq!(
            answer["status"], "success",
            "{path} {parameters:?}: {answer:#}"
        );
        answer["data"].clone()
    }
}

/// With every byte that is not a letter or a digit percent-encoded.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
