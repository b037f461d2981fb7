//! Response heads: an upstream is trusted less than it is tolerated (GW-8, 13 to 15; RFC 9112 4).

use h1::HeadError as E;

use crate::support::{LIMITS, read_response, show};

#[track_caller]
fn check(rule: &str, raw: &[u8], expected: Result<&str, E>) {
    let expected = expected.map(|head| Some((raw.len(), head.to_owned())));
    assert_eq!(
        read_response(raw, LIMITS),
        expected,
        "{rule}: {}",
        show(raw)
    );
}

#[test]
fn status_lines() {
    for (rule, line, expected) in [
        ("9112 4", &b"HTTP/1.1 200 OK"[..], Ok("1.1 200")),
        ("9112 4, no reason", b"HTTP/1.1 200 ", Ok("1.1 200")),
        ("9112 4, no space either", b"HTTP/1.1 200", Ok("1.1 200")),
        (
            "9112 4, obs-text",
            b"HTTP/1.1 404 Non trouv\xe9",
            Ok("1.1 404"),
        ),
        ("9112 4, tab", b"HTTP/1.1 200 \tO K", Ok("1.1 200")),
        ("9112 4", b"HTTP/1.0 304 Not Modified", Ok("1.0 304")),
        ("9110 15, unknown class", b"HTTP/1.1 999 x", Ok("1.1 999")),
        ("9110 15", b"HTTP/1.1 099 x", Err(E::MalformedStatusLine)),
        ("9110 15", b"HTTP/1.1 000 x", Err(E::MalformedStatusLine)),
        ("9112 4", b"HTTP/1.1 20 x", Err(E::MalformedStatusLine)),
        ("9112 4", b"HTTP/1.1 2000 x", Err(E::MalformedStatusLine)),
        ("9112 4", b"HTTP/1.1 200x", Err(E::MalformedStatusLine)),
        ("9112 4", b"HTTP/1.1 +20 x", Err(E::MalformedStatusLine)),
        ("9112 4", b"HTTP/1.1  200 x", Err(E::MalformedStatusLine)),
        ("9112 4", b"HTTP/1.1\t200 x", Err(E::MalformedStatusLine)),
        ("9112 4", b" HTTP/1.1 200 x", Err(E::MalformedStatusLine)),
        ("9112 4", b"HTTP/2.0 200 x", Err(E::MalformedStatusLine)),
        ("9112 4", b"http/1.1 200 x", Err(E::MalformedStatusLine)),
        ("9112 4", b"ICY 200 OK", Err(E::MalformedStatusLine)),
        (
            "9112 4, NUL",
            b"HTTP/1.1 200 O\x00",
            Err(E::MalformedStatusLine),
        ),
        (
            "GW-8, bare CR",
            b"HTTP/1.1 200 O\rK",
            Err(E::MalformedStatusLine),
        ),
    ] {
        check(rule, &[line, b"\r\n\r\n"].concat(), expected);
    }
}

#[test]
fn field_lines() {
    for (rule, line, expected) in [
        ("9112 5", &b"X: y"[..], Ok("X: y")),
        ("GW-13", b"X : y", Ok("X: y")),
        ("GW-13", b"X \t :", Ok("X: ")),
        ("GW-13", b": y", Err(E::MalformedFieldName)),
        ("GW-13", b" : y", Err(E::MalformedFieldName)),
        ("GW-13", b"X y: z", Err(E::MalformedFieldName)),
        ("GW-13", b"X", Err(E::MalformedFieldName)),
        ("GW-14", b"X: y\r\n z", Err(E::MalformedFieldName)),
        ("GW-15", b"X: y\rz", Err(E::MalformedFieldValue)),
        ("GW-15", b"X: y\x00z", Err(E::MalformedFieldValue)),
        ("GW-15", b"X: y\x08", Err(E::MalformedFieldValue)),
        // The head is written anew (GW-43), so where its lines end does not reach the client.
        ("GW-8", b"X: y\nZ: z", Ok("X: y | Z: z")),
    ] {
        let raw = [b"HTTP/1.1 200 OK\r\n", line, b"\r\n\r\n"].concat();
        let expected = expected.map(|fields| format!("1.1 200 | {fields}"));
        check(rule, &raw, expected.as_deref().map_err(|fault| *fault));
    }
    check("GW-8", b"HTTP/1.1 200 OK\nX: y\n\n", Ok("1.1 200 | X: y"));
}

#[test]
fn nothing_comes_before_a_status_line() {
    // GW-43: bytes behind the last response belong to no one. The empty line of GW-17 is a request's.
    for before in [&b"\r\n"[..], b"\n", b"\r\n\r\n", b"x"] {
        let raw = [before, b"HTTP/1.1 200 OK\r\n\r\n"].concat();
        check("GW-43", &raw, Err(E::MalformedStatusLine));
    }
    check("another protocol", b"220 s", Err(E::MalformedStatusLine));
    check("another protocol", b"HTTP/3", Err(E::MalformedStatusLine));
    for raw in [
        &b""[..],
        b"H",
        b"HTTP/1.",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\n\r",
    ] {
        assert_eq!(read_response(raw, LIMITS), Ok(None), "{}", show(raw));
    }
}
