//! Writes heads and chunks. Everything appends to a vector; nothing is formatted or allocated beyond its growth.

use std::convert::Infallible;

use message::{StatusCode, Version};

/// Ends a chunked body that has no trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Appends `METHOD SP TARGET SP HTTP/1.1 CRLF`; the target is path and query.
pub fn append_request_line(out: &mut Vec<u8>, method: &[u8], path: &[u8], query: Option<&[u8]>) {
    let Ok(()) = append_request_line_with(out, method, query, |out| {
        out.extend_from_slice(path);
        Ok::<(), Infallible>(())
    });
}

/// As [`append_request_line`], with a path that `append_path` appends.
///
/// # Errors
/// What `append_path` failed with; `out` then holds a part of the line.
pub fn append_request_line_with<E>(
    out: &mut Vec<u8>,
    method: &[u8],
    query: Option<&[u8]>,
    append_path: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    out.extend_from_slice(method);
    out.push(b' ');
    append_path(out)?;
    if let Some(query) = query {
        out.push(b'?');
        out.extend_from_slice(query);
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
    Ok(())
}

/// Appends `HTTP/1.1 SP STATUS SP REASON CRLF`. A proxy always answers with its own version (RFC 9110 2.5).
pub fn append_status_line(out: &mut Vec<u8>, status: StatusCode) {
    if status == StatusCode::OK {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    out.extend_from_slice(Version::Http11.label().as_bytes());
    out.push(b' ');
    append_decimal(out, u64::from(status.get()));
    out.push(b' ');
    out.extend_from_slice(status.reason().as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends `NAME: VALUE CRLF`.
pub fn append_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends the line before a chunk's data. `size` is not 0: that would end the body.
pub fn append_chunk_size(out: &mut Vec<u8>, size: usize) {
    debug_assert!(size > 0);
    let mut digits = [0; 16];
    let mut at = digits.len();
    let mut rest = size;
    while rest > 0 {
        at -= 1;
        digits[at] = b"0123456789abcdef"[rest & 15];
        rest >>= 4;
    }
    out.extend_from_slice(&digits[at..]);
    out.extend_from_slice(b"\r\n");
}

/// Appends a number in decimal. Most numbers in heads have one to three digits.
pub fn append_decimal(out: &mut Vec<u8>, number: u64) {
    const DIGITS: &[u8; 10] = b"0123456789";
    let digit = |value: u64| DIGITS[(value % 10) as usize];
    match number {
        0..10 => out.push(digit(number)),
        10..100 => out.extend_from_slice(&[digit(number / 10), digit(number)]),
        100..1000 => {
            out.extend_from_slice(&[digit(number / 100), digit(number / 10), digit(number)])
        }
        _ => {
            append_decimal(out, number / 1000);
            let rest = number % 1000;
            out.extend_from_slice(&[digit(rest / 100), digit(rest / 10), digit(rest)]);
        }
    }
}
