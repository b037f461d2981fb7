//! What one worker runs at a moment: the shared program, and this worker's pools and labels for it.

use std::rc::Rc;
use std::sync::Arc;

use telemetry::metrics::{RouteLabel, RpcMethodLabel};
use telemetry::trace::{Recording, Tracer};
use upstream::Upstream;

use crate::program::{Program, Route};
use crate::router::RouteIndex;

/// A request takes one snapshot and sees no other until it ends.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) program: Arc<Program>,
    /// In the order of [`Program::upstreams`].
    pub(crate) upstreams: Vec<Rc<Upstream>>,
    /// In the order of [`Program::routes`].
    pub(crate) labels: Vec<RouteLabel>,
    /// In the order of [`Program::routes`], of routes whose gRPC calls are of one method.
    pub(crate) rpc_labels: Vec<RpcLabels>,
    /// How requests are traced, if they are.
    pub(crate) tracer: Option<Tracer>,
}

/// What metrics of both sides call a gRPC method.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RpcLabels {
    pub(crate) served: RpcMethodLabel,
    pub(crate) sent: RpcMethodLabel,
}

impl RpcLabels {
    pub(crate) const OTHER: Self = Self {
        served: RpcMethodLabel::OTHER,
        sent: RpcMethodLabel::OTHER,
    };
}

impl Snapshot {
    /// Of calls on that route.
    pub(crate) fn rpc_labels(&self, route: Option<RouteIndex>) -> RpcLabels {
        let labels = route.and_then(|route| self.rpc_labels.get(route as usize));
        labels.copied().unwrap_or(RpcLabels::OTHER)
    }

    /// The response field that carries the trace id, where there is one.
    pub(crate) fn trace_field(&self, trace: &Recording) -> Option<(&str, [u8; 32])> {
        let name = self.tracer.as_ref()?.response_header()?;
        Some((name, trace.context()?.trace_id.hex()))
    }

    /// The route of that index.
    pub(crate) fn route(&self, index: RouteIndex) -> &Route {
        &self.program.routes[index as usize]
    }
}
