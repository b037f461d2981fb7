//! Where bodies end (GW-1 to GW-5, GW-9, GW-10; RFC 9112 6).

use h1::{Framing, HeadError as E, ResponseContext, request_framing, response_framing};
use message::{Fields, MethodKind, StatusCode, Version};

/// Fields as lines of `NAME: VALUE`.
fn fields(lines: &[&str]) -> Fields {
    let mut fields = Fields::default();
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        fields.append(name.as_bytes(), value.trim_matches([' ', '\t']).as_bytes());
    }
    fields
}

#[track_caller]
fn check_request(rule: &str, version: Version, lines: &[&str], expected: Result<Framing, E>) {
    let found = request_framing(&fields(lines), version);
    assert_eq!(found, expected, "{rule}: {lines:?}");
}

#[test]
fn requests() {
    const MAX: u64 = (1 << 63) - 1;
    for (rule, lines, expected) in [
        ("GW-9", &[][..], Ok(Framing::None)),
        (
            "GW-9",
            &["X-Content-Length: 5", "X-Transfer-Encoding: chunked"],
            Ok(Framing::None),
        ),
        ("9112 6.2", &["Content-Length: 5"], Ok(Framing::Length(5))),
        ("9112 6.2", &["content-LENGTH:0"], Ok(Framing::Length(0))),
        ("9112 6.2", &["Content-Length: 005"], Ok(Framing::Length(5))),
        (
            "GW-2",
            &["Content-Length: 9223372036854775807"],
            Ok(Framing::Length(MAX)),
        ),
        (
            "GW-2",
            &["Content-Length: 5", "Content-Length: 5"],
            Ok(Framing::Length(5)),
        ),
        (
            "GW-2",
            &["Content-Length: 5, 5 ,\t5"],
            Ok(Framing::Length(5)),
        ),
        ("GW-2", &["Content-Length: 5, 6"], Err(E::MalformedLength)),
        (
            "GW-2",
            &["Content-Length: 5", "content-length: 6"],
            Err(E::MalformedLength),
        ),
        ("GW-2", &["Content-Length: 5,"], Err(E::MalformedLength)),
        ("GW-2", &["Content-Length: ,5"], Err(E::MalformedLength)),
        ("GW-2", &["Content-Length:"], Err(E::MalformedLength)),
        (
            "GW-2",
            &["Content-Length: 5", "Content-Length:"],
            Err(E::MalformedLength),
        ),
        ("GW-2", &["Content-Length: +5"], Err(E::MalformedLength)),
        ("GW-2", &["Content-Length: -5"], Err(E::MalformedLength)),
        ("GW-2", &["Content-Length: 0x5"], Err(E::MalformedLength)),
        ("GW-2", &["Content-Length: 5 5"], Err(E::MalformedLength)),
        ("GW-2", &["Content-Length: 5.0"], Err(E::MalformedLength)),
        ("GW-2", &["Content-Length: \"5\""], Err(E::MalformedLength)),
        ("GW-2", &["Content-Length: ٥"], Err(E::MalformedLength)),
        (
            "GW-2",
            &["Content-Length: 9223372036854775808"],
            Err(E::MalformedLength),
        ),
        (
            "GW-2",
            &["Content-Length: 18446744073709551616"],
            Err(E::MalformedLength),
        ),
        (
            "GW-2",
            &["Content-Length: 18446744073709551621"],
            Err(E::MalformedLength),
        ),
        (
            "9112 6.1",
            &["Transfer-Encoding: chunked"],
            Ok(Framing::Chunked),
        ),
        (
            "9112 7",
            &["transfer-encoding:\tChUnKeD \t"],
            Ok(Framing::Chunked),
        ),
        (
            "GW-1",
            &["Transfer-Encoding: chunked", "Content-Length: 5"],
            Err(E::LengthAndEncoding),
        ),
        (
            "GW-1",
            &["Content-Length: 0", "Transfer-Encoding: chunked"],
            Err(E::LengthAndEncoding),
        ),
        ("GW-3", &["Transfer-Encoding:"], Err(E::MalformedEncoding)),
        (
            "GW-3",
            &["Transfer-Encoding: identity"],
            Err(E::MalformedEncoding),
        ),
        (
            "GW-3",
            &["Transfer-Encoding: gzip"],
            Err(E::MalformedEncoding),
        ),
        (
            "GW-3",
            &["Transfer-Encoding: chunked, identity"],
            Err(E::MalformedEncoding),
        ),
        (
            "GW-3",
            &["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
            Err(E::MalformedEncoding),
        ),
        (
            "GW-3",
            &["Transfer-Encoding: gzip, chunked"],
            Err(E::UnsupportedEncoding),
        ),
        (
            "GW-3",
            &["Transfer-Encoding: identity", "Transfer-Encoding: chunked"],
            Err(E::UnsupportedEncoding),
        ),
        (
            "GW-5",
            &["Transfer-Encoding: chunked, chunked"],
            Err(E::MalformedEncoding),
        ),
        (
            "GW-5",
            &["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
            Err(E::MalformedEncoding),
        ),
        (
            "GW-5",
            &["Transfer-Encoding: chunked, gzip, chunked"],
            Err(E::MalformedEncoding),
        ),
        (
            "GW-5",
            &["Transfer-Encoding: chunked,"],
            Err(E::MalformedEncoding),
        ),
        (
            "GW-5",
            &["Transfer-Encoding: ,chunked"],
            Err(E::MalformedEncoding),
        ),
        (
            "GW-5",
            &["Transfer-Encoding: ", "Transfer-Encoding: chunked"],
            Err(E::MalformedEncoding),
        ),
        (
            "GW-5",
            &["Transfer-Encoding: chunked;foo"],
            Err(E::MalformedEncoding),
        ),
        (
            "GW-5",
            &["Transfer-Encoding: chunked;q=1"],
            Err(E::MalformedEncoding),
        ),
        (
            "GW-5",
            &["Transfer-Encoding: xchunked"],
            Err(E::MalformedEncoding),
        ),
        (
            "GW-5",
            &["Transfer-Encoding: chunkedx"],
            Err(E::MalformedEncoding),
        ),
        (
            "GW-5",
            &["Transfer-Encoding: chun ked"],
            Err(E::MalformedEncoding),
        ),
        (
            "GW-5",
            &["Transfer-Encoding: x chunked"],
            Err(E::MalformedEncoding),
        ),
        (
            "GW-5",
            &["Transfer-Encoding: \"chunked\""],
            Err(E::MalformedEncoding),
        ),
        (
            "GW-5",
            &["Transfer-Encoding: \u{b}chunked"],
            Err(E::MalformedEncoding),
        ),
        (
            "GW-5",
            &["Transfer-Encoding: \u{c}chunked"],
            Err(E::MalformedEncoding),
        ),
        (
            "GW-5",
            &["Transfer-Encoding: \u{a0}chunked"],
            Err(E::MalformedEncoding),
        ),
        (
            "GW-5",
            &["Transfer-Encoding: chun\u{212a}ed"],
            Err(E::MalformedEncoding),
        ),
        (
            "GW-1, a fault in either is one",
            &["Transfer-Encoding: x", "Content-Length: 5"],
            Err(E::MalformedEncoding),
        ),
        (
            "GW-1, a fault in either is one",
            &["Transfer-Encoding: chunked", "Content-Length: x"],
            Err(E::MalformedLength),
        ),
    ] {
        check_request(rule, Version::Http11, lines, expected);
    }
    for (rule, lines, expected) in [
        (
            "9112 6.2",
            &["Content-Length: 5"][..],
            Ok(Framing::Length(5)),
        ),
        (
            "GW-4",
            &["Transfer-Encoding: chunked"],
            Err(E::EncodingInHttp10),
        ),
        (
            "GW-4",
            &["Transfer-Encoding: chunked", "Content-Length: 5"],
            Err(E::EncodingInHttp10),
        ),
        (
            "GW-4",
            &["Transfer-Encoding: gzip"],
            Err(E::MalformedEncoding),
        ),
    ] {
        check_request(rule, Version::Http10, lines, expected);
    }
}

#[test]
fn responses() {
    use MethodKind::{Get, Head};
    for (rule, method, status, lines, expected) in [
        ("GW-9", Get, 200, &[][..], Ok(Framing::UntilClose)),
        (
            "9112 6.2",
            Get,
            200,
            &["Content-Length: 5"],
            Ok(Framing::Length(5)),
        ),
        (
            "GW-2",
            Get,
            200,
            &["Content-Length: 5", "Content-Length: 5"],
            Ok(Framing::Length(5)),
        ),
        (
            "GW-2",
            Get,
            200,
            &["Content-Length: 5", "Content-Length: 6"],
            Err(E::MalformedLength),
        ),
        (
            "9112 6.1",
            Get,
            500,
            &["Transfer-Encoding: chunked"],
            Ok(Framing::Chunked),
        ),
        // RFC 9112 6.3 lets TE win; it also calls both at once an attack, and no sane origin sends them.
        (
            "GW-1",
            Get,
            200,
            &["Transfer-Encoding: chunked", "Content-Length: 5"],
            Err(E::LengthAndEncoding),
        ),
        // GW-3 reads such a body until close. A proxy that removes Transfer-Encoding and cannot decode the coding would
        // pass on bytes the client cannot read: 502 instead, as nginx does.
        (
            "GW-3",
            Get,
            200,
            &["Transfer-Encoding: gzip"],
            Err(E::MalformedEncoding),
        ),
        (
            "GW-3",
            Get,
            200,
            &["Transfer-Encoding: gzip, chunked"],
            Err(E::UnsupportedEncoding),
        ),
        (
            "GW-10",
            Head,
            200,
            &["Content-Length: 5"],
            Ok(Framing::None),
        ),
        (
            "GW-10",
            Head,
            200,
            &["Transfer-Encoding: chunked"],
            Ok(Framing::None),
        ),
        ("GW-10", Get, 100, &["Content-Length: 5"], Ok(Framing::None)),
        ("GW-10", Get, 101, &[], Ok(Framing::None)),
        (
            "GW-10",
            Get,
            103,
            &["Transfer-Encoding: chunked"],
            Ok(Framing::None),
        ),
        ("GW-10", Get, 204, &["Content-Length: 5"], Ok(Framing::None)),
        (
            "GW-10",
            Get,
            204,
            &["Transfer-Encoding: x", "Content-Length: y"],
            Ok(Framing::None),
        ),
        ("GW-10", Get, 304, &["Content-Length: 5"], Ok(Framing::None)),
        (
            "GW-9",
            Get,
            205,
            &["Content-Length: 0"],
            Ok(Framing::Length(0)),
        ),
    ] {
        let context = ResponseContext {
            method,
            status: StatusCode::try_from(status).unwrap(),
            version: Version::Http11,
        };
        let found = response_framing(&fields(lines), context);
        assert_eq!(found, expected, "{rule}: {status} {lines:?}");
    }
    let context = ResponseContext {
        method: Get,
        status: StatusCode::OK,
        version: Version::Http10,
    };
    let found = response_framing(&fields(&["Transfer-Encoding: chunked"]), context);
    assert_eq!(found, Err(E::EncodingInHttp10), "GW-4");
}
