//! One data-plane thread: its event loop, listeners, pools and counters.

mod command;
mod loop_lag;
mod thread;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use base::{BufferPool, HttpDate};
use net::{Stream, Timers};
use telemetry::access_log::AccessSink;
use telemetry::trace::{Anchor, Tracer};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use upstream::{Shared, Upstreams};

use crate::conn::{BUFFER_BYTES, Conn};
use crate::listener::{Listener, Stop, Turned};
use crate::program::Program;
use crate::serving::{Servers, connection};
use crate::snapshot::Snapshot;
use crate::stats::{Stats, bump};
use loop_lag::LoopLag;

pub use command::{Command, EndpointView, ExportSinks, ListenCommand, UpstreamView};
pub use thread::{WorkerConfig, WorkerGone, WorkerHandle, spawn_worker};

/// How long an accept loop rests when there is no descriptor left: spinning would help no one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Buffers kept for whoever has bytes in flight next.
const BUFFERS_KEPT: usize = 64;
/// Told to a client over the connection limit, without reading its request.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// The state of one worker. Not shared between threads; every connection of the worker holds it.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) timers: Timers,
    pub(crate) stats: Stats,
    pub(crate) loop_lag: LoopLag,
    pub(crate) upstreams: Upstreams,
    pub(crate) servers: Servers,
    pub(crate) buffers: BufferPool,
    pub(crate) access_log: RefCell<Option<AccessSink>>,
    pub(crate) export: RefCell<ExportSinks>,
    pub(crate) draining: Cell<bool>,
    /// Accept loops that have not ended.
    accepting: Cell<u32>,
    /// This gateway's name in Via.
    pub(crate) via: Box<[u8]>,
    snapshot: RefCell<Rc<Snapshot>>,
    date: Cell<HttpDate>,
    clock: Cell<Anchor>,
    pub(crate) emptied: Notify,
}

impl Worker {
    pub(crate) fn new(via: Box<[u8]>, shared: Arc<Shared>, program: Arc<Program>) -> Self {
        let worker = Self {
            timers: Timers::new(),
            stats: Stats::default(),
            loop_lag: LoopLag::new(Instant::now()),
            upstreams: Upstreams::new(shared),
            servers: Servers::default(),
            buffers: BufferPool::new(BUFFER_BYTES, BUFFERS_KEPT),
            access_log: RefCell::new(None),
            export: RefCell::default(),
            draining: Cell::new(false),
            accepting: Cell::new(0),
            via,
            snapshot: RefCell::new(Rc::new(Snapshot {
                program: Arc::clone(&program),
                upstreams: Vec::new(),
                labels: Vec::new(),
                rpc_labels: Vec::new(),
                tracer: None,
            })),
            date: Cell::new(HttpDate::new(SystemTime::now())),
            clock: Cell::new(Anchor::now()),
            emptied: Notify::new(),
        };
        worker.adopt(program);
        worker
    }

    /// Takes on a program: from here on new requests run it; those under way keep theirs.
    pub(crate) fn adopt(&self, program: Arc<Program>) {
        let upstreams = self
            .upstreams
            .adopt(&program.upstreams, &program.connectors);
        let labels = program
            .routes
            .iter()
            .map(|route| self.stats.requests.label(&route.label))
            .collect();
        let rpc_labels = program
            .routes
            .iter()
            .map(|route| self.stats.rpc_labels(route))
            .collect();
        let tracer = program
            .tracing
            .as_ref()
            .map(|tracing| Tracer::new(Arc::clone(tracing)));
        *self.snapshot.borrow_mut() = Rc::new(Snapshot {
            program,
            upstreams,
            labels,
            rpc_labels,
            tracer,
        });
    }

    /// What new requests run.
    pub(crate) fn snapshot(&self) -> Rc<Snapshot> {
        Rc::clone(&self.snapshot.borrow())
    }

    /// The date for a response that has none.
    pub(crate) fn date(&self) -> HttpDate {
        self.date.get()
    }

    /// Turns moments into times of day.
    pub(crate) fn clock(&self) -> Anchor {
        self.clock.get()
    }

    /// Sets the clocks; called several times a second, so that no response and no span reads one for it.
    pub(crate) fn refresh_clocks(&self) {
        self.date.set(HttpDate::new(SystemTime::now()));
        self.clock.set(Anchor::now());
    }

    /// Whether anyone wants a line or a record of each request.
    pub(crate) fn logs_requests(&self) -> bool {
        self.access_log.borrow().is_some() || self.export.borrow().access.is_some()
    }

    /// Hands over what was recorded and waits for more.
    pub(crate) fn flush(&self) {
        if let Some(sink) = &*self.access_log.borrow() {
            sink.flush();
        }
        let export = self.export.borrow();
        if let Some(sink) = &export.spans {
            sink.flush();
        }
        if let Some(sink) = &export.access {
            sink.flush();
        }
    }

    /// Stops keeping connections: idle ones close, the others after their response.
    pub(crate) fn drain(&self) {
        self.draining.set(true);
        self.timers.expire_idle();
    }

    /// Whether there is no connection, nor a loop that may bring one.
    pub(crate) fn is_empty(&self) -> bool {
        self.stats.connections.get() == 0 && self.accepting.get() == 0
    }

    fn tell_if_empty(&self) {
        if self.draining.get() && self.is_empty() {
            self.emptied.notify_one();
        }
    }
}

/// Accepts until stopped, then what the kernel has queued: closing a socket would drop those connections.
pub(crate) async fn accept(
    worker: Rc<Worker>,
    listener: Rc<Listener>,
    socket: TcpListener,
    stop: Rc<Stop>,
) {
    let mut stopped = std::pin::pin!(stop.stopped());
    loop {
        let accepted = tokio::select! {
            () = &mut stopped => break,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((tcp, peer)) => begin(&worker, &listener, tcp, peer),
            Err(_) => {
                bump(&worker.stats.accept_errors);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    // What is not there at one look comes to no socket of ours. The runtime hears from the kernel before it comes back.
    tokio::task::yield_now().await;
    std::future::poll_fn(|cx| {
        while let Poll::Ready(Ok((tcp, peer))) = socket.poll_accept(cx) {
            begin(&worker, &listener, tcp, peer);
        }
        Poll::Ready(())
    })
    .await;
    worker.accepting.set(worker.accepting.get() - 1);
    worker.tell_if_empty();
}

fn begin(
    worker: &Rc<Worker>,
    listener: &Rc<Listener>,
    tcp: tokio::net::TcpStream,
    peer: std::net::SocketAddr,
) {
    bump(&worker.stats.accepted);
    match listener.admit(peer) {
        Ok(admission) => {
            let acceptor = listener.acceptor();
            let stream = match acceptor.as_ref().map(|acceptor| acceptor.session()) {
                None if listener.plan().tls.is_none() => Stream::new(tcp),
                Some(Ok(session)) => Stream::with_tls(tcp, session.into()),
                // Never in plain text instead.
                None | Some(Err(_)) => return worker.stats.greeted(Err("setup")),
            };
            let conn = Conn {
                stream,
                tls: None,
                timer: worker.timers.timer(),
                listener: Rc::clone(listener),
                peer,
                touched: Cell::new(Instant::now()),
                requests: Cell::new(0),
                _admission: admission,
            };
            let open = Open::new(worker);
            // Owned by the worker: `Open` counts it, `drain` waits for the count, the thread's end drops the rest.
            drop(tokio::task::spawn_local(connection(open, conn, acceptor)));
        }
        Err(turned) => {
            bump(match turned {
                Turned::Full => &worker.stats.connections_refused_total,
                Turned::FullForIp => &worker.stats.connections_refused_ip,
            });
            // One try: a client that cannot take 100 bytes learns it from the close, and so does one that speaks TLS.
            if listener.acceptor().is_none() {
                drop(tcp.try_write(FULL));
            }
        }
    }
}

/// Counts a connection for as long as its task lives, whatever ends it.
pub(crate) struct Open(Rc<Worker>);

impl Open {
    fn new(worker: &Rc<Worker>) -> Self {
        let connections = &worker.stats.connections;
        connections.set(connections.get() + 1);
        Self(Rc::clone(worker))
    }

    pub(crate) fn worker(&self) -> &Rc<Worker> {
        &self.0
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let stats = &self.0.stats;
        stats.connections.set(stats.connections.get() - 1);
        if std::thread::panicking() {
            bump(&stats.panics);
        }
        self.0.tell_if_empty();
    }
}
