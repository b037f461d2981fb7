//! One endpoint as one worker sees it.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tls::{Connector, ServerName};

use crate::plan::ConnectionsPlan;
use crate::pool::{Connection, Waiter};
use crate::shared::{Budget, Shared};
use crate::upstreams::ResolvedEndpoint;

/// One endpoint: its idle connections, the requests in flight on it, and what happened so far. One worker's view.
#[derive(Debug)]
pub struct Endpoint {
    /// Where connections go.
    pub address: SocketAddr,
    /// The name that stands for the address, where there is one.
    pub(crate) host: Option<Arc<str>>,
    /// Share of the traffic relative to its siblings.
    pub weight: u32,
    /// What happened so far on this worker.
    pub stats: EndpointStats,
    /// A number its user knows it by, such as a label of metrics; set once, by the user.
    pub label: OnceCell<u32>,
    pub(crate) connections: ConnectionsPlan,
    pub(crate) tls: Option<EndpointTls>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) budget: Arc<Budget>,
    /// Oldest in front; the youngest is used first, so that the others can grow old and be closed.
    pub(crate) idle: RefCell<VecDeque<Connection>>,
    pub(crate) pending: RefCell<VecDeque<Rc<Waiter>>>,
    pub(crate) in_flight: Cell<u32>,
    /// Smooth weighted round robin: how much this endpoint is owed.
    pub(crate) owed: Cell<i64>,
    /// Set when a reload or a new DNS answer left it out: its connections are closed after use.
    pub(crate) retired: Cell<bool>,
}

/// How an endpoint is greeted.
#[derive(Debug)]
pub(crate) struct EndpointTls {
    /// None while nothing was given to verify it by: no connection then, never a plain one.
    pub(crate) connector: Option<Arc<Connector>>,
    /// None when its host is no name that a certificate can be for.
    pub(crate) name: Option<ServerName<'static>>,
}

/// Counters of one endpoint on one worker, since the worker began to use it.
#[derive(Debug, Default)]
pub struct EndpointStats {
    /// Connections opened.
    pub connects: Cell<u64>,
    /// Connections that did not come to be.
    pub connect_failures: Cell<u64>,
    /// Times a kept connection was used again.
    pub reuses: Cell<u64>,
    /// Kept connections found closed or with stray bytes when they were needed.
    pub stale: Cell<u64>,
    /// Connections open now.
    pub open: Cell<u32>,
    /// Requests begun.
    pub requests: Cell<u64>,
    /// Requests that ended in a 5xx or without a response.
    pub failures: Cell<u64>,
    /// Requests that had to wait for a connection.
    pub queued: Cell<u64>,
    /// Requests refused because the queue was full or the wait too long.
    pub refused: Cell<u64>,
}

/// Adds one to a worker's counter.
pub(crate) fn bump(counter: &Cell<u64>) {
    counter.set(counter.get() + 1);
}

impl EndpointStats {
    /// Counts a request that ended in a 5xx or without a response.
    pub fn failed(&self) {
        bump(&self.failures);
    }
}

impl Endpoint {
    /// Whether it is this one.
    pub(crate) fn is(&self, resolved: &ResolvedEndpoint) -> bool {
        self.address == resolved.address
            && self.weight == resolved.weight
            && self.host == resolved.host
    }

    /// Requests in flight on this worker.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.get()
    }

    /// Idle connections of this worker.
    pub fn idle(&self) -> usize {
        self.idle.borrow().len()
    }

    /// Requests of this worker that wait for a connection.
    pub fn pending(&self) -> usize {
        self.pending.borrow().len()
    }

    /// Requests in flight per unit of weight, scaled: what balancers compare. One more is counted, so that of two
    /// idle endpoints the heavier wins.
    pub(crate) fn load(&self) -> u64 {
        (u64::from(self.in_flight.get()) + 1) * 65_536 / u64::from(self.weight)
    }

    /// Closes idle connections that are too old, closed by the other side, left out by the plan, or wanted by another
    /// worker.
    pub(crate) fn sweep(&self, now: Instant) {
        let all = self.retired.get() || self.budget.is_wanted();
        let timeout = self.connections.idle_timeout;
        self.idle.borrow_mut().retain(|connection| {
            !all && connection.is_fresh(now, timeout) && connection.stream.is_quiet()
        });
    }
}
