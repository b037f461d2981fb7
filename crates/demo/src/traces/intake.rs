//! OTLP over HTTP, as much of it as one sender on the same machine needs: traces in protobuf that is not compressed.

use std::cell::RefCell;
use std::rc::Rc;

use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use hyper::{Method, StatusCode};
use otlp::Malformed;
use otlp::read::{check, spans};
use serde_json::json;

use super::span::{Span, service_name};
use super::store::Store;
use crate::body::{BODY_TIMEOUT, Unread, read_body};
use crate::reply::{Reply, json_reply, reply, with};

/// Bytes of a request body. Senders are bound to 4 MiB in most places.
const BODY_MAX: usize = 4 << 20;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// `google.rpc.Status.message`.
const STATUS_MESSAGE: u8 = 0x12;

/// Why a request is refused.
enum Refusal {
    WrongType,
    Compressed,
    Unread(Unread),
    Malformed(Malformed),
}

/// Takes an `ExportTraceServiceRequest`, all of it or nothing.
pub(super) async fn answer(store: &RefCell<Store>, fields: &HeaderMap, body: Incoming) -> Reply {
    match take(store, fields, body).await {
        // An ExportTraceServiceResponse without a field (OT-4, OT-22).
        Ok(()) => with(reply(StatusCode::OK, ""), CONTENT_TYPE, PROTOBUF),
        Err(refusal) => {
            store.borrow_mut().counts.refused_requests += 1;
            refusal.reply(has_type(fields, JSON))
        }
    }
}

/// OT-27.
pub(super) fn wrong_method(allowed: &Method) -> Reply {
    let message = format!("expected the method {allowed}");
    protobuf(StatusCode::METHOD_NOT_ALLOWED, &message)
}

/// OT-27.
pub(super) fn not_found() -> Reply {
    protobuf(
        StatusCode::NOT_FOUND,
        "only traces are taken here, at /v1/traces",
    )
}

async fn take(store: &RefCell<Store>, fields: &HeaderMap, body: Incoming) -> Result<(), Refusal> {
    if !has_type(fields, PROTOBUF) {
        return Err(Refusal::WrongType);
    }
    let mut codings = fields.get_all(CONTENT_ENCODING).iter();
    if !codings.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Refusal::Compressed);
    }
    let body = read_body(body, BODY_MAX).await.map_err(Refusal::Unread)?;
    keep(&mut store.borrow_mut(), &body).map_err(Refusal::Malformed)
}

/// OT-28: in any case of letters, with or without parameters.
fn has_type(fields: &HeaderMap, expected: &str) -> bool {
    let mut values = fields.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let value = value.to_str().unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(expected)
}

fn keep(store: &mut Store, request: &[u8]) -> Result<(), Malformed> {
    check(request)?;
    let mut service: Option<(usize, Rc<str>)> = None;
    spans(request, |view| {
        let (Some(trace_id), Some(span_id)) = (view.trace_id, view.span_id) else {
            store.add_invalid();
            return;
        };
        let service = match &service {
            Some((index, name)) if *index == view.resource.index => Rc::clone(name),
            Some(_) | None => {
                let name = service_name(&view.resource);
                service = Some((view.resource.index, Rc::clone(&name)));
                name
            }
        };
        let span_id = span_id.into();
        store.add(trace_id.into(), span_id, || {
            Span::keep(span_id, &view, service)
        });
    })
}

impl Refusal {
    fn reply(&self, as_json: bool) -> Reply {
        let (status, message) = match self {
            Self::WrongType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!("expected the content type {PROTOBUF}"),
            ),
            Self::Compressed => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "expected a body that is not compressed".to_owned(),
            ),
            Self::Unread(Unread::TooLarge) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("expected a body of at most {BODY_MAX} bytes"),
            ),
            Self::Unread(Unread::Broken) => {
                (StatusCode::BAD_REQUEST, "the body is broken".to_owned())
            }
            Self::Unread(Unread::TooSlow) => (
                StatusCode::REQUEST_TIMEOUT,
                format!("expected the whole body within {BODY_TIMEOUT:?}"),
            ),
            Self::Malformed(malformed) => (StatusCode::BAD_REQUEST, malformed.to_string()),
        };
        let refused = if as_json {
            json_reply(status, &json!({ "message": message }))
        } else {
            protobuf(status, &message)
        };
        match self {
            // What would be taken (RFC 9110 15.5.16).
            Self::Compressed => with(refused, ACCEPT_ENCODING, "identity"),
            Self::WrongType | Self::Unread(_) | Self::Malformed(_) => refused,
        }
    }
}

/// A `google.rpc.Status` (OT-23), whose code may be left out.
fn protobuf(status: StatusCode, message: &str) -> Reply {
    let mut body = vec![STATUS_MESSAGE];
    let mut len = message.len() as u64;
    while len >= 0x80 {
        body.push((len & 0x7f) as u8 | 0x80);
        len >>= 7;
    }
    body.push((len & 0x7f) as u8);
    body.extend_from_slice(message.as_bytes());
    with(reply(status, Bytes::from(body)), CONTENT_TYPE, PROTOBUF)
}
