//! What each worker counts about the requests it sends: `http.client.request.duration`, once per try.

use std::sync::Arc;
use std::time::Duration;

use super::bounds::Bounds;
use super::exemplar::Exemplar;
use super::family::{Family, Instrument, Kind};
use super::interned::Interned;
use super::key::Key;
use super::labels::{LabelValue, Labels};
use super::method::MethodLabel;
use super::outcome::{Errors, Outcome, Side};
use super::protocol::Protocol;
use super::series::SeriesTable;
use super::sheet::Sheet;

static DURATION: Family = Family::new(Instrument {
    name: "http.client.request.duration",
    unit: "s",
    description: "Duration of HTTP client requests: tries of requests that are sent on.",
    kind: Kind::Histogram,
});
pub(super) static SERVERS_OVERFLOW: Family = Family::new(Instrument {
    name: "tidegate.metrics.servers_overflow",
    unit: "{name}",
    description: "Servers that got the overflow label because the worker's bound on names was reached.",
    kind: Kind::Counter,
});

const OVERFLOW: &str = "_OVERFLOW";

/// A server that requests are sent to, interned: costs nothing to copy. Valid only with the [`ClientMetrics`] that gave
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLabel(u32);

impl ServerLabel {
    const OVERFLOW: Self = Self(0);
    const FIRST: u32 = 1;

    /// A number to keep it by.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The label kept by that number; one that was never given counts as the overflow.
    pub fn of_number(number: u32) -> Self {
        Self(number)
    }
}

/// The figures of one worker about requests it sends. Not shared between threads, so that counting is a plain addition.
#[derive(Debug)]
pub struct ClientMetrics {
    servers: Interned<(Arc<str>, u16)>,
    errors: Errors,
    series: SeriesTable,
}

impl ClientMetrics {
    /// With nothing counted.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            servers: Interned::new(bounds.names_max),
            errors: Errors::default(),
            series: SeriesTable::new(bounds.series_max),
        }
    }

    /// Interns `server.address`, a name or an address without brackets, and `server.port`; done when endpoints are taken
    /// into use, not per request. Beyond the bound every new server gets the address `_OVERFLOW`, no port, and is
    /// counted.
    pub fn label(&self, address: &str, port: u16) -> ServerLabel {
        let number = self.servers.number((address.into(), port));
        number.map_or(ServerLabel::OVERFLOW, |number| {
            ServerLabel(number.saturating_add(ServerLabel::FIRST))
        })
    }

    /// Counts a try that has ended, `elapsed` after it was begun. `error.type` is the outcome's word, else the status code
    /// from 400 up; a try that the caller gave up has neither status nor word. Allocates when the combination is new, and
    /// for the first exemplar of one.
    pub fn finished(
        &self,
        server: ServerLabel,
        method: MethodLabel,
        outcome: Outcome,
        version: impl Into<Protocol>,
        elapsed: Duration,
        exemplar: Option<Exemplar>,
    ) {
        let version = version.into();
        let (error_number, error) = self.errors.number(outcome.word(Side::Client));
        let key = Key {
            name: server.0,
            status: outcome.status,
            error: error_number,
            method: method.number(),
            version: version as u8,
            scheme: 0,
        };
        let outcome = Outcome { error, ..outcome };
        let labels = || self.labels(server, method, outcome, version);
        self.series.observe(key.pack(), elapsed, exemplar, labels);
    }

    /// Copies every figure without formatting any, so that a scrape holds up the worker little: about 130 bytes per
    /// series, and 70 per exemplar.
    pub fn collect(&self, sheet: &mut Sheet) {
        self.series.collect(&DURATION, sheet);
        sheet.counter(&SERVERS_OVERFLOW, &[], self.servers.refused());
    }

    fn labels(
        &self,
        server: ServerLabel,
        method: MethodLabel,
        outcome: Outcome,
        version: Protocol,
    ) -> Labels {
        let mut pairs = vec![("http.request.method", LabelValue::Static(method.text()))];
        outcome.append_to(&mut pairs, Side::Client);
        let version = LabelValue::Static(version.number());
        pairs.push(("network.protocol.version", version));
        match self.server(server) {
            None => pairs.push(("server.address", LabelValue::Static(OVERFLOW))),
            Some((address, port)) => {
                pairs.push(("server.address", LabelValue::Text(address)));
                pairs.push(("server.port", LabelValue::Int(port.into())));
            }
        }
        Labels::new(pairs)
    }

    fn server(&self, server: ServerLabel) -> Option<(Arc<str>, u16)> {
        let number = server.0.checked_sub(ServerLabel::FIRST)?;
        self.servers.value(number)
    }
}

impl Default for ClientMetrics {
    fn default() -> Self {
        Self::new(Bounds::default())
    }
}
