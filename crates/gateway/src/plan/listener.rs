//! `listeners:` decided.

use std::net::SocketAddr;
use std::time::Duration;

use base::Cidr;
use message::PathPolicy;
use tls::TlsPlan;

/// One address that accepts connections.
#[derive(Clone, Debug, PartialEq)]
pub struct ListenerPlan {
    /// The key under `listeners:`.
    pub name: Box<str>,
    /// Where it listens; port 0 asks the kernel for a free one.
    pub address: SocketAddr,
    /// How clients are greeted; `None`: in plain text.
    pub tls: Option<TlsPlan>,
    /// Peers whose `X-Forwarded-*` and `Forwarded` fields are believed; default none, at most 1,000.
    pub trusted_proxies: Vec<Cidr>,
    /// Which fields tell the upstream about the client.
    pub forwarded_headers: ForwardedHeaders,
    /// How ambiguous request paths are treated.
    pub paths: PathPolicy,
    /// How field names with `_` are treated.
    pub underscore_fields: UnderscoreFields,
    /// Bounds and times of its connections.
    pub limits: LimitsPlan,
}

/// Which fields tell the upstream about the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ForwardedHeaders {
    /// `X-Forwarded-For`, `-Proto` and `-Host`.
    #[default]
    XForwarded,
    /// RFC 7239 `Forwarded`.
    Forwarded,
    /// Both kinds.
    Both,
    /// Neither; what an untrusted peer sent is removed all the same.
    Off,
}

/// What to do with field names that hold `_`: origins that speak CGI read `X_Real_IP` and `X-Real-IP` alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum UnderscoreFields {
    /// Answer 400.
    #[default]
    Refuse,
    /// Remove the field and go on.
    Remove,
    /// Forward the field.
    Keep,
}

/// Bounds and times of a listener's connections. Defaults in parentheses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsPlan {
    /// Bytes of a request head: 1 KiB to 1 MiB (default 32 KiB); 431 beyond.
    pub head_max: u32,
    /// Fields of a request head: 1 to 1,000 (default 100); 431 beyond.
    pub headers_max: u16,
    /// Bytes of a request target: 64 B to 64 KiB (default 8 KiB); 414 beyond.
    pub uri_max: u32,
    /// Bytes of a request body: 0 to 1 TiB (default 10 MiB); 413 beyond.
    pub body_max: u64,
    /// Open connections over all workers (default auto).
    pub connections_max: ConnectionsMax,
    /// Open connections of one client address over all workers: 1 to 1,000,000 (default 1000).
    pub connections_per_ip_max: u32,
    /// Requests on one connection, then it is closed after the response: 1 to 1,000,000,000 (default 10,000).
    pub requests_per_connection_max: u32,
    /// Accepted to hands shaken, where there is TLS: 1 ms to 1 h (default 10 s).
    pub handshake_timeout: Duration,
    /// First byte of a request to the end of its head: 1 ms to 1 h (default 10 s); 408 beyond.
    pub head_timeout: Duration,
    /// Wait for the first byte of the next request: 1 ms to 24 h (default 75 s).
    pub idle_timeout: Duration,
    /// Waiting for request body bytes, in sum: this plus one second per `body_rate_min` bytes received: 1 ms to 1 h (default 30 s).
    pub body_timeout: Duration,
    /// Bytes per second that extend `body_timeout`: 1 B to 1 GiB (default 1 KiB).
    pub body_rate_min: u32,
    /// A client that takes no byte for this long is dropped: 1 ms to 1 h (default 30 s).
    pub write_timeout: Duration,
}

/// How many connections a listener may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ConnectionsMax {
    /// Derived from the descriptor limit: an equal share of two fifths of it.
    #[default]
    Auto,
    /// 1 to 10,000,000.
    Count(u32),
}

impl Default for LimitsPlan {
    fn default() -> Self {
        Self {
            head_max: 32 << 10,
            headers_max: 100,
            uri_max: 8 << 10,
            body_max: 10 << 20,
            connections_max: ConnectionsMax::Auto,
            connections_per_ip_max: 1000,
            requests_per_connection_max: 10_000,
            handshake_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            body_rate_min: 1 << 10,
            write_timeout: Duration::from_secs(30),
        }
    }
}
