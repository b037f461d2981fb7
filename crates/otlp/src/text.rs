//! Text from outside: bytes that may not be UTF-8, which protobuf strings have to be.

/// What stands in the place of bytes that are no UTF-8.
const REPLACEMENT: &str = "\u{fffd}";

/// Bytes of text that are kept of what a peer says.
const TEXT_MAX: usize = 1024;

/// Bytes of the text with its replacements.
#[inline(never)]
pub(crate) fn replaced_len(bytes: &[u8]) -> usize {
    if is_utf8(bytes) {
        bytes.len()
    } else {
        replaced(bytes).map(str::len).sum()
    }
}

pub(crate) fn is_utf8(bytes: &[u8]) -> bool {
    // Looking for ASCII only is faster than looking for UTF-8 that is ASCII.
    bytes.is_ascii() || std::str::from_utf8(bytes).is_ok()
}

/// The pieces of the text, replacements in their places. As many as `String::from_utf8_lossy` puts.
pub(crate) fn replaced(bytes: &[u8]) -> impl Iterator<Item = &str> {
    bytes.utf8_chunks().flat_map(|chunk| {
        let replacement = if chunk.invalid().is_empty() {
            ""
        } else {
            REPLACEMENT
        };
        [chunk.valid(), replacement]
    })
}

/// Text from a peer, as long as it is worth being kept: at most [`TEXT_MAX`] bytes, cut between two characters.
pub(crate) fn bounded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for part in replaced(bytes) {
        for character in part.chars() {
            if text.len() + character.len_utf8() > TEXT_MAX {
                return text;
            }
            text.push(character);
        }
    }
    text
}
