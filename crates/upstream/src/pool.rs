//! Taking and returning connections.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use net::{ConnectError, Stream};
use tokio::sync::{OwnedSemaphorePermit, TryAcquireError};

use crate::endpoint::{Endpoint, bump};

/// Of connections returned while requests of this worker wait, one in so many is closed all the same when requests of
/// other workers wait too: otherwise a busy worker would never let go.
const YIELD_EVERY: u32 = 16;

/// An open connection between two requests, or under one.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: Stream,
    /// Returns the place in the budget when dropped.
    _permit: OwnedSemaphorePermit,
    expires: Instant,
    idle_since: Instant,
    uses: u32,
    open: OpenCount,
}

/// Keeps `EndpointStats::open` right on every path.
#[derive(Debug)]
struct OpenCount(Rc<Endpoint>);

impl Drop for OpenCount {
    fn drop(&mut self) {
        let open = &self.0.stats.open;
        open.set(open.get().saturating_sub(1));
    }
}

impl Connection {
    pub(crate) fn is_fresh(&self, now: Instant, idle_timeout: Duration) -> bool {
        now < self.expires && now.saturating_duration_since(self.idle_since) < idle_timeout
    }
}

/// A connection lent to one request. Dropping it closes the connection; [`Lease::release`] keeps it.
#[derive(Debug)]
pub struct Lease {
    connection: Option<Connection>,
    in_flight: InFlight,
    reused: bool,
}

/// Why no connection was lent.
#[derive(Debug, thiserror::Error)]
pub enum AcquireError {
    /// The connection did not come to be.
    #[error("upstream {peer}: connect failed")]
    Failed {
        /// The endpoint.
        peer: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// There was a connection, and hands were not shaken on it: a certificate that is not believed, no TLS at all.
    #[error("upstream {peer}: TLS handshake failed")]
    Handshake {
        /// The endpoint.
        peer: SocketAddr,
        /// What went wrong.
        source: io::Error,
    },
    /// No answer in time, handshake included.
    #[error("upstream {peer}: expected a connection within {limit:?}, none came")]
    TimedOut {
        /// The endpoint.
        peer: SocketAddr,
        /// `connect_timeout`.
        limit: Duration,
    },
    /// Every connection is in use and the queue is full, or the wait in it was too long.
    #[error("upstream {peer}: every connection is in use and the queue is full or slow")]
    Exhausted {
        /// The endpoint.
        peer: SocketAddr,
    },
}

/// One request in flight on an endpoint.
#[derive(Debug)]
struct InFlight(Rc<Endpoint>);

impl InFlight {
    fn new(endpoint: &Rc<Endpoint>) -> Self {
        endpoint.in_flight.set(endpoint.in_flight.get() + 1);
        Self(Rc::clone(endpoint))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0
            .in_flight
            .set(self.0.in_flight.get().saturating_sub(1));
    }
}

/// A request of this worker that waits for a connection to be returned.
#[derive(Debug, Default)]
pub(crate) struct Waiter {
    handed: RefCell<Option<Connection>>,
    waker: RefCell<Option<Waker>>,
    gone: Cell<bool>,
}

impl Endpoint {
    /// Lends the youngest idle connection that is alive; dead ones on the way are closed. No system call.
    pub fn reuse(self: &Rc<Self>, now: Instant) -> Option<Lease> {
        loop {
            let connection = self.idle.borrow_mut().pop_back()?;
            if connection.is_fresh(now, self.connections.idle_timeout)
                && connection.stream.is_quiet()
            {
                bump(&self.stats.reuses);
                bump(&self.stats.requests);
                return Some(Lease {
                    connection: Some(connection),
                    in_flight: InFlight::new(self),
                    reused: true,
                });
            }
            bump(&self.stats.stale);
        }
    }

    /// Opens a connection; when as many are open as may be, waits for one to be returned or closed, in turn.
    /// Dropping the future gives up the place in the queue and closes a connection under way.
    ///
    /// # Errors
    /// [`AcquireError`]; nothing was sent.
    pub async fn connect(self: &Rc<Self>) -> Result<Lease, AcquireError> {
        let in_flight = InFlight::new(self);
        bump(&self.stats.requests);
        let permit = match Arc::clone(&self.budget.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => match self.wait().await? {
                Turn::Handed(connection) => {
                    bump(&self.stats.reuses);
                    return Ok(Lease {
                        connection: Some(connection),
                        in_flight,
                        reused: true,
                    });
                }
                Turn::Permit(permit) => permit,
            },
        };
        let connection = self
            .open(permit)
            .await
            .inspect_err(|_| bump(&self.stats.connect_failures))?;
        Ok(Lease {
            connection: Some(connection),
            in_flight,
            reused: false,
        })
    }

    async fn open(
        self: &Rc<Self>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Connection, AcquireError> {
        let (peer, limit) = (self.address, self.connections.connect_timeout);
        let stream = tokio::time::timeout(limit, self.dial())
            .await
            .map_err(|_| AcquireError::TimedOut { peer, limit })?
            .map_err(|error| match error {
                ConnectError::Tcp(source) => AcquireError::Failed { peer, source },
                ConnectError::Tls(source) => AcquireError::Handshake { peer, source },
            })?;
        bump(&self.stats.connects);
        self.stats.open.set(self.stats.open.get() + 1);
        let now = Instant::now();
        // Up to a tenth shorter, so that connections opened together do not end together.
        let lifetime = self
            .connections
            .lifetime_max
            .mul_f64(1.0 - 0.1 * fastrand::f64());
        Ok(Connection {
            stream,
            _permit: permit,
            expires: now + lifetime,
            idle_since: now,
            uses: 0,
            open: OpenCount(Rc::clone(self)),
        })
    }

    /// Connects, and shakes hands where that is planned: never goes on without.
    async fn dial(&self) -> Result<Stream, ConnectError> {
        let Some(tls) = &self.tls else {
            return Stream::connect(self.address)
                .await
                .map_err(ConnectError::Tcp);
        };
        let lacks = |what| ConnectError::Tls(io::Error::new(io::ErrorKind::InvalidInput, what));
        let connector = tls.connector.as_ref();
        let connector = connector.ok_or_else(|| lacks("nothing to verify it by"))?;
        let name = tls.name.clone();
        let name =
            name.ok_or_else(|| lacks("its host is no name that a certificate can be for"))?;
        let session = connector.session(name);
        let session = session.map_err(|error| ConnectError::Tls(io::Error::other(error)))?;
        Stream::connect_tls(self.address, session.into()).await
    }

    async fn wait(self: &Rc<Self>) -> Result<Turn, AcquireError> {
        let exhausted = AcquireError::Exhausted { peer: self.address };
        if self.pending.borrow().len() >= self.connections.pending_max as usize {
            bump(&self.stats.refused);
            return Err(exhausted);
        }
        bump(&self.stats.queued);
        let place = Place::new(self);
        self.shared.wanted.notify_waiters();
        let mut permit = std::pin::pin!(Arc::clone(&self.budget.permits).acquire_owned());
        let turn = std::future::poll_fn(|cx| {
            if let Some(connection) = place.waiter.handed.borrow_mut().take() {
                return Poll::Ready(Some(Turn::Handed(connection)));
            }
            *place.waiter.waker.borrow_mut() = Some(cx.waker().clone());
            // The semaphore is never closed; were it, there would be no turn.
            permit
                .as_mut()
                .poll(cx)
                .map(|permit| permit.ok().map(Turn::Permit))
        });
        match tokio::time::timeout(self.connections.pending_timeout, turn).await {
            Ok(Some(turn)) => Ok(turn),
            Ok(None) | Err(_) => {
                bump(&self.stats.refused);
                Err(exhausted)
            }
        }
    }

    /// Takes a connection back: to a request that waits, else to the idle ones, else it is closed.
    fn give_back(self: &Rc<Self>, mut connection: Connection, now: Instant) {
        connection.uses += 1;
        if now >= connection.expires || !connection.stream.is_quiet() {
            return;
        }
        let wanted_elsewhere =
            self.budget.waiting.load(Ordering::Relaxed) as usize > self.pending.borrow().len();
        let yields = wanted_elsewhere
            && (self.pending.borrow().is_empty() || connection.uses.is_multiple_of(YIELD_EVERY));
        if yields || self.retired.get() {
            return;
        }
        while let Some(waiter) = self.pending.borrow_mut().pop_front() {
            if !waiter.gone.get() {
                waiter.handed.replace(Some(connection));
                if let Some(waker) = waiter.waker.take() {
                    waker.wake();
                }
                return;
            }
        }
        let mut idle = self.idle.borrow_mut();
        if idle.len() < self.connections.idle_max as usize {
            connection.idle_since = now;
            idle.push_back(connection);
        }
    }
}

enum Turn {
    Handed(Connection),
    Permit(OwnedSemaphorePermit),
}

/// A place in the queue; leaving it by any way gives back what was handed over meanwhile.
struct Place {
    endpoint: Rc<Endpoint>,
    waiter: Rc<Waiter>,
}

impl Place {
    fn new(endpoint: &Rc<Endpoint>) -> Self {
        let waiter = Rc::new(Waiter::default());
        endpoint.pending.borrow_mut().push_back(Rc::clone(&waiter));
        endpoint.budget.waiting.fetch_add(1, Ordering::Relaxed);
        Self {
            endpoint: Rc::clone(endpoint),
            waiter,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.endpoint.budget.waiting.fetch_sub(1, Ordering::Relaxed);
        self.waiter.gone.set(true);
        self.endpoint
            .pending
            .borrow_mut()
            .retain(|waiter| !Rc::ptr_eq(waiter, &self.waiter));
        let handed = self.waiter.handed.borrow_mut().take();
        if let Some(connection) = handed {
            self.endpoint.give_back(connection, Instant::now());
        }
    }
}

impl Lease {
    /// The connection's bytes.
    pub fn stream(&self) -> &Stream {
        // `release` and `detach` take the lease by value, so the connection is there.
        &self
            .connection
            .as_ref()
            .expect("a lease holds its connection until it is consumed")
            .stream
    }

    /// The endpoint it leads to.
    pub fn endpoint(&self) -> &Rc<Endpoint> {
        &self.in_flight.0
    }

    /// Whether it carried a request before: then its death before the first response byte says nothing about the
    /// endpoint.
    pub fn is_reused(&self) -> bool {
        self.reused
    }

    /// Keeps the connection for another request. The caller vouches that neither side owes a byte (GW-11).
    pub fn release(self) {
        self.release_at(Instant::now());
    }

    /// As [`Lease::release`], for a caller that knows the time.
    pub fn release_at(mut self, now: Instant) {
        if let Some(connection) = self.connection.take() {
            let endpoint = Rc::clone(&connection.open.0);
            endpoint.give_back(connection, now);
        }
    }
}
