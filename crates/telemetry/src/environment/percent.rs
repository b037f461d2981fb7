//! Percent-encoding (RFC 3986 2.1) where a fault is a fault: nothing is replaced or left standing.

/// The decoded text; `None` for a percent sign without two hex digits and for bytes that are no UTF-8.
pub(super) fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let (decoded, left) = match (byte, after) {
            (b'%', [high, low, left @ ..]) => (hex(*high)? << 4 | hex(*low)?, left),
            (b'%', _) => return None,
            _ => (*byte, after),
        };
        bytes.push(decoded);
        rest = left;
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}
