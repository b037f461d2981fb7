//! The decided form of `upstreams:`: plain data, every default filled in, every bound checked.
//! Built by `config`, compared on reload to see which pools live on, run by [`crate::Upstreams`].

use std::net::SocketAddr;
use std::time::Duration;

use tls::ConnectorPlan;

/// One named set of endpoints and how connections to them are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct UpstreamPlan {
    /// The key under `upstreams:`.
    pub name: Box<str>,
    /// As written, in file order; 1 to 1,000 entries.
    pub endpoints: Vec<EndpointPlan>,
    /// How an endpoint is picked for a request.
    pub balance: Balance,
    /// Bounds and times of the connections to each endpoint.
    pub connections: ConnectionsPlan,
    /// How endpoints are greeted; `None`: in plain text.
    pub tls: Option<ConnectorPlan>,
}

/// One endpoint as the file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointPlan {
    /// Where it is.
    pub address: EndpointAddress,
    /// Share of the traffic relative to its siblings: 1 to 1,000, default 1.
    pub weight: u32,
}

/// A literal address, or a name that is resolved again when its TTL ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EndpointAddress {
    /// `127.0.0.1:9000`, `[::1]:9000`.
    Socket(SocketAddr),
    /// `products.internal:9000`; every A and AAAA record is an endpoint.
    Name {
        /// The DNS name, lower case, without a trailing dot.
        host: Box<str>,
        /// The port every resolved address is dialled on.
        port: u16,
    },
}

/// How an endpoint is picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Balance {
    /// In turn, smooth over weights.
    RoundRobin,
    /// By weight, without memory.
    Random,
    /// The fewest requests in flight per weight, over all endpoints.
    LeastRequests,
    /// The better of two random picks by requests in flight per weight.
    #[default]
    P2c,
}

/// Bounds and times of the connections to one endpoint. Defaults in parentheses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionsPlan {
    /// Open connections to one endpoint over all workers: 1 to 100,000 (default 1024).
    pub max: u32,
    /// Idle connections kept per endpoint and worker: 0 to 100,000 (default 128).
    pub idle_max: u32,
    /// An idle connection older than this is closed: 1 ms to 24 h (default 60 s).
    pub idle_timeout: Duration,
    /// A connection older than this, shortened by up to a tenth at random, is not reused: 1 s to 7 d (default 1 h).
    pub lifetime_max: Duration,
    /// Name resolution aside, the longest wait for a connection: 1 ms to 5 min (default 5 s).
    pub connect_timeout: Duration,
    /// Requests of one worker that may wait for a connection of this endpoint: 0 to 100,000 (default 1024).
    pub pending_max: u32,
    /// The longest wait in that queue: 1 ms to 5 min (default 5 s).
    pub pending_timeout: Duration,
}

impl Default for ConnectionsPlan {
    fn default() -> Self {
        Self {
            max: 1024,
            idle_max: 128,
            idle_timeout: Duration::from_secs(60),
            lifetime_max: Duration::from_secs(3600),
            connect_timeout: Duration::from_secs(5),
            pending_max: 1024,
            pending_timeout: Duration::from_secs(5),
        }
    }
}
