//! The decided form of one way to a back end: plain data, to be compared, printed and kept.

use std::path::PathBuf;
use std::time::Duration;

use base::Secret;

use crate::endpoint::Endpoint;

/// How items reach a back end. Values outside of the stated bounds count as the nearest bound.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportPlan {
    /// Where to.
    pub endpoint: Endpoint,
    /// How requests are written.
    pub protocol: Protocol,
    /// How requests of 1 KiB and more are compressed (default none); smaller ones never are.
    pub compression: Compression,
    /// Sent with every request, values in any bytes a header may hold. Names that the protocol itself needs
    /// (`content-type`, `te`, `grpc-timeout`…) are refused at the start.
    pub headers: Vec<(Box<str>, Secret)>,
    /// How an https back end is verified; unused with http.
    pub tls: TlsPlan,
    /// Longest time for one request, connecting included: 1 ms to 1 h (default 10 s).
    pub timeout: Duration,
    /// Items in one request: 1 to `queue_items_max` (default 8192).
    pub batch_items_max: u32,
    /// Bytes of one request before compression: 1 KiB to 64 MiB (default 1 MiB). A single item that is larger goes
    /// alone.
    pub batch_bytes_max: usize,
    /// How long items wait for more to come: 0 to 1 h (default 1 s).
    pub batch_delay: Duration,
    /// Bytes that wait, counted by the room of their buffers (default 32 MiB). Requests in flight come on top.
    pub queue_bytes_max: usize,
    /// Items that wait: 1 and more (default as many as there is room for).
    pub queue_items_max: u64,
    /// Requests that are being sent or wait to be sent again: 1 to 64 (default 4). As many connections over HTTP, one
    /// over gRPC.
    pub requests_in_flight_max: u32,
    /// When a failed request is sent again.
    pub retry: RetryPlan,
    /// When a back end that fails is left alone.
    pub breaker: BreakerPlan,
}

/// How a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// gRPC over HTTP/2; without TLS by prior knowledge.
    Grpc,
    /// Protobuf over HTTP/1.1.
    HttpProtobuf,
    /// JSON over HTTP/1.1.
    HttpJson,
}

/// What a request's body is compressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Nothing.
    None,
    /// gzip, level 1. Every OTLP receiver knows it (OT-1).
    Gzip,
    /// zstd, level 1: smaller and cheaper, where the back end is known to read it.
    Zstd,
}

/// How a back end is verified, and how this end shows who it is. There is no way not to verify.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsPlan {
    /// Whose certificates are believed.
    pub roots: Roots,
    /// What is shown to a back end that asks (default nothing).
    pub client: Option<ClientCertificate>,
    /// The name the back end's certificate has to hold (default the endpoint's host).
    pub server_name: Option<Box<str>>,
}

/// Whose certificates are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Roots {
    /// The machine's.
    #[default]
    System,
    /// Those of a PEM file, and no others.
    File(PathBuf),
}

/// PEM files of a certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, and those between it and the root.
    pub chain: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// When a failed request is sent again. Which failures allow it is the specification's decision (OT-16, OT-30).
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPlan {
    /// The first wait: 1 ms to 1 h (default 5 s).
    pub initial: Duration,
    /// What each wait is multiplied by for the next: 1 to 10 (default 1.5).
    pub factor: f64,
    /// The longest wait (default 30 s). One that the back end asks for may be longer.
    pub max: Duration,
    /// How far a wait may lie from its middle, as a part of it: 0 to 1 (default 0.5).
    pub jitter: f64,
    /// How long after its first attempt a request is still sent again: to 24 h (default 300 s); 0 sends nothing again.
    pub elapsed_max: Duration,
}

/// When a back end that fails is left alone. Items wait in the queue meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerPlan {
    /// Failed requests in a row after which sending stops (default 5); 0 never stops.
    pub failures_to_open: u32,
    /// How long it stops before one request is tried: 1 ms to 1 h (default 5 s).
    pub open_for: Duration,
}

impl ExportPlan {
    /// Every default.
    pub fn new(endpoint: Endpoint, protocol: Protocol) -> Self {
        Self {
            endpoint,
            protocol,
            compression: Compression::None,
            headers: Vec::new(),
            tls: TlsPlan::default(),
            timeout: Duration::from_secs(10),
            batch_items_max: 8192,
            batch_bytes_max: 1 << 20,
            batch_delay: Duration::from_secs(1),
            queue_bytes_max: 32 << 20,
            queue_items_max: u64::MAX,
            requests_in_flight_max: 4,
            retry: RetryPlan::default(),
            breaker: BreakerPlan::default(),
        }
    }
}

impl Default for RetryPlan {
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(5),
            factor: 1.5,
            max: Duration::from_secs(30),
            jitter: 0.5,
            elapsed_max: Duration::from_secs(300),
        }
    }
}

impl Default for BreakerPlan {
    fn default() -> Self {
        Self {
            failures_to_open: 5,
            open_for: Duration::from_secs(5),
        }
    }
}
