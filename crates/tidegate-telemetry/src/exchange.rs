//! One request from its head to the end of its response, on either side: the span, the figures, and what counts as an
//! error.

use std::any::type_name;
use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, Method, StatusCode, Version};
use message::MethodKind;
use telemetry::metrics::{
    Outcome, Protocol, RouteLabel, RpcMethodLabel, RpcStatusCode, Scheme, Served,
};

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
        method: MethodKind,
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
        status: StatusCode,
        version: Version,
        head: &HeaderMap,
    ) -> bool {
        self.status = status.as_u16();
        if matches!(self.side, Side::Client { .. }) {
            self.protocol = protocol(version);
        }
        let is_server = matches!(self.side, Side::Server { .. });
        match &mut self.call {
            Call::Http { is_head, .. } => {
                *is_head
                    || status.is_informational()
                    || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            }
            Call::Grpc { method, status } => {
                *status = rpc::status(head);
                // So servers answer methods that they do not have: what strangers ask for must not make names.
                if is_server && *status == Some(RpcStatusCode::Unimplemented) {
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
        match &self.call {
            Call::Http { .. } => self.end_http(end, ended),
            Call::Grpc { .. } => self.end_grpc(end, ended),
        }
        self.pipeline.end(&self.span, ended);
    }

    fn end_http(&mut self, end: End, ended: Instant) {
        let first_error = match self.side {
            Side::Server { .. } => 500,
            Side::Client { .. } => 400,
        };
        let word = match end {
            End::Failed(word) => Some(word),
            End::Complete | End::Cancelled => None,
        };
        let outcome = Outcome {
            status: self.status,
            error: word,
        };
        if let Some(record) = self.span.record() {
            let attributes = &mut record.attributes;
            if outcome.status > 0 {
                attributes.number("http.response.status_code", outcome.status);
            }
            if outcome.status > 0 || matches!(self.side, Side::Server { .. }) {
                attributes.text("network.protocol.version", self.protocol.number());
            }
            if let Some(word) = word {
                attributes.text("error.type", word);
                record.error = Some("".into());
            } else if outcome.status >= first_error {
                attributes.text("error.type", outcome.status.to_string());
                record.error = Some("".into());
            }
        }
        self.count_http(outcome, ended);
    }

    fn count_http(&self, outcome: Outcome, ended: Instant) {
        let Call::Http { method, .. } = self.call else {
            return;
        };
        if let Side::Server { scheme, .. } = self.side {
            self.pipeline.figures.change_active(method, scheme, -1);
        }
        if !self.pipeline.counts() {
            return;
        }
        let exemplar = self.pipeline.exemplar(&self.span, ended);
        let elapsed = ended - self.span.started;
        self.pipeline.figures.count(|shard| match &self.side {
            Side::Server { scheme, route } => {
                let route = route.as_deref();
                let served = Served {
                    route: route.map_or(RouteLabel::UNMATCHED, |route| shard.served.label(route)),
                    method,
                    scheme: *scheme,
                    version: message::Version::Http11,
                    outcome,
                    elapsed,
                    exemplar,
                };
                shard.served.finished(&served, self.protocol);
            }
            Side::Client { address, port } => {
                let server = shard.sent.label(address, *port);
                shard
                    .sent
                    .finished(server, method, outcome, self.protocol, elapsed, exemplar);
            }
        });
    }

    fn end_grpc(&mut self, end: End, ended: Instant) {
        let Call::Grpc { method, status } = &self.call else {
            return;
        };
        let status = match (status, end) {
            (Some(status), _) => *status,
            (None, End::Cancelled) => RpcStatusCode::Cancelled,
            (None, End::Complete) => rpc::status_of_http(self.status),
            (None, End::Failed(_)) => match self.side {
                Side::Server { .. } => RpcStatusCode::Unknown,
                Side::Client { .. } => RpcStatusCode::Unavailable,
            },
        };
        let is_cancelled = status == RpcStatusCode::Cancelled && matches!(end, End::Cancelled);
        let is_error = !is_cancelled
            && match self.side {
                Side::Server { .. } => status.is_server_error(),
                Side::Client { .. } => status.is_client_error(),
            };
        self.span.name = method.span_name();
        if let Some(record) = self.span.record() {
            method.describe(&mut record.attributes);
            record.attributes.text("rpc.status_code", status.name());
            if is_error {
                record.attributes.text("error.type", status.name());
                record.error = Some("".into());
            }
        }
        if !self.pipeline.counts() {
            return;
        }
        let exemplar = self.pipeline.exemplar(&self.span, ended);
        let elapsed = ended - self.span.started;
        self.pipeline.figures.count(|shard| {
            let calls = match self.side {
                Side::Server { .. } => &shard.calls_served,
                Side::Client { .. } => &shard.calls_sent,
            };
            let label = method.known();
            let label = label.map_or(RpcMethodLabel::OTHER, |method| calls.label(method));
            calls.finished(label, status, elapsed, exemplar);
        });
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
