//! What the gateway tells about itself over OTLP, and what it carries on between programs that are traced too.

use std::net::SocketAddr;
use std::process::Command;

use otlp::SpanKind;
use testkit::{
    Process, PythonScript, RawClient, RawOrigin, SOON, Signal, Tidegate, client_file, python,
    run_client,
};

use crate::gate::get;
use crate::spans::{Seen, config, receiver, sending_to, spans, until_spans};
use crate::system::{self, Metrics, until, until_metric};

#[track_caller]
fn ask(tidegate: &Tidegate, target: &str) -> testkit::Response {
    let mut client = tidegate.connect("web");
    client.send(get(target));
    client.read_response()
}

#[test]
fn spans_and_figures_are_sent_and_nothing_is_lost_at_the_end() {
    let (origin, receiver) = (RawOrigin::ok("ok"), receiver());
    // They would wait for others for a minute.
    let telemetry = format!(
        "service_name: edge, resource: {{ deployment.environment.name: test }}, otlp: {{ endpoint: \"http://{}\", protocol: http/protobuf, delay: 1m, metrics_interval: 1h }}",
        receiver.addr()
    );
    let tidegate = Tidegate::start(config(origin.addr(), &telemetry));
    for number in 0..10 {
        assert_eq!(ask(&tidegate, &format!("/item/{number}")).status, 200);
    }
    assert_eq!(receiver.requests().len(), 0);
    tidegate.signal(Signal::TERM);
    assert!(tidegate.wait_exit(SOON).success());
    let seen = spans(&receiver);
    assert_eq!(seen.len(), 20, "{seen:#?}");
    assert!(seen.iter().all(|span| span.service == "edge"));
    let servers = seen
        .iter()
        .filter(|span| span.kind == Some(SpanKind::Server));
    assert_eq!(servers.filter(|span| span.name == "GET all").count(), 10);
    let figures = receiver.requests();
    let figures: Vec<_> = figures
        .iter()
        .filter(|request| request.target() == "/v1/metrics")
        .collect();
    let [figures] = figures[..] else {
        panic!("{} reports", figures.len());
    };
    let points = otlp::count_items(otlp::Signal::Metrics, &figures.body.bytes).expect("whole");
    assert!(points > 50, "{points}");
    let text = String::from_utf8_lossy(&figures.body.bytes);
    assert!(
        text.contains("http.server.request.duration")
            && text.contains("deployment.environment.name")
    );
}

/// P-1, P-4, P-5 with real peers on both sides: one trace, right parents, baggage and trace state survive.
#[test]
fn one_trace_through_opentelemetry_python_on_both_sides() {
    let Some(origin) = PythonScript::start("otel_origin.py") else {
        return;
    };
    let Some(python) = python() else { return };
    let receiver = receiver();
    let tidegate = Tidegate::start(config(origin.addr(), &sending_to(receiver.addr(), "")));
    let url = format!("http://{}/shop", tidegate.addr("web"));
    let told = run_client(&python, "otel_client.py", &[url], SOON);
    let seen = until_spans(&receiver, 2);
    let [server, client] = &seen[..] else {
        panic!("{seen:#?}");
    };
    let answer = &told["answer"];
    for trace in [&told["trace_id"], &answer["trace_id"]] {
        assert_eq!(trace, server.trace_id.as_str());
    }
    assert_eq!(client.trace_id, server.trace_id);
    assert_eq!(told["span_id"], server.parent.as_str());
    assert_eq!(client.parent, server.span_id);
    assert_eq!(answer["parent"], client.span_id.as_str());
    assert_eq!(answer["is_remote"], true);
    assert_eq!(answer["sampled"], true);
    assert_eq!(answer["trace_state"], "vendor=a:1,other=x");
    assert_eq!(server.trace_state, "vendor=a:1,other=x");
    assert_eq!(answer["baggage"]["user"], "J\u{fc}rgen, 7");
}

/// P-6, P-7, P-8, P-9 with real peers: contexts come and go in the formats that each side speaks.
#[test]
fn other_formats_with_opentelemetry_python_on_both_sides() {
    let Some(python) = python() else { return };
    // What the client writes, what the gateway writes, what the origin reads, and whether a trace state can get there.
    for (asked, spoken, read) in [
        ("b3", "b3,tracecontext", "tracecontext"),
        ("b3multi", "b3", "b3"),
        ("b3", "b3multi", "b3multi"),
        ("jaeger", "jaeger,tracecontext", "tracecontext"),
        ("jaeger", "b3,jaeger", "b3"),
        ("tracecontext", "tracecontext,b3multi", "b3multi"),
    ] {
        let Some(origin) = PythonScript::start_with("otel_origin.py", &[read]) else {
            return;
        };
        let receiver = receiver();
        let telemetry = format!(
            "propagators: [{spoken}], {}",
            sending_to(receiver.addr(), ", signals: [traces]")
        );
        let tidegate = Tidegate::start(config(origin.addr(), &telemetry));
        let url = format!("http://{}/shop", tidegate.addr("web"));
        let told = run_client(&python, "otel_client.py", &[url, asked.to_owned()], SOON);
        let case = format!("{asked} {spoken} {read}");
        let seen = until_spans(&receiver, 2);
        let [server, client] = &seen[..] else {
            panic!("{case}: {seen:#?}");
        };
        let answer = &told["answer"];
        for trace in [&told["trace_id"], &answer["trace_id"]] {
            assert_eq!(trace, server.trace_id.as_str(), "{case}");
        }
        assert_eq!(told["span_id"], server.parent.as_str(), "{case}");
        assert_eq!(client.parent, server.span_id, "{case}");
        assert_eq!(answer["parent"], client.span_id.as_str(), "{case}");
        assert_eq!(answer["sampled"], true, "{case}");
    }
}

/// M-8: what a figure shows as its example is a trace that was sent.
#[test]
fn examples_beside_figures_are_traces_that_were_sent() {
    let (origin, receiver) = (RawOrigin::ok("ok"), receiver());
    let telemetry = format!(
        "sampling: {{ ratio: 1.0, rules: [{{ path_prefix: /never, ratio: 0 }}] }}, {}",
        sending_to(receiver.addr(), ", signals: [traces]")
    );
    let tidegate = Tidegate::start(config(origin.addr(), &telemetry));
    for target in ["/never", "/shown", "/never"] {
        assert_eq!(ask(&tidegate, target).status, 200);
    }
    let seen = until_spans(&receiver, 2);
    let open = "Accept: application/openmetrics-text; version=1.0.0\r\n";
    let page = system::ask(&tidegate, "GET", "/metrics", open);
    let examples = |family: &str| -> Vec<String> {
        let bucket = format!("{family}_bucket{{");
        page.text()
            .lines()
            .filter(|line| line.starts_with(&bucket))
            .filter_map(|line| Some(line.split_once(" # ")?.1.to_owned()))
            .collect()
    };
    for (family, span) in [
        ("http_server_request_duration_seconds", &seen[0]),
        ("http_client_request_duration_seconds", &seen[1]),
    ] {
        let found = examples(family);
        let [example] = &found[..] else {
            panic!("{family}: {found:?}\n{}", page.text());
        };
        let ids = format!(
            "{{trace_id=\"{}\",span_id=\"{}\"}} ",
            span.trace_id, span.span_id
        );
        assert!(example.starts_with(&ids), "{example}, expected {ids}");
    }
    assert!(page.text().ends_with("# EOF\n"));
    // Prometheus' own format has no place for them.
    assert!(!Metrics::of(&tidegate).text().contains("trace_id"));
}

/// Shares follow the traffic of each route: few of many, all of few. What was kept says how many it stands for.
#[test]
fn shares_follow_the_traffic_of_each_route() {
    let (origin, receiver) = (RawOrigin::ok("ok"), receiver());
    let yaml = format!(
        "workers: 1\nlisteners: {{ web: {{ address: 127.0.0.1:0, limits: {{ requests_per_connection_max: 1000000 }} }} }}\n\
         admin: {{ address: 127.0.0.1:0 }}\nupstreams: {{ origin: {{ endpoints: [\"{}\"] }} }}\nroutes:\n\
         - {{ name: busy, match: {{ path: /busy }}, forward: {{ upstream: origin }} }}\n\
         - {{ name: quiet, match: {{ path: /quiet }}, forward: {{ upstream: origin }} }}\n\
         telemetry: {{ sampling: {{ adaptive: {{ per_second: 5, base_ratio: 0.001, max_ratio: 1 }} }}, {} }}\n",
        origin.addr(),
        sending_to(receiver.addr(), ", signals: [traces]")
    );
    let tidegate = Tidegate::start(yaml);
    let mut client = tidegate.connect("web");
    // Until the route's share has fallen below a tenth, which the upstream is told: R ≥ T, 14 digits of T.
    until("the share of a busy route to fall", || {
        for _ in 0..20 {
            client.send(get("/busy"));
            assert_eq!(client.read_response().status, 200);
        }
        let requests = origin.requests();
        let thresholds = requests.iter().rev().take(20).filter_map(|request| {
            let state = request.field("tracestate")?;
            state.strip_prefix("ot=th:").map(str::to_owned)
        });
        let has_fallen = |threshold: String| threshold.as_str() > "e6";
        thresholds.map(has_fallen).max().filter(|fallen| *fallen)
    });
    // However many it took to fall: of these, far less than half are kept.
    for _ in 0..100 {
        client.send(get("/busy"));
        assert_eq!(client.read_response().status, 200);
    }
    client.send(get("/quiet"));
    assert_eq!(client.read_response().status, 200);
    let last = origin.requests().pop().expect("a request");
    assert_eq!(last.target(), "/quiet");
    assert_eq!(last.field("tracestate"), Some("ot=th:0"));
    // Spans say what their traces' heads said.
    let seen = until("the quiet route's span", || {
        let seen = spans(&receiver);
        let is_it = |span: &Seen| span.name == "GET quiet";
        seen.iter().any(is_it).then_some(seen)
    });
    let busy = seen.iter().filter(|span| span.name == "GET busy");
    assert!(
        busy.clone()
            .any(|span| span.trace_state.as_str() > "ot=th:e6")
    );
    assert!(busy.count() < origin.requests().len() - 50);
}

/// What the environment asks for in vain is said.
#[test]
fn a_page_of_ones_own_for_prometheus_is_not_served() {
    let origin = RawOrigin::ok("ok");
    for (name, value) in [
        ("OTEL_METRICS_EXPORTER", "prometheus"),
        ("OTEL_EXPORTER_PROMETHEUS_PORT", "9464"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tidegate.yaml");
        std::fs::write(&file, testkit::config_forwarding_to(origin.addr())).unwrap();
        let mut command = Tidegate::command();
        command.arg("run").arg("-c").arg(&file).env(name, value);
        let tidegate = Tidegate::start_in(dir, command).unwrap();
        assert!(
            tidegate
                .stderr()
                .wait_for_text(SOON, "/metrics of the admin API"),
            "{name}"
        );
    }
}

/// Every protocol against the SDK's own protobuf and gRPC libraries.
#[test]
fn spans_arrive_over_every_protocol() {
    let Some(python) = python() else { return };
    let origin = RawOrigin::ok("ok");
    let free = || {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        socket.local_addr().unwrap().port()
    };
    for (protocol, compression) in [
        ("grpc", "none"),
        ("grpc", "gzip"),
        ("http/protobuf", "zstd"),
        ("http/json", "gzip"),
    ] {
        let (http, grpc) = (free(), free());
        let mut command = Command::new(&python);
        command
            .arg(client_file("otlp_sink.py"))
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command.args([
            "--http",
            &format!("127.0.0.1:{http}"),
            "--grpc",
            &format!("127.0.0.1:{grpc}"),
            "--run-for",
            "120",
        ]);
        let sink = Process::spawn(command).unwrap();
        assert!(
            sink.stdout().wait_for_text(SOON * 3, "\"listening\""),
            "{}",
            sink.stderr().text()
        );
        let port = if protocol == "grpc" { grpc } else { http };
        let telemetry = format!(
            "otlp: {{ endpoint: \"http://127.0.0.1:{port}\", protocol: {protocol}, compression: {compression}, delay: 10ms, metrics_interval: 1s }}"
        );
        let tidegate = Tidegate::start(config(origin.addr(), &telemetry));
        for number in 0..20 {
            assert_eq!(ask(&tidegate, &format!("/item/{number}")).status, 200);
        }
        tidegate.signal(Signal::TERM);
        assert!(tidegate.wait_exit(SOON).success());
        let sink_addr: SocketAddr = ([127, 0, 0, 1], http).into();
        let stats = RawClient::exchange(
            sink_addr,
            "GET /_sink/stats HTTP/1.1\r\nHost: sink\r\nConnection: close\r\n\r\n",
        );
        let stats: serde_json::Value = serde_json::from_str(stats.text()).unwrap();
        assert_eq!(
            stats["unique_spans"], 40,
            "{protocol} {compression}: {stats}"
        );
        assert_eq!(
            stats["duplicate_spans"], 0,
            "{protocol} {compression}: {stats}"
        );
        assert!(
            stats["accepted"]["data_points"]
                .as_u64()
                .is_some_and(|points| points > 50),
            "{stats}"
        );
    }
}

#[test]
fn the_environment_says_where_if_the_configuration_does_not() {
    let (origin, receiver) = (RawOrigin::ok("ok"), receiver());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tidegate.yaml");
    std::fs::write(&file, testkit::config_forwarding_to(origin.addr())).unwrap();
    let mut command = Tidegate::command();
    command.arg("run").arg("-c").arg(&file);
    command.env(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        format!("http://{}", receiver.addr()),
    );
    command
        .env("OTEL_SERVICE_NAME", "from-env")
        .env("OTEL_BSP_SCHEDULE_DELAY", "10");
    command.env("OTEL_TRACES_SAMPLER", "nonsense");
    let tidegate = Tidegate::start_in(dir, command).unwrap();
    assert!(tidegate.stderr().wait_for_text(SOON, "OTEL_TRACES_SAMPLER"));
    ask(&tidegate, "/");
    let seen = until_spans(&receiver, 2);
    assert!(
        seen.iter().all(|span| span.service == "from-env"),
        "{seen:#?}"
    );
}

/// `console`: one line of OTLP/JSON per batch, with or without a receiver.
#[test]
fn the_environment_may_ask_for_standard_output() {
    let (origin, receiver) = (RawOrigin::ok("ok"), receiver());
    for exporters in ["console", "console,otlp"] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tidegate.yaml");
        std::fs::write(&file, testkit::config_forwarding_to(origin.addr())).unwrap();
        let mut command = Tidegate::command();
        command.arg("run").arg("-c").arg(&file);
        command
            .env("OTEL_TRACES_EXPORTER", exporters)
            .env("OTEL_METRICS_EXPORTER", "console")
            .env("OTEL_BSP_SCHEDULE_DELAY", "10")
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
        let endpoint = format!("http://{}", receiver.addr());
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
        let tidegate = Tidegate::start_in(dir, command).unwrap();
        assert_eq!(ask(&tidegate, "/shown").status, 200);
        let line = tidegate.stdout().wait_for(SOON, |line| {
            line.starts_with("{\"resourceSpans\"")
                .then(|| line.to_owned())
        });
        let line: serde_json::Value = serde_json::from_str(&line.expect("a line")).unwrap();
        let spans = &line["resourceSpans"][0]["scopeSpans"][0]["spans"];
        assert_eq!(spans.as_array().map(Vec::len), Some(2), "{line:#}");
        if exporters == "console" {
            assert_eq!(receiver.requests().len(), 0);
        } else {
            until_spans(&receiver, 2);
        }
        tidegate.signal(Signal::TERM);
        assert!(tidegate.wait_exit(SOON).success());
        assert!(tidegate.stdout().text().contains("{\"resourceMetrics\""));
    }
}

/// The trace's id is the same wherever a person may look for it.
#[test]
fn the_trace_id_is_in_answers_logs_and_problem_bodies() {
    let (origin, receiver) = (RawOrigin::ok("ok"), receiver());
    let telemetry = format!(
        "trace_response_header: x-trace-id, access_log: {{ fields: [path, trace_id, span_id] }}, {}",
        sending_to(receiver.addr(), "")
    );
    let yaml = config(origin.addr(), &telemetry);
    let tidegate = Tidegate::start(yaml);
    let answer = ask(&tidegate, "/found");
    let refused = ask(&tidegate, "/%00");
    assert_eq!((answer.status, refused.status), (200, 400));
    let seen = until_spans(&receiver, 3);
    for (response, path) in [(answer, "/found"), (refused, "/%00")] {
        let id = response.field("x-trace-id").expect("an id").to_owned();
        let span = seen
            .iter()
            .find(|span| span.trace_id == id && span.kind == Some(SpanKind::Server));
        let span = span.unwrap_or_else(|| panic!("{path}: {id} among {seen:#?}"));
        let line = tidegate
            .stdout()
            .wait_for(SOON, |line| line.contains(&id).then(|| line.to_owned()));
        let line: serde_json::Value = serde_json::from_str(&line.expect("a line")).unwrap();
        assert_eq!(line["span_id"], span.span_id.as_str());
        if response.status == 400 {
            assert!(
                response
                    .text()
                    .contains(&format!("\"instance\":\"urn:trace:{id}\"")),
                "{}",
                response.text()
            );
        }
    }
}

#[test]
fn secrets_stay_out_of_spans_logs_and_figures() {
    let (origin, receiver) = (RawOrigin::ok("ok"), receiver());
    let telemetry = format!(
        "redact_query: [token], capture_request_headers: [x-tenant, referer], access_log: {{}}, otlp: {{ endpoint: \"http://{}\", protocol: http/protobuf, signals: [traces, metrics, logs], delay: 10ms, metrics_interval: 1s, headers: {{ x-api-key: hunter2-header }} }}",
        receiver.addr()
    );
    let tidegate = Tidegate::start(config(origin.addr(), &telemetry));
    let put = "PUT /log HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nConnection: close\r\n\r\ntrace";
    assert_eq!(RawClient::exchange(tidegate.admin_addr(), put).status, 200);
    let mut client = tidegate.connect("web");
    client.send("GET /a?token=hunter2-query&sig=hunter2-sig&page=7 HTTP/1.1\r\nHost: a.example\r\nAuthorization: Bearer hunter2-bearer\r\nCookie: session=hunter2-cookie\r\nX-Tenant: acme\r\nReferer: http://a.example/?sig=hunter2-referer\r\n\r\n");
    assert_eq!(client.read_response().status, 200);
    let seen = until_spans(&receiver, 2);
    assert_eq!(
        seen[0].attributes["url.query"],
        "token=REDACTED&sig=REDACTED&page=7"
    );
    assert_eq!(
        seen[0].attributes["http.request.header.referer"],
        "[http://a.example/?sig=REDACTED]"
    );
    assert!(tidegate.stdout().wait_for_text(SOON, "page=7"));
    until("figures and log records to arrive", || {
        let requests = receiver.requests();
        let has = |path| requests.iter().any(|request| request.target() == path);
        (has("/v1/metrics") && has("/v1/logs")).then_some(())
    });
    for request in receiver.requests() {
        // The receiver's own key reaches the receiver, in its field and nowhere else.
        assert_eq!(request.field("x-api-key"), Some("hunter2-header"));
        assert!(!String::from_utf8_lossy(&request.body.bytes).contains("hunter2"));
    }
    for text in [
        tidegate.stdout().text(),
        tidegate.stderr().text(),
        tidegate.admin_get("/metrics").1,
        tidegate.admin_get("/config").1,
    ] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    // The origin is no stranger: it gets what the client sent.
    assert!(origin.requests()[0].target().contains("hunter2-query"));
}

/// A receiver that is down costs no request, and what is lost is counted to the last span.
#[test]
fn a_receiver_that_is_down_costs_nothing_but_spans() {
    let origin = RawOrigin::ok("ok");
    let closed = testkit::ClosedPort::new();
    let telemetry = sending_to(closed.addr(), ", signals: [traces]");
    let tidegate = Tidegate::start(config(origin.addr(), &telemetry));
    let mut client = tidegate.connect("web");
    for number in 0..200 {
        client.send(get(&format!("/{number}")));
        let response = client.read_response();
        assert_eq!((response.status, response.text()), (200, "ok"));
    }
    let traces = ["signal=\"traces\""];
    until("every span to be with the exporter", || {
        let metrics = Metrics::of(&tidegate);
        let failed = metrics.sum("tidegate_export_requests_failed_total", &traces);
        (failed >= 1.0).then_some(())
    });
    tidegate.signal(Signal::TERM);
    assert!(tidegate.wait_exit(SOON).success());
    let lost = tidegate.stderr().wait_for(SOON, |line| {
        let (_, count) = line.split_once("lost=")?;
        count.split_whitespace().next()?.parse::<u64>().ok()
    });
    assert_eq!(lost, Some(400));
}

#[test]
fn a_reload_sends_elsewhere() {
    let origin = RawOrigin::ok("ok");
    let (first, second) = (receiver(), receiver());
    let yaml = |receiver: &RawOrigin| config(origin.addr(), &sending_to(receiver.addr(), ""));
    let tidegate = Tidegate::start(yaml(&first));
    let mut client = tidegate.connect("web");
    let mut serve = || {
        client.send(get("/"));
        assert_eq!(client.read_response().status, 200);
    };
    serve();
    until_spans(&first, 2);
    tidegate.rewrite_config(yaml(&second));
    until_metric(&tidegate, "tidegate_config_reloads_total", &[], 1.0);
    serve();
    until_spans(&second, 2);
    assert_eq!(spans(&first).len(), 2);
    // Counts go on: what the first receiver took was taken.
    let exported = "tidegate_export_items_exported_total";
    until_metric(&tidegate, exported, &["signal=\"traces\""], 4.0);
    // Off: contexts pass through untouched.
    tidegate.rewrite_config(testkit::config_forwarding_to(origin.addr()));
    until_metric(&tidegate, "tidegate_config_reloads_total", &[], 2.0);
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    client.send(format!(
        "GET / HTTP/1.1\r\nHost: a\r\nTraceparent: {parent}\r\n\r\n"
    ));
    assert_eq!(client.read_response().status, 200);
    assert_eq!(
        origin
            .requests()
            .last()
            .and_then(|request| request.field("traceparent").map(str::to_owned))
            .as_deref(),
        Some(parent)
    );
    // A certificate that is not there: the old settings stay.
    let broken = config(
        origin.addr(),
        "otlp: { endpoint: 'https://localhost:1', tls: { ca: /nowhere.pem } }",
    );
    tidegate.rewrite_config(broken);
    until_metric(&tidegate, "tidegate_config_reload_failures_total", &[], 1.0);
}
