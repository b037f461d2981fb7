//! Programs of other people that tests speak with: where they are, and how a run of one is bounded and read.
//!
//! A program that is missing makes a test skip with a line on a developer's machine and fail where `CI` is `true`.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use crate::process::Process;

/// A program that a test needs.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    /// The name that is looked for on `PATH`.
    pub name: &'static str,
    /// The argument that makes it print its version and end well.
    pub version_argument: &'static str,
}

impl Tool {
    /// curl, the command.
    pub const CURL: Self = Self::new("curl", "--version");
    /// The nginx server.
    pub const NGINX: Self = Self::new("nginx", "-v");
    /// Node.js.
    pub const NODE: Self = Self::new("node", "--version");
    /// The command of OpenSSL.
    pub const OPENSSL: Self = Self::new("openssl", "version");
    /// wrk, a load generator. It ends with 1 whatever it is asked but a run.
    pub const WRK: Self = Self::new("wrk", "-v");

    const fn new(name: &'static str, version_argument: &'static str) -> Self {
        Self {
            name,
            version_argument,
        }
    }
}

/// Where the program is, or `None` when the test is to be skipped.
///
/// # Panics
/// When it is missing and `CI` is `true`.
#[track_caller]
pub fn tool(tool: Tool) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian keeps servers where only root looks.
    let found = std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join(tool.name))
        .find(|file| file.is_file());
    found_or_skip(found, tool.name)
}

/// The Python of the tests' own environment: `TIDEGATE_TEST_PYTHON`, else the one that `./test` made for the present
/// `tests/clients/requirements.txt`.
#[track_caller]
pub fn python() -> Option<PathBuf> {
    let found = std::env::var_os("TIDEGATE_TEST_PYTHON")
        .map(PathBuf::from)
        .or_else(|| Some(cached("venv", "requirements.txt")?.join("bin/python")))
        .filter(|python| python.is_file());
    found_or_skip(
        found,
        "the Python environment of the tests (./test makes it)",
    )
}

/// The folder with the npm packages of the tests: `TIDEGATE_TEST_NODE_MODULES`, else the one that `./test` made for the
/// present `tests/clients/package-lock.json`.
#[track_caller]
pub fn node_modules() -> Option<PathBuf> {
    let found = std::env::var_os("TIDEGATE_TEST_NODE_MODULES")
        .map(PathBuf::from)
        .or_else(|| Some(cached("npm", "package-lock.json")?.join("node_modules")))
        .filter(|folder| folder.is_dir());
    found_or_skip(
        found,
        "the npm packages of the tests (./test installs them)",
    )
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        here.parent().unwrap_or(here).to_path_buf()
    })
}

/// A file under `tests/clients`.
pub fn client_file(name: &str) -> PathBuf {
    repository().join("tests/clients").join(name)
}

/// Runs a client script with arguments and returns the JSON object of its last line.
///
/// # Panics
/// When it fails, does not end within `limit`, or prints no such line.
#[track_caller]
pub fn run_client(program: &Path, script: &str, arguments: &[String], limit: Duration) -> Value {
    let mut command = Command::new(program);
    command.arg(client_file(script)).args(arguments);
    // Clients honour proxy variables; here that would send loopback traffic elsewhere.
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    let output = run_command(command, limit);
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{script}: {}\n--- stdout\n{stdout}\n--- stderr\n{stderr}",
        output.status
    );
    let last = stdout.lines().last().unwrap_or_default();
    match serde_json::from_str(last) {
        Ok(value) => value,
        Err(error) => panic!("{script}: expected a JSON line, found {last:?}: {error}"),
    }
}

/// Runs a command to its end and returns what it printed.
///
/// # Panics
/// When it cannot be started or does not end within `limit`.
#[track_caller]
pub fn run_command(command: Command, limit: Duration) -> Output {
    let shown = format!("{command:?}");
    let process = match Process::spawn(command) {
        Ok(process) => process,
        Err(error) => panic!("expected to run {shown}, found: {error}"),
    };
    let status = process.wait_exit(limit);
    // A grandchild that keeps the pipes open must not hold the test.
    process.stdout().wait_end(Duration::from_secs(1));
    process.stderr().wait_end(Duration::from_secs(1));
    let (stdout, stderr) = (process.stdout().text(), process.stderr().text());
    match status {
        Some(status) => Output {
            status,
            stdout: stdout.into_bytes(),
            stderr: stderr.into_bytes(),
        },
        None => panic!(
            "expected {shown} to end within {limit:?}, it ran on\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        ),
    }
}

/// `http://addr`.
pub(crate) fn base_url(addr: SocketAddr) -> String {
    format!("http://{addr}")
}

#[track_caller]
fn found_or_skip(found: Option<PathBuf>, what: &str) -> Option<PathBuf> {
    if found.is_none() {
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci != "true"),
            "expected {what}, found none; where CI is true nothing is skipped"
        );
        let test = std::thread::current().name().unwrap_or("test").to_owned();
        // Written past the capture of the test harness: a skip nobody sees counts as a pass.
        writeln!(std::io::stderr(), "skipped {test}: {what} is missing").ok();
    }
    found
}

/// The folder that `./test` keys by the hash of a file under `tests/clients`.
fn cached(kind: &str, key_file: &str) -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let mut hash = Command::new("sha256sum");
    hash.arg(client_file(key_file));
    let output = hash.output().ok()?;
    let key = String::from_utf8(output.stdout).ok()?;
    Some(cache.join(format!("tidegate/{kind}-{}", key.get(..16)?)))
}
