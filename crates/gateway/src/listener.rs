//! One listener as one worker sees it, and who is let in.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tls::Acceptor;

use crate::plan::{ConnectionsMax, ListenerPlan};

/// Of all descriptors, the share client connections may take when `connections_max` is `auto`: each may need a second
/// one upstream, and the rest of the program some.
const AUTO_SHARE: (u64, u64) = (2, 5);
/// Shards of the table of client addresses.
const SHARDS: usize = 16;

/// What all workers share of one listener: how many connections are open, and whose.
#[derive(Debug)]
pub struct Gate {
    open: AtomicU32,
    connections_max: AtomicU32,
    per_ip_max: AtomicU32,
    by_ip: [Mutex<HashMap<IpAddr, u32>>; SHARDS],
}

/// One listener of one worker.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) name: Box<str>,
    plan: RefCell<Rc<ListenerPlan>>,
    /// What connections begin TLS with, where they do.
    acceptor: RefCell<Option<Arc<Acceptor>>>,
    gate: Arc<Gate>,
}

/// A connection that was let in; dropping it lets another in.
#[derive(Debug)]
pub(crate) struct Admission {
    gate: Arc<Gate>,
    ip: IpAddr,
}

/// Why a connection was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turned {
    /// `connections_max`
    Full,
    /// `connections_per_ip_max`
    FullForIp,
}

impl Gate {
    /// An empty gate with the plan's bounds. `descriptors` is the process' limit, `listeners` how many share it.
    pub fn new(plan: &ListenerPlan, descriptors: u64, listeners: usize) -> Arc<Self> {
        let gate = Self {
            open: AtomicU32::new(0),
            connections_max: AtomicU32::new(0),
            per_ip_max: AtomicU32::new(0),
            by_ip: std::array::from_fn(|_| Mutex::default()),
        };
        gate.adopt(plan, descriptors, listeners);
        Arc::new(gate)
    }

    /// Takes on the bounds of a new plan; connections beyond them stay.
    pub fn adopt(&self, plan: &ListenerPlan, descriptors: u64, listeners: usize) {
        let max = match plan.limits.connections_max {
            ConnectionsMax::Count(count) => count,
            ConnectionsMax::Auto => {
                let share = descriptors / AUTO_SHARE.1 * AUTO_SHARE.0 / listeners.max(1) as u64;
                u32::try_from(share).unwrap_or(u32::MAX).max(16)
            }
        };
        self.connections_max.store(max, Ordering::Relaxed);
        self.per_ip_max
            .store(plan.limits.connections_per_ip_max, Ordering::Relaxed);
    }

    fn admit(self: &Arc<Self>, ip: IpAddr) -> Result<Admission, Turned> {
        if self.open.fetch_add(1, Ordering::Relaxed) >= self.connections_max.load(Ordering::Relaxed)
        {
            self.open.fetch_sub(1, Ordering::Relaxed);
            return Err(Turned::Full);
        }
        let mut shard = self
            .shard(ip)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = shard.entry(ip).or_insert(0);
        if *count >= self.per_ip_max.load(Ordering::Relaxed) {
            self.open.fetch_sub(1, Ordering::Relaxed);
            return Err(Turned::FullForIp);
        }
        *count += 1;
        drop(shard);
        Ok(Admission {
            gate: Arc::clone(self),
            ip,
        })
    }

    fn shard(&self, ip: IpAddr) -> &Mutex<HashMap<IpAddr, u32>> {
        let last = match ip {
            IpAddr::V4(v4) => v4.octets()[3],
            IpAddr::V6(v6) => v6.octets()[7] ^ v6.octets()[15],
        };
        &self.by_ip[usize::from(last) % SHARDS]
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.gate.open.fetch_sub(1, Ordering::Relaxed);
        let mut shard = self
            .gate
            .shard(self.ip)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = shard.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                shard.remove(&self.ip);
            }
        }
    }
}

impl Listener {
    pub(crate) fn new(
        plan: &ListenerPlan,
        acceptor: Option<Arc<Acceptor>>,
        gate: Arc<Gate>,
    ) -> Self {
        Self {
            name: plan.name.clone(),
            plan: RefCell::new(Rc::new(plan.clone())),
            acceptor: RefCell::new(acceptor),
            gate,
        }
    }

    /// The plan in force. A worker's own copy: taking it touches no counter another worker touches.
    pub(crate) fn plan(&self) -> Rc<ListenerPlan> {
        Rc::clone(&self.plan.borrow())
    }

    pub(crate) fn acceptor(&self) -> Option<Arc<Acceptor>> {
        self.acceptor.borrow().clone()
    }

    pub(crate) fn adopt(&self, plan: &ListenerPlan, acceptor: Option<Arc<Acceptor>>) {
        *self.acceptor.borrow_mut() = acceptor;
        if **self.plan.borrow() != *plan {
            *self.plan.borrow_mut() = Rc::new(plan.clone());
        }
    }

    pub(crate) fn admit(&self, peer: SocketAddr) -> Result<Admission, Turned> {
        self.gate.admit(peer.ip().to_canonical())
    }
}

/// Tells an accept loop to end.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    stopped: Cell<bool>,
    waker: RefCell<Option<std::task::Waker>>,
}

impl Stop {
    pub(crate) fn stop(&self) {
        self.stopped.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Ends when it was stopped.
    pub(crate) async fn stopped(&self) {
        std::future::poll_fn(|cx| {
            if self.stopped.get() {
                return std::task::Poll::Ready(());
            }
            *self.waker.borrow_mut() = Some(cx.waker().clone());
            std::task::Poll::Pending
        })
        .await;
    }
}
