//! The service by itself: its answers, and a clean end. Cargo builds the program for it, which the tests of the gateway
//! run as well.

use std::process::Command;

use testkit::{ClosedPort, Process, RawClient, RawOrigin, SOON, Signal};

#[test]
fn products_are_listed_found_and_created() {
    let receiver = RawOrigin::fixed(
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n",
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_product-service"));
    command.args(["--listen", "127.0.0.1:0"]);
    command.env(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        format!("http://{}", receiver.addr()),
    );
    let service = Process::spawn(command).unwrap();
    let addr = service.stdout().wait_for(SOON, |line| {
        line.strip_prefix("listening on ")?.trim().parse().ok()
    });
    let addr = addr.unwrap_or_else(|| panic!("{}", service.stderr().text()));
    let ask = |method: &str, target: &str, body: &str| {
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let response = RawClient::exchange(addr, request);
        (response.status, response.text().to_owned())
    };
    let (status, list) = ask("GET", "/products", "");
    assert_eq!((status, list.matches("\"id\"").count()), (200, 5));
    assert_eq!(
        ask("GET", "/products/2", ""),
        (
            200,
            r#"{"id":2,"name":"compass","price_cents":4500,"available":14}"#.to_owned()
        )
    );
    assert_eq!(ask("GET", "/products/99", "").0, 404);
    let (status, created) = ask("POST", "/products", r#"{"name":"map","price_cents":700}"#);
    assert_eq!(
        (status, &*created),
        (201, r#"{"id":6,"name":"map","price_cents":700}"#)
    );
    assert_eq!(
        ask("POST", "/products", r#"{"name":"","price_cents":700}"#).0,
        422
    );
    service.signal(Signal::TERM);
    let ended = service.wait_exit(SOON).expect("an end");
    assert!(ended.success(), "{}", service.stderr().text());
    // Traces, figures and log records, all of them before the end.
    for path in ["/v1/traces", "/v1/metrics", "/v1/logs"] {
        let requests = receiver.requests();
        assert!(
            requests.iter().any(|request| request.target() == path),
            "{path}"
        );
    }
}

/// Starts it with these variables and nothing sent anywhere, asks for one product, ends it, and gives what it printed.
fn printed(variables: &[(&str, &str)]) -> (String, String) {
    printed_after(variables, "")
}

/// The same, and ends it once it has printed this text to standard error.
fn printed_after(variables: &[(&str, &str)], text: &str) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_product-service"));
    command.args(["--listen", "127.0.0.1:0"]);
    for signal in ["TRACES", "METRICS", "LOGS"] {
        command.env(format!("OTEL_{signal}_EXPORTER"), "none");
    }
    command.envs(variables.iter().copied());
    let service = Process::spawn(command).expect("the program starts");
    let addr = service.stdout().wait_for(SOON, |line| {
        line.strip_prefix("listening on ")?.trim().parse().ok()
    });
    let addr = addr.expect("a line");
    let request = "GET /products/2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert_eq!(RawClient::exchange(addr, request).status, 200);
    assert!(text.is_empty() || service.stderr().wait_for_text(SOON, text));
    service.signal(Signal::TERM);
    assert!(service.wait_exit(SOON).expect("an end").success());
    service.stdout().wait_end(SOON);
    service.stderr().wait_end(SOON);
    (service.stdout().text(), service.stderr().text())
}

#[test]
fn events_are_printed_from_the_level_of_the_variable_up() {
    let (stdout, stderr) = printed(&[]);
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    assert!(
        stderr.contains("INFO") && stderr.contains("offered"),
        "{stderr}"
    );
    let (_, stderr) = printed(&[("OTEL_LOG_LEVEL", "error")]);
    assert_eq!(stderr, "");
    let (_, stderr) = printed(&[
        ("OTEL_TRACES_SAMPLER", "nonsense"),
        ("OTEL_PROPAGATORS", "xray"),
    ]);
    assert!(
        stderr.contains("OTEL_TRACES_SAMPLER") && stderr.contains("`xray`"),
        "{stderr}"
    );
}

/// `console`: each span, record and report is a line of OTLP/JSON, and nothing else is printed there.
#[test]
fn telemetry_goes_to_the_console_where_it_is_told_to() {
    let variables = [
        ("OTEL_TRACES_EXPORTER", "console"),
        ("OTEL_METRICS_EXPORTER", "console"),
        ("OTEL_LOGS_EXPORTER", "console"),
    ];
    let (stdout, _) = printed(&variables);
    let lines: Vec<serde_json::Value> = stdout
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |key: &str| lines.iter().filter(|line| line.get(key).is_some()).count();
    // The request, the look-up, the call, and the request that the call is to this same service.
    assert_eq!(of("resourceSpans"), 4, "{stdout}");
    assert_eq!(of("resourceMetrics"), 1, "{stdout}");
    assert!(of("resourceLogs") >= 1, "{stdout}");
    assert_eq!(
        of("resourceSpans") + of("resourceMetrics") + of("resourceLogs"),
        lines.len()
    );
}

#[test]
fn a_disabled_sdk_changes_nothing_else() {
    let variables = [
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_TRACES_EXPORTER", "console"),
    ];
    let (stdout, stderr) = printed(&variables);
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    assert!(stderr.contains("offered"), "{stderr}");
}

/// What exporters say of a receiver that is down is printed; were it exported, each failure would make something to send.
#[test]
fn failures_to_send_are_not_sent() {
    let nobody = ClosedPort::new();
    let endpoint = format!("http://{}/v1/logs", nobody.addr());
    let variables = [
        ("OTEL_LOGS_EXPORTER", "otlp"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", &*endpoint),
        ("OTEL_BLRP_SCHEDULE_DELAY", "1"),
        ("OTEL_BLRP_EXPORT_TIMEOUT", "50"),
        ("OTEL_METRICS_EXPORTER", "console"),
    ];
    let (stdout, stderr) = printed_after(&variables, "export failed");
    assert!(!stderr.contains("panicked"), "{stderr}");
    let report = stdout.lines().last().unwrap();
    let report: serde_json::Value = serde_json::from_str(report).unwrap();
    let metrics = &report["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
    let counted: f64 = metrics
        .as_array()
        .unwrap()
        .iter()
        .filter(|metric| {
            let name = metric["name"].as_str().unwrap();
            name.ends_with("export.items_dropped") || name.ends_with("export.queue_items")
        })
        .flat_map(|metric| {
            let data = [&metric["sum"], &metric["gauge"]];
            data.map(|data| data["dataPoints"].as_array().cloned().unwrap_or_default())
        })
        .flatten()
        .map(|point| {
            let count = point["asInt"].as_str().map(|count| count.parse().unwrap());
            count.or(point["asDouble"].as_f64()).unwrap()
        })
        .sum();
    // The offer, and the end.
    assert!(counted <= 2.0, "{counted} in {stdout}\n{stderr}");
}
