//! `OTEL_EXPORTER_OTLP_HEADERS` (OTLP exporter, specifying headers; W3C Baggage 3.2.1).

use telemetry::environment::{Effect, Environment};

use super::{check, read};

const ALL: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const LOGS: &str = "OTEL_EXPORTER_OTLP_LOGS_HEADERS";

/// `name: value` with bars between.
fn headers(found: &Environment) -> String {
    let pairs: Vec<_> = found
        .otlp
        .logs
        .headers
        .iter()
        .map(|(name, value)| format!("{}: {}", name.as_str(), value.expose()))
        .collect();
    pairs.join("|")
}

#[test]
fn headers_are_a_list_of_pairs() {
    for (value, expected) in [
        (
            "api-key=key,other-config-value=value",
            "api-key: key|other-config-value: value",
        ),
        (" a = b ,\tc\t=\td ", "a: b|c: d"),
        ("API-Key=Key", "api-key: Key"),
        ("a=b%20c%2Cd%3D%25%3B%22", "a: b c,d=%;\""),
        ("a=b%C3%A9", "a: bé"),
        ("authorization=Bearer%20x", "authorization: Bearer x"),
        ("authorization=Bearer x", "authorization: Bearer x"),
        (
            "authorization=Basic dXNlcjpwYXNz==",
            "authorization: Basic dXNlcjpwYXNz==",
        ),
        ("a=b+c/d:e", "a: b+c/d:e"),
        ("a=", "a: "),
        ("a%41=b", "a%41: b"),
        ("a=1,b=2,A=3", "b: 2|a: 3"),
        (",a=b,,c=d,", "a: b|c: d"),
        (",", ""),
    ] {
        check(&[(ALL, value)], headers, expected.to_owned(), &[]);
        check(&[(LOGS, value)], headers, expected.to_owned(), &[]);
    }
}

#[test]
fn malformed_members_are_skipped() {
    for malformed in [
        "a",
        "=b",
        " =b",
        "a b=c",
        "a(=c",
        "é=c",
        "a:b=c",
        "a=%",
        "a=%4",
        "a=%zz",
        "a=%FF",
        "a=b;c=d",
        "a=b;c",
        "a=\"b\"",
        "a=b\\c",
        "a=é",
        "a=b\u{1}",
        "a=b\nc",
        "a=b\tc",
        "a=%0D%0Ax: y",
        "a=%00",
        "a=%7F",
        "a=%20b",
        "a=b%20",
        "a=b%09",
    ] {
        for (value, expected) in [
            (malformed.to_owned(), ""),
            (format!("x=y,{malformed},z=1"), "x: y|z: 1"),
        ] {
            let warned = [(ALL, Effect::MemberSkipped)];
            check(&[(ALL, &value)], headers, expected.to_owned(), &warned);
        }
    }
    let (environment, warnings) = read(&[(ALL, "a,b=%,c,d=1")]);
    assert_eq!(headers(&environment), "d: 1");
    let found: Vec<_> = warnings.iter().map(|warning| &*warning.found).collect();
    let expected = [
        "something else as member 1",
        "something else under `b`",
        "something else as member 3",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_signals_headers_replace_the_general_ones() {
    let general = (ALL, "a=1,b=2");
    check(&[general, (LOGS, "c=3")], headers, "c: 3".to_owned(), &[]);
    check(&[general, (LOGS, "")], headers, "a: 1|b: 2".to_owned(), &[]);
    // Keys that may be meant for another receiver are not sent in place of malformed ones.
    let malformed = [general, (LOGS, "c")];
    check(
        &malformed,
        headers,
        String::new(),
        &[(LOGS, Effect::MemberSkipped)],
    );
}
