//! The admin API of the running program: what it shows of traffic that is known.

use std::collections::BTreeSet;

use serde_json::Value;
use testkit::{ClosedPort, RawClient, RawOrigin, Tidegate, config_forwarding_to};

use crate::gate::{get, head, ok, post};
use crate::system::{Metrics, ask, json, limited, reload_to, saying, until_metric};

const DURATION: &str = "http_server_request_duration_seconds_count";
const TOKEN: &str = "a-token-of-enough-length";

fn label(name: &str, value: &str) -> String {
    format!("{name}=\"{value}\"")
}

#[test]
fn health_and_readiness() {
    let tidegate = Tidegate::start(saying("ok"));
    let health = ask(&tidegate, "GET", "/health", "");
    assert_eq!(health.status, 200);
    let health = json(&health);
    assert_eq!(health["status"], "ok");
    let workers: Vec<&Value> = health["workers"].as_array().into_iter().flatten().collect();
    assert_eq!(workers.len(), 2, "{health}");
    assert!(
        workers
            .iter()
            .all(|worker| worker["alive"] == true && worker["loop_lag_ms"].is_number()),
        "{health}"
    );
    let ready = ask(&tidegate, "GET", "/ready", "");
    assert_eq!(
        (ready.status, &json(&ready)["status"]),
        (200, &Value::from("ready"))
    );
    assert_eq!(ask(&tidegate, "GET", "/nothing", "").status, 404);
    assert_eq!(ask(&tidegate, "DELETE", "/health", "").status, 405);
    assert_eq!(
        ask(&tidegate, "GET", "/reload", "").field("allow"),
        Some("POST")
    );
    assert!(ask(&tidegate, "GET", "/", "").text().contains("<html"));
    // The data listener knows none of it.
    for path in ["/health", "/metrics", "/config"] {
        assert_eq!(
            RawClient::exchange(tidegate.addr("web"), get(path)).text(),
            "ok"
        );
    }
}

/// Known traffic moves the figures by known amounts.
#[test]
fn figures_of_known_traffic() {
    let origin = RawOrigin::start(|conn| {
        while let Some(request) = conn.read_request() {
            let answer = match request.target() {
                "/bad" => {
                    "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n".to_owned()
                }
                _ => ok("hello"),
            };
            conn.send(answer);
        }
    });
    let tidegate = Tidegate::start(config_forwarding_to(origin.addr()));
    let mut client = tidegate.connect("web");
    for _ in 0..7 {
        client.send(get("/"));
        assert_eq!(client.read_response().status, 200);
    }
    for _ in 0..3 {
        client.send(post("/", "0123456789"));
        assert_eq!(client.read_response().status, 200);
    }
    client.send(get("/bad"));
    assert_eq!(client.read_response().status, 500);
    let mut old = tidegate.connect("web");
    old.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(old.read_response().status, 200);
    old.expect_close();
    until_metric(&tidegate, "tidegate_connections", &[], 1.0);
    let metrics = Metrics::of(&tidegate);
    let endpoint = label("endpoint", &origin.addr().to_string());
    let up = ["upstream=\"origin\"", &endpoint];
    let (get, post) = (
        label("http_request_method", "GET"),
        label("http_request_method", "POST"),
    );
    let (good, bad) = (
        label("http_response_status_code", "200"),
        label("http_response_status_code", "500"),
    );
    let all = label("http_route", "all");
    let (new, old) = (
        label("network_protocol_version", "1.1"),
        label("network_protocol_version", "1.0"),
    );
    for (name, labels, expected) in [
        (DURATION, &[&*get, &good, &all, &new][..], 7.0),
        (DURATION, &[&post, &good, &all, &new], 3.0),
        (DURATION, &[&get, &bad, &all, &new], 1.0),
        (DURATION, &[&get, &good, &all, &old], 1.0),
        (DURATION, &["url_scheme=\"http\""], 12.0),
        (DURATION, &[&bad, "error_type=\"500\""], 1.0),
        (DURATION, &["error_type"], 1.0),
        (DURATION, &[], 12.0),
        (
            "http_server_request_duration_seconds_bucket",
            &[&post, "le=\"+Inf\""],
            3.0,
        ),
        ("http_server_active_requests", &[], 0.0),
        ("tidegate_connections_accepted_total", &[], 2.0),
        ("tidegate_connections", &[], 1.0),
        ("tidegate_worker_connections", &["worker=\"0\""], 1.0),
        ("tidegate_request_body_bytes_total", &[], 30.0),
        ("tidegate_response_body_bytes_total", &[], 55.0),
        ("tidegate_upstream_requests_total", &up, 12.0),
        ("tidegate_upstream_failures_total", &up, 1.0),
        ("tidegate_upstream_connects_total", &up, 1.0),
        ("tidegate_upstream_reuses_total", &up, 11.0),
        ("tidegate_upstream_connections", &up, 1.0),
        ("tidegate_upstream_connections_idle", &up, 1.0),
        ("tidegate_upstream_requests_in_flight", &up, 0.0),
        ("tidegate_upstream_pending", &up, 0.0),
        ("tidegate_connection_panics_total", &[], 0.0),
        ("tidegate_config_last_reload_failed", &[], 0.0),
        ("tidegate_build_info", &[], 1.0),
    ] {
        assert_eq!(
            metrics.sum(name, labels),
            expected,
            "{name} {labels:?}\n{}",
            metrics.text()
        );
    }
    for name in [
        "http_server_request_duration_seconds_sum",
        "tidegate_worker_cpu_seconds_total",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_max_fds",
        "process_threads",
        "process_start_time_seconds",
    ] {
        assert!(metrics.sum(name, &[]) > 0.0, "{name}\n{}", metrics.text());
    }
    let upstreams = json(&ask(&tidegate, "GET", "/upstreams", ""));
    let shown = &upstreams[0]["endpoints"][0];
    assert_eq!(upstreams[0]["name"], "origin");
    for (field, expected) in [
        ("requests", 12),
        ("failures", 1),
        ("connects", 1),
        ("reuses", 11),
        ("connections", 1),
        ("idle", 1),
        ("in_flight", 0),
        ("pending", 0),
        ("weight", 1),
    ] {
        assert_eq!(shown[field], expected, "{field}: {upstreams}");
    }
    assert_eq!(shown["address"], origin.addr().to_string());
}

#[test]
fn requests_in_flight_are_seen() {
    let origin = RawOrigin::hanging();
    let tidegate = Tidegate::start(config_forwarding_to(origin.addr()));
    let mut clients: Vec<RawClient> = (0..3).map(|_| tidegate.connect("web")).collect();
    for client in &mut clients {
        client.send(get("/"));
    }
    until_metric(&tidegate, "tidegate_upstream_requests_in_flight", &[], 3.0);
    let metrics = Metrics::of(&tidegate);
    let labels = ["http_request_method=\"GET\"", "url_scheme=\"http\""];
    assert_eq!(metrics.sum("http_server_active_requests", &labels), 3.0);
    let upstreams = json(&ask(&tidegate, "GET", "/upstreams", ""));
    assert_eq!(upstreams[0]["endpoints"][0]["in_flight"], 3, "{upstreams}");
    drop(clients);
    until_metric(&tidegate, "tidegate_upstream_requests_in_flight", &[], 0.0);
    until_metric(&tidegate, "http_server_active_requests", &[], 0.0);
    until_metric(&tidegate, "tidegate_client_gone_total", &[], 3.0);
}

#[test]
fn formats_are_negotiated() {
    let tidegate = Tidegate::start(saying("ok"));
    RawClient::exchange(tidegate.addr("web"), get("/"));
    let plain = ask(&tidegate, "GET", "/metrics", "");
    assert_eq!(
        plain.field("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let accept =
        "Accept: application/openmetrics-text; version=1.0.0, text/plain; version=0.0.4; q=0.5\r\n";
    let open = ask(&tidegate, "GET", "/metrics", accept);
    assert_eq!(
        open.field("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert!(open.text().ends_with("# EOF\n") && !plain.text().contains("# EOF"));
    let names = |text: &str| -> BTreeSet<String> {
        text.lines()
            .filter_map(|line| {
                Some(
                    line.strip_prefix("# TYPE ")?
                        .split(' ')
                        .next()?
                        .trim_end_matches("_total")
                        .trim_end_matches("_info")
                        .to_owned(),
                )
            })
            .collect()
    };
    assert_eq!(names(plain.text()), names(open.text()));
    for text in [plain.text(), open.text()] {
        let names: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .collect();
        let once: BTreeSet<&&str> = names.iter().collect();
        assert_eq!(names.len(), once.len(), "each family stands once");
    }
}

#[test]
fn the_service_has_a_name() {
    let named = |name: &str| saying("ok") + &format!("telemetry: {{ service_name: {name} }}\n");
    let info = |tidegate: &Tidegate| {
        let metrics = Metrics::of(tidegate);
        let found = metrics.series("target_info");
        found
            .map(|(labels, value)| (labels.to_owned(), value))
            .collect::<Vec<_>>()
    };
    let tidegate = Tidegate::start(saying("ok"));
    for name in ["tidegate", "edge", "'a \"b\"'", "other"] {
        if name != "tidegate" {
            reload_to(&tidegate, &named(name));
        }
        let value = name.trim_matches('\'').replace('"', "\\\"");
        let found = info(&tidegate);
        assert_eq!(found.len(), 1, "{found:?}");
        let (labels, one) = &found[0];
        assert!(
            labels.contains(&label("service_name", &value)) && *one == 1.0,
            "{name}: {labels}"
        );
    }
}

/// Nothing a client sends makes a new series.
#[test]
fn label_values_are_bounded() {
    let yaml = "workers: 1\nlisteners: { web: { address: 127.0.0.1:0 } }\nroutes: [{ name: items, match: { path: \"/items/{id}\" }, respond: { body: ok } }]\nadmin: { address: 127.0.0.1:0 }\n";
    let tidegate = Tidegate::start(yaml);
    let mut client = tidegate.connect("web");
    for number in 0..50 {
        for (line, status) in [
            (format!("GET /items/{number} HTTP/1.1"), 200),
            (format!("GET /missing/{number} HTTP/1.1"), 404),
            (format!("METHOD{number} /items/{number} HTTP/1.1"), 200),
        ] {
            client.send(head(&[&line, &format!("Host: h{number}.example")]));
            assert_eq!(client.read_response().status, status, "{line}");
        }
    }
    let metrics = Metrics::of(&tidegate);
    let series: BTreeSet<&str> = metrics.series(DURATION).map(|(labels, _)| labels).collect();
    assert_eq!(series.len(), 3, "{series:?}");
    let other = label("http_request_method", "_OTHER");
    assert_eq!(
        metrics.sum(DURATION, &[&other, "http_route=\"items\""]),
        50.0
    );
    let unmatched: Vec<_> = series
        .iter()
        .filter(|labels| !labels.contains("http_route"))
        .collect();
    assert_eq!(unmatched.len(), 1, "{series:?}");
    assert!(unmatched[0].contains("404"));
    assert_eq!(
        metrics.sum("tidegate_refusals_total", &["cause=\"no_route\""]),
        50.0
    );
}

#[test]
fn refusals_and_failures_are_told_apart() {
    let closed = ClosedPort::new();
    let tidegate = Tidegate::start(config_forwarding_to(closed.addr()));
    assert_eq!(
        RawClient::exchange(tidegate.addr("web"), get("/")).status,
        502
    );
    assert_eq!(
        RawClient::exchange(tidegate.addr("web"), "GET / HTTP/1.1\r\n\r\n").status,
        400
    );
    let metrics = Metrics::of(&tidegate);
    for (name, labels, expected) in [
        (
            "tidegate_refusals_total",
            &["cause=\"connect_failed\""][..],
            1.0,
        ),
        // The client's error is none of the server's.
        (
            DURATION,
            &["code=\"502\"", "error_type=\"connect_failed\""],
            1.0,
        ),
        (DURATION, &["code=\"400\""], 1.0),
        (DURATION, &["error_type"], 1.0),
        ("tidegate_refusals_total", &["cause=\"host\""], 1.0),
        ("tidegate_refusals_total", &[], 2.0),
        ("tidegate_upstream_connect_failures_total", &[], 2.0),
        ("tidegate_upstream_retries_total", &[], 1.0),
    ] {
        assert_eq!(
            metrics.sum(name, labels),
            expected,
            "{name} {labels:?}\n{}",
            metrics.text()
        );
    }
}

#[test]
fn the_plan_in_force_without_its_secrets() {
    let yaml = |body: &str| {
        format!(
            "workers: 1\nlisteners: {{ web: {{ address: 127.0.0.1:0 }} }}\nroutes: [{{ name: all, respond: {{ body: {body} }} }}]\nadmin: {{ address: 127.0.0.1:0, token: {TOKEN} }}\n"
        )
    };
    let tidegate = Tidegate::start(yaml("one"));
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    let config = ask(&tidegate, "GET", "/config", &bearer);
    assert_eq!(config.status, 200);
    assert!(!config.text().contains(TOKEN), "{}", config.text());
    let config = json(&config);
    assert_eq!(
        config["listeners"]["web"]["address"], "127.0.0.1:0",
        "{config}"
    );
    assert_eq!(config["routes"][0]["name"], "all", "{config}");
    assert_eq!(config["workers"], 1, "{config}");
    assert_eq!(config["version"], 1, "{config}");
    tidegate.rewrite_config(yaml("two"));
    let reloaded = ask(&tidegate, "POST", "/reload", &bearer);
    assert_eq!(
        (reloaded.status, &json(&reloaded)["version"]),
        (200, &2.into())
    );
    let config = json(&ask(&tidegate, "GET", "/config", &bearer));
    assert_eq!(config["version"], 2);
    assert!(config["routes"][0].to_string().contains("two"), "{config}");
    assert!(!tidegate.stderr().text().contains(TOKEN));
}

#[test]
fn the_token_guards_all_but_probes() {
    let yaml = saying("ok").replace(
        "admin: { address: 127.0.0.1:0 }",
        &format!("admin: {{ address: 127.0.0.1:0, token: {TOKEN} }}"),
    );
    let tidegate = Tidegate::start(yaml);
    for (method, path) in [
        ("GET", "/metrics"),
        ("GET", "/config"),
        ("GET", "/upstreams"),
        ("POST", "/reload"),
        ("GET", "/"),
        ("GET", "/none"),
    ] {
        for lines in [
            "",
            "Authorization: Bearer wrong-token-of-length\r\n",
            "Authorization: Basic YTpi\r\n",
        ] {
            let refused = ask(&tidegate, method, path, lines);
            assert_eq!(refused.status, 401, "{path} {lines}");
            assert!(refused.field("www-authenticate").is_some());
        }
        let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
        assert_ne!(ask(&tidegate, method, path, &bearer).status, 401, "{path}");
    }
    for path in ["/health", "/ready"] {
        assert_eq!(ask(&tidegate, "GET", path, "").status, 200);
    }
}

#[test]
fn an_open_address_needs_a_token() {
    for (address, expected) in [
        ("0.0.0.0:0", 2),
        ("\"[::]:0\"", 2),
        ("192.0.2.1:9901", 2),
        ("\"[::1]:9901\"", 0),
        ("127.0.0.2:9901", 0),
    ] {
        let yaml = limited("", "").replace(
            "admin: { address: 127.0.0.1:0 }",
            &format!("admin: {{ address: {address} }}"),
        );
        let output = Tidegate::run(&["check", "-c", "{config}"], &yaml);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(expected), "{address}: {stderr}");
        assert_eq!(stderr.contains("token"), expected == 2, "{stderr}");
        let guarded = yaml.replace(
            &format!("address: {address} }}"),
            &format!("address: {address}, token: {TOKEN} }}"),
        );
        assert_eq!(
            Tidegate::run(&["check", "-c", "{config}"], &guarded)
                .status
                .code(),
            Some(0),
            "{guarded}"
        );
    }
}

/// Figures count on over reloads: a scraper sees no reset.
#[test]
fn counters_outlive_reloads() {
    let origin = RawOrigin::fixed(ok("ok"));
    let yaml = config_forwarding_to(origin.addr());
    let tidegate = Tidegate::start(&yaml);
    let mut client = tidegate.connect("web");
    let mut send = || {
        client.send(get("/"));
        assert_eq!(client.read_response().status, 200);
    };
    send();
    reload_to(&tidegate, &yaml.replace("name: all", "name: other"));
    send();
    reload_to(
        &tidegate,
        &yaml.replace("upstream: origin }", "upstream: origin, timeout: 9s }"),
    );
    send();
    let metrics = Metrics::of(&tidegate);
    assert_eq!(metrics.sum(DURATION, &["http_route=\"all\""]), 2.0);
    assert_eq!(metrics.sum(DURATION, &["http_route=\"other\""]), 1.0);
    assert_eq!(metrics.sum("tidegate_upstream_requests_total", &[]), 3.0);
    assert_eq!(
        metrics.sum("tidegate_upstream_connects_total", &[]),
        1.0,
        "the pool lives on"
    );
}
