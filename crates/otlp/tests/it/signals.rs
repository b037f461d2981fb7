//! Where each signal goes (OT-13, OT-20).

use otlp::Signal;

#[test]
fn paths() {
    for (signal, grpc, http) in [
        (
            Signal::Traces,
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            "/v1/traces",
        ),
        (
            Signal::Metrics,
            "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            "/v1/metrics",
        ),
        (
            Signal::Logs,
            "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
            "/v1/logs",
        ),
    ] {
        assert_eq!((signal.grpc_path(), signal.http_path()), (grpc, http));
        assert!(Signal::ALL.contains(&signal));
    }
}
