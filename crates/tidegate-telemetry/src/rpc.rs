//! What the conventions for gRPC read from a request and its response.

use std::borrow::Cow;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Uri};
use telemetry::metrics::RpcStatusCode;

use crate::attributes::Attributes;

/// A method as it was asked for.
#[derive(Debug)]
pub(crate) struct Method {
    text: Box<str>,
    is_known: bool,
}

impl Method {
    /// Of the path `/package.Service/Method`; another path is no method that anybody knows.
    pub(crate) fn of(uri: &Uri) -> Self {
        let path = uri.path();
        let text = path.strip_prefix('/').unwrap_or(path);
        let parts = text.split_once('/');
        Self {
            text: text.into(),
            is_known: parts.is_some_and(|(service, method)| {
                !service.is_empty() && !method.is_empty() && !method.contains('/')
            }),
        }
    }

    /// There is no such method here.
    pub(crate) fn forget(&mut self) {
        self.is_known = false;
    }

    pub(crate) fn known(&self) -> Option<&str> {
        self.is_known.then_some(&*self.text)
    }

    pub(crate) fn span_name(&self) -> Cow<'static, str> {
        match self.known() {
            Some(method) => method.to_owned().into(),
            None => "grpc".into(),
        }
    }

    pub(crate) fn describe(&self, attributes: &mut Attributes) {
        match self.known() {
            Some(method) => attributes.text("rpc.method", method.to_owned()),
            None => {
                attributes.text("rpc.method", "_OTHER");
                attributes.text("rpc.method_original", String::from(&*self.text));
            }
        }
    }
}

/// Whether a request is a call of gRPC. gRPC-Web is not: its status is in the body.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.as_bytes().strip_prefix(b"application/grpc"))
        .is_some_and(|rest| matches!(rest, [] | [b'+' | b';' | b' ', ..]))
}

/// `grpc-status`.
pub(crate) fn status(fields: &HeaderMap) -> Option<RpcStatusCode> {
    let value = fields.get("grpc-status")?;
    Some(RpcStatusCode::parse(value.as_bytes()))
}
