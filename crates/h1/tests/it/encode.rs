//! What is written: request lines, status lines, fields, chunks.

use h1::{
    LAST_CHUNK, append_chunk_size, append_decimal, append_field, append_request_line,
    append_status_line,
};
use message::StatusCode;

use crate::support::{read_chunked, show};

#[track_caller]
fn check(write: impl FnOnce(&mut Vec<u8>), expected: &str) {
    let mut out = b"before ".to_vec();
    write(&mut out);
    assert_eq!(show(&out), format!("before {}", expected.escape_default()));
}

#[test]
fn lines() {
    check(
        |out| append_request_line(out, b"GET", b"/a", None),
        "GET /a HTTP/1.1\r\n",
    );
    check(
        |out| append_request_line(out, b"X", b"/", Some(b"")),
        "X /? HTTP/1.1\r\n",
    );
    check(
        |out| append_request_line(out, b"X", b"*", Some(b"a=b")),
        "X *?a=b HTTP/1.1\r\n",
    );
    check(|out| append_field(out, b"A", b"b"), "A: b\r\n");
    for (status, expected) in [
        (200, "HTTP/1.1 200 OK\r\n"),
        (404, "HTTP/1.1 404 Not Found\r\n"),
        // The space stays when there is no reason (RFC 9112 4).
        (299, "HTTP/1.1 299 \r\n"),
        (999, "HTTP/1.1 999 \r\n"),
    ] {
        let status = StatusCode::try_from(status).unwrap();
        check(|out| append_status_line(out, status), expected);
    }
}

#[test]
fn numbers() {
    for number in [0, 1, 9, 10, 99, 100, 65_535, u64::MAX - 1, u64::MAX] {
        check(|out| append_decimal(out, number), &number.to_string());
    }
    for size in [1, 9, 10, 15, 16, 0xff, 0x1000, usize::MAX - 1, usize::MAX] {
        check(|out| append_chunk_size(out, size), &format!("{size:x}\r\n"));
    }
}

#[test]
fn gw_12_a_chunk_is_its_size_its_data_and_a_line_end() {
    let mut out = Vec::new();
    for part in [&b"Wiki"[..], b"pedia in \r\n\r\nchunks."] {
        append_chunk_size(&mut out, part.len());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(LAST_CHUNK);
    let body = read_chunked(&out).unwrap();
    assert_eq!(show(&body.data), "Wikipedia in \\r\\n\\r\\nchunks.");
    assert!(body.is_done && body.consumed == out.len());
}
