//! Text that a client chose, made harmless: it can neither end a line nor a string, nor drive a terminal.

use std::ops::Range;

use super::line::Line;

/// The longest text of one field, in bytes as written. Ten such fields and all the others fit one buffer, so that no
/// request can be kept out of the log by its length. What is cut ends in `…`.
const TEXT_MAX: usize = 6 * 1024;
/// Bytes looked at together.
const CHUNK: usize = 16;
pub(crate) const HEX: &[u8; 16] = b"0123456789abcdef";
const HEX_UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// How a byte is written within a JSON string.
const JSON: [Escape; 256] = json_table();

#[derive(Clone, Copy)]
enum Escape {
    /// As it is.
    None,
    /// A backslash and this.
    Short(u8),
    /// `\u00` and two digits.
    Hex,
}

const fn json_table() -> [Escape; 256] {
    let mut table = [Escape::None; 256];
    let mut at = 0;
    while at < 0x20 {
        table[at] = Escape::Hex;
        at += 1;
    }
    table[0x7f] = Escape::Hex;
    table[b'"' as usize] = Escape::Short(b'"');
    table[b'\\' as usize] = Escape::Short(b'\\');
    table[b'\n' as usize] = Escape::Short(b'n');
    table[b'\r' as usize] = Escape::Short(b'r');
    table[b'\t' as usize] = Escape::Short(b't');
    table
}

/// What may still be written of one text.
struct Room {
    left: usize,
    is_cut: bool,
}

impl Room {
    /// Whether so many bytes fit; they count as written then. What does not fit ends the text with a mark.
    fn take(&mut self, line: &mut Line<'_>, count: usize) -> bool {
        let fits = count <= self.left;
        if fits {
            self.left -= count;
        } else {
            line.put_text("…");
            self.is_cut = true;
        }
        fits
    }
}

/// A JSON string with its quotes; bytes that are no UTF-8 become U+FFFD.
pub(crate) fn put_json(line: &mut Line<'_>, text: &[u8]) {
    let mut room = Room {
        left: TEXT_MAX,
        is_cut: false,
    };
    line.put(b"\"");
    match std::str::from_utf8(text) {
        Ok(text) => put_json_text(line, text, &mut room),
        Err(_) => {
            for chunk in text.utf8_chunks() {
                put_json_text(line, chunk.valid(), &mut room);
                if !chunk.invalid().is_empty() {
                    put_json_text(line, "\u{fffd}", &mut room);
                }
                if room.is_cut {
                    break;
                }
            }
        }
    }
    line.put(b"\"");
}

fn put_json_text(line: &mut Line<'_>, text: &str, room: &mut Room) {
    let mut from = 0;
    while from < text.len() && !room.is_cut {
        let rest = text.as_bytes().get(from..).unwrap_or_default();
        let (plain, escape) = next_escape(rest);
        put_plain(line, text, from..from + plain, room);
        from += plain;
        if let Some((byte, escape)) = escape
            && !room.is_cut
        {
            put_escaped(line, byte, escape, room);
            from += 1;
        }
    }
}

/// How many bytes can be written as they are, and the one after them.
fn next_escape(bytes: &[u8]) -> (usize, Option<(u8, Escape)>) {
    // Whole chunks without a branch per byte, which the compiler turns into vector instructions.
    let (chunks, _) = bytes.as_chunks::<CHUNK>();
    let plain = chunks
        .iter()
        .take_while(|chunk| {
            chunk
                .iter()
                .fold(true, |plain, byte| plain & is_json_plain(*byte))
        })
        .count();
    let from = plain * CHUNK;
    for (at, byte) in bytes.iter().enumerate().skip(from) {
        match JSON[usize::from(*byte)] {
            Escape::None => {}
            escape @ (Escape::Short(_) | Escape::Hex) => return (at, Some((*byte, escape))),
        }
    }
    (bytes.len(), None)
}

/// Whether the table has no escape for it.
fn is_json_plain(byte: u8) -> bool {
    (byte >= 0x20) & (byte != b'"') & (byte != b'\\') & (byte != 0x7f)
}

fn put_plain(line: &mut Line<'_>, text: &str, range: Range<usize>, room: &mut Room) {
    let whole = text.get(range).unwrap_or_default();
    let kept = whole.floor_char_boundary(room.left);
    line.put(whole.as_bytes().get(..kept).unwrap_or_default());
    room.take(line, whole.len());
}

fn put_escaped(line: &mut Line<'_>, byte: u8, escape: Escape, room: &mut Room) {
    let (long, short);
    let written: &[u8] = match escape {
        Escape::None => return,
        Escape::Short(letter) => {
            short = [b'\\', letter];
            &short
        }
        Escape::Hex => {
            let [high, low] = hex(byte, HEX);
            long = [b'\\', b'u', b'0', b'0', high, low];
            &long
        }
    };
    if room.take(line, written.len()) {
        line.put(written);
    }
}

/// Text between the quotes of the combined format, as nginx writes it: quotes, backslashes, control bytes and
/// everything beyond ASCII as `\xHH`.
pub(crate) fn put_combined(line: &mut Line<'_>, text: &[u8]) {
    let mut left = TEXT_MAX;
    for run in text.chunk_by(|one, other| is_plain(*one) && is_plain(*other)) {
        let plain = run.first().copied().is_some_and(is_plain);
        let size = if plain { run.len() } else { 4 * run.len() };
        if size > left {
            let kept = if plain { left } else { 0 };
            line.put(run.get(..kept).unwrap_or_default());
            line.put(b"...");
            return;
        }
        left -= size;
        if plain {
            line.put(run);
        } else {
            for byte in run {
                let [high, low] = hex(*byte, HEX_UPPER);
                line.put(&[b'\\', b'x', high, low]);
            }
        }
    }
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e) && byte != b'"' && byte != b'\\'
}

pub(crate) fn hex(byte: u8, digits: &[u8; 16]) -> [u8; 2] {
    [
        digits[usize::from(byte >> 4)],
        digits[usize::from(byte & 15)],
    ]
}
