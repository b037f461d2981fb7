//! Percent-encoding (RFC 3986 2.1) and query strings.

use std::borrow::Cow;

/// The value of a hex digit.
pub(crate) fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Decodes escapes, and `+` to a space, as in a query. A malformed escape stands for itself. Borrows when there is
/// nothing to decode.
pub fn decode_component(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.iter().any(|b| matches!(b, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return Cow::Owned(decoded),
            [b'+', after @ ..] => {
                decoded.push(b' ');
                after
            }
            [b'%', high, low, after @ ..]
                if hex_value(*high).is_some() && hex_value(*low).is_some() =>
            {
                decoded.push(hex_value(*high).unwrap_or(0) << 4 | hex_value(*low).unwrap_or(0));
                after
            }
            [byte, after @ ..] => {
                decoded.push(*byte);
                after
            }
        };
    }
}

/// The `name=value` pairs of a query, not decoded; a pair without `=` has an empty value.
pub fn query_pairs(query: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    query
        .split(|b| *b == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.iter().position(|b| *b == b'=') {
            Some(equals) => (&pair[..equals], &pair[equals + 1..]),
            None => (pair, &[][..]),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_what_is_well_formed() {
        assert_eq!(&*decode_component(b"a%20b+c"), b"a b c");
        assert_eq!(&*decode_component(b"%zz%4"), b"%zz%4");
        assert!(matches!(decode_component(b"plain"), Cow::Borrowed(_)));
        let pairs: Vec<_> = query_pairs(b"a=1&&b&c=x=y").collect();
        assert_eq!(pairs, [(&b"a"[..], &b"1"[..]), (b"b", b""), (b"c", b"x=y")]);
    }
}
