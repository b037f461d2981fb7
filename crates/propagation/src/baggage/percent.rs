//! Percent-encoding as baggage uses it.

use std::borrow::Cow;

use super::entry::is_value_byte;

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

/// Decodes; what is no UTF-8 afterwards becomes U+FFFD.
pub(super) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = match encoded_byte(rest) {
            Some((encoded, after)) => {
                decoded.push(encoded);
                after
            }
            None => {
                decoded.push(*byte);
                after
            }
        };
    }
    Cow::Owned(match String::from_utf8(decoded) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// Appends a value that decodes to this text.
pub(super) fn encode(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        if byte != b'%' && is_value_byte(byte) {
            out.push(byte);
        } else {
            push_encoded(byte, out);
        }
    }
}

/// Appends a value that may be percent-encoded already; ends early once `out` is longer than `len_max`.
pub(super) fn encode_received(value: &[u8], len_max: usize, out: &mut Vec<u8>) {
    let mut rest = value;
    while let [byte, after @ ..] = rest {
        if out.len() > len_max {
            return;
        }
        let stays = match byte {
            b'%' => encoded_byte(rest).is_some(),
            byte => is_value_byte(*byte),
        };
        if stays {
            out.push(*byte);
        } else {
            push_encoded(*byte, out);
        }
        rest = after;
    }
}

fn push_encoded(byte: u8, out: &mut Vec<u8>) {
    out.extend([
        b'%',
        DIGITS[usize::from(byte >> 4)],
        DIGITS[usize::from(byte & 15)],
    ]);
}

/// The byte that a percent sign and two hex digits stand for, and what follows them.
fn encoded_byte(text: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, rest @ ..] = text else {
        return None;
    };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let byte = u8::try_from(digit(high)? << 4 | digit(low)?).ok()?;
    Some((byte, rest))
}
