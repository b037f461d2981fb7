//! The decided form of `telemetry:`.

mod otlp;
mod tracing;

pub use ::otlp::Signal;
pub use otlp::{OtlpCompression, OtlpPlan, OtlpProtocol, OtlpTemporality, OtlpTlsPlan};
pub use tracing::{ParentRule, RatePlan, SamplingPlan, SamplingRulePlan, TracingPlan};

use std::path::PathBuf;

use message::FieldName;
use propagation::Format;

/// What Tidegate tells about itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TelemetryPlan {
    /// Names this gateway in metrics, spans and log records; `None`: from the environment, else `tidegate`.
    pub service_name: Option<Box<str>>,
    /// Further attributes of the resource; at most 64.
    pub resource: Vec<(Box<str>, Box<str>)>,
    /// The access log (default none).
    pub access_log: Option<AccessLogPlan>,
    /// Names of query parameters whose values are recorded nowhere, beside those the conventions list; compared with
    /// case.
    pub redact_query: Vec<Box<str>>,
    /// Which fields carry contexts, in the order they are looked at; `None`: from the environment, else the default.
    pub propagators: Option<Vec<Format>>,
    /// A response field that carries the trace id (default none).
    pub trace_response_header: Option<FieldName>,
    /// Request fields that are recorded in spans (default none).
    pub capture_request_headers: Vec<FieldName>,
    /// Which requests are recorded; `None`: from the environment, else the default.
    pub sampling: Option<SamplingPlan>,
    /// Where telemetry is sent; `None`: from the environment, else nowhere.
    pub otlp: Option<OtlpPlan>,
}

/// One line per request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLogPlan {
    /// How a line is written.
    pub format: AccessLogFormat,
    /// Where it is written.
    pub target: AccessLogTarget,
    /// Names of query parameters whose values are not written, beside those the conventions list.
    pub redact_query: Vec<Box<str>>,
}

/// How a line is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// One JSON object with these fields in this order; 1 to 64.
    Json(Vec<AccessLogField>),
    /// The combined format of Apache and nginx.
    Combined,
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLogTarget {
    /// No lines are written: requests are log records where those are sent, and nothing elsewhere.
    Nowhere,
    /// Standard output.
    Stdout,
    /// A file, appended to, opened again on SIGHUP.
    File(PathBuf),
}

/// One field of a JSON line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccessLogField {
    /// `time`: start of the request, RFC 3339 with milliseconds, UTC.
    Time,
    /// `client_ip`: after `trusted_proxies`.
    ClientIp,
    /// `method`.
    Method,
    /// `host`.
    Host,
    /// `path`: normalised, without the query.
    Path,
    /// `query`: without its `?`.
    Query,
    /// `protocol`: HTTP/1.0 or HTTP/1.1.
    Protocol,
    /// `status`: what the client was sent; 0 when nothing was.
    Status,
    /// `bytes_in`: request body bytes.
    BytesIn,
    /// `bytes_out`: response body bytes.
    BytesOut,
    /// `duration_ms`: first byte of the request to last byte of the response.
    DurationMs,
    /// `upstream_ms`: request sent to response head received, last try.
    UpstreamMs,
    /// `route`.
    Route,
    /// `upstream`: name.
    Upstream,
    /// `endpoint`: address of the last try.
    Endpoint,
    /// `tries`.
    Tries,
    /// `request_id`.
    RequestId,
    /// `user_agent`.
    UserAgent,
    /// `referer`.
    Referer,
    /// `end`: how the exchange ended: complete, client_gone, upstream_cut, timeout, refused.
    End,
    /// `trace_id`: 32 hex digits.
    TraceId,
    /// `span_id`: 16 hex digits.
    SpanId,
    /// `listener`.
    Listener,
}

impl AccessLogField {
    /// Every field with its name, in the default order.
    pub const ALL: [(&'static str, Self); 23] = [
        ("time", Self::Time),
        ("client_ip", Self::ClientIp),
        ("method", Self::Method),
        ("host", Self::Host),
        ("path", Self::Path),
        ("query", Self::Query),
        ("protocol", Self::Protocol),
        ("status", Self::Status),
        ("bytes_in", Self::BytesIn),
        ("bytes_out", Self::BytesOut),
        ("duration_ms", Self::DurationMs),
        ("upstream_ms", Self::UpstreamMs),
        ("route", Self::Route),
        ("upstream", Self::Upstream),
        ("endpoint", Self::Endpoint),
        ("tries", Self::Tries),
        ("request_id", Self::RequestId),
        ("user_agent", Self::UserAgent),
        ("referer", Self::Referer),
        ("end", Self::End),
        ("trace_id", Self::TraceId),
        ("span_id", Self::SpanId),
        ("listener", Self::Listener),
    ];

    /// Its key in a JSON line.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, field)| *field == self)
            .map_or("", |(name, _)| name)
    }

    /// The field of that key.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, field)| *field)
    }
}

impl Default for AccessLogFormat {
    fn default() -> Self {
        Self::Json(
            AccessLogField::ALL
                .iter()
                .map(|(_, field)| *field)
                .collect(),
        )
    }
}
