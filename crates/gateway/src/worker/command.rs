//! What the control plane tells and asks a worker, over a bounded channel.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use telemetry::ItemSink;
use telemetry::access_log::{AccessSink, RecordSink};
use telemetry::metrics::Sheet;
use tls::Acceptor;
use tokio::sync::oneshot;
use upstream::ResolvedEndpoint;

use crate::listener::Gate;
use crate::plan::ListenerPlan;
use crate::program::Program;

/// A message to a worker. Each is acted on between two polls of connections; replies that no one waits for are lost.
#[derive(Debug)]
pub enum Command {
    /// Run this program from here on.
    Adopt(Arc<Program>, oneshot::Sender<()>),
    /// Accept connections on a socket.
    Listen(ListenCommand),
    /// Take on a listener's new limits, and what new connections begin TLS with, under its old name.
    Relist(Arc<ListenerPlan>, Option<Arc<Acceptor>>),
    /// Stop accepting on the listener of that name; its connections live on.
    Unlisten(Box<str>, oneshot::Sender<()>),
    /// The endpoints of an upstream changed.
    Endpoints {
        /// The upstream.
        upstream: Box<str>,
        /// All of them, those with fixed addresses included.
        endpoints: Vec<ResolvedEndpoint>,
    },
    /// Log requests here, or nowhere. Lines for the log before have been handed over when it is answered.
    AccessLog(Option<AccessSink>, oneshot::Sender<()>),
    /// Record for export here, or nowhere. What is for the exporters before has been handed over when it is answered.
    Export(ExportSinks, oneshot::Sender<()>),
    /// Copy your counters.
    Collect(oneshot::Sender<Sheet>),
    /// Describe your upstreams.
    Upstreams(oneshot::Sender<Vec<UpstreamView>>),
    /// Say that you are alive, and how late your loop ran at worst since the last scrape.
    Ping(oneshot::Sender<Duration>),
    /// Stop accepting, close idle connections, and say when the last connection ended or the time is over. Questions
    /// are answered on; the thread ends, and with it every connection, when its handle is dropped.
    Drain {
        /// At most so long.
        grace: Duration,
        /// How many connections were cut.
        done: oneshot::Sender<u32>,
    },
}

/// Where one worker records what is exported; what has no sink is not recorded.
#[derive(Debug, Default)]
pub struct ExportSinks {
    /// Spans.
    pub spans: Option<ItemSink>,
    /// Requests as log records.
    pub access: Option<RecordSink>,
}

/// A socket to accept on.
#[derive(Debug)]
pub struct ListenCommand {
    /// The listener.
    pub plan: Arc<ListenerPlan>,
    /// What connections begin TLS with; `None`: they are plain.
    pub tls: Option<Arc<Acceptor>>,
    /// This worker's socket.
    pub socket: std::net::TcpListener,
    /// Who is let in, over all workers.
    pub gate: Arc<Gate>,
}

/// One upstream as one worker sees it.
#[derive(Clone, Debug)]
pub struct UpstreamView {
    /// Its name.
    pub name: Box<str>,
    /// Its endpoints.
    pub endpoints: Vec<EndpointView>,
}

/// One endpoint as one worker sees it.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names of upstream::EndpointStats")]
pub struct EndpointView {
    pub address: SocketAddr,
    pub weight: u32,
    pub in_flight: u32,
    pub open: u32,
    pub idle: u32,
    pub pending: u32,
    pub requests: u64,
    pub failures: u64,
    pub connects: u64,
    pub connect_failures: u64,
    pub reuses: u64,
    pub stale: u64,
    pub refused: u64,
}

impl EndpointView {
    pub(crate) fn of(endpoint: &upstream::Endpoint) -> Self {
        let stats = &endpoint.stats;
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            address: endpoint.address,
            weight: endpoint.weight,
            in_flight: endpoint.in_flight(),
            open: stats.open.get(),
            idle: count(endpoint.idle()),
            pending: count(endpoint.pending()),
            requests: stats.requests.get(),
            failures: stats.failures.get(),
            connects: stats.connects.get(),
            connect_failures: stats.connect_failures.get(),
            reuses: stats.reuses.get(),
            stale: stats.stale.get(),
            refused: stats.refused.get(),
        }
    }
}
