//! JSON values.

use std::io::Write;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;

use crate::text::{is_utf8, replaced};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// A key that needs no escapes, and the colon behind it.
pub(super) fn append_name(out: &mut Vec<u8>, name: &str) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Text, with escapes (RFC 8259 7) and with U+FFFD for what is not UTF-8.
pub(super) fn append_string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    if is_utf8(bytes) {
        append_escaped(out, bytes);
    } else {
        replaced(bytes).for_each(|part| append_escaped(out, part.as_bytes()));
    }
    out.push(b'"');
}

fn append_escaped(out: &mut Vec<u8>, mut text: &[u8]) {
    let needs_escape = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\\');
    while let Some((plain, [byte, rest @ ..])) = text
        .iter()
        .position(needs_escape)
        .and_then(|at| text.split_at_checked(at))
    {
        out.extend_from_slice(plain);
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                out.extend_from_slice(b"\\u00");
                append_hex_digits(out, *byte);
            }
        }
        text = rest;
    }
    out.extend_from_slice(text);
}

/// Bytes in base64 (RFC 4648 4).
pub(super) fn append_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    append(
        out,
        format_args!("\"{}\"", Base64Display::new(bytes, &STANDARD)),
    );
}

/// Bytes in lower-case hex (OT-36).
pub(super) fn append_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for byte in bytes {
        append_hex_digits(out, *byte);
    }
    out.push(b'"');
}

fn append_hex_digits(out: &mut Vec<u8>, byte: u8) {
    let digit = |bits: u8| HEX[usize::from(bits & 15)];
    out.extend_from_slice(&[digit(byte >> 4), digit(byte)]);
}

pub(super) fn append_bool(out: &mut Vec<u8>, is_true: bool) {
    out.extend_from_slice(if is_true { b"true" } else { b"false" });
}

/// An integer of 32 bits or an enum (OT-37).
pub(super) fn append_number(out: &mut Vec<u8>, number: i64) {
    append(out, format_args!("{number}"));
}

/// A decimal string (OT-40).
pub(super) fn append_int64(out: &mut Vec<u8>, number: i64) {
    append(out, format_args!("\"{number}\""));
}

/// A decimal string (OT-40).
pub(super) fn append_uint64(out: &mut Vec<u8>, number: u64) {
    append(out, format_args!("\"{number}\""));
}

/// A number in its shortest exact form, or the name of what is none (OT-41).
pub(super) fn append_double(out: &mut Vec<u8>, number: f64) {
    if number.is_nan() {
        out.extend_from_slice(b"\"NaN\"");
    } else if number == f64::INFINITY {
        out.extend_from_slice(b"\"Infinity\"");
    } else if number == f64::NEG_INFINITY {
        out.extend_from_slice(b"\"-Infinity\"");
    } else {
        append(out, format_args!("{number:?}"));
    }
}

fn append(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a vector takes everything");
}
