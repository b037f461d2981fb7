//! What a back end answers when it took a request, in full or in part.

use crate::error::Malformed;
use crate::fields::Fields;
use crate::json;
use crate::signal::Signal;
use crate::text::bounded;

/// `Export…ServiceResponse.partial_success`.
const PARTIAL_SUCCESS: u32 = 1;
/// `Export…PartialSuccess.rejected_…`.
const REJECTED: u32 = 1;
/// `Export…PartialSuccess.error_message`.
const MESSAGE: u32 = 2;

/// What a back end did not take (OT-5), or what it warns of (OT-6). Such a request is never sent again (OT-35).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartialSuccess {
    /// Spans, data points or log records; 0 with a warning. What the peer says: it may be more than was sent.
    pub rejected: u64,
    /// At most 1 KiB; what is longer is cut. What is not UTF-8 in it reads U+FFFD.
    pub message: String,
}

/// Reads an `Export…ServiceResponse` in protobuf. `None`: all was taken without a warning (OT-4). The layout is the same
/// for all signals. A negative count reads 0.
///
/// # Errors
/// [`Malformed`]: not such a message.
pub fn decode_response(_signal: Signal, body: &[u8]) -> Result<Option<PartialSuccess>, Malformed> {
    let (mut rejected, mut message) = (0, &b""[..]);
    for field in Fields::new(body) {
        let field = field?;
        if field.number != PARTIAL_SUCCESS {
            continue;
        }
        for field in Fields::new(field.wire.bytes()?) {
            let field = field?;
            match field.number {
                REJECTED => rejected = field.wire.varint()?.cast_signed(),
                MESSAGE => message = field.wire.bytes()?,
                _ => {}
            }
        }
    }
    Ok(populated(rejected, bounded(message)))
}

/// Reads an `Export…ServiceResponse` in JSON, as [`decode_response`] does. An empty body reads like `{}`.
///
/// # Errors
/// [`Malformed::Json`]: not such an object.
pub fn decode_response_json(
    signal: Signal,
    body: &[u8],
) -> Result<Option<PartialSuccess>, Malformed> {
    if body.is_empty() {
        return Ok(None);
    }
    let Some(partial) = json::member(json::text(body)?, "partialSuccess")? else {
        return Ok(None);
    };
    let rejected = match signal {
        Signal::Traces => "rejectedSpans",
        Signal::Metrics => "rejectedDataPoints",
        Signal::Logs => "rejectedLogRecords",
    };
    let rejected = json::member(partial, rejected)?.map_or(Ok(0), json::integer)?;
    let message = json::member(partial, "errorMessage")?.map(json::string);
    let message = message.transpose()?.unwrap_or_default();
    Ok(populated(rejected, bounded(message.as_bytes())))
}

/// A partial success with nothing in it is none.
fn populated(rejected: i64, message: String) -> Option<PartialSuccess> {
    let rejected = u64::try_from(rejected).unwrap_or(0);
    (rejected > 0 || !message.is_empty()).then_some(PartialSuccess { rejected, message })
}
