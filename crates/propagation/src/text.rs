//! What the texts of all formats share.

use std::iter;

/// Without the spaces and tabs at its ends (OWS of RFC 9110 5.6.3).
pub(crate) fn trim_ows(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// The value of a field that may come once, trimmed. Sent twice it says nothing: whom the next hop would believe is
/// unknown.
pub(crate) fn only<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    let value = values.next()?;
    values.next().is_none().then(|| trim_ows(value))
}

/// Before and after the first `separator`.
pub(crate) fn split_once(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(separator, text)?;
    let (before, rest) = text.split_at_checked(at)?;
    Some((before, rest.get(1..)?))
}

/// What stands between the separators; one part more than there are of them. Searches many bytes at a time, for lists of
/// strangers are long.
pub(crate) fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    iter::from_fn(move || {
        let text = rest?;
        let (part, after) = match split_once(text, separator) {
            Some((part, after)) => (part, Some(after)),
            None => (text, None),
        };
        rest = after;
        Some(part)
    })
}

/// The parts one after the other; what is beyond `LEN` bytes is cut off.
pub(crate) fn concat<const LEN: usize>(parts: &[&[u8]]) -> [u8; LEN] {
    let mut text = [0; LEN];
    let mut rest = text.as_mut_slice();
    for part in parts {
        let Some((room, after)) = rest.split_at_mut_checked(part.len()) else {
            break;
        };
        room.copy_from_slice(part);
        rest = after;
    }
    text
}
