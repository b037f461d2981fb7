//! What a back end answers when it refused a request: `google.rpc.Status`.

use std::time::Duration;

use crate::error::Malformed;
use crate::fields::{Fields, int32};
use crate::json;
use crate::text::bounded;

/// Fields of `google.rpc.Status`.
const CODE: u32 = 1;
const MESSAGE: u32 = 2;
const DETAILS: u32 = 3;

/// Fields of `google.protobuf.Any`.
const TYPE_URL: u32 = 1;
const VALUE: u32 = 2;

/// What follows the last slash of a type URL.
const RETRY_INFO: &str = "google.rpc.RetryInfo";

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Why a back end refused a request: the body of an HTTP error (OT-23), or `grpc-status-details-bin` (OT-14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcStatus {
    /// A gRPC status code; 0 when the peer left it out, as it may over HTTP.
    pub code: i32,
    /// At most 1 KiB; what is longer is cut. What is not UTF-8 in it reads U+FFFD.
    pub message: String,
    /// How long the peer wants to be left alone: the longest of its `google.rpc.RetryInfo` details. Zero when there is
    /// one without a delay or with a negative one, `None` when there is none. What the peer says: it may be centuries.
    pub retry_delay: Option<Duration>,
}

/// Reads a `google.rpc.Status` in protobuf. Details of other types are skipped unread.
///
/// # Errors
/// [`Malformed`]: not such a message.
pub fn decode_status(body: &[u8]) -> Result<RpcStatus, Malformed> {
    let (mut code, mut message, mut retry_delay) = (0, &b""[..], None);
    for field in Fields::new(body) {
        let field = field?;
        match field.number {
            CODE => code = int32(field.wire.varint()?),
            MESSAGE => message = field.wire.bytes()?,
            DETAILS => retry_delay = retry_delay.max(delay_of_detail(field.wire.bytes()?)?),
            _ => {}
        }
    }
    Ok(RpcStatus {
        code,
        message: bounded(message),
        retry_delay,
    })
}

/// Reads a `google.rpc.Status` in JSON, as [`decode_status`] does. A delay that is none counts as zero.
///
/// # Errors
/// [`Malformed::Json`]: not such an object.
pub fn decode_status_json(body: &[u8]) -> Result<RpcStatus, Malformed> {
    let body = json::text(body)?;
    let code = json::member(body, "code")?.map_or(Ok(0), json::integer)?;
    let message = json::member(body, "message")?.map(json::string);
    let mut retry_delay = None;
    if let Some(details) = json::member(body, "details")? {
        json::for_each(details, |detail| {
            retry_delay = retry_delay.max(delay_of_json_detail(detail));
        })?;
    }
    Ok(RpcStatus {
        code: i32::try_from(code).map_err(|_| Malformed::Json)?,
        message: bounded(message.transpose()?.unwrap_or_default().as_bytes()),
        retry_delay,
    })
}

fn is_retry_info(type_url: &str) -> bool {
    type_url.rsplit('/').next() == Some(RETRY_INFO)
}

/// `None` when the `google.protobuf.Any` holds something else.
fn delay_of_detail(any: &[u8]) -> Result<Option<Duration>, Malformed> {
    let (mut type_url, mut value) = (&b""[..], &b""[..]);
    for field in Fields::new(any) {
        let field = field?;
        match field.number {
            TYPE_URL => type_url = field.wire.bytes()?,
            VALUE => value = field.wire.bytes()?,
            _ => {}
        }
    }
    if std::str::from_utf8(type_url).is_ok_and(is_retry_info) {
        delay_of_retry_info(value).map(Some)
    } else {
        Ok(None)
    }
}

/// `RetryInfo` {1 retry_delay {1 seconds, 2 nanos}}.
fn delay_of_retry_info(retry_info: &[u8]) -> Result<Duration, Malformed> {
    let (mut seconds, mut nanos) = (0, 0);
    for field in Fields::new(retry_info) {
        let field = field?;
        if field.number != 1 {
            continue;
        }
        for field in Fields::new(field.wire.bytes()?) {
            let field = field?;
            match field.number {
                1 => seconds = field.wire.varint()?.cast_signed(),
                2 => nanos = int32(field.wire.varint()?),
                _ => {}
            }
        }
    }
    Ok(delay(seconds, nanos.into()))
}

/// Protobuf's `Duration`, whose two parts have the same sign.
fn delay(seconds: i64, nanos: i64) -> Duration {
    match (u64::try_from(seconds), u32::try_from(nanos)) {
        (Ok(seconds), Ok(nanos)) if i64::from(nanos) < NANOS_PER_SECOND => {
            Duration::new(seconds, nanos)
        }
        (Ok(seconds), _) => Duration::from_secs(seconds),
        (Err(_), _) => Duration::ZERO,
    }
}

/// `None` when the detail is of another type, or no detail at all.
fn delay_of_json_detail(detail: &str) -> Option<Duration> {
    let member = |name| {
        let value = json::member(detail, name).ok().flatten();
        value.and_then(|value| json::string(value).ok())
    };
    is_retry_info(&member("@type")?).then(|| {
        let delay = member("retryDelay");
        delay
            .and_then(|delay| parse_delay(&delay))
            .unwrap_or_default()
    })
}

/// `3s`, `3.5s`, with up to nine digits behind the point.
fn parse_delay(text: &str) -> Option<Duration> {
    let number = text.strip_suffix('s')?;
    let (seconds, fraction) = number.split_once('.').unwrap_or((number, ""));
    let seconds = digits(seconds)?;
    let missing = 9_usize.checked_sub(fraction.len())?;
    let nanos = if fraction.is_empty() {
        0
    } else {
        digits(fraction)? * 10_i64.pow(u32::try_from(missing).ok()?)
    };
    Some(delay(seconds, nanos))
}

fn digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}
