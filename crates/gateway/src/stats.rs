//! What a worker counts: plain cells, copied when the scraper asks.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use telemetry::metrics::{
    Bounds, ClientMetrics, Family, Instrument, Kind, RequestMetrics, RpcMetrics, RpcSide,
    ServerLabel, Sheet,
};
use upstream::Endpoint;

use crate::program::Route;
use crate::snapshot::RpcLabels;

/// Counters of one worker.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    pub(crate) requests: RequestMetrics,
    pub(crate) tries: ClientMetrics,
    pub(crate) calls: Calls,
    pub(crate) accepted: Cell<u64>,
    pub(crate) connections: Cell<u32>,
    pub(crate) accept_errors: Cell<u64>,
    pub(crate) connections_refused_total: Cell<u64>,
    pub(crate) connections_refused_ip: Cell<u64>,
    pub(crate) panics: Cell<u64>,
    pub(crate) retries: Cell<u64>,
    pub(crate) redispatches: Cell<u64>,
    pub(crate) upgrades: Cell<u64>,
    pub(crate) tunnels: Cell<u32>,
    pub(crate) client_gone: Cell<u64>,
    pub(crate) upstream_cut: Cell<u64>,
    pub(crate) ranges_dropped: Cell<u64>,
    pub(crate) body_bytes_in: Cell<u64>,
    pub(crate) body_bytes_out: Cell<u64>,
    /// By how they ended, and whether well.
    handshakes: RefCell<HashMap<(&'static str, bool), u64>>,
    refusals: RefCell<HashMap<&'static str, u64>>,
    timeouts: RefCell<HashMap<&'static str, u64>>,
}

/// gRPC calls from both sides.
#[derive(Debug)]
pub(crate) struct Calls {
    pub(crate) served: RpcMetrics,
    pub(crate) sent: RpcMetrics,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            served: RpcMetrics::new(RpcSide::Server, Bounds::default()),
            sent: RpcMetrics::new(RpcSide::Client, Bounds::default()),
        }
    }
}

/// Name and unit as OpenTelemetry has them; a scraper sees `tidegate_upstream_retries_total`.
macro_rules! families {
    ($($name:ident = $kind:ident $text:literal $unit:literal, $help:literal;)*) => {
        $(pub(crate) static $name: Family = Family::new(Instrument {
            name: $text,
            unit: $unit,
            description: $help,
            kind: Kind::$kind,
        });)*
    };
}

families! {
    ACCEPTED = Counter "tidegate.connections_accepted" "{connection}", "Client connections accepted.";
    CONNECTIONS = UpDownCounter "tidegate.connections" "{connection}", "Client connections open.";
    ACCEPT_ERRORS = Counter "tidegate.accept_errors" "{error}", "Failures to accept a connection, such as no descriptor left.";
    CONNECTIONS_REFUSED = Counter "tidegate.connections_refused" "{connection}", "Client connections refused by a limit.";
    PANICS = Counter "tidegate.connection_panics" "{connection}", "Connections ended by a fault of the program.";
    RETRIES = Counter "tidegate.upstream.retries" "{request}", "Tries after the first, by the route's retry rules.";
    REDISPATCHES = Counter "tidegate.upstream.redispatches" "{request}", "Requests sent again because a kept connection had died.";
    UPGRADES = Counter "tidegate.upgrades" "{connection}", "Connections that became WebSockets.";
    TUNNELS = UpDownCounter "tidegate.tunnels" "{connection}", "Upgraded connections open.";
    CLIENT_GONE = Counter "tidegate.client_gone" "{request}", "Exchanges the client left before they were complete.";
    UPSTREAM_CUT = Counter "tidegate.upstream.cut" "{request}", "Responses that broke off upstream.";
    RANGES_DROPPED = Counter "tidegate.ranges_dropped" "{request}", "Requests forwarded without their Range, which asked for too many.";
    BODY_IN = Counter "tidegate.request.body" "By", "Request body bytes received.";
    BODY_OUT = Counter "tidegate.response.body" "By", "Response body bytes sent.";
    REFUSALS = Counter "tidegate.refusals" "{request}", "Requests Tidegate answered with an error of its own, by cause.";
    HANDSHAKES = Counter "tidegate.tls.handshakes" "{handshake}", "TLS handshakes with clients that ended well, by kind: full or resumed.";
    HANDSHAKES_FAILED = Counter "tidegate.tls.handshakes_failed" "{handshake}", "TLS handshakes with clients that failed, by cause.";
    TIMEOUTS = Counter "tidegate.timeouts" "{timeout}", "Waits that ended at their limit, by what was waited for.";
    LOOP_LAG = Gauge "tidegate.worker.loop_lag" "s", "Longest delay of the worker's loop in the last 10 to 20 seconds.";
    WORKER_BUSY = ObservableCounter "tidegate.worker.busy" "s", "Time the worker's loop did not wait; its rate is the share it was busy.";
    WORKER_CPU = ObservableCounter "tidegate.worker.cpu" "s", "CPU time of the worker's thread.";
    WORKER_CONNECTIONS = UpDownCounter "tidegate.worker.connections" "{connection}", "Client connections open on the worker.";
    UP_OPEN = UpDownCounter "tidegate.upstream.connections" "{connection}", "Connections open to the endpoint.";
    UP_IDLE = UpDownCounter "tidegate.upstream.connections_idle" "{connection}", "Connections kept idle to the endpoint.";
    UP_IN_FLIGHT = UpDownCounter "tidegate.upstream.requests_in_flight" "{request}", "Requests in flight on the endpoint.";
    UP_PENDING = UpDownCounter "tidegate.upstream.pending" "{request}", "Requests that wait for a connection to the endpoint.";
    UP_REQUESTS = Counter "tidegate.upstream.requests" "{request}", "Requests sent to the endpoint.";
    UP_FAILURES = Counter "tidegate.upstream.failures" "{request}", "Requests that ended in a 5xx or without a response.";
    UP_CONNECTS = Counter "tidegate.upstream.connects" "{connection}", "Connections opened to the endpoint.";
    UP_CONNECT_FAILURES = Counter "tidegate.upstream.connect_failures" "{connection}", "Connections that did not come to be.";
    UP_REUSES = Counter "tidegate.upstream.reuses" "{connection}", "Times a kept connection was used again.";
    UP_STALE = Counter "tidegate.upstream.stale" "{connection}", "Kept connections found closed or dirty when needed.";
    UP_REFUSED = Counter "tidegate.upstream.pool_refused" "{request}", "Requests refused because the pool's queue was full or slow.";
}

/// Adds one.
pub(crate) fn bump(counter: &Cell<u64>) {
    counter.set(counter.get() + 1);
}

/// Adds many.
pub(crate) fn add(counter: &Cell<u64>, count: u64) {
    counter.set(counter.get() + count);
}

impl Stats {
    /// Counts a refusal by its cause.
    pub(crate) fn refused(&self, cause: &'static str) {
        *self.refusals.borrow_mut().entry(cause).or_default() += 1;
    }

    /// Counts a handshake by how it ended.
    pub(crate) fn greeted(&self, greeted: Result<&'static str, &'static str>) {
        let (how, is_well) = match greeted {
            Ok(how) => (how, true),
            Err(how) => (how, false),
        };
        *self
            .handshakes
            .borrow_mut()
            .entry((how, is_well))
            .or_default() += 1;
    }

    /// Counts a wait that ended at its limit.
    pub(crate) fn timed_out(&self, what: &'static str) {
        *self.timeouts.borrow_mut().entry(what).or_default() += 1;
    }

    /// What figures about calls on the route name their method.
    pub(crate) fn rpc_labels(&self, route: &Route) -> RpcLabels {
        let Some(method) = &route.rpc_method else {
            return RpcLabels::OTHER;
        };
        RpcLabels {
            served: self.calls.served.label(method),
            sent: self.calls.sent.label(method),
        }
    }

    /// What figures about tries call the endpoint.
    pub(crate) fn server_label(&self, endpoint: &Endpoint) -> ServerLabel {
        let number = endpoint.label.get_or_init(|| {
            let address = endpoint.address;
            let label = self.tries.label(&address.ip().to_string(), address.port());
            label.number()
        });
        ServerLabel::of_number(*number)
    }

    /// Copies every counter.
    pub(crate) fn collect(&self, sheet: &mut Sheet) {
        self.requests.collect(sheet);
        self.tries.collect(sheet);
        self.calls.served.collect(sheet);
        self.calls.sent.collect(sheet);
        sheet.counter(&ACCEPTED, &[], self.accepted.get());
        sheet.gauge(&CONNECTIONS, &[], f64::from(self.connections.get()));
        sheet.counter(&ACCEPT_ERRORS, &[], self.accept_errors.get());
        sheet.counter(
            &CONNECTIONS_REFUSED,
            &[("limit", "connections_max")],
            self.connections_refused_total.get(),
        );
        sheet.counter(
            &CONNECTIONS_REFUSED,
            &[("limit", "connections_per_ip_max")],
            self.connections_refused_ip.get(),
        );
        sheet.counter(&PANICS, &[], self.panics.get());
        sheet.counter(&RETRIES, &[], self.retries.get());
        sheet.counter(&REDISPATCHES, &[], self.redispatches.get());
        sheet.counter(&UPGRADES, &[], self.upgrades.get());
        sheet.gauge(&TUNNELS, &[], f64::from(self.tunnels.get()));
        sheet.counter(&CLIENT_GONE, &[], self.client_gone.get());
        sheet.counter(&UPSTREAM_CUT, &[], self.upstream_cut.get());
        sheet.counter(&RANGES_DROPPED, &[], self.ranges_dropped.get());
        sheet.counter(&BODY_IN, &[], self.body_bytes_in.get());
        sheet.counter(&BODY_OUT, &[], self.body_bytes_out.get());
        for ((how, is_well), count) in self.handshakes.borrow().iter() {
            if *is_well {
                sheet.counter(&HANDSHAKES, &[("kind", how)], *count);
            } else {
                sheet.counter(&HANDSHAKES_FAILED, &[("cause", how)], *count);
            }
        }
        for (cause, count) in self.refusals.borrow().iter() {
            sheet.counter(&REFUSALS, &[("cause", cause)], *count);
        }
        for (what, count) in self.timeouts.borrow().iter() {
            sheet.counter(&TIMEOUTS, &[("what", what)], *count);
        }
    }
}
