//! `tidegate demo`: what it prints can be typed, and does what it says.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use config::Source;
use demo::{Certificate, Services};
use serde_json::Value;
use tempfile::TempDir;
use testkit::{RawClient, SOON, Signal, Tidegate, Tool, run_command, tool};

use crate::system::{Metrics, until};

/// Behind which nothing more is printed.
const LAST_LINE: &str = "Ctrl-C ends it.";

#[track_caller]
fn start() -> Tidegate {
    let dir = TempDir::new().expect("a temporary folder");
    let mut command = Tidegate::command();
    command.arg("demo");
    for option in ["--listen", "--listen-tls", "--admin"] {
        command.args([option, "127.0.0.1:0"]);
    }
    let demo = match Tidegate::start_in(dir, command) {
        Ok(demo) => demo,
        Err(error) => panic!("{error}"),
    };
    assert!(
        demo.stdout().wait_for_text(SOON, LAST_LINE),
        "{}",
        demo.stdout().text()
    );
    demo
}

/// The status that the comment behind a command promises; without one it is 200.
fn promised(command: &str) -> &str {
    let comment = command.split_once(" # ").map_or("", |(_, comment)| comment);
    match comment.get(..3) {
        Some(status) if status.bytes().all(|b| b.is_ascii_digit()) => status,
        Some(_) | None => "200",
    }
}

/// Runs a line that begins with `curl` as a shell does.
#[track_caller]
fn check_typed(curl: &Path, line: &str) {
    let arguments = line.strip_prefix("curl ").expect("a command of curl");
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!(
        "exec \"$0\" --disable --silent --show-error --noproxy '*' --max-time 20 --output /dev/null --write-out '%{{http_code}}' {arguments}"
    ));
    command.arg(curl);
    let output = run_command(command, Duration::from_secs(30));
    let status = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{line}: {output:?}");
    assert_eq!(status, promised(line), "{line}");
}

#[test]
fn what_it_prints_can_be_typed() {
    let Some(curl) = tool(Tool::CURL) else {
        return;
    };
    let demo = start();
    let printed = demo.stdout().text();
    let lines: Vec<_> = printed.lines().map(str::trim).collect();
    let web = format!("http://{}/", demo.addr("web"));
    let secure = format!("https://{}/", demo.addr("secure"));
    let admin = format!("http://{}/", demo.admin_addr());
    for (name, expected) in [("Site", &web), ("Admin", &admin)] {
        let shown = lines.iter().find_map(|line| line.strip_prefix(name));
        assert_eq!(shown.map(str::trim), Some(expected.as_str()), "{printed}");
        check_typed(&curl, &format!("curl {expected}"));
    }
    let commands: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("curl "))
        .collect();
    assert!(commands.len() >= 17, "{printed}");
    for command in &commands {
        assert!(
            command.contains(&web) || command.contains(&secure) || command.contains(&admin),
            "{command}"
        );
        check_typed(&curl, command);
    }
    let metrics = Metrics::of(&demo);
    let served = metrics.sum("http_server_request_duration_seconds_count", &[]);
    assert!(served >= 13.0, "{served}: {}", metrics.text());
    demo.signal(Signal::TERM);
    assert_eq!(demo.wait_exit(SOON).code(), Some(0));
}

/// Its own spans come back to it, and are pages.
#[test]
fn it_shows_its_own_traces() {
    let demo = start();
    let printed = demo.stdout().text();
    let traces = printed
        .lines()
        .find_map(|line| {
            line.trim()
                .strip_prefix("Traces")?
                .trim()
                .strip_prefix("http://")
        })
        .expect("the address of the traces");
    let traces: SocketAddr = traces.trim_end_matches('/').parse().expect("an address");
    let ask = |addr: SocketAddr, path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n");
        RawClient::exchange(addr, request)
    };
    assert_eq!(
        ask(demo.addr("web"), "/api/products/7?sig=hunter2").status,
        200
    );
    let trace = until("the request's trace", || {
        let data: Value = serde_json::from_str(ask(traces, "/traces.json").text()).expect("JSON");
        let all = data["traces"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|trace| {
            let spans = trace["spans"].as_array().map_or(0, Vec::len);
            trace["name"]
                .as_str()
                .is_some_and(|name| name.starts_with("GET "))
                && spans == 2
        })
    });
    let id = trace["trace_id"].as_str().expect("an id");
    let [server, client] = [0, 1].map(|at| &trace["spans"][at]);
    assert_eq!(server["attributes"]["url.path"], "/api/products/7");
    assert_eq!(client["parent_span_id"], server["span_id"]);
    assert!(ask(traces, "/").text().contains(id));
    let page = ask(traces, &format!("/traces/{id}"));
    assert_eq!(page.status, 200);
    assert!(page.text().contains("/api/products/7") && !page.text().contains("hunter2"));
}

#[test]
fn its_configuration_has_no_fault() {
    let services = Services::start().expect("free ports");
    let certificate = Certificate::make().expect("files in a folder of their own");
    let source = Source::from_text("demo.yaml", &demo::config(&services, &certificate));
    if let Err(errors) = config::plan(&source, &|_| None) {
        panic!("{errors}");
    }
}
