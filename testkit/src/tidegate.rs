//! The real binary, run on a configuration in a folder of its own.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::time::Duration;

use tempfile::TempDir;

use crate::lines::Lines;
use crate::process::{Process, Signal};
use crate::tools::run_command;
use crate::{RawClient, SOON};

/// A running `tidegate run`. Dropping it kills the process and removes its folder.
#[derive(Debug)]
pub struct Tidegate {
    process: Process,
    dir: TempDir,
}

/// Why `tidegate run` did not come up.
#[derive(Debug, thiserror::Error)]
#[error(
    "expected a listener to be ready within {SOON:?}, found {status:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
)]
pub struct StartError {
    /// How it ended; `None` when it still ran.
    pub status: Option<ExitStatus>,
    /// What it printed to standard output.
    pub stdout: String,
    /// What it printed to standard error.
    pub stderr: String,
}

impl Tidegate {
    /// Writes the configuration to a file, starts the binary on it and waits until its first listener is ready.
    ///
    /// # Panics
    /// When it is not within [`SOON`]; the message holds what it printed.
    #[track_caller]
    pub fn start(yaml: impl AsRef<str>) -> Self {
        match Self::try_start(yaml) {
            Ok(tidegate) => tidegate,
            Err(error) => panic!("{error}"),
        }
    }

    /// As [`Tidegate::start`], for a test of the failure.
    ///
    /// # Errors
    /// [`StartError`] when no listener is ready within [`SOON`].
    #[track_caller]
    pub fn try_start(yaml: impl AsRef<str>) -> Result<Self, StartError> {
        let dir = TempDir::new().expect("a temporary folder");
        fs::write(config_file(&dir), yaml.as_ref()).expect("a file in a new folder");
        let mut command = Self::command();
        command.arg("run").arg("-c").arg(config_file(&dir));
        Self::start_in(dir, command)
    }

    /// Starts a command that becomes `tidegate run`, for a test that needs other arguments or another environment, and
    /// waits until its first listener is ready. The folder lives as long as what is returned.
    ///
    /// # Errors
    /// [`StartError`] when no listener is ready within [`SOON`].
    #[track_caller]
    pub fn start_in(dir: TempDir, command: Command) -> Result<Self, StartError> {
        let process = Process::spawn(command).expect("the binary starts");
        let tidegate = Self { process, dir };
        match tidegate.stdout().wait_for(SOON, listening_addr) {
            Some(_) => Ok(tidegate),
            None => Err(tidegate.start_error()),
        }
    }

    /// Runs the binary to its end, as for `check` and `schema`, with `yaml` in the file that `{config}` in the
    /// arguments stands for.
    ///
    /// # Panics
    /// When it does not end within [`SOON`].
    #[track_caller]
    pub fn run(arguments: &[&str], yaml: &str) -> Output {
        let dir = TempDir::new().expect("a temporary folder");
        let file = config_file(&dir);
        fs::write(&file, yaml).expect("a file in a new folder");
        let file = file
            .to_str()
            .expect("a temporary folder of a readable name");
        let mut command = Self::command();
        command.args(arguments.iter().map(|arg| arg.replace("{config}", file)));
        run_command(command, SOON)
    }

    /// The binary without arguments.
    ///
    /// # Panics
    /// When there is none: it is built by `cargo build -p tidegate`, or named by `TIDEGATE_BIN`.
    #[track_caller]
    pub fn command() -> Command {
        let mut command = Command::new(binary());
        command.env("RUST_BACKTRACE", "1");
        command
    }

    /// Where the listener of that name listens. Waits for its line.
    ///
    /// # Panics
    /// When it does not come.
    #[track_caller]
    pub fn addr(&self, listener: &str) -> SocketAddr {
        let found = self.stdout().wait_for(SOON, |line| {
            let addr = listening_addr(line)?;
            names(line, listener).then_some(addr)
        });
        match found {
            Some(addr) => addr,
            None => panic!("listener {listener}: {}", self.start_error()),
        }
    }

    /// Where the admin API listens. Waits for its line.
    ///
    /// # Panics
    /// When it does not come.
    #[track_caller]
    pub fn admin_addr(&self) -> SocketAddr {
        let found = self
            .stdout()
            .wait_for(SOON, |line| addr_behind(line, "admin on "));
        match found {
            Some(addr) => addr,
            None => panic!("admin: {}", self.start_error()),
        }
    }

    /// A connection to the listener of that name.
    #[track_caller]
    pub fn connect(&self, listener: &str) -> RawClient {
        RawClient::connect(self.addr(listener))
    }

    /// `GET path` on the admin API: status and body.
    #[track_caller]
    pub fn admin_get(&self, path: &str) -> (u16, String) {
        let addr = self.admin_addr();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n");
        let response = RawClient::exchange(addr, request);
        (response.status, response.text().to_owned())
    }

    /// Replaces the configuration file in one step: a reader sees the old text or the new one.
    ///
    /// # Panics
    /// When the file cannot be written.
    #[track_caller]
    pub fn rewrite_config(&self, yaml: impl AsRef<str>) {
        let draft = self.dir.path().join("draft");
        fs::write(&draft, yaml.as_ref())
            .and_then(|()| fs::rename(&draft, self.config()))
            .expect("a file in the test's own folder");
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        config_file(&self.dir)
    }

    /// The folder of the configuration file, for files that a test wants beside it.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Waits for the end of the process.
    ///
    /// # Panics
    /// When it still runs after `limit`.
    #[track_caller]
    pub fn wait_exit(&self, limit: Duration) -> ExitStatus {
        match self.process.wait_exit(limit) {
            Some(status) => status,
            None => panic!(
                "expected the process to end within {limit:?}, it runs on\n--- stdout\n{}\n--- stderr\n{}",
                self.stdout().text(),
                self.stderr().text()
            ),
        }
    }

    /// The process itself.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// What it printed to standard output.
    pub fn stdout(&self) -> &Lines {
        self.process.stdout()
    }

    /// What it printed to standard error.
    pub fn stderr(&self) -> &Lines {
        self.process.stderr()
    }

    fn start_error(&self) -> StartError {
        let status = self.process.wait_exit(Duration::from_millis(100));
        // The readers may be a moment behind a process that has ended.
        if status.is_some() {
            self.stdout().wait_end(SOON);
            self.stderr().wait_end(SOON);
        }
        StartError {
            status,
            stdout: self.stdout().text(),
            stderr: self.stderr().text(),
        }
    }
}

/// A configuration with one listener `web`, one worker and everything forwarded to `origin`; bodies up to 64 MiB.
pub fn config_forwarding_to(origin: SocketAddr) -> String {
    format!(
        "\
workers: 1
listeners:
  web:
    address: 127.0.0.1:0
    limits: {{ body_max: 64MiB }}
routes:
  - name: all
    match: {{ path_prefix: / }}
    forward: {{ upstream: origin }}
upstreams:
  origin:
    endpoints: [\"{origin}\"]
admin: {{ address: 127.0.0.1:0 }}
"
    )
}

fn config_file(dir: &TempDir) -> PathBuf {
    dir.path().join("tidegate.yaml")
}

/// `TIDEGATE_BIN`; else what cargo tells the tests of the `tidegate` package; else the binary in the same profile's
/// folder as this test.
#[track_caller]
fn binary() -> PathBuf {
    let told = ["TIDEGATE_BIN", "CARGO_BIN_EXE_tidegate"]
        .iter()
        .find_map(std::env::var_os)
        .map(PathBuf::from);
    let path = told.map_or_else(|| binary_beside_test("tidegate"), Ok);
    match path {
        Ok(path) if path.is_file() => path,
        Ok(path) => panic!(
            "expected the binary at {}, found none: run `cargo build -p tidegate` or set TIDEGATE_BIN",
            path.display()
        ),
        Err(error) => panic!("expected to know the path of this test, found: {error}"),
    }
}

/// Tests run from `target/PROFILE/deps`, binaries lie in `target/PROFILE`.
pub(crate) fn binary_beside_test(name: &str) -> io::Result<PathBuf> {
    let test = std::env::current_exe()?;
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let folders = test.ancestors().skip(1).take(2);
    let mut found = folders.map(|folder| folder.join(&name));
    let beside = found.next().unwrap_or_default();
    Ok(found.find(|path| path.is_file()).unwrap_or(beside))
}

fn listening_addr(line: &str) -> Option<SocketAddr> {
    addr_behind(line, "listening on ")
}

fn addr_behind(line: &str, mark: &str) -> Option<SocketAddr> {
    let (_, behind) = line.split_once(mark)?;
    let end = behind.find(|c: char| !(c.is_ascii_hexdigit() || ".:[]".contains(c)));
    behind.get(..end.unwrap_or(behind.len()))?.parse().ok()
}

/// Whether the name is a word of the line.
fn names(line: &str, listener: &str) -> bool {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
        .any(|word| word == listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ready_lines() {
        let line = "listener web: listening on 127.0.0.1:4711 (http1)";
        assert_eq!(listening_addr(line), "127.0.0.1:4711".parse().ok());
        assert!(names(line, "web") && !names(line, "we") && !names(line, "admin"));
        assert_eq!(
            listening_addr("listening on [::1]:80"),
            "[::1]:80".parse().ok()
        );
        assert_eq!(listening_addr("listening on a socket"), None);
        assert_eq!(
            addr_behind("admin on 127.0.0.1:9901", "admin on "),
            "127.0.0.1:9901".parse().ok()
        );
    }
}
