//! Which gRPC status codes allow to send again.

use otlp::RpcStatusCode;

/// What a code allows (OT-16, OT-17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    Always,
    /// Only when the back end says when.
    IfAsked,
    Never,
}

impl Repeat {
    pub(crate) fn of(code: RpcStatusCode) -> Self {
        match code {
            RpcStatusCode::Cancelled
            | RpcStatusCode::DeadlineExceeded
            | RpcStatusCode::Aborted
            | RpcStatusCode::OutOfRange
            | RpcStatusCode::Unavailable
            | RpcStatusCode::DataLoss => Self::Always,
            RpcStatusCode::ResourceExhausted => Self::IfAsked,
            RpcStatusCode::Ok
            | RpcStatusCode::Unknown
            | RpcStatusCode::InvalidArgument
            | RpcStatusCode::NotFound
            | RpcStatusCode::AlreadyExists
            | RpcStatusCode::PermissionDenied
            | RpcStatusCode::FailedPrecondition
            | RpcStatusCode::Unimplemented
            | RpcStatusCode::Internal
            | RpcStatusCode::Unauthenticated => Self::Never,
        }
    }
}
