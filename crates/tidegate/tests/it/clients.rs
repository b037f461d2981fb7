//! Real clients through the gateway to a real origin: what they send must arrive, what comes back must please them.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use testkit::{
    Nginx, NodeExpress, PythonScript, Tidegate, Tool, config_forwarding_to, python, run_client,
    run_command, tool,
};

use crate::curl::Curl;

/// SHA-256 of 5,000,000 bytes of which byte `i` is `i` modulo 251.
const PATTERN_SHA256: &str = "d9b380b7e7b4216832cfebb75dbef64d95d592bcad101548204a03d9e0ddce70";

/// How long a client script may take, interpreter start on a busy machine included.
const SCRIPT_MAX: Duration = Duration::from_secs(60);

fn pattern() -> Vec<u8> {
    (0..=250).cycle().take(5_000_000).collect()
}

/// A gateway in front of an Express app; `None` when the test is to be skipped.
struct Fixture {
    tidegate: Tidegate,
    _origin: NodeExpress,
}

impl Fixture {
    #[track_caller]
    fn start() -> Option<Self> {
        let origin = NodeExpress::start()?;
        Some(Self {
            tidegate: Tidegate::start(config_forwarding_to(origin.addr())),
            _origin: origin,
        })
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.tidegate.addr("web"))
    }
}

/// The curl command and a gateway in front of an Express app.
#[track_caller]
fn curl_and_fixture() -> Option<(Curl, Fixture)> {
    Some((Curl::find()?, Fixture::start()?))
}

/// Runs a Python client against an Express app behind the gateway.
#[track_caller]
fn python_client(script: &str) -> Option<Value> {
    let (python, fixture) = (python()?, Fixture::start()?);
    Some(run_client(&python, script, &[fixture.url("")], SCRIPT_MAX))
}

#[test]
fn curl_gets_on_one_kept_connection() {
    let Some((curl, fixture)) = curl_and_fixture() else {
        return;
    };
    let received = curl.run(&[], &vec![fixture.url("/hello"); 5]);
    assert_eq!((received.status(), received.text()), (200, "hello\n"));
    let opened: Vec<_> = received
        .transfers
        .iter()
        .map(|t| &t["num_connects"])
        .collect();
    assert_eq!(opened, [1, 0, 0, 0, 0]);
    assert_eq!(received.transfers[0]["http_version"], "1.1");
}

#[test]
fn curl_heads() {
    let Some((curl, fixture)) = curl_and_fixture() else {
        return;
    };
    let received = curl.run(&["--head"], &vec![fixture.url("/hello"); 2]);
    assert_eq!(received.status(), 200);
    assert!(received.has_line("content-length: 6"), "{}", received.heads);
    assert_eq!(received.transfers[1]["num_connects"], 0);
}

#[test]
fn curl_uploads_with_a_length() {
    let Some((curl, fixture)) = curl_and_fixture() else {
        return;
    };
    let file = curl.file(&pattern());
    let data = format!("@{file}");
    for (method, options) in [
        ("PUT", ["--upload-file", &file]),
        ("POST", ["--data-binary", &data]),
    ] {
        let echo = curl.run(&options, &[fixture.url("/echo")]).json();
        assert_eq!(echo["method"], method);
        assert_eq!(echo["sha256"], PATTERN_SHA256, "{method}: {echo}");
        assert_eq!(echo["headers"]["content-length"], "5000000");
    }
}

#[test]
fn curl_uploads_chunked() {
    let Some((curl, fixture)) = curl_and_fixture() else {
        return;
    };
    let data = format!("@{}", curl.file(&pattern()));
    let options = [
        "--header",
        "Transfer-Encoding: chunked",
        "--data-binary",
        &data,
    ];
    let echo = curl.run(&options, &[fixture.url("/echo")]).json();
    assert_eq!(echo["sha256"], PATTERN_SHA256, "{echo}");
    assert_eq!(echo["headers"]["transfer-encoding"], "chunked");
    assert_eq!(echo["headers"]["content-length"], Value::Null);
}

#[test]
fn curl_downloads() {
    let Some((curl, fixture)) = curl_and_fixture() else {
        return;
    };
    let received = curl.run(&[], &[fixture.url("/bytes/5000000")]);
    assert!(received.has_line("content-length: 5000000"));
    assert!(received.body == pattern(), "the body differs");
}

/// With 20 s of patience only the interim response lets the body go in time.
#[test]
fn curl_waits_for_100_continue() {
    let Some((curl, fixture)) = curl_and_fixture() else {
        return;
    };
    let options = [
        "--expect100-timeout",
        "20",
        "--header",
        "Expect: 100-continue",
        "--data",
        "late body",
    ];
    let received = curl.run(&options, &[fixture.url("/echo")]);
    assert!(
        received.has_line("HTTP/1.1 100 Continue"),
        "{}",
        received.heads
    );
    assert_eq!(received.json()["bytes"], 9);
}

/// An HTTP/1.0 client knows no chunks: the body ends with the connection.
#[test]
fn curl_speaks_http_1_0() {
    let Some((curl, fixture)) = curl_and_fixture() else {
        return;
    };
    let received = curl.run(&["--http1.0"], &[fixture.url("/hello")]);
    assert_eq!((received.status(), received.text()), (200, "hello\n"));
    let received = curl.run(&["--http1.0"], &[fixture.url("/stream/50")]);
    assert_eq!(received.text().lines().count(), 50);
    assert!(!received.heads.to_lowercase().contains("transfer-encoding"));
}

#[test]
fn curl_follows_redirects() {
    let Some((curl, fixture)) = curl_and_fixture() else {
        return;
    };
    let received = curl.run(&["--location"], &[fixture.url("/redirect/3")]);
    assert_eq!((received.status(), received.text()), (200, "hello\n"));
    assert_eq!(received.transfers[0]["num_redirects"], 3);
}

#[test]
fn requests_is_pleased() {
    check_python("requests_client.py");
}

#[test]
fn httpx_is_pleased() {
    check_python("httpx_client.py");
}

#[test]
fn aiohttp_is_pleased() {
    check_python("aiohttp_client.py");
}

#[track_caller]
fn check_python(script: &str) {
    let Some(seen) = python_client(script) else {
        return;
    };
    assert_eq!(
        seen["connections"], 1,
        "connections for 100 requests: {seen}"
    );
    assert_eq!(seen["uploaded"], 10_000_342, "{seen}");
    assert_eq!(seen["downloaded"], 5_000_000, "{seen}");
    assert_eq!(seen["redirects"], 3, "{seen}");
    assert_eq!(seen["concurrent"], 50, "{seen}");
}

#[test]
fn node_fetch_is_pleased() {
    let (Some(node), Some(fixture)) = (tool(Tool::NODE), Fixture::start()) else {
        return;
    };
    let seen = run_client(&node, "fetch.mjs", &[fixture.url("")], SCRIPT_MAX);
    assert_eq!(seen["uploaded"], 10_000_000, "{seen}");
    assert_eq!(seen["downloaded"], 5_000_000, "{seen}");
    assert_eq!(seen["chunks"], 50, "{seen}");
    assert_eq!(seen["concurrent"], 50, "{seen}");
}

#[test]
fn websockets_are_tunnelled() {
    let (Some(python), Some(origin)) = (python(), PythonScript::start("ws_echo.py")) else {
        return;
    };
    let tidegate = Tidegate::start(config_forwarding_to(origin.addr()));
    let url = format!("http://{}", tidegate.addr("web"));
    let seen = run_client(&python, "ws_client.py", &[url], SCRIPT_MAX);
    assert_eq!(seen["messages"], 2000, "{seen}");
    assert_eq!(seen["large"], 1 << 20, "{seen}");
    assert_eq!(seen["closed_by_server"], 4001, "{seen}");
    assert_eq!(seen["early_data"], true, "{seen}");
    assert_eq!(seen["concurrent"], 50, "{seen}");
}

/// No speed is asked for: under load no request may fail.
#[test]
fn wrk_meets_no_error() {
    let (Some(wrk), Some(origin)) = (
        tool(Tool::WRK),
        Nginx::start(&[("small.txt", b"80 bytes or so")]),
    ) else {
        return;
    };
    let tidegate = Tidegate::start(config_forwarding_to(origin.addr()));
    let mut command = Command::new(wrk);
    command
        .args(["--threads", "1", "--connections", "32", "--duration", "2s"])
        .arg(format!("http://{}/small.txt", tidegate.addr("web")));
    let output = run_command(command, Duration::from_secs(30));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    for fault in ["Socket errors", "Non-2xx"] {
        assert!(!text.contains(fault), "{text}");
    }
    let count = text
        .lines()
        .find_map(|line| line.split_once(" requests in ")?.0.trim().parse().ok());
    assert!(count.is_some_and(|count: u64| count >= 100), "{text}");
}
