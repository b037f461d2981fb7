//! The access log of the real binary: what a line says, where it goes, and what a bad target costs.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{RawClient, RawOrigin, SOON, Signal, Tidegate};

use crate::gate::{get, head, ok};
use crate::system::{Metrics, ask, limited, lines_of, reload, until, until_metric, when};

/// Everything answered with `ok`, and this access log.
fn logging(inside: &str) -> String {
    limited(
        "",
        &format!("telemetry: {{ access_log: {{ {inside} }} }}\n"),
    )
}

fn to(path: &Path) -> String {
    logging(&format!("path: {}", path.display()))
}

#[track_caller]
fn send(tidegate: &Tidegate, count: usize) {
    let mut client = tidegate.connect("web");
    for _ in 0..count {
        client.send(get("/"));
        assert_eq!(client.read_response().status, 200);
    }
}

#[test]
fn json_lines_on_standard_output() {
    let tidegate = Tidegate::start(logging(
        "path: stdout, fields: [method, path, query, status, bytes_out, route, listener, user_agent, referer, upstream, tries, end]",
    ));
    RawClient::exchange(
        tidegate.addr("web"),
        head(&[
            "GET /a%20b?x=1&y=\"2 HTTP/1.1",
            "Host: a.example",
            "User-Agent: test \"1\" \\",
        ]),
    );
    let line = tidegate
        .stdout()
        .wait_for(SOON, |line| line.starts_with('{').then(|| line.to_owned()));
    let line = line.expect("a line of JSON");
    let expected = r#"{"method":"GET","path":"/a%20b","query":"x=1&y=\"2","status":200,"bytes_out":2,"route":"all","listener":"web","user_agent":"test \"1\" \\","referer":null,"upstream":null,"tries":0,"end":"complete"}"#;
    assert_eq!(line, expected);
    tidegate.signal(Signal::TERM);
    assert_eq!(tidegate.wait_exit(SOON).code(), Some(0));
}

/// Every field, of a request that went upstream.
#[test]
fn every_field_in_a_file() {
    let dir = TempDir::new().expect("a temporary folder");
    let log = dir.path().join("access.log");
    let origin = RawOrigin::fixed(ok("hello"));
    let yaml = format!(
        "workers: 1\nlisteners: {{ web: {{ address: 127.0.0.1:0 }} }}\nroutes: [{{ name: all, forward: {{ upstream: origin }} }}]\nupstreams: {{ origin: {{ endpoints: [\"{}\"] }} }}\nadmin: off\ntelemetry: {{ access_log: {{ path: {} }} }}\n",
        origin.addr(),
        log.display()
    );
    let tidegate = Tidegate::start(yaml);
    let request = head(&[
        "POST /items//./7?q HTTP/1.1",
        "Host: A.example",
        "Content-Length: 3",
        "Referer: http://b.example/",
    ]) + "abc";
    let response = RawClient::exchange(tidegate.addr("web"), request);
    let id = response.field("x-request-id").map(str::to_owned);
    let mut cut = tidegate.connect("web");
    cut.send("BROKEN\r\n\r\n");
    assert_eq!(cut.read_response().status, 400);
    until("two lines", || when(lines_of(&log).len() == 2));
    let lines: Vec<Value> = lines_of(&log)
        .iter()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let line = &lines[0];
    for (field, expected) in [
        ("client_ip", Value::from("127.0.0.1")),
        ("method", "POST".into()),
        ("host", "a.example".into()),
        ("path", "/items/7".into()),
        ("query", "q".into()),
        ("protocol", "HTTP/1.1".into()),
        ("status", 200.into()),
        ("bytes_in", 3.into()),
        ("bytes_out", 5.into()),
        ("route", "all".into()),
        ("upstream", "origin".into()),
        ("endpoint", origin.addr().to_string().into()),
        ("tries", 1.into()),
        ("user_agent", Value::Null),
        ("referer", "http://b.example/".into()),
        ("end", "complete".into()),
        ("listener", "web".into()),
    ] {
        assert_eq!(line[field], expected, "{field}");
    }
    let sent = origin.requests().remove(0).head;
    assert_eq!(line["request_id"].as_str(), sent.field("x-request-id"));
    assert!(id.is_none_or(|id| line["request_id"] == id.as_str()));
    let (whole, upstream) = (line["duration_ms"].as_f64(), line["upstream_ms"].as_f64());
    assert!(
        whole
            .zip(upstream)
            .is_some_and(|(whole, upstream)| upstream <= whole),
        "{line}"
    );
    assert!(
        line["time"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z') && time.len() == 24),
        "{line}"
    );
    assert_eq!(
        (&lines[1]["status"], &lines[1]["end"], &lines[1]["route"]),
        (&400.into(), &"refused".into(), &"".into())
    );
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&log).expect("a file"));
    assert_eq!(mode & 0o007, 0, "lines name clients");
}

#[test]
fn combined_lines() {
    let dir = TempDir::new().expect("a temporary folder");
    let log = dir.path().join("access.log");
    let tidegate = Tidegate::start(logging(&format!(
        "format: combined, path: {}",
        log.display()
    )));
    RawClient::exchange(
        tidegate.addr("web"),
        head(&[
            "GET /a?b HTTP/1.1",
            "Host: a.example",
            "User-Agent: test \"1\"",
            "Referer: http://b.example/",
        ]),
    );
    let line = until("a line", || lines_of(&log).pop());
    let (begin, rest) = line
        .split_once(" - - [")
        .expect("the beginning of a combined line");
    let (time, rest) = rest.split_once("] ").expect("a time in brackets");
    assert_eq!(begin, "127.0.0.1");
    assert!(time.ends_with(" +0000") && time.len() == 26, "{time}");
    let expected = r#""GET /a?b HTTP/1.1" 200 2 "http://b.example/" "test \"1\"""#;
    assert!(
        rest == expected || rest == expected.replace("\\\"", "\\x22"),
        "{rest}"
    );
}

/// As logrotate does it.
#[test]
fn rotation() {
    let dir = TempDir::new().expect("a temporary folder");
    let (log, old) = (
        dir.path().join("access.log"),
        dir.path().join("access.log.1"),
    );
    let tidegate = Tidegate::start(to(&log));
    send(&tidegate, 5);
    until("the lines", || when(lines_of(&log).len() == 5));
    fs::rename(&log, &old).expect("a rename");
    send(&tidegate, 5);
    until("the lines in the renamed file", || {
        when(lines_of(&old).len() == 10)
    });
    tidegate.signal(Signal::HUP);
    until("a new file", || when(log.exists()));
    send(&tidegate, 5);
    until("the lines in the new file", || {
        when(lines_of(&log).len() == 5)
    });
    assert_eq!(lines_of(&old).len(), 10);
    // The folder goes: what is open is written on, and the failure to open it again is counted.
    let lines = Metrics::of(&tidegate).sum("tidegate_access_log_lines_total", &[]);
    drop(dir);
    tidegate.signal(Signal::HUP);
    until("a counted failure", || {
        when(Metrics::of(&tidegate).sum("tidegate_access_log_errors_total", &[]) > 0.0)
    });
    send(&tidegate, 5);
    until_metric(
        &tidegate,
        "tidegate_access_log_lines_total",
        &[],
        lines + 5.0,
    );
    assert_eq!(reload(&tidegate).0, 200);
}

#[test]
fn a_full_disk_costs_lines_only() {
    let tidegate = Tidegate::start(to(Path::new("/dev/full")));
    send(&tidegate, 100);
    until_metric(
        &tidegate,
        "tidegate_access_log_dropped_lines_total",
        &[],
        100.0,
    );
    let metrics = Metrics::of(&tidegate);
    assert!(metrics.sum("tidegate_access_log_errors_total", &[]) > 0.0);
    assert_eq!(metrics.sum("tidegate_access_log_lines_total", &[]), 0.0);
    assert!(tidegate.stderr().wait_for_text(SOON, "access log failed"));
    assert_eq!(ask(&tidegate, "GET", "/health", "").status, 200);
}

#[track_caller]
fn fifo(dir: &TempDir) -> std::path::PathBuf {
    let path = dir.path().join("pipe");
    let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo");
    assert!(made.success());
    path
}

/// Far more lines than the pipe and every buffer hold.
#[test]
fn a_pipe_nobody_reads_blocks_nothing() {
    let dir = TempDir::new().expect("a temporary folder");
    let pipe = fifo(&dir);
    let tidegate = Tidegate::start(to(&pipe));
    send(&tidegate, 2000);
    until("dropped lines", || {
        when(Metrics::of(&tidegate).sum("tidegate_access_log_dropped_lines_total", &[]) >= 2000.0)
    });
    tidegate.signal(Signal::TERM);
    assert_eq!(tidegate.wait_exit(SOON).code(), Some(0));
}

/// A reader that is there and does not read: the pipe fills up, then every buffer.
#[test]
fn a_reader_that_sleeps_blocks_nothing() {
    let dir = TempDir::new().expect("a temporary folder");
    let pipe = fifo(&dir);
    // Opened for both, it needs no other side.
    let mut reader = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(0o4000)
        .open(&pipe)
        .expect("a pipe");
    let tidegate = Tidegate::start(to(&pipe));
    let mut sent = 0.0;
    until("dropped lines", || {
        send(&tidegate, 500);
        sent += 500.0;
        when(Metrics::of(&tidegate).sum("tidegate_access_log_dropped_lines_total", &[]) > 0.0)
    });
    // It wakes, and the rest comes whole.
    let mut text = Vec::new();
    until("every line to be written or dropped", || {
        drop(reader.read_to_end(&mut text));
        let metrics = Metrics::of(&tidegate);
        let done = metrics.sum("tidegate_access_log_lines_total", &[])
            + metrics.sum("tidegate_access_log_dropped_lines_total", &[]);
        when(done == sent)
    });
    drop(reader.read_to_end(&mut text));
    let written = Metrics::of(&tidegate).sum("tidegate_access_log_lines_total", &[]);
    let text = String::from_utf8(text).expect("UTF-8");
    assert_eq!(text.lines().count() as f64, written);
    for line in text.lines() {
        let line: Result<Value, _> = serde_json::from_str(line);
        assert!(line.is_ok(), "{line:?}");
    }
}
