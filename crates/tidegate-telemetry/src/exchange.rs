//! One request from its head to the end of its response, on either side: the span, the figures, and what counts as an
//! error.

mod grpc;
mod http;

use std::any::type_name;
use std::sync::Arc;
use std::time::Instant;

use ::http::{HeaderMap, Method, StatusCode, Version};
use telemetry::metrics::{MethodLabel, Protocol, RpcStatusCode, Scheme};

use crate::pipeline::Pipeline;
use crate::rpc;
use crate::span::Span;

/// A request under way. Dropping it is its cancellation: an end without an error of its own.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) span: Span,
    pub(crate) side: Side,
    pub(crate) call: Call,
    /// 0 until there is a response.
    status: u16,
    protocol: Protocol,
    is_ended: bool,
}

/// Which end of the request this is.
#[derive(Debug)]
pub(crate) enum Side {
    Server {
        scheme: Scheme,
        route: Option<Box<str>>,
    },
    Client {
        /// Empty when it is not known.
        address: Box<str>,
        port: u16,
    },
}

/// By which conventions it is told.
#[derive(Debug)]
pub(crate) enum Call {
    Http {
        method: MethodLabel,
        /// The response has no body, whatever its head says.
        is_head: bool,
    },
    Grpc {
        /// `package.Service/Method`.
        method: rpc::Method,
        status: Option<RpcStatusCode>,
    },
}

/// How it ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// With the last byte of the response.
    Complete,
    /// By an error, as a word of few.
    Failed(&'static str),
    /// Nobody wanted the rest.
    Cancelled,
}

impl Exchange {
    pub(crate) fn new(
        pipeline: Arc<Pipeline>,
        span: Span,
        side: Side,
        call: Call,
        version: Version,
    ) -> Self {
        if let (Side::Server { scheme, .. }, Call::Http { method, .. }) = (&side, &call) {
            pipeline.figures.change_active(*method, *scheme, 1);
        }
        Self {
            pipeline,
            span,
            side,
            call,
            status: 0,
            protocol: protocol(version),
            is_ended: false,
        }
    }

    /// Notes the head of the response. Says whether nothing follows it.
    pub(crate) fn answered(
        &mut self,
        status_code: StatusCode,
        version: Version,
        head: &HeaderMap,
    ) -> bool {
        self.status = status_code.as_u16();
        if matches!(self.side, Side::Client { .. }) {
            self.protocol = protocol(version);
        }
        let is_server = matches!(self.side, Side::Server { .. });
        match &mut self.call {
            Call::Http { is_head, .. } => {
                *is_head
                    || status_code.is_informational()
                    || matches!(
                        status_code,
                        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
                    )
            }
            Call::Grpc { method, status } => {
                let is_call = status_code == StatusCode::OK && rpc::is_grpc(head);
                *status = rpc::status(head);
                // So servers answer methods that they do not have, and whoever is no server of gRPC answers everything: what
                // strangers ask for must not make names.
                let is_unknown = *status == Some(RpcStatusCode::Unimplemented);
                if is_server && (!is_call || is_unknown) {
                    method.forget();
                }
                false
            }
        }
    }

    /// Notes fields behind the body.
    pub(crate) fn trailed(&mut self, trailers: &HeaderMap) {
        if let Call::Grpc { status, .. } = &mut self.call {
            *status = rpc::status(trailers).or(*status);
        }
    }

    /// Ends it; once.
    pub(crate) fn end(&mut self, end: End) {
        if std::mem::replace(&mut self.is_ended, true) {
            return;
        }
        let ended = Instant::now();
        let was_answered = self.status > 0;
        if let (Side::Server { .. }, Call::Grpc { method, .. }, false) =
            (&self.side, &mut self.call, was_answered)
        {
            method.forget();
        }
        match &self.call {
            Call::Http { .. } => self.end_http(end, ended),
            Call::Grpc { .. } => self.end_grpc(end, ended),
        }
        self.pipeline.end(&self.span, ended);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let is_panic = std::thread::panicking() && matches!(self.side, Side::Server { .. });
        self.end(if is_panic {
            End::Failed("panic")
        } else {
            End::Cancelled
        });
    }
}

/// Whether requests of that method are answered without a body.
pub(crate) fn is_head(method: &Method) -> bool {
    method == Method::HEAD
}

/// `error.type` of an error: the name of its type, of which a program has few.
pub(crate) fn word_of<E>() -> &'static str {
    let name = type_name::<E>();
    if name.contains("dyn ") {
        "_OTHER"
    } else {
        name
    }
}

fn protocol(version: Version) -> Protocol {
    match version {
        Version::HTTP_09 | Version::HTTP_10 => Protocol::Http10,
        Version::HTTP_2 => Protocol::Http2,
        Version::HTTP_3 => Protocol::Http3,
        _ => Protocol::Http11,
    }
}
