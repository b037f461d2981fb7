//! Which format an Accept header gets.

use telemetry::metrics::Format;

#[track_caller]
fn check(accept: &str, expected: Format) {
    assert_eq!(Format::negotiate(accept), expected, "{accept}");
}

#[test]
fn accept_decides() {
    use Format::{OpenMetrics, Prometheus};
    // Prometheus 3 and 2 as they ask, a browser, curl, and nothing.
    check(
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
        OpenMetrics,
    );
    check(
        "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        Prometheus,
    );
    check(
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        Prometheus,
    );
    check("*/*", Prometheus);
    check("", Prometheus);

    check("application/openmetrics-text", OpenMetrics);
    check(
        "Application/OpenMetrics-Text; Version=\"1.0.0\"",
        OpenMetrics,
    );
    check("application/*", OpenMetrics);
    check("application/openmetrics-text, */*", OpenMetrics);
    check("text/plain, application/openmetrics-text", Prometheus);
    check(
        "text/plain;q=0.5, application/openmetrics-text;q=0.6",
        OpenMetrics,
    );
    check(
        "text/plain;q=0.6, application/openmetrics-text;q=0.5",
        Prometheus,
    );
    check("application/openmetrics-text;q=0, */*", Prometheus);
    check(
        "text/plain;q=0, application/openmetrics-text;q=0",
        Prometheus,
    );
    check("text/plain;q=0, */*;q=0.1", OpenMetrics);
    check("application/openmetrics-text;q=2", Prometheus);
    check(
        "application/openmetrics-text;q=x, garbage, ;;,=/",
        Prometheus,
    );
    check("image/png", Prometheus);
}

#[test]
fn content_types() {
    assert_eq!(
        Format::Prometheus.content_type(),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    assert_eq!(
        Format::OpenMetrics.content_type(),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
}
