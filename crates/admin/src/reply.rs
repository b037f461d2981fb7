//! Responses: JSON, text, and every refusal as a problem.

use std::convert::Infallible;
use std::iter;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use hyper::body::{Bytes, Frame, SizeHint};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use crate::system::Pieces;

/// A response.
pub(crate) type Reply = Response<Body>;

/// What a response says.
pub(crate) enum Body {
    /// All of it; `None` once it was taken.
    Whole(Option<Bytes>),
    /// As it is made.
    Pieces(Pieces),
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = match &mut *self {
            Self::Whole(text) => text.take(),
            Self::Pieces(pieces) => {
                // A worker that waits for this processor shall not wait for a long page: it has what a piece takes.
                thread::yield_now();
                pieces.next().map(Bytes::from)
            }
        };
        Poll::Ready(data.map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(text) => {
                SizeHint::with_exact(text.as_ref().map_or(0, Bytes::len).try_into().unwrap_or(0))
            }
            Self::Pieces(_) => SizeHint::default(),
        }
    }
}

/// Every reason not to do what was asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No or several `Host`, or one that is no authority.
    BadHost,
    /// A name that anybody can point at this address: <https://en.wikipedia.org/wiki/DNS_rebinding>.
    ForeignHost,
    /// A page from elsewhere wants to change something here.
    ForeignOrigin,
    Unauthorized,
    NotFound,
    WrongMethod {
        allow: &'static str,
    },
    BodyTooLarge,
    BodyBroken,
    TimedOut,
    /// Not everything that belongs to it can be had.
    Incomplete,
    Invalid(Vec<String>),
    Conflict(Vec<String>),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::BadHost | Self::BodyBroken | Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::ForeignHost => StatusCode::MISDIRECTED_REQUEST,
            Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::WrongMethod { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TimedOut | Self::Incomplete => StatusCode::SERVICE_UNAVAILABLE,
            Self::Conflict(_) => StatusCode::CONFLICT,
        }
    }

    fn detail(&self) -> &'static str {
        match self {
            Self::BadHost => "expected exactly one valid Host field",
            Self::ForeignHost => "expected localhost or an IP address as host",
            Self::ForeignOrigin => "expected a request from the same origin",
            Self::Unauthorized => "expected the admin token as Authorization: Bearer",
            Self::NotFound => "no such path",
            Self::WrongMethod { .. } => "expected one of the methods in Allow",
            Self::BodyTooLarge => "expected a body of at most 64 KiB",
            Self::BodyBroken => "expected a whole body",
            Self::TimedOut => "no answer within the time limit",
            Self::Incomplete => "a worker did not answer; see /health",
            Self::Invalid(_) => "what was given has errors; nothing was changed",
            Self::Conflict(_) => "the configuration cannot be taken into use; nothing was changed",
        }
    }

    pub(crate) fn reply(&self) -> Reply {
        let status = self.status();
        let mut problem = json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or_default(),
            "status": status.as_u16(),
            "detail": self.detail(),
        });
        if let Self::Invalid(errors) | Self::Conflict(errors) = self {
            problem["errors"] = json!(errors);
        }
        let reply = text(status, "application/problem+json", problem.to_string());
        match self {
            Self::WrongMethod { allow } => with(reply, ALLOW, allow),
            Self::Unauthorized => with(reply, WWW_AUTHENTICATE, "Bearer realm=\"admin\""),
            // What is left of the request is not read.
            Self::BodyTooLarge | Self::BodyBroken | Self::TimedOut => {
                with(reply, CONNECTION, "close")
            }
            Self::BadHost
            | Self::ForeignHost
            | Self::ForeignOrigin
            | Self::NotFound
            | Self::Incomplete
            | Self::Invalid(_)
            | Self::Conflict(_) => reply,
        }
    }
}

pub(crate) fn json(status: StatusCode, value: &Value) -> Reply {
    text(status, "application/json", value.to_string())
}

/// With what every response carries: figures are stale at once, and nothing is what it was not declared to be.
pub(crate) fn text(
    status: StatusCode,
    content_type: &'static str,
    text: impl Into<Bytes>,
) -> Reply {
    reply(status, content_type, Body::Whole(Some(text.into())))
}

/// The same of a text in pieces. One of a single piece is sent with its length.
pub(crate) fn pieces(status: StatusCode, content_type: &'static str, mut pieces: Pieces) -> Reply {
    let first = pieces.next().unwrap_or_default();
    let body = match pieces.next() {
        None => Body::Whole(Some(first.into())),
        Some(second) => Body::Pieces(Box::new(iter::chain([first, second], pieces))),
    };
    reply(status, content_type, body)
}

fn reply(status: StatusCode, content_type: &'static str, body: Body) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    let reply = with(reply, CONTENT_TYPE, content_type);
    let reply = with(reply, CACHE_CONTROL, "no-store");
    with(reply, X_CONTENT_TYPE_OPTIONS, "nosniff")
}

pub(crate) fn with(mut reply: Reply, name: HeaderName, value: &'static str) -> Reply {
    reply
        .headers_mut()
        .insert(name, HeaderValue::from_static(value));
    reply
}
