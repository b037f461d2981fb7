//! What a worker counts about the requests it serves.

use std::time::Duration;

use message::{MethodKind, Version};
use telemetry::metrics::{Bounds, Outcome, RequestMetrics, RouteLabel, Scheme, Served};

use crate::figures::{rendered, series, served, value};

const COUNT: &str = "http_server_request_duration_seconds_count";

/// One request, and the labels of the one series it makes.
#[track_caller]
fn check_labels(request: impl Fn(RouteLabel) -> Served, expected: &str) {
    let metrics = RequestMetrics::default();
    metrics.finished(&request(metrics.label("products")));
    let text = rendered(|sheet| metrics.collect(sheet));
    assert_eq!(series(&text, COUNT), [expected]);
}

/// The conventions' attributes of `http.server.request.duration`, sorted.
#[test]
fn requests_are_labelled() {
    check_labels(
        |route| served(route, Outcome::answered(200)),
        r#"http_request_method="GET",http_response_status_code="200",http_route="products",network_protocol_version="1.1",url_scheme="http""#,
    );
    // An unmatched route has no name, an unknown method is _OTHER.
    check_labels(
        |_| Served {
            method: MethodKind::Other.into(),
            scheme: Scheme::Https,
            version: Version::Http10,
            ..served(RouteLabel::UNMATCHED, Outcome::answered(302))
        },
        r#"http_request_method="_OTHER",http_response_status_code="302",network_protocol_version="1.0",url_scheme="https""#,
    );
}

#[test]
fn errors_are_labelled() {
    let with = |status, error| Outcome { status, error };
    let cases: [(Outcome, &[&str], &[&str]); 8] = [
        // Absent on success, and a 4xx is the client's.
        (
            Outcome::answered(200),
            &["status_code=\"200\""],
            &["error_type"],
        ),
        (
            Outcome::answered(404),
            &["status_code=\"404\""],
            &["error_type"],
        ),
        (
            with(400, Some("host")),
            &["status_code=\"400\""],
            &["error_type"],
        ),
        // A 5xx without a word of its own is its number.
        (
            Outcome::answered(503),
            &["status_code=\"503\"", "error_type=\"503\""],
            &[],
        ),
        (
            with(502, Some("connect_failed")),
            &["status_code=\"502\"", "error_type=\"connect_failed\""],
            &[],
        ),
        // What broke off after its head went out.
        (
            with(200, Some("upstream_cut")),
            &["status_code=\"200\"", "error_type=\"upstream_cut\""],
            &[],
        ),
        (
            Outcome::failed("client_gone"),
            &["error_type=\"client_gone\""],
            &["status_code"],
        ),
        (Outcome::default(), &[], &["status_code", "error_type"]),
    ];
    for (outcome, present, absent) in cases {
        let metrics = RequestMetrics::default();
        metrics.finished(&served(RouteLabel::UNMATCHED, outcome));
        let text = rendered(|sheet| metrics.collect(sheet));
        let [labels] = series(&text, COUNT)[..] else {
            panic!("{outcome:?}: expected one series in\n{text}");
        };
        assert!(
            present.iter().all(|part| labels.contains(part)),
            "{outcome:?}: {labels}"
        );
        assert!(
            !absent.iter().any(|part| labels.contains(part)),
            "{outcome:?}: {labels}"
        );
    }
}

/// Whatever tells two requests apart makes two series; what does not, one.
#[test]
fn every_label_tells_series_apart() {
    let metrics = RequestMetrics::default();
    let route = metrics.label("a");
    assert_eq!(metrics.label("a"), route);
    let usual = served(route, Outcome::answered(200));
    let others = [
        Served {
            route: metrics.label("b"),
            ..usual
        },
        Served {
            route: RouteLabel::UNMATCHED,
            ..usual
        },
        Served {
            method: MethodKind::Other.into(),
            ..usual
        },
        Served {
            scheme: Scheme::Https,
            ..usual
        },
        Served {
            version: Version::Http10,
            ..usual
        },
        served(route, Outcome::answered(999)),
        served(route, Outcome::answered(100)),
        served(
            route,
            Outcome {
                status: 200,
                error: Some("one"),
            },
        ),
        served(
            route,
            Outcome {
                status: 200,
                error: Some("two"),
            },
        ),
        served(route, Outcome::failed("one")),
    ];
    for request in others.iter().chain([&usual]) {
        for _ in 0..2 {
            metrics.finished(request);
        }
    }
    let text = rendered(|sheet| metrics.collect(sheet));
    let found = series(&text, COUNT);
    assert_eq!(found.len(), others.len() + 1, "{found:#?}");
    for labels in found {
        assert_eq!(value(&text, &format!("{COUNT}{{{labels}}}")), "2");
    }
}

/// No combination of labels is taken for another.
#[test]
fn combinations_do_not_meet() {
    let words: Vec<Option<&str>> = "a b c d e f g h i j k l m n o p q r s t"
        .split(' ')
        .map(Some)
        .chain([None])
        .collect();
    let metrics = RequestMetrics::default();
    let routes = [
        RouteLabel::UNMATCHED,
        metrics.label("a"),
        metrics.label("b"),
    ];
    let mut expected = 0;
    for route in routes {
        for method in MethodKind::ALL {
            for scheme in [Scheme::Http, Scheme::Https] {
                for version in [Version::Http10, Version::Http11] {
                    for status in [100, 101, 102, 104, 108, 116] {
                        for error in &words {
                            let outcome = Outcome {
                                status,
                                error: *error,
                            };
                            metrics.finished(&Served {
                                method: method.into(),
                                scheme,
                                version,
                                ..served(route, outcome)
                            });
                            expected += 1;
                        }
                    }
                }
            }
        }
    }
    let text = rendered(|sheet| metrics.collect(sheet));
    assert_eq!(series(&text, COUNT).len(), expected);
}

#[test]
fn routes_and_series_are_bounded() {
    let metrics = RequestMetrics::new(Bounds {
        names_max: 2,
        series_max: 3,
    });
    let labels = ["a", "b", "c", "d"].map(|name| metrics.label(name));
    assert_eq!(labels[2], labels[3]);
    for route in labels {
        metrics.finished(&served(route, Outcome::answered(200)));
    }
    for status in [201, 202, 203, 200] {
        metrics.finished(&served(labels[0], Outcome::answered(status)));
    }
    let text = rendered(|sheet| metrics.collect(sheet));
    let of_overflow = r#"{http_request_method="GET",http_response_status_code="200",http_route="_OVERFLOW",network_protocol_version="1.1",url_scheme="http"}"#;
    assert_eq!(value(&text, &format!("{COUNT}{of_overflow}")), "2");
    assert_eq!(
        value(&text, &format!("{COUNT}{{otel_metric_overflow=\"true\"}}")),
        "3"
    );
    let overflow =
        r#"tidegate_metrics_series_overflow_total{metric="http.server.request.duration"}"#;
    assert_eq!(value(&text, overflow), "3");
    assert_eq!(value(&text, "tidegate_metrics_routes_overflow_total"), "2");
    assert_eq!(series(&text, COUNT).len(), 4);
}

/// Words of errors are a caller's statics. A slip that made them many would still not make series without end.
#[test]
fn words_of_errors_are_bounded() {
    let metrics = RequestMetrics::default();
    for number in 0..200 {
        let word: &'static str = Box::leak(format!("error_{number}").into());
        metrics.finished(&served(RouteLabel::UNMATCHED, Outcome::failed(word)));
    }
    let text = rendered(|sheet| metrics.collect(sheet));
    let found = series(&text, COUNT);
    assert_eq!(found.len(), 101, "{found:#?}");
    let other = found
        .iter()
        .find(|labels| labels.contains("error_type=\"_OTHER\""));
    assert_eq!(
        value(&text, &format!("{COUNT}{{{}}}", other.unwrap())),
        "100"
    );
}

/// More series than are kept side by side, copied twice and grown in between.
#[test]
fn every_series_of_many_is_collected() {
    let metrics = RequestMetrics::default();
    let labels: Vec<_> = (0..1_000)
        .map(|number| metrics.label(&number.to_string()))
        .collect();
    let count = |routes: &[RouteLabel]| {
        for route in routes {
            metrics.finished(&Served {
                elapsed: Duration::from_millis(7),
                ..served(*route, Outcome::answered(200))
            });
        }
    };
    let mut sheets = Vec::new();
    for end in [700, 1_000] {
        count(&labels[..end]);
        let mut sheet = telemetry::metrics::Sheet::new();
        metrics.collect(&mut sheet);
        sheets.push(sheet);
    }
    let texts: Vec<String> = sheets
        .into_iter()
        .map(|sheet| rendered(|rendered| rendered.merge(sheet)))
        .collect();
    for (text, of_first, len) in [(&texts[0], "1", 700), (&texts[1], "2", 1_000)] {
        let found = series(text, COUNT);
        assert_eq!(found.len(), len);
        for labels in found {
            let is_first =
                (0..700).any(|number| labels.contains(&format!("http_route=\"{number}\"")));
            let expected = if is_first { of_first } else { "1" };
            assert_eq!(
                value(text, &format!("{COUNT}{{{labels}}}")),
                expected,
                "{labels}"
            );
        }
    }
}

#[test]
fn a_request_is_active_until_it_is_dropped() {
    let metrics = RequestMetrics::default();
    let series = r#"http_server_active_requests{http_request_method="POST",url_scheme="https"}"#;
    let one = metrics.started(MethodKind::Post.into(), Scheme::Https);
    let two = metrics.started(MethodKind::Get.into(), Scheme::Http);
    assert_eq!(metrics.active(), 2);
    assert_eq!(
        value(&rendered(|sheet| metrics.collect(sheet)), series),
        "1"
    );
    drop((one, two));
    assert_eq!(metrics.active(), 0);
    assert_eq!(
        value(&rendered(|sheet| metrics.collect(sheet)), series),
        "0"
    );
}
