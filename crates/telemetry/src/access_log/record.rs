//! What is known of a request when it ends.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use message::Version;

use crate::metrics::MethodLabel;
use crate::redact::{redacted_query, redacted_url};

/// One request, borrowed from the exchange that ends; a field per [`AccessLogField`](crate::plan::AccessLogField).
/// Bytes need not be UTF-8 and may hold anything a client can send.
#[derive(Clone, Copy, Debug)]
pub struct AccessRecord<'a> {
    /// Start of the request.
    pub time: SystemTime,
    /// After `trusted_proxies`.
    pub client_ip: IpAddr,
    /// As sent.
    pub method: &'a [u8],
    /// As metrics call it.
    pub method_label: MethodLabel,
    /// As sent; empty when there was none.
    pub host: &'a [u8],
    /// Normalised, without the query.
    pub path: &'a [u8],
    /// Without its `?`.
    pub query: Option<&'a [u8]>,
    /// Of the downstream connection.
    pub protocol: Version,
    /// What the client was sent; 0 when nothing was.
    pub status: u16,
    /// Request body.
    pub bytes_in: u64,
    /// Response body.
    pub bytes_out: u64,
    /// First byte of the request to last byte of the response.
    pub duration: Duration,
    /// Request sent to response head received, last try.
    pub upstream_duration: Option<Duration>,
    /// Name of the route; empty when none matched.
    pub route: &'a str,
    /// Name of the upstream.
    pub upstream_name: Option<&'a str>,
    /// Address of the last try.
    pub endpoint: Option<SocketAddr>,
    /// Requests sent upstream.
    pub tries: u32,
    /// As sent upstream.
    pub request_id: &'a [u8],
    /// As sent.
    pub user_agent: Option<&'a [u8]>,
    /// As sent.
    pub referer: Option<&'a [u8]>,
    /// How the exchange ended.
    pub end: End,
    /// Of the trace, where requests are traced.
    pub trace_id: Option<[u8; 16]>,
    /// Of the request's span, where requests are traced.
    pub span_id: Option<[u8; 8]>,
    /// Name of the listener.
    pub listener: &'a str,
}

/// Where redacted text of one record is put together. Kept from record to record.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    query: Vec<u8>,
    referer: Vec<u8>,
}

impl<'a> AccessRecord<'a> {
    /// The same without the secrets of its URLs; `also` names further ones.
    pub(crate) fn redacted(&self, also: &[Box<str>], rooms: &'a mut Rooms) -> Self {
        let Rooms { query, referer } = rooms;
        Self {
            query: self.query.map(|text| redacted_query(text, also, query)),
            referer: self.referer.map(|url| redacted_url(url, also, referer)),
            ..*self
        }
    }
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client was sent a whole response.
    Complete,
    /// The client left before.
    ClientGone,
    /// The upstream's response broke off.
    UpstreamCut,
    /// A time limit ran out.
    Timeout,
    /// Tidegate answered for itself with an error.
    Refused,
}

impl End {
    /// As it is written.
    pub fn label(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::ClientGone => "client_gone",
            Self::UpstreamCut => "upstream_cut",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
        }
    }
}
