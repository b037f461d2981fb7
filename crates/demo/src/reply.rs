//! Responses, and problems as RFC 9457 writes them.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

pub(crate) type Reply = Response<Full<Bytes>>;

/// Why a request is not served.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) detail: String,
    /// The fields or parameters at fault.
    pub(crate) faults: Vec<Fault>,
}

/// What is wrong with one field or parameter.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: &'static str,
    pub(crate) expected: &'static str,
    pub(crate) found: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            faults: Vec::new(),
        }
    }

    pub(crate) fn bad(faults: Vec<Fault>) -> Self {
        let detail = match &faults[..] {
            [fault] => fault.to_string(),
            faults => format!("{} values are not as expected", faults.len()),
        };
        Self {
            status: StatusCode::BAD_REQUEST,
            detail,
            faults,
        }
    }

    pub(crate) fn reply(&self) -> Reply {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if !self.faults.is_empty() {
            let faults = self.faults.iter().map(Fault::show);
            body["errors"] = faults.collect();
        }
        let reply = json_reply(self.status, &body);
        with(reply, CONTENT_TYPE, "application/problem+json")
    }
}

impl Fault {
    fn show(&self) -> Value {
        json!({ "at": self.at, "expected": self.expected, "found": self.found })
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            at,
            expected,
            found,
        } = self;
        write!(f, "`{at}`: expected {expected}, found {found}")
    }
}

pub(crate) fn json_reply(status: StatusCode, body: &Value) -> Reply {
    let mut text = body.to_string();
    text.push('\n');
    let reply = reply(status, text);
    with(reply, CONTENT_TYPE, "application/json")
}

pub(crate) fn reply(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply
}

/// Sets a field whose value is ours, or a text of a few known characters.
pub(crate) fn with(mut reply: Reply, name: HeaderName, value: impl AsRef<str>) -> Reply {
    if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
        reply.headers_mut().insert(name, value);
    }
    reply
}
