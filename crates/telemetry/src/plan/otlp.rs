//! The decided form of `telemetry.otlp:`. What is `None` comes from the environment, or else is the default.

use std::path::PathBuf;
use std::time::Duration;

use base::Secret;
use message::FieldName;
use otlp::Signal;

/// Where Tidegate sends what it tells about itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OtlpPlan {
    /// `http://collector:4317`; over HTTP the signal's path is appended.
    pub endpoint: Option<Box<str>>,
    /// How requests are written.
    pub protocol: Option<OtlpProtocol>,
    /// How bodies are compressed.
    pub compression: Option<OtlpCompression>,
    /// Sent with each request.
    pub headers: Option<Vec<(FieldName, Secret)>>,
    /// The longest wait for one request; 1 ms to 10 min.
    pub timeout: Option<Duration>,
    /// The longest time an item waits for others before it is sent; 10 ms to 1 min.
    pub delay: Option<Duration>,
    /// Certificates.
    pub tls: OtlpTlsPlan,
    /// What is sent; `None`: traces and metrics.
    pub signals: Option<Vec<Signal>>,
    /// How often metrics are sent; 1 s to 1 h.
    pub metrics_interval: Option<Duration>,
    /// What a metric's points count from.
    pub temporality: Option<OtlpTemporality>,
}

/// How requests are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP with protobuf bodies.
    HttpProtobuf,
    /// OTLP/HTTP with JSON bodies.
    HttpJson,
}

/// How bodies are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtlpCompression {
    /// As they are.
    None,
    /// What every receiver takes.
    Gzip,
    /// Smaller and faster, where the receiver takes it.
    Zstd,
}

/// What a metric's points count from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtlpTemporality {
    /// The start of the process.
    Cumulative,
    /// The point before, for counters and histograms.
    Delta,
    /// The point before, where that costs no memory.
    LowMemory,
}

/// Files in PEM form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtlpTlsPlan {
    /// Certificates that the receiver's is checked against; `None`: those of the system.
    pub ca: Option<PathBuf>,
    /// Tidegate's own certificate.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}
