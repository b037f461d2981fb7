//! What each worker counts about gRPC calls: `rpc.server.call.duration` or `rpc.client.call.duration`.

use std::sync::Arc;
use std::time::Duration;

use otlp::RpcStatusCode;

use super::bounds::Bounds;
use super::client::SERVERS_OVERFLOW;
use super::exemplar::Exemplar;
use super::family::{Family, Instrument, Kind};
use super::interned::Interned;
use super::labels::{LabelValue, Labels};
use super::series::SeriesTable;
use super::sheet::Sheet;

static SERVER_DURATION: Family = Family::new(Instrument {
    name: "rpc.server.call.duration",
    unit: "s",
    description: "Duration of incoming RPC calls.",
    kind: Kind::Histogram,
});
static CLIENT_DURATION: Family = Family::new(Instrument {
    name: "rpc.client.call.duration",
    unit: "s",
    description: "Duration of outgoing RPC calls: tries of calls that are sent on.",
    kind: Kind::Histogram,
});
static METHODS_OVERFLOW: Family = Family::new(Instrument {
    name: "tidegate.metrics.rpc_methods_overflow",
    unit: "{name}",
    description: "RPC methods counted as others because the worker's bound on names was reached.",
    kind: Kind::Counter,
});

/// Whose view of a call is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RpcSide {
    /// Calls that are served.
    Server,
    /// Calls that are sent.
    Client,
}

/// A method, interned: costs nothing to copy. Valid only with the [`RpcMetrics`] that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RpcMethodLabel(u32);

impl RpcMethodLabel {
    /// A method that nobody named beforehand: what clients send must not make labels.
    pub const OTHER: Self = Self(0);
    const FIRST: u32 = 1;
}

/// A server that calls are sent to, interned: costs nothing to copy. Valid only with the [`RpcMetrics`] that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RpcServerLabel(u32);

impl RpcServerLabel {
    /// The series has no `server.address`: on the side that serves, or where the server has no name.
    pub const NONE: Self = Self(0);
    const OVERFLOW: Self = Self(1);
    const FIRST: u32 = 2;
    /// The largest number of a name, so that it fits into a key.
    const NAMES_MAX: u32 = (1 << 24) - Self::FIRST;
}

/// The figures of one worker about gRPC calls of one side. Not shared between threads, so that counting is a plain
/// addition.
#[derive(Debug)]
pub struct RpcMetrics {
    side: RpcSide,
    methods: Interned<Arc<str>>,
    servers: Interned<(Arc<str>, u16)>,
    series: SeriesTable,
}

impl RpcMetrics {
    /// With nothing counted.
    pub fn new(side: RpcSide, bounds: Bounds) -> Self {
        Self {
            side,
            methods: Interned::new(bounds.names_max),
            servers: Interned::new(bounds.names_max.min(RpcServerLabel::NAMES_MAX)),
            series: SeriesTable::new(bounds.series_max),
        }
    }

    /// Interns a method as `package.Service/Method`; done when a plan is taken into use, not per call. Beyond the bound
    /// every new method is [`RpcMethodLabel::OTHER`] and is counted.
    pub fn label(&self, method: &str) -> RpcMethodLabel {
        let number = self.methods.number(method.into());
        number.map_or(RpcMethodLabel::OTHER, |number| {
            RpcMethodLabel(number.saturating_add(RpcMethodLabel::FIRST))
        })
    }

    /// Interns `server.address`, a name or an address without brackets, and `server.port`. Beyond the bound every new
    /// server gets the address `_OVERFLOW`, no port, and is counted.
    pub fn server(&self, address: &str, port: u16) -> RpcServerLabel {
        let number = self.servers.number((address.into(), port));
        number.map_or(RpcServerLabel::OVERFLOW, |number| {
            RpcServerLabel(number.saturating_add(RpcServerLabel::FIRST))
        })
    }

    /// As [`RpcMetrics::finished_at`], with no server named.
    pub fn finished(
        &self,
        method: RpcMethodLabel,
        status: RpcStatusCode,
        elapsed: Duration,
        exemplar: Option<Exemplar>,
    ) {
        self.finished_at(RpcServerLabel::NONE, method, status, elapsed, exemplar);
    }

    /// Counts a call that has ended. `error.type` is the status' name when this side counts it as an error. Allocates
    /// when the combination is new, and for the first exemplar of one.
    pub fn finished_at(
        &self,
        server: RpcServerLabel,
        method: RpcMethodLabel,
        status: RpcStatusCode,
        elapsed: Duration,
        exemplar: Option<Exemplar>,
    ) {
        let key = u64::from(server.0) << 40 | u64::from(method.0) << 8 | status as u64;
        let labels = || self.labels(server, method, status);
        self.series.observe(key, elapsed, exemplar, labels);
    }

    /// Copies every figure without formatting any, so that a scrape holds up the worker little: about 130 bytes per
    /// series, and 70 per exemplar.
    pub fn collect(&self, sheet: &mut Sheet) {
        let family = match self.side {
            RpcSide::Server => &SERVER_DURATION,
            RpcSide::Client => &CLIENT_DURATION,
        };
        self.series.collect(family, sheet);
        sheet.counter(&METHODS_OVERFLOW, &[], self.methods.refused());
        if self.servers.refused() > 0 {
            sheet.counter(&SERVERS_OVERFLOW, &[], self.servers.refused());
        }
    }

    fn labels(
        &self,
        server: RpcServerLabel,
        method: RpcMethodLabel,
        status: RpcStatusCode,
    ) -> Labels {
        let number = method.0.checked_sub(RpcMethodLabel::FIRST);
        let known = number.and_then(|number| self.methods.value(number));
        let method = known.map_or(LabelValue::Static("_OTHER"), LabelValue::Text);
        let mut pairs = vec![
            ("rpc.system.name", LabelValue::Static("grpc")),
            ("rpc.method", method),
            ("rpc.status_code", LabelValue::Static(status.name())),
        ];
        let is_error = match self.side {
            RpcSide::Server => status.is_server_error(),
            RpcSide::Client => status.is_client_error(),
        };
        if is_error {
            pairs.push(("error.type", LabelValue::Static(status.name())));
        }
        let number = server.0.checked_sub(RpcServerLabel::FIRST);
        if let Some((address, port)) = number.and_then(|number| self.servers.value(number)) {
            pairs.push(("server.address", LabelValue::Text(address)));
            pairs.push(("server.port", LabelValue::Int(port.into())));
        } else if server == RpcServerLabel::OVERFLOW {
            pairs.push(("server.address", LabelValue::Static("_OVERFLOW")));
        }
        Labels::new(pairs)
    }
}
