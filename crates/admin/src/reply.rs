//! Responses: JSON, text, and every refusal as a problem.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

/// A whole response.
pub(crate) type Reply = Response<Full<Bytes>>;

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
            Self::TimedOut => StatusCode::SERVICE_UNAVAILABLE,
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
    let mut reply = Response::new(Full::new(text.into()));
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
