//! Runs of the curl command, and what they tell.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{Tool, run_command, tool};

/// The curl command; every run keeps to itself: no configuration file, no proxy of the environment.
pub(crate) struct Curl {
    program: PathBuf,
    dir: TempDir,
}

/// What a run received.
pub(crate) struct Received {
    /// What `--write-out '%{json}'` says of each URL.
    pub(crate) transfers: Vec<Value>,
    /// The heads of all responses as received, interim ones included.
    pub(crate) heads: String,
    /// The body of the last URL.
    pub(crate) body: Vec<u8>,
}

impl Curl {
    /// `None` when the test is to be skipped.
    #[track_caller]
    pub(crate) fn find() -> Option<Self> {
        Some(Self {
            program: tool(Tool::CURL)?,
            dir: TempDir::new().expect("a temporary folder"),
        })
    }

    /// A file for `--upload-file` and `--data-binary @`.
    #[track_caller]
    pub(crate) fn file(&self, content: &[u8]) -> String {
        let path = self.dir.path().join("upload");
        fs::write(&path, content).expect("a file in a new folder");
        path.to_str().expect("a readable name").to_owned()
    }

    /// Runs it with these arguments, options first, then URLs.
    #[track_caller]
    pub(crate) fn run(&self, options: &[&str], urls: &[String]) -> Received {
        let (heads, body) = (self.dir.path().join("heads"), self.dir.path().join("body"));
        let mut command = Command::new(&self.program);
        command
            .args(["--disable", "--silent", "--show-error", "--noproxy", "*"])
            .args(["--max-time", "20", "--write-out", "%{json}\\n"])
            .arg("--dump-header")
            .arg(&heads)
            .args(options);
        for url in urls {
            command.arg("--output").arg(&body).arg(url);
        }
        let output = run_command(command, Duration::from_secs(30));
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "curl {options:?}: {}\n{stdout}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Received {
            transfers: stdout
                .lines()
                .map(|line| serde_json::from_str(line).expect("curl's JSON"))
                .collect(),
            heads: fs::read_to_string(heads).unwrap_or_default(),
            body: fs::read(body).unwrap_or_default(),
        }
    }
}

impl Received {
    /// The status of the last URL.
    #[track_caller]
    pub(crate) fn status(&self) -> u64 {
        let last = self.transfers.last().expect("a transfer");
        last["http_code"].as_u64().expect("a status")
    }

    /// The body as text.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of UTF-8")
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a body of JSON")
    }

    /// Whether a response head holds the line, case aside.
    pub(crate) fn has_line(&self, line: &str) -> bool {
        self.heads
            .lines()
            .any(|found| found.trim_end().eq_ignore_ascii_case(line))
    }
}
