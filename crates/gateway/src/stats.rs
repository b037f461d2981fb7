//! What a worker counts: plain cells, copied when the scraper asks.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use telemetry::metrics::{Family, Kind, RequestMetrics, Sheet};

/// Counters of one worker.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    pub(crate) requests: RequestMetrics,
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
    pub(crate) loop_lag_max_ns: Cell<u64>,
    refusals: RefCell<HashMap<&'static str, u64>>,
    timeouts: RefCell<HashMap<&'static str, u64>>,
}

macro_rules! families {
    ($($name:ident = $kind:ident $text:literal, $help:literal;)*) => {
        $(pub(crate) static $name: Family = Family { name: $text, help: $help, unit: None, kind: Kind::$kind };)*
    };
}

families! {
    ACCEPTED = Counter "tidegate_connections_accepted_total", "Client connections accepted.";
    CONNECTIONS = Gauge "tidegate_connections", "Client connections open.";
    ACCEPT_ERRORS = Counter "tidegate_accept_errors_total", "Failures to accept a connection, such as no descriptor left.";
    CONNECTIONS_REFUSED = Counter "tidegate_connections_refused_total", "Client connections refused by a limit.";
    PANICS = Counter "tidegate_connection_panics_total", "Connections ended by a fault of the program.";
    RETRIES = Counter "tidegate_upstream_retries_total", "Tries after the first, by the route's retry rules.";
    REDISPATCHES = Counter "tidegate_upstream_redispatches_total", "Requests sent again because a kept connection had died.";
    UPGRADES = Counter "tidegate_upgrades_total", "Connections that became WebSockets.";
    TUNNELS = Gauge "tidegate_tunnels", "Upgraded connections open.";
    CLIENT_GONE = Counter "tidegate_client_gone_total", "Exchanges the client left before they were complete.";
    UPSTREAM_CUT = Counter "tidegate_upstream_cut_total", "Responses that broke off upstream.";
    RANGES_DROPPED = Counter "tidegate_ranges_dropped_total", "Requests forwarded without their Range, which asked for too many.";
    BODY_IN = Counter "tidegate_request_body_bytes_total", "Request body bytes received.";
    BODY_OUT = Counter "tidegate_response_body_bytes_total", "Response body bytes sent.";
    REFUSALS = Counter "tidegate_refusals_total", "Requests Tidegate answered with an error of its own, by cause.";
    TIMEOUTS = Counter "tidegate_timeouts_total", "Waits that ended at their limit, by what was waited for.";
    LOOP_LAG = Gauge "tidegate_worker_loop_lag_seconds", "Longest delay of the worker's loop since the last scrape.";
    WORKER_CPU = Counter "tidegate_worker_cpu_seconds_total", "CPU time of the worker's thread.";
    WORKER_CONNECTIONS = Gauge "tidegate_worker_connections", "Client connections open on the worker.";
    UP_OPEN = Gauge "tidegate_upstream_connections", "Connections open to the endpoint.";
    UP_IDLE = Gauge "tidegate_upstream_connections_idle", "Connections kept idle to the endpoint.";
    UP_IN_FLIGHT = Gauge "tidegate_upstream_requests_in_flight", "Requests in flight on the endpoint.";
    UP_PENDING = Gauge "tidegate_upstream_pending", "Requests that wait for a connection to the endpoint.";
    UP_REQUESTS = Counter "tidegate_upstream_requests_total", "Requests sent to the endpoint.";
    UP_FAILURES = Counter "tidegate_upstream_failures_total", "Requests that ended in a 5xx or without a response.";
    UP_CONNECTS = Counter "tidegate_upstream_connects_total", "Connections opened to the endpoint.";
    UP_CONNECT_FAILURES = Counter "tidegate_upstream_connect_failures_total", "Connections that did not come to be.";
    UP_REUSES = Counter "tidegate_upstream_reuses_total", "Times a kept connection was used again.";
    UP_STALE = Counter "tidegate_upstream_stale_total", "Kept connections found closed or dirty when needed.";
    UP_REFUSED = Counter "tidegate_upstream_pool_refused_total", "Requests refused because the pool's queue was full or slow.";
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

    /// Counts a wait that ended at its limit.
    pub(crate) fn timed_out(&self, what: &'static str) {
        *self.timeouts.borrow_mut().entry(what).or_default() += 1;
    }

    /// Copies every counter. `worker` is the worker's number as text.
    pub(crate) fn collect(&self, worker: &str, sheet: &mut Sheet) {
        self.requests.collect(sheet);
        sheet.counter(&ACCEPTED, &[], self.accepted.get());
        sheet.gauge(&CONNECTIONS, &[], f64::from(self.connections.get()));
        sheet.gauge(
            &WORKER_CONNECTIONS,
            &[("worker", worker)],
            f64::from(self.connections.get()),
        );
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
        for (cause, count) in self.refusals.borrow().iter() {
            sheet.counter(&REFUSALS, &[("cause", cause)], *count);
        }
        for (what, count) in self.timeouts.borrow().iter() {
            sheet.counter(&TIMEOUTS, &[("what", what)], *count);
        }
        let lag = std::time::Duration::from_nanos(self.loop_lag_max_ns.take());
        sheet.gauge(&LOOP_LAG, &[("worker", worker)], lag.as_secs_f64());
        sheet.counter_seconds(
            &WORKER_CPU,
            &[("worker", worker)],
            telemetry::metrics::thread_cpu_time(),
        );
    }
}
