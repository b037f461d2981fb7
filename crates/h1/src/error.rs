//! Why a message is refused, and with which status.

use message::{AuthorityError, StatusCode};

/// A head that is refused. For a request [`HeadError::status`] is the answer; for a response it is always 502.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// Not `METHOD SP TARGET SP VERSION` (GW-16).
    #[error("expected a request line of method, target and version with single spaces")]
    MalformedLine,
    /// Not `VERSION SP STATUS …`.
    #[error("expected a status line")]
    MalformedStatusLine,
    /// Something else than HTTP/1.0 or HTTP/1.1.
    #[error("expected HTTP/1.0 or HTTP/1.1")]
    UnsupportedVersion,
    /// `#`, raw non-ASCII or a control character in the target (GW-16).
    #[error("the target holds a byte that has no place there")]
    MalformedTarget,
    /// Neither origin-form, absolute-form nor `OPTIONS *` (GW-22).
    #[error("the target's form does not fit the method")]
    WrongTargetForm,
    /// `CONNECT` is not served.
    #[error("CONNECT is not served here")]
    ConnectRefused,
    /// Target longer than the limit.
    #[error("the target is longer than this listener accepts")]
    TargetTooLong,
    /// Head larger than the limit.
    #[error("the head is larger than this listener accepts")]
    HeadTooLarge,
    /// More fields than the limit.
    #[error("the head has more fields than this listener accepts")]
    TooManyFields,
    /// A line that is no field: no colon, a name that is no token, space before the colon (GW-13), a fold (GW-14).
    #[error("a field line has no well-formed name")]
    MalformedFieldName,
    /// CR, LF, NUL or another control character in a value (GW-8, GW-15).
    #[error("a field value holds a control character")]
    MalformedFieldValue,
    /// A line that does not end in CR LF: LF alone, or a CR with something else behind it (GW-8).
    #[error("a line does not end in CR LF")]
    BareLineFeed,
    /// No Host, or several (GW-20).
    #[error("expected exactly one Host field")]
    HostCount,
    /// A Host or authority that is none (GW-20).
    #[error("the Host field or the target's authority is malformed: {0}")]
    MalformedHost(AuthorityError),
    /// Content-Length is no number, or several differ (GW-2).
    #[error("Content-Length is not one decimal number")]
    MalformedLength,
    /// Both Content-Length and Transfer-Encoding (GW-1).
    #[error("both Content-Length and Transfer-Encoding are present")]
    LengthAndEncoding,
    /// Transfer-Encoding that does not end in one plain `chunked` (GW-3, GW-5).
    #[error("Transfer-Encoding does not end in a single chunked")]
    MalformedEncoding,
    /// A coding before `chunked` (GW-3).
    #[error("a transfer coding other than chunked is not supported")]
    UnsupportedEncoding,
    /// Transfer-Encoding in HTTP/1.0 (GW-4).
    #[error("HTTP/1.0 has no Transfer-Encoding")]
    EncodingInHttp10,
}

impl HeadError {
    /// What a client that sent such a request is answered; the connection is closed after it (GW-19).
    pub fn status(self) -> StatusCode {
        match self {
            Self::UnsupportedVersion => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::ConnectRefused | Self::UnsupportedEncoding => StatusCode::NOT_IMPLEMENTED,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadTooLarge | Self::TooManyFields => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::MalformedLine
            | Self::MalformedStatusLine
            | Self::MalformedTarget
            | Self::WrongTargetForm
            | Self::MalformedFieldName
            | Self::MalformedFieldValue
            | Self::BareLineFeed
            | Self::HostCount
            | Self::MalformedHost(_)
            | Self::MalformedLength
            | Self::LengthAndEncoding
            | Self::MalformedEncoding
            | Self::EncodingInHttp10 => StatusCode::BAD_REQUEST,
        }
    }
}

/// A chunked body that is refused. Nothing after it can be framed: the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// Not a hex number that fits 63 bits (GW-6).
    #[error("expected a chunk size in hex digits")]
    MalformedSize,
    /// A control character or a bare CR or LF in a chunk line (GW-7, GW-8).
    #[error("a chunk line holds a control character")]
    MalformedLine,
    /// Extensions of all chunks together beyond the bound (GW-7).
    #[error("the chunk extensions are longer than accepted")]
    ExtensionsTooLong,
    /// Chunk data not followed by CR LF (GW-6).
    #[error("expected CR LF after the chunk's data")]
    MissingLineEnd,
    /// Trailers beyond the limits of a head.
    #[error("the trailers are larger than accepted")]
    TrailersTooLarge,
    /// Trailers that are no fields.
    #[error("the trailers are malformed")]
    MalformedTrailers,
}
