//! Writes many small pieces into room that was made at once. A vector that grows piece by piece costs two to three times
//! as much for pieces of ten bytes, of which a span has dozens.

use std::ops::BitOr;

use crate::text::{is_utf8, replaced, replaced_len};
use crate::wire::{SHORT_MAX, low_bits, short_varint, varint};

/// Bytes of a tag and a length, for lengths below 32 GiB.
pub(crate) const HEAD_MAX: usize = 6;

/// Not set in ASCII.
const HIGH_BITS: u128 = u128::MAX / 0xff * 0x80;

/// More than [`Cursor::put_start`] writes at once.
const SLACK: usize = 16;

/// What is left of the room.
#[derive(Default)]
pub(crate) struct Cursor<'a> {
    room: &'a mut [u8],
    /// Text is taken for UTF-8 until a byte comes that is not ASCII; then everything is written again, looking closely.
    is_careful: bool,
    has_failed: bool,
}

/// Appends what `write` writes of `item`. `room` is a bound of its length if all text is UTF-8.
#[inline(always)]
pub(crate) fn append_with_room<T: ?Sized>(
    out: &mut Vec<u8>,
    room: usize,
    item: &T,
    write: impl for<'r> Fn(Cursor<'r>, &T) -> Cursor<'r>,
) {
    if !is_appended(out, room, false, |cursor| write(cursor, item)) {
        append_carefully(out, room, &|cursor| write(cursor, item));
    }
}

/// In place of each byte that is not UTF-8 come three.
#[cold]
#[inline(never)]
fn append_carefully(out: &mut Vec<u8>, room: usize, write: &dyn Fn(Cursor<'_>) -> Cursor<'_>) {
    let is_appended = is_appended(out, 3 * room, true, write);
    debug_assert!(is_appended, "more bytes than were counted");
}

/// What has failed leaves nothing behind.
#[inline(always)]
fn is_appended(
    out: &mut Vec<u8>,
    room: usize,
    is_careful: bool,
    write: impl Fn(Cursor<'_>) -> Cursor<'_>,
) -> bool {
    let start = out.len();
    out.resize(start + room + SLACK, 0);
    let cursor = write(Cursor {
        room: out.get_mut(start..).unwrap_or_default(),
        is_careful,
        has_failed: false,
    });
    let (left, has_failed) = (cursor.room.len(), cursor.has_failed);
    out.truncate(if has_failed { start } else { out.len() - left });
    !has_failed
}

impl Cursor<'_> {
    /// Bytes of any number.
    #[inline(always)]
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.put_and_look(bytes);
    }

    /// Bytes of a number that the compiler knows.
    #[inline(always)]
    pub(crate) fn put_array<const N: usize>(&mut self, bytes: [u8; N]) {
        self.put_start(bytes, N);
    }

    /// Text: [`Cursor::text_len`] bytes.
    #[inline(always)]
    pub(crate) fn put_text(&mut self, bytes: &[u8]) {
        if self.is_careful {
            *self = std::mem::take(self).put_replaced(bytes);
        } else {
            let is_ascii = self.put_and_look(bytes);
            self.has_failed |= !is_ascii;
        }
    }

    /// What a text takes as UTF-8.
    #[inline(always)]
    pub(crate) fn text_len(&self, bytes: &[u8]) -> usize {
        if self.is_careful {
            replaced_len(bytes)
        } else {
            bytes.len()
        }
    }

    /// A tag and a length.
    #[inline(always)]
    pub(crate) fn put_head(&mut self, tag: u8, len: usize) {
        if len < 0x80 {
            self.put_array([tag, low_bits(len as u64)]);
        } else {
            self.put_number(tag, len as u64);
        }
    }

    /// A tag and a varint.
    #[inline(always)]
    pub(crate) fn put_number(&mut self, tag: u8, number: u64) {
        match u32::try_from(number) {
            Ok(short) if short < SHORT_MAX => {
                let ([a, b, c, d], len) = short_varint(short);
                self.put_start([tag, a, b, c, d], 1 + len);
            }
            _ => *self = std::mem::take(self).put_long(tag, number),
        }
    }

    /// Whether all is ASCII.
    #[inline(always)]
    fn put_and_look(&mut self, bytes: &[u8]) -> bool {
        let room = std::mem::take(&mut self.room);
        match room.split_at_mut_checked(bytes.len()) {
            Some((place, rest)) => {
                self.room = rest;
                copy(place, bytes)
            }
            None => {
                self.has_failed = true;
                true
            }
        }
    }

    /// The first `len` of `bytes`. Writes all of them, which takes no branch; what follows overwrites the others.
    #[inline(always)]
    fn put_start<const N: usize>(&mut self, bytes: [u8; N], len: usize) {
        let room = std::mem::take(&mut self.room);
        match room.first_chunk_mut() {
            Some(place) => {
                *place = bytes;
                self.room = room.get_mut(len..).unwrap_or_default();
            }
            None => self.has_failed = true,
        }
    }

    // What is rare takes the cursor and gives it back: one that is lent would have to live in memory for all others too.

    #[inline(never)]
    fn put_long(mut self, tag: u8, number: u64) -> Self {
        let (bytes, len) = varint(number);
        self.put_array([tag]);
        self.put_start(bytes, len);
        self
    }

    #[inline(never)]
    fn put_replaced(mut self, text: &[u8]) -> Self {
        if is_utf8(text) {
            self.put(text);
        } else {
            replaced(text).for_each(|part| self.put(part.as_bytes()));
        }
        self
    }
}

/// Copies between equal lengths, and says whether all is ASCII. Short ones are copied as two blocks that may overlap,
/// which is cheaper than a call.
#[inline(always)]
fn copy(to: &mut [u8], from: &[u8]) -> bool {
    let len = from.len();
    if len >= 8 {
        if len <= 16 {
            return copy_ends(to, from, u64::from_ne_bytes) & (u64::MAX / 0xff * 0x80) == 0;
        }
        if len <= 32 {
            return copy_ends(to, from, u128::from_ne_bytes) & HIGH_BITS == 0;
        }
        to.copy_from_slice(from);
        return is_ascii(from);
    }
    match len {
        4.. => copy_ends(to, from, u32::from_ne_bytes) & (u32::MAX / 0xff * 0x80) == 0,
        2.. => copy_ends(to, from, u16::from_ne_bytes) & (u16::MAX / 0xff * 0x80) == 0,
        1 => copy_ends(to, from, u8::from_ne_bytes) < 0x80,
        0 => true,
    }
}

/// Returns the bits of all bytes, one over the other.
#[inline(always)]
fn copy_ends<const N: usize, W: Default + BitOr<Output = W>>(
    to: &mut [u8],
    from: &[u8],
    word: impl Fn([u8; N]) -> W,
) -> W {
    let (Some(first), Some(last)) = (from.first_chunk(), from.last_chunk()) else {
        return W::default();
    };
    if let Some(to) = to.first_chunk_mut() {
        *to = *first;
    }
    if let Some(to) = to.last_chunk_mut() {
        *to = *last;
    }
    word(*first) | word(*last)
}

/// For 16 bytes or more.
#[inline(never)]
fn is_ascii(bytes: &[u8]) -> bool {
    let (blocks, _) = bytes.as_chunks();
    let last = bytes.last_chunk().into_iter();
    let all = blocks
        .iter()
        .chain(last)
        .fold(0, |all, block| all | u128::from_ne_bytes(*block));
    all & HIGH_BITS == 0
}
