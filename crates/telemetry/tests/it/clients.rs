//! What a worker counts about the requests and calls it sends, and about calls it serves.

use std::time::Duration;

use message::{MethodKind, Version};
use telemetry::metrics::{
    Bounds, ClientMetrics, Outcome, Protocol, RpcMethodLabel, RpcMetrics, RpcServerLabel, RpcSide,
    RpcStatusCode,
};

use crate::figures::{rendered, series, value};

const COUNT: &str = "http_client_request_duration_seconds_count";

fn finish(metrics: &ClientMetrics, address: &str, outcome: Outcome) {
    let server = metrics.label(address, 8443);
    let elapsed = Duration::from_millis(7);
    metrics.finished(
        server,
        MethodKind::Post.into(),
        outcome,
        Version::Http11,
        elapsed,
        None,
    );
}

/// The conventions' attributes of `http.client.request.duration`. To a client 4xx are errors as well.
#[test]
fn tries_are_labelled() {
    let head = r#"http_request_method="POST""#;
    let tail = r#"network_protocol_version="1.1",server_address="db.example",server_port="8443""#;
    let with = |status, error| Outcome { status, error };
    for (outcome, middle) in [
        (
            Outcome::answered(200),
            r#"http_response_status_code="200","#,
        ),
        (
            Outcome::answered(404),
            r#"http_response_status_code="404","#,
        ),
        (
            with(502, Some("bad_gateway")),
            r#"http_response_status_code="502","#,
        ),
        (Outcome::failed("connect_timeout"), ""),
        // The caller gave it up: neither status nor error.
        (Outcome::default(), ""),
    ] {
        let metrics = ClientMetrics::default();
        finish(&metrics, "db.example", outcome);
        let text = rendered(|sheet| metrics.collect(sheet));
        let error = match outcome {
            Outcome {
                error: Some(word), ..
            } => format!("error_type=\"{word}\","),
            Outcome { status: 404, .. } => "error_type=\"404\",".to_owned(),
            Outcome { .. } => String::new(),
        };
        let expected = format!("{error}{head},{middle}{tail}");
        assert_eq!(series(&text, COUNT), [expected.as_str()], "{outcome:?}");
        let name = "http_client_request_duration_seconds_bucket";
        assert_eq!(
            value(&text, &format!("{name}{{{expected},le=\"0.01\"}}")),
            "1"
        );
        assert_eq!(
            value(&text, &format!("{name}{{{expected},le=\"0.005\"}}")),
            "0"
        );
    }
}

#[test]
fn servers_are_bounded() {
    let metrics = ClientMetrics::new(Bounds {
        names_max: 2,
        series_max: 4,
    });
    assert_eq!(metrics.label("a", 1), metrics.label("a", 1));
    assert_ne!(metrics.label("a", 1), metrics.label("a", 2));
    for address in ["c", "d"] {
        finish(&metrics, address, Outcome::answered(200));
    }
    let text = rendered(|sheet| metrics.collect(sheet));
    let overflow = r#"{http_request_method="POST",http_response_status_code="200",network_protocol_version="1.1",server_address="_OVERFLOW"}"#;
    assert_eq!(value(&text, &format!("{COUNT}{overflow}")), "2");
    assert_eq!(value(&text, "tidegate_metrics_servers_overflow_total"), "2");
    // One of the ten is there, three more find room.
    for status in 200..210 {
        finish(&metrics, "e", Outcome::answered(status));
    }
    let text = rendered(|sheet| metrics.collect(sheet));
    assert_eq!(series(&text, COUNT).len(), 5);
    assert_eq!(
        value(&text, &format!("{COUNT}{{otel_metric_overflow=\"true\"}}")),
        "6"
    );
    let counter =
        r#"tidegate_metrics_series_overflow_total{metric="http.client.request.duration"}"#;
    assert_eq!(value(&text, counter), "6");
}

/// gRPC's numbers and names, and which of them a server counts as errors; a client counts all but the first.
#[test]
fn calls_are_labelled() {
    let codes = [
        ("OK", false),
        ("CANCELLED", false),
        ("UNKNOWN", true),
        ("INVALID_ARGUMENT", false),
        ("DEADLINE_EXCEEDED", true),
        ("NOT_FOUND", false),
        ("ALREADY_EXISTS", false),
        ("PERMISSION_DENIED", false),
        ("RESOURCE_EXHAUSTED", false),
        ("FAILED_PRECONDITION", false),
        ("ABORTED", false),
        ("OUT_OF_RANGE", false),
        ("UNIMPLEMENTED", true),
        ("INTERNAL", true),
        ("UNAVAILABLE", true),
        ("DATA_LOSS", true),
        ("UNAUTHENTICATED", false),
    ];
    for (number, (name, is_server_error)) in (0..).zip(codes) {
        for (side, metric, is_error) in [
            (
                RpcSide::Server,
                "rpc_server_call_duration_seconds_count",
                is_server_error,
            ),
            (
                RpcSide::Client,
                "rpc_client_call_duration_seconds_count",
                number > 0,
            ),
        ] {
            let metrics = RpcMetrics::new(side, Bounds::default());
            let method = metrics.label("shop.Cart/Add");
            let status = RpcStatusCode::from_number(number);
            metrics.finished(method, status, Duration::from_millis(1), None);
            let text = rendered(|sheet| metrics.collect(sheet));
            let error = if is_error {
                format!("error_type=\"{name}\",")
            } else {
                String::new()
            };
            let expected = format!(
                "{error}rpc_method=\"shop.Cart/Add\",rpc_status_code=\"{name}\",rpc_system_name=\"grpc\""
            );
            assert_eq!(
                series(&text, metric),
                [expected.as_str()],
                "{side:?} {number}"
            );
        }
    }
    for number in [17, u32::MAX] {
        assert_eq!(RpcStatusCode::from_number(number), RpcStatusCode::Unknown);
    }
}

#[test]
fn methods_are_bounded() {
    let metrics = RpcMetrics::new(
        RpcSide::Server,
        Bounds {
            names_max: 1,
            series_max: 2,
        },
    );
    let known = metrics.label("a.B/C");
    assert_eq!(metrics.label("a.B/C"), known);
    assert_eq!(metrics.label("a.B/D"), RpcMethodLabel::OTHER);
    for method in [known, RpcMethodLabel::OTHER, RpcMethodLabel::OTHER] {
        metrics.finished(method, RpcStatusCode::Ok, Duration::ZERO, None);
    }
    metrics.finished(known, RpcStatusCode::Aborted, Duration::ZERO, None);
    let text = rendered(|sheet| metrics.collect(sheet));
    let count = "rpc_server_call_duration_seconds_count";
    let other = r#"{rpc_method="_OTHER",rpc_status_code="OK",rpc_system_name="grpc"}"#;
    assert_eq!(value(&text, &format!("{count}{other}")), "2");
    assert_eq!(
        value(&text, &format!("{count}{{otel_metric_overflow=\"true\"}}")),
        "1"
    );
    assert_eq!(
        value(&text, "tidegate_metrics_rpc_methods_overflow_total"),
        "1"
    );
}

/// Calls to several servers are told apart; beyond the bound they are counted together.
#[test]
fn calls_name_the_server_they_are_sent_to() {
    let bounds = Bounds {
        names_max: 1,
        ..Bounds::default()
    };
    let metrics = RpcMetrics::new(RpcSide::Client, bounds);
    let method = metrics.label("pkg.Svc/Method");
    for server in [
        metrics.server("a.example", 443),
        metrics.server("b.example", 443),
        RpcServerLabel::NONE,
    ] {
        let elapsed = Duration::from_millis(1);
        metrics.finished_at(server, method, RpcStatusCode::Ok, elapsed, None);
    }
    let text = rendered(|sheet| metrics.collect(sheet));
    for labels in [
        "server_address=\"a.example\",server_port=\"443\"",
        "server_address=\"_OVERFLOW\"",
        "rpc_system_name=\"grpc\"",
    ] {
        let line = text
            .lines()
            .find(|line| line.contains("_count{") && line.contains(labels));
        assert!(
            line.is_some_and(|line| line.ends_with(" 1")),
            "{labels} in\n{text}"
        );
    }
    assert!(
        text.contains("tidegate_metrics_servers_overflow_total 1"),
        "{text}"
    );
}

#[test]
fn the_protocol_may_be_one_the_gateway_does_not_speak() {
    let metrics = ClientMetrics::default();
    let server = metrics.label("a.example", 443);
    let elapsed = Duration::from_millis(1);
    for protocol in [Protocol::Http2, Protocol::Http3] {
        let outcome = Outcome::answered(200);
        metrics.finished(
            server,
            MethodKind::Get.into(),
            outcome,
            protocol,
            elapsed,
            None,
        );
    }
    let text = rendered(|sheet| metrics.collect(sheet));
    for version in ["2", "3"] {
        let label = format!("network_protocol_version=\"{version}\"");
        assert!(text.contains(&label), "{label} in\n{text}");
    }
}
