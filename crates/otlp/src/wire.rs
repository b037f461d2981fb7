//! Protobuf's wire format, writing side: varints, tags and lengths, always in their shortest form.

/// Numbers below it take 4 bytes at most.
pub(crate) const SHORT_MAX: u32 = 1 << 28;
/// Most bytes of a varint.
pub(crate) const VARINT_MAX: usize = 10;

/// Bytes that `value` takes as a varint: 1 to 10.
#[inline(always)]
pub(crate) fn varint_len(value: u64) -> usize {
    // Seven bits a byte; 9/64 stands for 1/7, which holds up to 64 bits.
    let bits = u64::BITS - (value | 1).leading_zeros();
    (bits as usize * 9 + 64) / 64
}

/// Bytes of a field with a one-byte tag around a body of `len` bytes.
#[inline(always)]
pub(crate) fn field_len(len: usize) -> usize {
    if len < 0x80 {
        return 2 + len;
    }
    1 + varint_len(len as u64) + len
}

pub(crate) fn append_varint(out: &mut Vec<u8>, value: u64) {
    if value < 0x80 {
        out.push(low_bits(value));
    } else {
        let (bytes, len) = varint(value);
        out.extend_from_slice(bytes.get(..len).unwrap_or_default());
    }
}

/// The tag and the length that begin a field; its body follows.
pub(crate) fn append_head(out: &mut Vec<u8>, tag: u8, len: usize) {
    if len < 0x80 {
        out.extend_from_slice(&[tag, low_bits(len as u64)]);
    } else {
        out.push(tag);
        append_varint(out, len as u64);
    }
}

/// A field of bytes.
pub(crate) fn append_bytes(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    append_head(out, tag, bytes.len());
    out.extend_from_slice(bytes);
}

/// A field of text, left out when it is empty: that is its default.
pub(crate) fn append_str(out: &mut Vec<u8>, tag: u8, text: &str) {
    if !text.is_empty() {
        append_bytes(out, tag, text.as_bytes());
    }
}

/// A varint field, left out when it is 0.
pub(crate) fn append_number(out: &mut Vec<u8>, tag: u8, value: u64) {
    if value != 0 {
        out.push(tag);
        append_varint(out, value);
    }
}

/// A `fixed64` or `double` field, also when it is 0.
pub(crate) fn append_fixed64(out: &mut Vec<u8>, tag: u8, bytes: [u8; 8]) {
    let [a, b, c, d, e, f, g, h] = bytes;
    out.extend_from_slice(&[tag, a, b, c, d, e, f, g, h]);
}

/// A `fixed64` field, left out when it is 0.
pub(crate) fn append_nanos(out: &mut Vec<u8>, tag: u8, nanos: u64) {
    if nanos != 0 {
        append_fixed64(out, tag, nanos.to_le_bytes());
    }
}

/// A `fixed32` field, left out when it is 0.
pub(crate) fn append_flags(out: &mut Vec<u8>, tag: u8, flags: u32) {
    if flags != 0 {
        let [a, b, c, d] = flags.to_le_bytes();
        out.extend_from_slice(&[tag, a, b, c, d]);
    }
}

/// A field whose length is known once its body is there. `LEN` bytes are kept free for the length, 4 at most; a body whose
/// length takes more or fewer of them is moved.
#[inline(always)]
pub(crate) fn append_nested<const LEN: usize>(
    out: &mut Vec<u8>,
    tag: u8,
    body: impl FnOnce(&mut Vec<u8>),
) {
    out.push(tag);
    let at = out.len();
    out.extend_from_slice(&[0; LEN]);
    body(out);
    let len = out.len() - at - LEN;
    let place = out.get_mut(at..).and_then(<[u8]>::first_chunk_mut);
    match (short_len::<LEN>(len), place) {
        (Some(bytes), Some(place)) => *place = bytes,
        _ => move_body(out, at, LEN, len),
    }
}

/// The length as a varint, if that takes `LEN` bytes.
#[inline(always)]
fn short_len<const LEN: usize>(len: usize) -> Option<[u8; LEN]> {
    let short = u32::try_from(len).ok().filter(|len| *len < SHORT_MAX)?;
    let (bytes, len) = short_varint(short);
    bytes.first_chunk().copied().filter(|_| len == LEN)
}

/// Writes the length where `free` bytes were kept for it, and moves the body that stands behind it.
#[inline(never)]
fn move_body(out: &mut Vec<u8>, at: usize, free: usize, body_len: usize) {
    let (bytes, len) = varint(body_len as u64);
    let start = at + free;
    out.resize(start + body_len + len.saturating_sub(free), 0);
    out.copy_within(start..start + body_len, at + len);
    out.truncate(at + len + body_len);
    let place = out.iter_mut().skip(at);
    place.zip(bytes).take(len).for_each(|(to, from)| *to = from);
}

/// The bytes of a varint, and how many of them count.
pub(crate) fn varint(value: u64) -> ([u8; VARINT_MAX], usize) {
    let mut bytes = [0; VARINT_MAX];
    let mut rest = value;
    let mut len = 0;
    for byte in &mut bytes {
        len += 1;
        *byte = low_bits(rest);
        rest >>= 7;
        if rest == 0 {
            break;
        }
        *byte |= 0x80;
    }
    (bytes, len)
}

/// The same for numbers below [`SHORT_MAX`], without a branch: which lengths numbers have is not to be foreseen.
#[inline(always)]
pub(crate) fn short_varint(value: u32) -> ([u8; 4], usize) {
    let len = varint_len(value.into());
    let spread =
        value & 0x7f | value << 1 & 0x7f00 | value << 2 & 0x7f_0000 | value << 3 & 0x7f00_0000;
    let more = 0x0080_8080 & !(u32::MAX << (8 * (len - 1)));
    ((spread | more).to_le_bytes(), len)
}

/// Seven bits, one byte of a varint.
pub(crate) fn low_bits(value: u64) -> u8 {
    (value & 0x7f) as u8
}
