//! gRPC calls as figures and spans see them. How a call ended is told in a field of its own, in the trailers or, when
//! there is no message, in the head.

use std::cell::Cell;

use message::{FieldKind, Fields};
use telemetry::metrics::RpcStatusCode;

const STATUS: &[u8] = b"grpc-status";

/// A request that is a gRPC call.
#[derive(Debug, Default)]
pub(crate) struct Call {
    /// What the upstream said last.
    told: Cell<Option<RpcStatusCode>>,
}

impl Call {
    /// By the content type, as gRPC defines it: `application/grpc`, `+` a format or a parameter behind it. gRPC-Web is
    /// another protocol, which tells the status in the body.
    pub(crate) fn of(fields: &Fields) -> Option<Self> {
        let value = fields.first(FieldKind::ContentType)?;
        let (name, rest) = value.split_at_checked(b"application/grpc".len())?;
        let is_grpc = name.eq_ignore_ascii_case(b"application/grpc")
            && matches!(rest.first(), None | Some(b'+' | b';' | b' '));
        is_grpc.then(Self::default)
    }

    /// Looks for a status in a response's head or trailers; what was said before counts no more where there is one.
    pub(crate) fn hear(&self, fields: &Fields) {
        let said = fields
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(STATUS));
        if let Some(field) = said {
            self.told.set(Some(RpcStatusCode::parse(field.value)));
        }
    }

    /// Forgets what an earlier try was told.
    pub(crate) fn begin_try(&self) {
        self.told.set(None);
    }

    /// What the upstream told, or what its HTTP status stands for.
    pub(crate) fn status(&self, http: u16) -> RpcStatusCode {
        self.told
            .get()
            .unwrap_or_else(|| RpcStatusCode::of_http(http))
    }
}
