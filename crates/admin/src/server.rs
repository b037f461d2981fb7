//! The listener and its connections.

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::Api;
use crate::plan::AdminPlan;
use crate::system::System;

/// Out of descriptors, accepting fails at once: this keeps it from spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The largest head, in bytes.
const HEAD_MAX: usize = 16 * 1024;
const BUSY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// What one client can take of the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once (default 64); one more is answered 503 and closed.
    pub connections_max: usize,
    /// For a whole request head, waiting for the next request included (default 10 s).
    pub head_timeout: Duration,
    /// From head to response (default 30 s).
    pub request_timeout: Duration,
    /// For a whole connection (default 10 min): a client that does not read its response keeps its place no longer.
    pub connection_age_max: Duration,
    /// For running requests once the server is stopped (default 5 s).
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 64,
            head_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            connection_age_max: Duration::from_secs(600),
            grace: Duration::from_secs(5),
        }
    }
}

/// A bound server that does not serve yet.
#[derive(Debug)]
pub struct Server {
    listener: StdListener,
    plan: AdminPlan,
    limits: Limits,
}

impl Server {
    /// Binds the address. Connections wait in the backlog until [`serve`](Self::serve) runs. Needs no runtime.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn bind(plan: &AdminPlan) -> io::Result<Self> {
        let listener = StdListener::bind(plan.address)?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener,
            plan: plan.clone(),
            limits: Limits::default(),
        })
    }

    /// With other limits than the default.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The address that was bound, with the port that port 0 became.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` is cancelled, then lets running requests finish within the grace period, and returns when
    /// every connection task has ended. Dropping the future closes the listener and leaves connections to end by
    /// themselves: cancel `stop` instead.
    ///
    /// # Errors
    /// When the runtime does not take the listener, at once.
    pub async fn serve(self, system: Arc<dyn System>, stop: CancellationToken) -> io::Result<()> {
        let listener = TcpListener::from_std(self.listener)?;
        let crowd = Crowd {
            api: Arc::new(Api {
                system,
                token: self.plan.token,
                request_timeout: self.limits.request_timeout,
            }),
            limits: self.limits,
            places: Arc::new(Semaphore::new(self.limits.connections_max)),
            tasks: TaskTracker::new(),
            stop: stop.clone(),
            cut: CancellationToken::new(),
        };
        crowd.accept_until_stopped(&listener).await;
        drop(listener);
        crowd.finish().await;
        Ok(())
    }
}

/// The open connections.
struct Crowd {
    api: Arc<Api>,
    limits: Limits,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Ends connections that outlast the grace period.
    cut: CancellationToken,
}

impl Crowd {
    async fn accept_until_stopped(&self, listener: &TcpListener) {
        let mut stopped = pin!(self.stop.cancelled());
        loop {
            let accepted = tokio::select! {
                () = &mut stopped => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((socket, _)) = accepted else {
                sleep(ACCEPT_PAUSE).await;
                continue;
            };
            match Arc::clone(&self.places).try_acquire_owned() {
                Ok(place) => self.spawn_connection(socket, place),
                Err(_) => refuse(socket),
            }
        }
    }

    fn spawn_connection(&self, socket: TcpStream, place: OwnedSemaphorePermit) {
        let api = Arc::clone(&self.api);
        let limits = self.limits;
        let (stop, cut) = (self.stop.clone(), self.cut.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                () = cut.cancelled() => {}
                () = serve_connection(api, socket, limits, stop) => {}
            }
            drop(place);
        });
    }

    async fn finish(&self) {
        self.tasks.close();
        if timeout(self.limits.grace, self.tasks.wait()).await.is_err() {
            self.cut.cancel();
            self.tasks.wait().await;
        }
    }
}

/// Serves one connection until either side is done with it. What went wrong with it concerns only its client.
async fn serve_connection(
    api: Arc<Api>,
    socket: TcpStream,
    limits: Limits,
    stop: CancellationToken,
) {
    let service = service_fn(move |req| {
        let api = Arc::clone(&api);
        async move { Ok::<_, Infallible>(api.answer(req).await) }
    });
    let mut conn = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_timeout)
            .max_buf_size(HEAD_MAX)
            .serve_connection(TokioIo::new(socket), service)
    );
    tokio::select! {
        ended = &mut conn => drop(ended),
        () = stop.cancelled() => {
            conn.as_mut().graceful_shutdown();
            drop(conn.await);
        }
        () = sleep(limits.connection_age_max) => {
            conn.as_mut().graceful_shutdown();
            drop(timeout(limits.request_timeout, conn).await);
        }
    }
}

/// Tells a client that there is no room, if its socket takes the answer at once.
fn refuse(socket: TcpStream) {
    if let Ok(mut socket) = socket.into_std() {
        drop(socket.write(BUSY));
    }
}
