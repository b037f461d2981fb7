//! The end of a request by the conventions for gRPC.

use std::time::Instant;

use telemetry::metrics::{RpcMethodLabel, RpcServerLabel, RpcStatusCode};

use super::{Call, End, Exchange, Side};

impl Exchange {
    pub(super) fn end_grpc(&mut self, end: End, ended: Instant) {
        let Call::Grpc { method, status } = &self.call else {
            return;
        };
        let status = match (status, end) {
            (Some(status), _) => *status,
            (None, End::Cancelled) => RpcStatusCode::Cancelled,
            (None, End::Complete) => RpcStatusCode::of_http(self.status),
            (None, End::Failed(_)) => match self.side {
                Side::Server { .. } => RpcStatusCode::Unknown,
                Side::Client { .. } => RpcStatusCode::Unavailable,
            },
        };
        let is_cancelled = status == RpcStatusCode::Cancelled && matches!(end, End::Cancelled);
        let is_error = !is_cancelled
            && match self.side {
                Side::Server { .. } => status.is_server_error(),
                Side::Client { .. } => status.is_client_error(),
            };
        self.span.name = method.span_name();
        if let Some(record) = self.span.record() {
            method.describe(&mut record.attributes);
            record.attributes.text("rpc.status_code", status.name());
            if is_error {
                record.attributes.text("error.type", status.name());
                record.error = Some("".into());
            }
        }
        if !self.pipeline.counts() {
            return;
        }
        let exemplar = self.pipeline.exemplar(&self.span, ended);
        let elapsed = ended - self.span.started;
        self.pipeline.figures.count(|shard| {
            let calls = match self.side {
                Side::Server { .. } => &shard.calls_served,
                Side::Client { .. } => &shard.calls_sent,
            };
            let label = method.known();
            let label = label.map_or(RpcMethodLabel::OTHER, |method| calls.label(method));
            let server = match &self.side {
                Side::Client { address, port } if !address.is_empty() => {
                    calls.server(address, *port)
                }
                Side::Client { .. } | Side::Server { .. } => RpcServerLabel::NONE,
            };
            calls.finished_at(server, label, status, elapsed, exemplar);
        });
    }
}
