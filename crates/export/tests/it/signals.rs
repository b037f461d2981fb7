//! Metrics and logs, which go the way of spans to paths of their own.

use export::{Batch, Endpoint, ExportPlan, Exporter, Protocol, Scheme};
use otlp::{
    Data, Envelope, LogRecord, Metric, Number, NumberPoint, Scope, Severity, Signal, Value,
    append_log_record, append_metric,
};
use serde_json::json;
use tokio::runtime::Handle;

use crate::plans::{check_sum, plan, settled};
use crate::server::{Reply, Server};
use crate::sink::Sink;

const ALL: [Protocol; 3] = [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson];

fn start(plan: &ExportPlan, signal: Signal) -> Exporter {
    let scope = Scope {
        name: "tidegate",
        version: "1",
    };
    let (host, port) = (plan.endpoint.host(), plan.endpoint.port());
    let url = format!("http://{host}:{port}");
    let plan = ExportPlan {
        endpoint: Endpoint::for_all(&url, plan.protocol, Scheme::Http, signal).unwrap(),
        ..plan.clone()
    };
    Exporter::start(
        Envelope::new(signal, &[], scope, ""),
        &plan,
        &Handle::current(),
    )
    .unwrap()
}

/// Metrics with so many points each.
fn metrics(points_of_each: &[usize]) -> Batch {
    let mut batch = Batch::default();
    for points in points_of_each {
        let point = NumberPoint {
            attributes: &[],
            start_unix_nanos: 1,
            time_unix_nanos: 2,
            value: Number::Int(3),
            exemplars: &[],
        };
        let points = vec![point; *points];
        batch.items += append_metric(
            &mut batch.bytes,
            &Metric {
                name: "queue.size",
                description: "",
                unit: "{item}",
                data: Data::Gauge(&points),
            },
        );
    }
    batch
}

fn records(count: u32) -> Batch {
    let mut batch = Batch {
        items: count,
        ..Batch::default()
    };
    for _ in 0..count {
        append_log_record(
            &mut batch.bytes,
            &LogRecord {
                time_unix_nanos: 1,
                observed_unix_nanos: 2,
                severity: Severity::ERROR,
                severity_text: "ERROR",
                body: Value::Str(b"it broke"),
                attributes: &[],
                trace_id: None,
                span_id: None,
                flags: 0,
                event_name: "",
            },
        );
    }
    batch
}

/// OT-13, OT-20; counted in data points and records.
#[tokio::test]
async fn metrics_and_logs_arrive() {
    let Some(sink) = Sink::start() else { return };
    for protocol in ALL {
        for (signal, batch, items, kind) in [
            (Signal::Metrics, metrics(&[3, 1, 2]), 6, "data_points"),
            (Signal::Logs, records(40), 40, "log_records"),
        ] {
            sink.become_new(json!({})).await;
            let exporter = start(&sink.plan(protocol), signal);
            exporter.queue().try_send(batch).unwrap();
            let counts = settled(&exporter.meter()).await;
            let failure = exporter.meter().last_failure();
            assert_eq!(
                counts.items_exported, items,
                "{protocol:?} {kind} {failure:?}"
            );
            assert_eq!(
                sink.stats(1).await["accepted"][kind],
                items,
                "{protocol:?} {kind}"
            );
        }
    }
}

/// Points are counted, metrics are what is cut between; what each half holds is counted anew.
#[tokio::test]
async fn metrics_are_cut_between_metrics_and_counted_by_points() {
    let server = Server::start(Protocol::Grpc, |request| {
        let points = otlp::count_items(Signal::Metrics, &request.body).unwrap();
        if points > 10 {
            Reply::Code(8, vec![("grpc-message", "message too large".to_owned())])
        } else {
            Reply::Taken
        }
    })
    .await;
    let exporter = start(&plan(server.addr, Protocol::Grpc), Signal::Metrics);
    exporter
        .queue()
        .try_send(metrics(&[1, 10, 3, 11, 2, 2, 2, 9]))
        .unwrap();
    let counts = settled(&exporter.meter()).await;
    assert_eq!(
        (counts.items_exported, counts.items_dropped.too_large),
        (29, 11)
    );
    check_sum(&counts);
}
