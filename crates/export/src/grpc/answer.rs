//! What the answer to a gRPC call means (OT-16, OT-17, OT-35).

use ::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use otlp::{PartialSuccess, RpcStatus, RpcStatusCode, Signal};

use crate::breaker::Health;
use crate::grpc::repeat::Repeat;
use crate::part::FRAME_HEAD;
use crate::verdict::{Certainty, Verdict, says_too_large};

/// Values of binary headers: senders leave the padding out, receivers take both
/// (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
const STATUS: &str = "grpc-status";
const MESSAGE: &str = "grpc-message";
const DETAILS: &str = "grpc-status-details-bin";

/// The parts of an answer that matter.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn judge(&self, signal: Signal) -> Verdict {
        // Without a body the trailers are the headers.
        let trailers = self.trailers.as_ref().unwrap_or(&self.headers);
        let code = match trailers.get(STATUS) {
            Some(code) => RpcStatusCode::parse(code.as_bytes()),
            None => RpcStatusCode::of_http(self.status.as_u16()),
        };
        if code == RpcStatusCode::Ok {
            return Verdict::taken(self.partial(signal));
        }
        let details = details(trailers);
        let message = details
            .as_ref()
            .map(|details| details.message.clone())
            .filter(|message| !message.is_empty())
            .unwrap_or_else(|| message(trailers, self.status));
        let asked = details.and_then(|details| details.retry_delay);
        let reason = format!("gRPC status {}: {message}", code.name());
        let by_proxy = self.status == StatusCode::PAYLOAD_TOO_LARGE;
        if by_proxy || (tells_size(code) && asked.is_none() && says_too_large(&message)) {
            return Verdict::TooLarge {
                certainty: Certainty::Certain,
                reason,
            };
        }
        match (Repeat::of(code), asked) {
            (Repeat::Always, asked) => Verdict::Again {
                asked,
                health: Health::Ill,
                reason,
            },
            (Repeat::IfAsked, Some(asked)) => Verdict::Again {
                asked: Some(asked),
                health: Health::Busy,
                reason,
            },
            (Repeat::IfAsked, None) => Verdict::TooLarge {
                certainty: Certainty::Likely,
                reason,
            },
            (Repeat::Never, _) => Verdict::Refused {
                health: health(code),
                reason,
            },
        }
    }

    /// Of the one message in the body. Nothing else than plain messages was offered to be understood.
    fn partial(&self, signal: Signal) -> Option<PartialSuccess> {
        let (head, message) = self.body.split_at_checked(FRAME_HEAD)?;
        let compressed = head.first().is_none_or(|flag| *flag != 0);
        if compressed {
            return None;
        }
        otlp::decode_response(signal, message).ok().flatten()
    }
}

/// Whether servers refuse large messages by this code.
fn tells_size(code: RpcStatusCode) -> bool {
    matches!(
        code,
        RpcStatusCode::ResourceExhausted | RpcStatusCode::OutOfRange
    )
}

/// What a code that is not repeated tells about the back end.
fn health(code: RpcStatusCode) -> Health {
    if matches!(code, RpcStatusCode::Unknown | RpcStatusCode::Internal) {
        Health::Ill
    } else {
        Health::Well
    }
}

fn details(trailers: &HeaderMap) -> Option<RpcStatus> {
    let bytes = BASE64.decode(trailers.get(DETAILS)?.as_bytes()).ok()?;
    otlp::decode_status(&bytes).ok()
}

fn message(trailers: &HeaderMap, status: StatusCode) -> String {
    match trailers.get(MESSAGE) {
        Some(message) => percent_decode(message.as_bytes()),
        None if status.is_success() => "no message".to_owned(),
        None => format!("HTTP status {}", status.as_u16()),
    }
}

/// Sequences that are none stay as they are, as the specification of `grpc-message` wants.
fn percent_decode(text: &[u8]) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut left = text;
    while let Some((byte, rest)) = left.split_first() {
        let decoded = rest.split_at_checked(2).and_then(|(digits, rest)| {
            // Without this a sign would pass.
            let hex = digits.iter().all(u8::is_ascii_hexdigit).then_some(digits)?;
            let digits = std::str::from_utf8(hex).ok()?;
            Some((u8::from_str_radix(digits, 16).ok()?, rest))
        });
        match decoded {
            Some((decoded, rest)) if *byte == b'%' => {
                out.push(decoded);
                left = rest;
            }
            Some(_) | None => {
                out.push(*byte);
                left = rest;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::percent_decode;

    #[test]
    fn messages_are_percent_decoded() {
        for (encoded, expected) in [
            ("", ""),
            ("plain text", "plain text"),
            ("100%25 full", "100% full"),
            ("caf%C3%A9%0A", "café\n"),
            ("50% off, %zz, %+4, %4", "50% off, %zz, %+4, %4"),
            ("%ff", "\u{FFFD}"),
        ] {
            assert_eq!(percent_decode(encoded.as_bytes()), expected, "{encoded}");
        }
    }
}
