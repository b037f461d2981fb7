//! Log records over OTLP, what the program says about itself, and how much of it.

use serde_json::{Value, json};
use testkit::{RawClient, RawOrigin, SOON, Signal, Tidegate};

use crate::gate::get;
use crate::system::{Metrics, until};

/// A receiver of OTLP/HTTP that takes everything.
fn receiver() -> RawOrigin {
    RawOrigin::fixed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
}

fn config(origin: &RawOrigin, receiver: &RawOrigin, telemetry: &str) -> String {
    format!(
        "{}telemetry: {{ {telemetry}, otlp: {{ endpoint: \"http://{}\", protocol: http/json, signals: [traces, logs], delay: 10ms }} }}\n",
        testkit::config_forwarding_to(origin.addr()),
        receiver.addr()
    )
}

/// Every log record the receiver got, in order, with its attributes by key.
fn records(receiver: &RawOrigin) -> Vec<Value> {
    let requests = receiver.requests();
    let reports = requests
        .iter()
        .filter(|request| request.target() == "/v1/logs")
        .map(|request| serde_json::from_slice::<Value>(&request.body.bytes).expect("JSON"));
    reports
        .flat_map(|report| {
            let records = &report["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
            records.as_array().expect("records").clone()
        })
        .map(|mut record| {
            let empty = Vec::new();
            let pairs = record["attributes"].as_array().unwrap_or(&empty);
            let pairs = pairs.iter().map(|pair| {
                let value = pair["value"].as_object().expect("a value");
                let value = value.values().next().expect("one").clone();
                (pair["key"].as_str().expect("a key").to_owned(), value)
            });
            record["attributes"] = Value::Object(pairs.collect());
            record
        })
        .collect()
}

#[track_caller]
fn until_record(receiver: &RawOrigin, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    until(what, || {
        records(receiver).into_iter().find(|record| is(record))
    })
}

fn put_filter(tidegate: &Tidegate, filter: &str) -> testkit::Response {
    let request = format!(
        "PUT /log HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{filter}",
        filter.len()
    );
    RawClient::exchange(tidegate.admin_addr(), request)
}

#[test]
fn requests_are_log_records_of_their_trace() {
    let (origin, receiver) = (RawOrigin::ok("ok"), receiver());
    let telemetry = "redact_query: [token], access_log: { path: none }";
    let tidegate = Tidegate::start(config(&origin, &receiver, telemetry));
    let mut client = tidegate.connect("web");
    client.send("PURGE /a?token=hunter2&page=7 HTTP/1.1\r\nHost: a.example:80\r\nUser-Agent: tester\r\nCookie: hunter2\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(client.read_response().status, 200);
    let record = until_record(&receiver, "a record", |record| {
        record["eventName"] == "tidegate.request"
    });
    let attributes = &record["attributes"];
    for (key, expected) in [
        ("http.request.method", json!("_OTHER")),
        ("http.request.method_original", json!("PURGE")),
        ("http.response.status_code", json!("200")),
        ("url.path", json!("/a")),
        ("url.query", json!("token=REDACTED&page=7")),
        ("server.address", json!("a.example")),
        ("client.address", json!("127.0.0.1")),
        ("user_agent.original", json!("tester")),
        ("network.protocol.version", json!("1.1")),
        ("http.request.body.size", json!("3")),
        ("http.response.body.size", json!("2")),
        ("tidegate.route", json!("all")),
        ("tidegate.tries", json!("1")),
        ("tidegate.end", json!("complete")),
        ("tidegate.endpoint", json!(origin.addr().to_string())),
    ] {
        assert_eq!(attributes[key], expected, "{key} in {record:#}");
    }
    assert!(
        attributes["tidegate.duration_ms"]
            .as_f64()
            .is_some_and(|ms| ms > 0.0)
    );
    assert_eq!(record["severityNumber"], 9);
    // The trace it belongs to is the one that went upstream.
    let upstream = origin.requests();
    let parent = upstream[0].field("traceparent").expect("a context");
    assert_eq!(record["traceId"].as_str(), parent.get(3..35));
    assert!(!format!("{:?}", records(&receiver)).contains("hunter2"));
    // Nothing was written: the lines' place is the records'.
    assert!(!tidegate.stdout().text().contains("/a"));
}

#[test]
fn records_have_the_fields_that_lines_have() {
    let (origin, receiver) = (RawOrigin::ok("ok"), receiver());
    let telemetry = "access_log: { fields: [path, status] }";
    let tidegate = Tidegate::start(config(&origin, &receiver, telemetry));
    let mut client = tidegate.connect("web");
    client.send(get("/only"));
    assert_eq!(client.read_response().status, 200);
    let record = until_record(&receiver, "a record", |record| {
        record["eventName"] == "tidegate.request"
    });
    let expected = json!({ "url.path": "/only", "http.response.status_code": "200" });
    assert_eq!(record["attributes"], expected);
    assert_eq!(record.get("traceId"), None, "{record:#}");
    assert!(
        tidegate
            .stdout()
            .wait_for_text(SOON, "{\"path\":\"/only\",\"status\":200}")
    );
}

#[test]
fn messages_are_log_records_too() {
    let (origin, receiver) = (RawOrigin::ok("ok"), receiver());
    let yaml = config(&origin, &receiver, "service_name: edge");
    let tidegate = Tidegate::start(yaml.clone());
    // Said while nothing listened to it yet, or to standard error alone.
    tidegate.rewrite_config(format!("{yaml}nonsense: 1\n"));
    let record = until_record(&receiver, "the refusal", |record| {
        let body = record["body"]["stringValue"].as_str();
        body.is_some_and(|body| body.contains("configuration refused"))
    });
    assert_eq!(record["severityNumber"], 17);
    assert_eq!(record["severityText"], "ERROR");
    assert_eq!(record["attributes"]["faults"], "1");
    assert!(record["attributes"]["code.file.path"].is_string());
    assert!(
        tidegate
            .stderr()
            .wait_for_text(SOON, "configuration refused")
    );
    tidegate.signal(Signal::TERM);
    assert!(tidegate.wait_exit(SOON).success());
}

/// A receiver that is down is said to standard error, and not to itself when it is back.
#[test]
fn what_is_said_of_a_receiver_is_not_sent_to_it() {
    let origin = RawOrigin::ok("ok");
    let receiver = RawOrigin::fixed("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let tidegate = Tidegate::start(config(&origin, &receiver, "access_log: { path: none }"));
    let mut client = tidegate.connect("web");
    client.send(get("/"));
    assert_eq!(client.read_response().status, 200);
    assert!(tidegate.stderr().wait_for_text(SOON, "export failed"));
    tidegate.signal(Signal::TERM);
    assert!(tidegate.wait_exit(SOON).success());
    let said = records(&receiver).into_iter().any(|record| {
        let body = record["body"]["stringValue"].as_str();
        body.is_some_and(|body| body.contains("export failed"))
    });
    assert!(!said);
}

#[test]
fn the_filter_of_messages_changes_at_run_time() {
    let origin = RawOrigin::ok("ok");
    let tidegate = Tidegate::start(testkit::config_forwarding_to(origin.addr()));
    assert_eq!(tidegate.admin_get("/log").1, r#"{"filter":"info"}"#);
    let answer = put_filter(&tidegate, "warn,gateway=debug");
    assert_eq!(
        (answer.status, answer.text()),
        (200, r#"{"filter":"warn,gateway=debug"}"#)
    );
    assert_eq!(
        tidegate.admin_get("/log").1,
        r#"{"filter":"warn,gateway=debug"}"#
    );
    // A reload that changes nothing is told at `info`.
    let reload = "POST /reload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(
        RawClient::exchange(tidegate.admin_addr(), reload).status,
        200
    );
    assert_eq!(put_filter(&tidegate, "info").status, 200);
    assert_eq!(
        RawClient::exchange(tidegate.admin_addr(), reload).status,
        200
    );
    assert!(tidegate.stderr().wait_for_text(SOON, "nothing changed"));
    assert_eq!(
        tidegate.stderr().text().matches("nothing changed").count(),
        1
    );
    let refused = put_filter(&tidegate, "gateway=loud");
    assert_eq!(refused.status, 400);
    assert!(
        refused.text().contains("gateway=loud"),
        "{}",
        refused.text()
    );
    assert_eq!(tidegate.admin_get("/log").1, r#"{"filter":"info"}"#);
}

#[test]
fn a_message_that_repeats_itself_is_left_out_and_counted() {
    let origin = RawOrigin::ok("ok");
    let tidegate = Tidegate::start(testkit::config_forwarding_to(origin.addr()));
    let reload = "POST /reload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for _ in 0..20 {
        assert_eq!(
            RawClient::exchange(tidegate.admin_addr(), reload).status,
            200
        );
    }
    let said = || tidegate.stderr().text().matches("nothing changed").count();
    // Ten seconds are counted together; the loop may have met the end of ten.
    until("the sum", || {
        let text = tidegate.stderr().text();
        text.contains("said again and left out").then_some(())
    });
    let left_out = Metrics::of(&tidegate).sum("tidegate_log_repeated_total", &[]);
    assert!((10.0..=15.0).contains(&left_out), "{left_out}");
    assert!((6..=12).contains(&said()), "{}", said());
}

/// A failed try is told with its trace to whoever asks for it.
#[test]
fn failed_tries_are_told_with_their_trace() {
    let closed = testkit::ClosedPort::new();
    let receiver = receiver();
    let yaml = format!(
        "{}telemetry: {{ otlp: {{ endpoint: \"http://{}\", protocol: http/json, signals: [traces, logs], delay: 10ms }} }}\n",
        testkit::config_forwarding_to(closed.addr()),
        receiver.addr()
    );
    let tidegate = Tidegate::start(yaml);
    assert_eq!(put_filter(&tidegate, "info,gateway=debug").status, 200);
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let mut client = tidegate.connect("web");
    client.send(format!(
        "GET / HTTP/1.1\r\nHost: a\r\nTraceparent: 00-{trace_id}-00f067aa0ba902b7-01\r\n\r\n"
    ));
    assert_eq!(client.read_response().status, 502);
    let record = until_record(&receiver, "the failed try", |record| {
        record["body"]["stringValue"] == "a try failed"
    });
    assert_eq!(record["traceId"], trace_id);
    assert!(record["spanId"].as_str().is_some_and(|id| id.len() == 16));
    assert_eq!(record["attributes"]["cause"], "connect_failed");
    assert_eq!(record["attributes"]["endpoint"], closed.addr().to_string());
    assert!(tidegate.stderr().wait_for_text(SOON, trace_id));
}
