//! What an HTTP answer means (OT-22, OT-30, OT-31, OT-35).

use std::time::{Duration, SystemTime};

use ::http::{HeaderValue, StatusCode};
use otlp::{PartialSuccess, Signal};

use crate::breaker::Health;
use crate::verdict::{Certainty, Verdict, says_too_large};

/// The parts of an answer that matter.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<HeaderValue>,
    pub(crate) json: bool,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// `now` is what dates in `Retry-After` are compared with.
    pub(crate) fn judge(&self, signal: Signal, now: SystemTime) -> Verdict {
        if self.status.is_success() {
            return Verdict::taken(self.partial(signal));
        }
        let message = self.message();
        let reason = format!("HTTP status {}: {message}", self.status.as_u16());
        match self.status {
            StatusCode::TOO_MANY_REQUESTS => self.again(Health::Busy, reason, now),
            StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => self.again(Health::Ill, reason, now),
            StatusCode::PAYLOAD_TOO_LARGE => too_large(reason),
            StatusCode::BAD_REQUEST if says_too_large(&message) => too_large(reason),
            status if status.is_server_error() => Verdict::Refused {
                health: Health::Ill,
                reason,
            },
            _ => Verdict::Refused {
                health: Health::Well,
                reason,
            },
        }
    }

    fn again(&self, health: Health, reason: String, now: SystemTime) -> Verdict {
        Verdict::Again {
            asked: self
                .retry_after
                .as_ref()
                .and_then(|value| retry_after(value, now)),
            health,
            reason,
        }
    }

    fn partial(&self, signal: Signal) -> Option<PartialSuccess> {
        let decoded = if self.json {
            otlp::decode_response_json(signal, &self.body)
        } else {
            otlp::decode_response(signal, &self.body)
        };
        // Whoever answers 200 has taken it, whatever else the answer holds.
        decoded.ok().flatten()
    }

    /// Of the `google.rpc.Status` that a body ought to be (OT-23).
    fn message(&self) -> String {
        let decoded = if self.json {
            otlp::decode_status_json(&self.body)
        } else {
            otlp::decode_status(&self.body)
        };
        decoded.map_or_else(
            |_| String::from_utf8_lossy(self.body.get(..TEXT_MAX).unwrap_or(&self.body)).into(),
            |status| status.message,
        )
    }
}

/// Bytes of a body that is no `google.rpc.Status` and is shown as it is.
const TEXT_MAX: usize = 512;

fn too_large(reason: String) -> Verdict {
    Verdict::TooLarge {
        certainty: Certainty::Certain,
        reason,
    }
}

/// Seconds, or a date; one that has passed asks for no wait
/// (<https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3>).
fn retry_after(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than 64 bits hold are as good as for ever.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expected: Option<u64>) {
        // A second before the date of the examples.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_776);
        let value = HeaderValue::from_str(value).unwrap();
        assert_eq!(
            retry_after(&value, now),
            expected.map(Duration::from_secs),
            "{value:?}"
        );
    }

    /// RFC 9110 10.2.3 with the three forms of 5.6.7 (OT-31).
    #[test]
    fn retry_after_is_seconds_or_a_date() {
        check("120", Some(120));
        check("0", Some(0));
        check(" 7 ", Some(7));
        check("99999999999999999999999", Some(u64::MAX));
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(1));
        check("Sunday, 06-Nov-94 08:49:37 GMT", Some(1));
        check("Sun Nov  6 08:49:37 1994", Some(1));
        check("Sun, 06 Nov 1994 08:49:00 GMT", Some(0));
        for nonsense in ["", "-1", "+1", "1.5", "soon", "Sun, 06 Nov 1994"] {
            check(nonsense, None);
        }
    }
}
