//! Every refusal made by Tidegate: one typed error, one status, one body.

use h1::{ChunkError, HeadError};
use message::{PathError, StatusCode};
use telemetry::access_log::End;

/// Why Tidegate answers for itself. What the client reads never names an internal address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{0}")]
    Head(HeadError),
    #[error("{0}")]
    Path(PathError),
    #[error("{0}")]
    Chunk(ChunkError),
    #[error("a field name holds an underscore, which this listener refuses")]
    UnderscoreField,
    #[error("Connection names a field that is not its to remove")]
    ProtectedNomination,
    #[error("expected 100-continue in Expect")]
    UnknownExpectation,
    #[error("expected one number in Max-Forwards")]
    MaxForwards,
    #[error("TRACE is not served here")]
    TraceRefused,
    #[error("the request came through this gateway already")]
    Loop,
    #[error("the head did not arrive in time")]
    SlowHead,
    #[error("the body did not arrive in time")]
    SlowBody,
    #[error("the body is larger than this listener accepts")]
    BodyTooLarge,
    #[error("this connection is not for the host that was asked for")]
    Misdirected,
    #[error("no route takes this request")]
    NoRoute,
    #[error("no endpoint is known")]
    NoEndpoint,
    #[error("every connection is in use")]
    Exhausted,
    #[error("the upstream could not be reached")]
    ConnectFailed,
    #[error("the upstream is not who it should be, or does not speak TLS")]
    HandshakeFailed,
    #[error("the upstream took too long to be reached")]
    ConnectTimedOut,
    #[error("the upstream closed the connection before it answered")]
    NoResponse,
    #[error("the upstream's answer was not understood")]
    BadResponse,
    #[error("the upstream took too long to answer")]
    UpstreamTimedOut,
    #[error("a rewritten path or host has no well-formed form")]
    BadRewrite,
}

impl Refusal {
    /// What the client is answered (GW-48).
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Head(error) => error.status(),
            Self::Path(_)
            | Self::Chunk(_)
            | Self::UnderscoreField
            | Self::ProtectedNomination
            | Self::MaxForwards => StatusCode::BAD_REQUEST,
            Self::UnknownExpectation => StatusCode::EXPECTATION_FAILED,
            Self::TraceRefused => StatusCode::NOT_IMPLEMENTED,
            Self::Loop => StatusCode::LOOP_DETECTED,
            Self::SlowHead | Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge => StatusCode::CONTENT_TOO_LARGE,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::NoEndpoint | Self::Exhausted => StatusCode::SERVICE_UNAVAILABLE,
            Self::ConnectFailed | Self::HandshakeFailed | Self::NoResponse | Self::BadResponse => {
                StatusCode::BAD_GATEWAY
            }
            Self::ConnectTimedOut | Self::UpstreamTimedOut => StatusCode::GATEWAY_TIMEOUT,
            Self::BadRewrite => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Whether nothing after it can be framed, its head was refused before the framing counted, or waiting for it is
    /// what was refused: the connection is closed (GW-19).
    pub(crate) fn closes(&self) -> bool {
        match self {
            Self::Head(_)
            | Self::Chunk(_)
            | Self::Path(_)
            | Self::UnderscoreField
            | Self::ProtectedNomination
            | Self::UnknownExpectation
            | Self::MaxForwards
            | Self::TraceRefused
            | Self::Loop
            | Self::SlowHead
            | Self::SlowBody
            | Self::BodyTooLarge => true,
            Self::Misdirected
            | Self::NoRoute
            | Self::NoEndpoint
            | Self::Exhausted
            | Self::ConnectFailed
            | Self::HandshakeFailed
            | Self::ConnectTimedOut
            | Self::NoResponse
            | Self::BadResponse
            | Self::UpstreamTimedOut
            | Self::BadRewrite => false,
        }
    }

    /// Whether the client is told when to come back.
    pub(crate) fn retry_after(&self) -> Option<&'static [u8]> {
        (self.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(b"1")
    }

    /// How the access log calls it.
    pub(crate) fn end(&self) -> End {
        match self.status() {
            StatusCode::GATEWAY_TIMEOUT | StatusCode::REQUEST_TIMEOUT => End::Timeout,
            _ => End::Refused,
        }
    }

    /// A bounded label for metrics.
    pub(crate) fn cause(&self) -> &'static str {
        match self {
            Self::Head(error) => head_cause(*error),
            Self::Path(_) => "path",
            Self::Chunk(_) => "chunk",
            Self::UnderscoreField => "underscore_field",
            Self::ProtectedNomination => "protected_nomination",
            Self::UnknownExpectation => "expectation",
            Self::MaxForwards => "max_forwards",
            Self::TraceRefused => "trace",
            Self::Loop => "loop",
            Self::SlowHead => "slow_head",
            Self::SlowBody => "slow_body",
            Self::BodyTooLarge => "body_too_large",
            Self::Misdirected => "misdirected",
            Self::NoRoute => "no_route",
            Self::NoEndpoint => "no_endpoint",
            Self::Exhausted => "connections_exhausted",
            Self::ConnectFailed => "connect_failed",
            Self::HandshakeFailed => "upstream_tls",
            Self::ConnectTimedOut => "connect_timeout",
            Self::NoResponse => "no_response",
            Self::BadResponse => "bad_response",
            Self::UpstreamTimedOut => "upstream_timeout",
            Self::BadRewrite => "bad_rewrite",
        }
    }
}

fn head_cause(error: HeadError) -> &'static str {
    match error {
        HeadError::MalformedLine | HeadError::MalformedStatusLine => "request_line",
        HeadError::UnsupportedVersion => "version",
        HeadError::MalformedTarget | HeadError::WrongTargetForm => "target",
        HeadError::ConnectRefused => "connect_method",
        HeadError::TargetTooLong => "target_too_long",
        HeadError::HeadTooLarge | HeadError::TooManyFields => "head_too_large",
        HeadError::MalformedFieldName
        | HeadError::MalformedFieldValue
        | HeadError::BareLineFeed => "field",
        HeadError::HostCount | HeadError::MalformedHost(_) => "host",
        HeadError::MalformedLength
        | HeadError::LengthAndEncoding
        | HeadError::MalformedEncoding
        | HeadError::UnsupportedEncoding
        | HeadError::EncodingInHttp10 => "framing",
    }
}

impl From<HeadError> for Refusal {
    fn from(error: HeadError) -> Self {
        Self::Head(error)
    }
}

impl From<PathError> for Refusal {
    fn from(error: PathError) -> Self {
        Self::Path(error)
    }
}

impl From<ChunkError> for Refusal {
    fn from(error: ChunkError) -> Self {
        Self::Chunk(error)
    }
}
