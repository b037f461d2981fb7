//! Chunked bodies (GW-6 to GW-8, GW-37; RFC 9112 7.1).

use h1::ChunkError as E;

use crate::support::{Body, read_chunked, show};

/// `Ok`: the data, and the trailers as ` | NAME: VALUE`; the body takes all bytes.
#[track_caller]
fn check(rule: &str, raw: &[u8], expected: Result<(&[u8], &str), E>) {
    let expected = expected.map(|(data, trailers)| Body {
        data: data.to_vec(),
        trailers: trailers.to_owned(),
        consumed: raw.len(),
        is_done: true,
    });
    assert_eq!(read_chunked(raw), expected, "{rule}: {}", show(raw));
}

#[test]
fn accepted() {
    for (rule, raw, data) in [
        ("9112 7.1", &b"0\r\n\r\n"[..], &b""[..]),
        (
            "9112 7.1",
            b"4\r\nWiki\r\n5\r\npedia\r\n0\r\n\r\n",
            b"Wikipedia",
        ),
        (
            "9112 7.1",
            b"a\r\n0123456789\r\nA\r\n\r\n0\r\n\r\n1\r\n\r\n00\r\n\r\n",
            b"0123456789\r\n0\r\n\r\n1\r\n",
        ),
        (
            "GW-6, zeros",
            b"0000000000000001\r\nx\r\n0000000000000000\r\n\r\n",
            b"x",
        ),
        ("GW-7", b"1;a\r\nx\r\n0\r\n\r\n", b"x"),
        ("GW-7", b"1;a=b;c=\"d e\"\r\nx\r\n0;z\r\n\r\n", b"x"),
        ("GW-7", b"1 \t ;\ta = b\r\nx\r\n0\r\n\r\n", b"x"),
        (
            "GW-7, no grammar is needed to drop it",
            b"1;\r\nx\r\n0;;=\xff\r\n\r\n",
            b"x",
        ),
    ] {
        check(rule, raw, Ok((data, "")));
    }
}

#[test]
fn refused() {
    for (rule, raw, fault) in [
        ("GW-6", &b"\r\n"[..], E::MalformedSize),
        ("GW-6", b";a\r\n", E::MalformedSize),
        ("GW-6", b"0x5\r\n", E::MalformedSize),
        ("GW-6", b" 5\r\n", E::MalformedSize),
        ("GW-6", b"\t5\r\n", E::MalformedSize),
        ("GW-6", b"+5\r\n", E::MalformedSize),
        ("GW-6", b"-1\r\n", E::MalformedSize),
        ("GW-6", b"5_0\r\n", E::MalformedSize),
        ("GW-6", b"g\r\n", E::MalformedSize),
        ("GW-6", b"\xef\xbc\x95\r\n", E::MalformedSize),
        // BWS is allowed before `;` only.
        ("GW-6", b"5 \r\n", E::MalformedSize),
        ("GW-6", b"5\t\r\n", E::MalformedSize),
        ("GW-6", b"5 5\r\n", E::MalformedSize),
        ("GW-6", b"8000000000000000\r\n", E::MalformedSize),
        ("GW-6", b"ffffffffffffffff\r\n", E::MalformedSize),
        ("GW-6", b"10000000000000005\r\n", E::MalformedSize),
        ("GW-6", b"00000000000000005\r\n", E::MalformedSize),
        ("GW-6", b"1\r\nx0\r\n", E::MissingLineEnd),
        ("GW-6", b"1\r\nxy\r\n", E::MissingLineEnd),
        ("GW-6", b"1\r\nx\r0", E::MissingLineEnd),
        ("GW-6", b"1\r\nx\r\r\n", E::MissingLineEnd),
        ("GW-8", b"1\r\nx\n0\r\n", E::MissingLineEnd),
        ("GW-8", b"1\nx\r\n0\r\n", E::MalformedSize),
        ("GW-8", b"1\rx", E::MalformedLine),
        ("GW-8", b"1\r\r\n", E::MalformedLine),
        ("GW-8", b"1;a\nx\r\n0\r\n", E::MalformedLine),
        ("GW-8", b"1;a=\nx\r\n0\r\n", E::MalformedLine),
        (
            "GW-8, in a quoted string",
            b"1;a=\"\n\"\r\n",
            E::MalformedLine,
        ),
        ("GW-7", b"1;a\rx", E::MalformedLine),
        ("GW-7", b"1;\x00\r\n", E::MalformedLine),
        ("GW-7", b"1;a\x0b\r\n", E::MalformedLine),
        ("GW-7", b"1;a\x7f\r\n", E::MalformedLine),
        ("GW-8", b"0\n\r\n", E::MalformedSize),
        ("GW-8", b"0\r\n\n", E::MalformedTrailers),
        ("GW-8", b"0\r\n\rx", E::MalformedTrailers),
        ("GW-8", b"0\r\nA: b\n\r\n", E::MalformedTrailers),
        ("GW-8", b"0\r\nA: b\n\n", E::MalformedTrailers),
        ("GW-8", b"0\r\nA: b\r\n\n", E::MalformedTrailers),
        ("GW-8", b"0\r\nA: b\nC: d\r\n\r\n", E::MalformedTrailers),
        ("GW-13", b"0\r\nA : b\r\n\r\n", E::MalformedTrailers),
        ("GW-13", b"0\r\n: b\r\n\r\n", E::MalformedTrailers),
        ("GW-13", b"0\r\nA\r\n\r\n", E::MalformedTrailers),
        ("GW-14", b"0\r\nA: b\r\n c\r\n\r\n", E::MalformedTrailers),
        ("GW-14", b"0\r\n A: b\r\n\r\n", E::MalformedTrailers),
        ("GW-15", b"0\r\nA: b\rc\r\n\r\n", E::MalformedTrailers),
        ("GW-15", b"0\r\nA: \x00\r\n\r\n", E::MalformedTrailers),
    ] {
        check(rule, raw, Err(fault));
    }
}

#[test]
fn gw_37_trailers() {
    for (lines, expected) in [
        ("A: b\r\n", " | A: b"),
        ("A:\r\nB: \t c \r\n", " | A:  | B: c"),
        (
            "grpc-status: 0\r\ngrpc-message: ok\r\n",
            " | grpc-status: 0 | grpc-message: ok",
        ),
        // Framing, routing, authentication and who asks: dropped.
        (
            "Content-Length: 5\r\nA: b\r\nTransfer-Encoding: chunked\r\n",
            " | A: b",
        ),
        (
            "Host: b\r\nAuthorization: x\r\nX-Forwarded-For: ::1\r\n",
            "",
        ),
        (
            "cookie: a\r\nset-cookie: a\r\nConnection: close\r\nTrailer: A\r\n",
            "",
        ),
    ] {
        let raw = format!("1\r\nx\r\n0\r\n{lines}\r\n");
        check("GW-37", raw.as_bytes(), Ok((b"x", expected)));
    }
}

#[test]
fn an_incomplete_body_is_no_end() {
    let whole = b"3;a\r\nabc\r\n0;b\r\nA: b\r\n\r\n";
    for end in 0..whole.len() {
        let body = read_chunked(&whole[..end]).unwrap();
        assert!(!body.is_done, "GW-9: {}", show(&whole[..end]));
    }
    let pair = [&whole[..], b"GET / HTTP/1.1"].concat();
    let body = read_chunked(&pair).unwrap();
    assert_eq!((body.consumed, body.is_done), (whole.len(), true));
}

#[test]
fn parse_trailers_takes_a_whole_section() {
    let mut fields = message::Fields::default();
    for (section, expected) in [
        (&b"\r\n"[..], Ok(())),
        (b"A: b\r\n\r\n", Ok(())),
        (b"", Err(E::MalformedTrailers)),
        (b"\n", Err(E::MalformedTrailers)),
        (b"A: b\r\n", Err(E::MalformedTrailers)),
        (b"A: b\r\n\r\nx", Err(E::MalformedTrailers)),
        (b"A: b\r\nC: d\r\nE: f\r\n\r\n", Err(E::TrailersTooLarge)),
    ] {
        let found = h1::parse_trailers(section, 2, &mut fields);
        assert_eq!(found, expected, "{}", show(section));
    }
}
