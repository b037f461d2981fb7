//! Request heads: line, target, Host, field lines (GW-8, 13 to 17, 20 to 22, 24; RFC 9112 2 to 5).

use h1::HeadError as E;
use message::AuthorityError as A;

use crate::support::{LIMITS, read_request, show};

#[track_caller]
fn check(rule: &str, raw: &[u8], expected: Result<&str, E>) {
    let read = read_request(raw, LIMITS);
    let expected = expected.map(|head| Some((raw.len(), head.to_owned())));
    assert_eq!(read, expected, "{rule}: {}", show(raw));
}

/// A request line before `Host: a` and the end.
#[track_caller]
fn check_line(rule: &str, line: &[u8], expected: Result<&str, E>) {
    check(rule, &[line, b"\r\nHost: a\r\n\r\n"].concat(), expected);
}

/// A field line behind `Host: a`.
#[track_caller]
fn check_field(rule: &str, line: &[u8], expected: Result<&str, E>) {
    let raw = [b"GET / HTTP/1.1\r\nHost: a\r\n", line, b"\r\n\r\n"].concat();
    let expected = expected.map(|field| format!("GET / 1.1 to a | {field}"));
    check(rule, &raw, expected.as_deref().map_err(|fault| *fault));
}

/// An authority as the Host field's value and as an absolute target's.
#[track_caller]
fn check_host(rule: &str, authority: &[u8], expected: Result<&str, A>) {
    let expected = expected
        .map(|host| format!("GET / 1.1 to {host}"))
        .map_err(E::MalformedHost);
    let expected = || expected.as_deref().map_err(|fault| *fault);
    let raw = [b"GET / HTTP/1.1\r\nHost: ", authority, b"\r\n\r\n"].concat();
    check(rule, &raw, expected());
    // A space or a `#` ends or spoils the target before its authority is looked at.
    if !authority
        .iter()
        .any(|b| matches!(b, b' ' | b'#' | b'/' | b'?'))
        && authority.is_ascii()
    {
        check_line(
            rule,
            &[b"GET http://", authority, b"/ HTTP/1.1"].concat(),
            expected(),
        );
    }
}

#[test]
fn accepted_request_lines() {
    for (rule, line, expected) in [
        ("GW-16", &b"GET / HTTP/1.1"[..], "GET / 1.1 to a"),
        (
            "GW-16",
            b"get /a/../b?c?d HTTP/1.1",
            "get /a/../b?c?d 1.1 to a",
        ),
        (
            "GW-16",
            b"!#$%&'*+-.^_`|~09AZaz / HTTP/1.1",
            "!#$%&\\'*+-.^_`|~09AZaz / 1.1 to a",
        ),
        ("GW-16", b"GET /? HTTP/1.0", "GET /? 1.0 to a"),
        // Not allowed by RFC 3986, sent by browsers: the path's policy decides on them, the query is left alone (GW-26).
        (
            "GW-16",
            b"GET /\"<>\\^`{|}?\"<>\\^`{|} HTTP/1.1",
            "GET /\\\"<>\\\\^`{|}?\\\"<>\\\\^`{|} 1.1 to a",
        ),
        ("GW-16", b"GET //a//b HTTP/1.1", "GET //a//b 1.1 to a"),
        ("GW-21", b"GET http://b/c?d HTTP/1.1", "GET /c?d 1.1 to b"),
        (
            "GW-21",
            b"GET HTTP://B:8080/ HTTP/1.1",
            "GET / 1.1 to b:8080",
        ),
        ("GW-21", b"GET https://b HTTP/1.1", "GET / 1.1 to b"),
        ("GW-21", b"GET http://b?d HTTP/1.1", "GET /?d 1.1 to b"),
        ("GW-21", b"GET http://b//c HTTP/1.1", "GET //c 1.1 to b"),
        ("GW-22", b"OPTIONS * HTTP/1.1", "OPTIONS * 1.1 to a"),
        ("GW-22", b"OPTIONS http://b HTTP/1.1", "OPTIONS * 1.1 to b"),
        ("GW-22", b"OPTIONS http://b/ HTTP/1.1", "OPTIONS / 1.1 to b"),
        (
            "GW-22",
            b"OPTIONS http://b?c HTTP/1.1",
            "OPTIONS /?c 1.1 to b",
        ),
        ("GW-22", b"GET /* HTTP/1.1", "GET /* 1.1 to a"),
    ] {
        check_line(rule, line, Ok(expected));
    }
}

#[test]
fn refused_request_lines() {
    for (rule, line, fault) in [
        (
            "GW-16, leading space",
            &b" GET / HTTP/1.1"[..],
            E::MalformedLine,
        ),
        ("GW-16, leading tab", b"\tGET / HTTP/1.1", E::MalformedLine),
        ("GW-16, two spaces", b"GET  / HTTP/1.1", E::MalformedLine),
        ("GW-16, two spaces", b"GET /  HTTP/1.1", E::MalformedLine),
        ("GW-16, tab", b"GET\t/ HTTP/1.1", E::MalformedLine),
        ("GW-16, tab", b"GET /\tHTTP/1.1", E::MalformedLine),
        ("GW-16, trailing space", b"GET / HTTP/1.1 ", E::BareLineFeed),
        ("GW-16, four parts", b"GET / / HTTP/1.1", E::MalformedLine),
        ("GW-16, no method", b"/ HTTP/1.1", E::MalformedLine),
        ("GW-16, no target", b"GET HTTP/1.1", E::MalformedLine),
        (
            "GW-16, method no token",
            b"G@T / HTTP/1.1",
            E::MalformedLine,
        ),
        (
            "GW-16, method no token",
            b"G\x00T / HTTP/1.1",
            E::MalformedLine,
        ),
        (
            "GW-16, method no token",
            b"G\xc3\x89T / HTTP/1.1",
            E::MalformedLine,
        ),
        ("GW-16, a response", b"HTTP/1.1 200 OK", E::MalformedLine),
        ("GW-16, HTTP/0.9", b"GET /", E::MalformedLine),
        ("GW-16, NUL", b"GET /\x00 HTTP/1.1", E::MalformedLine),
        ("GW-16, DEL", b"GET /\x7f HTTP/1.1", E::MalformedLine),
        ("GW-16, bare CR", b"GET /\r/ HTTP/1.1", E::MalformedLine),
        ("GW-8, bare CR", b"GET / HTTP/1.1\rX: y", E::BareLineFeed),
        ("GW-8, CR CR LF", b"GET / HTTP/1.1\r", E::BareLineFeed),
        ("GW-16, fragment", b"GET /#a HTTP/1.1", E::MalformedTarget),
        (
            "GW-16, fragment",
            b"GET http://b#@c/ HTTP/1.1",
            E::MalformedTarget,
        ),
        (
            "GW-16, UTF-8",
            b"GET /\xc3\xa9 HTTP/1.1",
            E::MalformedTarget,
        ),
        (
            "GW-16, UTF-8",
            b"GET /?\xc3\xa9 HTTP/1.1",
            E::MalformedTarget,
        ),
        ("GW-16, latin-1", b"GET /\xe9 HTTP/1.1", E::MalformedLine),
        ("9112 2.3", b"GET / HTTP/2.0", E::UnsupportedVersion),
        ("9112 2.3", b"GET / HTTP/0.9", E::UnsupportedVersion),
        ("9112 2.3", b"GET / HTTP/1.2", E::UnsupportedVersion),
        ("9112 2.3", b"GET / HTTP/1.", E::MalformedLine),
        ("9112 2.3", b"GET / HTTP/11", E::MalformedLine),
        ("9112 2.3", b"GET / HTTP/1.10", E::BareLineFeed),
        ("9112 2.3", b"GET / HTTP/2.10", E::MalformedLine),
        ("9112 2.3", b"GET / http/1.1", E::MalformedLine),
        ("9112 2.3", b"GET / ICE/1.1", E::MalformedLine),
        (
            "9112 2.3, the last of four parts is not the version",
            b"GET / X HTTP/2.0",
            E::MalformedLine,
        ),
        (
            "9113 3.4, a preface",
            b"PRI * HTTP/2.0",
            E::UnsupportedVersion,
        ),
        ("GW-22", b"CONNECT b:443 HTTP/1.1", E::ConnectRefused),
        ("GW-22", b"CONNECT /a HTTP/1.1", E::ConnectRefused),
        ("GW-22", b"GET * HTTP/1.1", E::WrongTargetForm),
        ("GW-22", b"options * HTTP/1.1", E::WrongTargetForm),
        ("GW-22", b"OPTIONS *?a HTTP/1.1", E::WrongTargetForm),
        ("GW-22", b"OPTIONS */ HTTP/1.1", E::WrongTargetForm),
        (
            "GW-22, authority-form",
            b"GET b:80 HTTP/1.1",
            E::WrongTargetForm,
        ),
        ("GW-22, no slash", b"GET a HTTP/1.1", E::WrongTargetForm),
        ("GW-22, no slash", b"GET ?a HTTP/1.1", E::WrongTargetForm),
        ("GW-22, no slash", b"GET \\a HTTP/1.1", E::WrongTargetForm),
        (
            "GW-21, not HTTP",
            b"GET ftp://b/ HTTP/1.1",
            E::WrongTargetForm,
        ),
        (
            "GW-21, one slash",
            b"GET http:/b/ HTTP/1.1",
            E::WrongTargetForm,
        ),
        (
            "GW-21, no host",
            b"GET http:///a HTTP/1.1",
            E::MalformedHost(A::Empty),
        ),
        (
            "GW-21, no host",
            b"GET http://?a HTTP/1.1",
            E::MalformedHost(A::Empty),
        ),
        (
            "GW-21, no host",
            b"GET http://:80/ HTTP/1.1",
            E::MalformedHost(A::Empty),
        ),
        (
            "GW-20, userinfo",
            b"GET http://u@b/ HTTP/1.1",
            E::MalformedHost(A::ForbiddenByte { found: b'@' }),
        ),
        (
            "GW-20, userinfo",
            b"GET http://u:p@b/ HTTP/1.1",
            E::MalformedHost(A::MalformedPort),
        ),
        (
            "GW-20, backslash",
            b"GET http://b\\.c/ HTTP/1.1",
            E::MalformedHost(A::ForbiddenByte { found: b'\\' }),
        ),
    ] {
        check_line(rule, line, Err(fault));
    }
}

#[test]
fn gw_17_one_empty_line_is_ignored() {
    let get = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    check("GW-17", &[b"\r\n", &get[..]].concat(), Ok("GET / 1.1 to a"));
    for before in [
        &b"\r\n\r\n"[..],
        b"\n",
        b"\r",
        b"\r\n\n",
        b"\r\n\r",
        b"\r\r\n",
        b" \r\n",
    ] {
        check("GW-17", &[before, get].concat(), Err(E::MalformedLine));
    }
}

#[test]
fn gw_8_every_line_ends_in_cr_lf() {
    for raw in [
        &b"GET / HTTP/1.1\nHost: a\n\n"[..],
        b"GET / HTTP/1.1\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: y\nZ: z\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX:\nZ: z\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: \t\n\r\n",
        b"GET / HTTP/1.1\n\n",
        b"GET / HTTP/1.0\r\n\n",
    ] {
        check("GW-8", raw, Err(E::BareLineFeed));
    }
}

#[test]
fn field_lines() {
    for (rule, line, expected) in [
        ("9112 5", &b"X: y"[..], Ok("X: y")),
        ("9112 5.1, any space before a value", b"X:y", Ok("X: y")),
        ("9112 5.1", b"X: \t y \t ", Ok("X: y")),
        ("9112 5.1", b"X:", Ok("X: ")),
        ("9112 5.1", b"X: \t ", Ok("X: ")),
        ("9110 5.5", b"X: a:b: c\td", Ok("X: a:b: c\\td")),
        (
            "9110 5.5, obs-text",
            b"X: \x80\xc3\xa9\xff",
            Ok("X: \\x80\\xc3\\xa9\\xff"),
        ),
        (
            "9110 5.1",
            b"!#$%&'*+-.^_`|~0aZ: y",
            Ok("!#$%&\\'*+-.^_`|~0aZ: y"),
        ),
        ("GW-13", b"X : y", Err(E::MalformedFieldName)),
        ("GW-13", b"X\t: y", Err(E::MalformedFieldName)),
        ("GW-13, CVE-2023-25725", b": y", Err(E::MalformedFieldName)),
        ("GW-13", b"X", Err(E::MalformedFieldName)),
        ("GW-13", b"X y: z", Err(E::MalformedFieldName)),
        ("GW-13", b"X\x00: y", Err(E::MalformedFieldName)),
        ("GW-13", b"X\x7f: y", Err(E::MalformedFieldName)),
        ("GW-13", b"X\xe9: y", Err(E::MalformedFieldName)),
        ("GW-13", b"X(: y", Err(E::MalformedFieldName)),
        ("GW-13", b"X\r: y", Err(E::MalformedFieldName)),
        (
            "GW-13",
            b"\x0bTransfer-Encoding: chunked",
            Err(E::MalformedFieldName),
        ),
        ("GW-14", b"X: y\r\n z", Err(E::MalformedFieldName)),
        ("GW-14", b"X: y\r\n\tz", Err(E::MalformedFieldName)),
        ("GW-14", b"X: y\r\n ", Err(E::MalformedFieldName)),
        ("GW-14", b"X:\r\n y", Err(E::MalformedFieldName)),
        ("GW-15", b"X: y\rz", Err(E::MalformedFieldValue)),
        ("GW-15", b"X: \ry", Err(E::MalformedFieldValue)),
        ("GW-15", b"X: y\r", Err(E::MalformedFieldValue)),
        ("GW-15", b"X: y\x00", Err(E::MalformedFieldValue)),
        ("GW-15", b"X: \x00", Err(E::MalformedFieldValue)),
        ("GW-15", b"X: y\x01z", Err(E::MalformedFieldValue)),
        ("GW-15", b"X: y\x7f", Err(E::MalformedFieldValue)),
        (
            "GW-5",
            b"Transfer-Encoding: \x0bchunked",
            Err(E::MalformedFieldValue),
        ),
        (
            "GW-5",
            b"Transfer-Encoding: chunked\x0c",
            Err(E::MalformedFieldValue),
        ),
    ] {
        check_field(rule, line, expected);
    }
    check(
        "9112 2.2, space before the first field",
        b"GET / HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n",
        Err(E::MalformedFieldName),
    );
}

#[test]
fn gw_20_host_count() {
    for (raw, expected) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], Err(E::HostCount)),
        (b"GET / HTTP/1.1\r\nX: y\r\n\r\n", Err(E::HostCount)),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            Err(E::HostCount),
        ),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n",
            Err(E::HostCount),
        ),
        (
            b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
            Err(E::HostCount),
        ),
        // An absolute target does not make up for the field, and does not hide a bad one (RFC 9112 3.2).
        (b"GET http://b/ HTTP/1.1\r\n\r\n", Err(E::HostCount)),
        (
            b"GET http://b/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            Err(E::HostCount),
        ),
        (
            b"GET http://b/ HTTP/1.1\r\nHost: a@b\r\n\r\n",
            Err(E::MalformedHost(A::ForbiddenByte { found: b'@' })),
        ),
        (b"GET / HTTP/1.0\r\n\r\n", Ok("GET / 1.0 to ")),
        (b"GET http://b/ HTTP/1.0\r\n\r\n", Ok("GET / 1.0 to b")),
    ] {
        check("GW-20", raw, expected);
    }
}

#[test]
fn gw_20_and_24_hosts() {
    for (rule, authority, expected) in [
        ("GW-24", &b"Example.COM"[..], Ok("example.com")),
        ("GW-24", b"a.", Ok("a")),
        ("GW-24", b"a.:80", Ok("a")),
        ("GW-24", b"a:80", Ok("a")),
        ("GW-24", b"a:", Ok("a")),
        ("GW-24", b"a:0081", Ok("a:81")),
        ("GW-24", b"a:65535", Ok("a:65535")),
        ("GW-24", b"xn--caf-dma.example", Ok("xn--caf-dma.example")),
        ("GW-24", b"127.0.0.1:8080", Ok("127.0.0.1:8080")),
        ("GW-24", b"[::1]:81", Ok("[::1]:81")),
        (
            "GW-24, one form (RFC 5952)",
            b"[2001:DB8:0:0::01]",
            Ok("[2001:db8::1]"),
        ),
        ("GW-24", b"a..", Err(A::ForbiddenByte { found: b'.' })),
        ("GW-24", b"a..b", Err(A::ForbiddenByte { found: b'.' })),
        ("GW-24", b".a", Err(A::ForbiddenByte { found: b'.' })),
        ("GW-24", b"..", Err(A::ForbiddenByte { found: b'.' })),
        (
            "GW-24, no A-label",
            b"caf\xc3\xa9",
            Err(A::ForbiddenByte { found: 0xc3 }),
        ),
        ("GW-20", b"", Err(A::Empty)),
        ("GW-20", b".", Err(A::Empty)),
        ("GW-20", b":80", Err(A::Empty)),
        ("GW-20", b"u@a", Err(A::ForbiddenByte { found: b'@' })),
        ("GW-20", b"a/b", Err(A::ForbiddenByte { found: b'/' })),
        ("GW-20", b"a, b", Err(A::ForbiddenByte { found: b',' })),
        ("GW-20", b"a b", Err(A::ForbiddenByte { found: b' ' })),
        ("GW-20", b"a%2eb", Err(A::ForbiddenByte { found: b'%' })),
        ("GW-20", b"a:0", Err(A::MalformedPort)),
        ("GW-20", b"a:65536", Err(A::MalformedPort)),
        ("GW-20", b"a:99999999999999999999", Err(A::MalformedPort)),
        ("GW-20", b"a:+80", Err(A::MalformedPort)),
        ("GW-20", b"a:80:80", Err(A::MalformedPort)),
        ("GW-20", b"::1", Err(A::MalformedPort)),
        ("GW-20", b"[::1", Err(A::MalformedIpv6)),
        ("GW-20", b"[]", Err(A::MalformedIpv6)),
        ("GW-20", b"[1.2.3.4]", Err(A::MalformedIpv6)),
        ("GW-20, zone", b"[fe80::1%25eth0]", Err(A::MalformedIpv6)),
        ("GW-20", b"[::1].", Err(A::ForbiddenByte { found: b'.' })),
        ("GW-20", b"[::1]80", Err(A::ForbiddenByte { found: b'8' })),
    ] {
        check_host(rule, authority, expected);
    }
}

#[test]
fn what_cannot_be_http_is_told_on_its_first_bytes() {
    for (what, raw) in [
        ("a TLS hello", &b"\x16\x03\x01"[..]),
        ("a method that is none", b"GET@"),
        ("a line without version", b"GET /\r\n"),
    ] {
        check(what, raw, Err(E::MalformedLine));
    }
    check(
        "another version",
        b"GET / HTTP/3.0\r\n",
        Err(E::UnsupportedVersion),
    );
    for raw in [
        &b""[..],
        b"\r",
        b"\r\n",
        b"G",
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\n: ",
    ] {
        assert_eq!(read_request(raw, LIMITS), Ok(None), "{}", show(raw));
    }
}

#[test]
fn statuses() {
    for (fault, status) in [
        (E::MalformedLine, 400),
        (E::UnsupportedVersion, 505),
        (E::MalformedTarget, 400),
        (E::WrongTargetForm, 400),
        (E::ConnectRefused, 501),
        (E::TargetTooLong, 414),
        (E::HeadTooLarge, 431),
        (E::TooManyFields, 431),
        (E::MalformedFieldName, 400),
        (E::MalformedFieldValue, 400),
        (E::BareLineFeed, 400),
        (E::HostCount, 400),
        (E::MalformedHost(A::Empty), 400),
        (E::MalformedLength, 400),
        (E::LengthAndEncoding, 400),
        (E::MalformedEncoding, 400),
        (E::UnsupportedEncoding, 501),
        (E::EncodingInHttp10, 400),
    ] {
        assert_eq!(fault.status().get(), status, "{fault}");
    }
}

#[test]
fn the_head_ends_where_the_next_message_begins() {
    let pair = b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\n\x00";
    assert_eq!(
        read_request(pair, LIMITS),
        Ok(Some((28, "GET /1 1.1 to a".into())))
    );
}
