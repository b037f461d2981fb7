//! How a connection that has a request is served without allocating: by a coroutine it borrows for as long as it has one.
//!
//! The state of an exchange under way is a few kilobytes, and buffers come on top. A connection that waits for its next
//! request must not hold that, and allocating it anew per request would cost more than parsing. So each worker keeps
//! finished coroutines: loops that take a connection out of a slot, serve it until it has nothing more to read, put it
//! back, and wait for the next one.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use base::Buffer;
use tls::Acceptor;

use crate::conn::{Conn, Heard};
use crate::exchange::{Next, Scratch, exchange};
use crate::worker::{Open, Worker};

/// Coroutines a worker keeps for the next connections.
const KEPT_MAX: usize = 64;

/// A coroutine that serves one connection after another.
struct Server {
    slot: Rc<Slot>,
    future: Pin<Box<dyn Future<Output = ()>>>,
}

/// Where a connection goes in and comes out.
#[derive(Default)]
struct Slot {
    waiting: RefCell<Option<(Conn, Buffer)>>,
    served: RefCell<Option<(Conn, Next)>>,
}

/// Coroutines without a connection.
#[derive(Default)]
pub(crate) struct Servers {
    free: RefCell<Vec<Server>>,
}

impl std::fmt::Debug for Servers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Servers")
            .field("free", &self.free.borrow().len())
            .finish()
    }
}

impl Servers {
    /// Forgets every coroutine, and with it the worker they refer to.
    pub(crate) fn clear(&self) {
        self.free.borrow_mut().clear();
    }
}

/// A connection from its first byte to its close.
#[expect(
    clippy::manual_async_fn,
    reason = "an `async fn` would hold room for its arguments twice"
)]
pub(crate) fn connection(
    open: Open,
    mut conn: Conn,
    acceptor: Option<Arc<Acceptor>>,
) -> impl Future<Output = ()> {
    async move {
        let worker = open.worker();
        // The one its session was begun with: a reload may have given the listener another.
        if let Some(acceptor) = acceptor {
            let greeted = Box::pin(conn.greet(&acceptor)).await;
            drop(acceptor);
            worker.stats.greeted(greeted);
            if greeted.is_err() {
                return;
            }
        }
        loop {
            let mut first = Buffer::default();
            if conn.idle(worker, &mut first).await != Heard::Bytes {
                return conn.stream.close();
            }
            let (served, next) = serve(worker, conn, first).await;
            conn = served;
            match next {
                Next::KeepAlive => {}
                Next::Close => return conn.stream.close(),
                Next::Linger => return Box::pin(conn.linger(&worker.buffers)).await,
                Next::Tunnel(tunnel) => {
                    let stats = &worker.stats;
                    stats.tunnels.set(stats.tunnels.get() + 1);
                    Box::pin(tunnel.run(worker, &conn)).await;
                    stats.tunnels.set(stats.tunnels.get() - 1);
                    return;
                }
            }
        }
    }
}

/// Serves the requests at hand on a borrowed coroutine. A panic in it unwinds through here and drops it. The connection
/// is put in before there is a future, which would hold room for it otherwise.
fn serve(
    worker: &Rc<Worker>,
    conn: Conn,
    first: Buffer,
) -> impl Future<Output = (Conn, Next)> + use<'_> {
    let free = worker.servers.free.borrow_mut().pop();
    let mut server = free.unwrap_or_else(|| Server::new(Rc::clone(worker)));
    *server.slot.waiting.borrow_mut() = Some((conn, first));
    async move {
        let served = poll_fn(|cx| {
            // The loop never ends; what counts is whether the connection came out.
            let polled = server.future.as_mut().poll(cx);
            debug_assert!(polled.is_pending());
            match server.slot.served.borrow_mut().take() {
                Some(served) => Poll::Ready(served),
                None => Poll::Pending,
            }
        })
        .await;
        let mut free = worker.servers.free.borrow_mut();
        if free.len() < KEPT_MAX {
            free.push(server);
        }
        served
    }
}

impl Server {
    fn new(worker: Rc<Worker>) -> Self {
        let slot = Rc::new(Slot::default());
        let future = Box::pin(serve_forever(worker, Rc::clone(&slot)));
        Self { slot, future }
    }
}

async fn serve_forever(worker: Rc<Worker>, slot: Rc<Slot>) {
    let mut scratch = Scratch::new();
    loop {
        let (conn, first) = poll_fn(|_| match slot.waiting.borrow_mut().take() {
            Some(waiting) => Poll::Ready(waiting),
            // Whoever puts a connection in polls this.
            None => Poll::Pending,
        })
        .await;
        scratch.input = first;
        let next = loop {
            let next = exchange(&worker, &conn, &mut scratch).await;
            // Requests sent ahead are answered in order (GW-18).
            if !matches!(next, Next::KeepAlive) || scratch.input.is_empty() {
                break next;
            }
        };
        scratch.input.clear();
        scratch.release(&worker.buffers);
        *slot.served.borrow_mut() = Some((conn, next));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten thousand of them wait: each byte here is ten kilobytes. Kept by its task, which adds some of its own.
    const FUTURE_MAX: usize = 512;

    fn future_size<F: Future>(_: impl FnOnce(Open, Conn, Option<Arc<Acceptor>>) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_waiting_connection_is_small() {
        let size = future_size(connection);
        println!(
            "a connection is {} bytes, its future {size}",
            size_of::<Conn>()
        );
        assert!(size <= FUTURE_MAX, "{size} bytes");
    }
}
