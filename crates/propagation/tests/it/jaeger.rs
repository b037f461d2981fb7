//! What Jaeger's clients send (P-8).

use propagation::{Format, Parent};

use crate::support::{PADDED_TRACE, SHORT_TRACE, SPAN, TRACE, parent, read, text};

#[track_caller]
fn check(rule: &str, values: &[&str], expected: Option<Parent>) {
    let fields: Vec<_> = values
        .iter()
        .map(|value| ("Uber-Trace-Id", *value))
        .collect();
    assert_eq!(
        read(&[Format::Jaeger], &fields).parent,
        expected,
        "{rule}: {values:?}"
    );
    assert_eq!(
        read(&[Format::TraceContext, Format::B3], &fields).parent,
        None
    );
}

#[test]
fn parents() {
    let debug = Parent {
        debug: true,
        ..parent(TRACE, 1)
    };
    let short_span = Parent {
        span_id: propagation::SpanId::from_random(0xabc),
        ..parent(SHORT_TRACE, 1)
    };
    for (rule, value, expected) in [
        ("P-8", format!("{TRACE}:{SPAN}:0:1"), Some(parent(TRACE, 1))),
        ("P-8", format!("{TRACE}:{SPAN}:0:0"), Some(parent(TRACE, 0))),
        (
            "P-8, two digits",
            format!("{TRACE}:{SPAN}:0:01"),
            Some(parent(TRACE, 1)),
        ),
        (
            "P-8, debug sets sampled",
            format!("{TRACE}:{SPAN}:0:3"),
            Some(debug),
        ),
        (
            "P-8, debug sets sampled",
            format!("{TRACE}:{SPAN}:0:2"),
            Some(debug),
        ),
        (
            "P-8, other flags",
            format!("{TRACE}:{SPAN}:0:FC"),
            Some(parent(TRACE, 0)),
        ),
        (
            "P-8, OWS",
            format!(" {TRACE}:{SPAN}:0:1\t"),
            Some(parent(TRACE, 1)),
        ),
        (
            "P-8, 64 bits",
            format!("{SHORT_TRACE}:{SPAN}:0:1"),
            Some(parent(PADDED_TRACE, 1)),
        ),
        (
            "P-8, short ids",
            format!("{SHORT_TRACE}:abc:0:1"),
            Some(short_span),
        ),
        (
            "P-8, any case",
            format!("{}:{}:0:1", TRACE.to_uppercase(), SPAN.to_uppercase()),
            Some(parent(TRACE, 1)),
        ),
        (
            "P-8, above",
            format!("{TRACE}:{SPAN}::1"),
            Some(parent(TRACE, 1)),
        ),
        (
            "P-8, above",
            format!("{TRACE}:{SPAN}:{SPAN}:1"),
            Some(parent(TRACE, 1)),
        ),
        (
            "P-8, encoded",
            format!("{TRACE}%3A{SPAN}%3a0%3A1"),
            Some(parent(TRACE, 1)),
        ),
        ("P-8, encoded", format!("{TRACE}%3B{SPAN}:0:1"), None),
        ("P-8, parts", String::new(), None),
        ("P-8, parts", TRACE.to_owned(), None),
        ("P-8, parts", format!("{TRACE}:{SPAN}:1"), None),
        ("P-8, parts", format!("{TRACE}:{SPAN}:0:"), None),
        ("P-8, parts", format!("{TRACE}:{SPAN}:0:1:"), None),
        ("P-8, parts", format!(":{SPAN}:0:1"), None),
        ("P-8, parts", format!("{TRACE}::0:1"), None),
        ("P-8, flags", format!("{TRACE}:{SPAN}:0:001"), None),
        ("P-8, flags", format!("{TRACE}:{SPAN}:0:x"), None),
        ("P-8, zero", format!("0:{SPAN}:0:1"), None),
        ("P-8, zero", format!("{TRACE}:0:0:1"), None),
        ("P-8, too long", format!("0{TRACE}:{SPAN}:0:1"), None),
        ("P-8, too long", format!("{TRACE}:0{SPAN}:0:1"), None),
        ("P-8, no digits", format!("{TRACE}:g:0:1"), None),
    ] {
        check(rule, &[&value], expected);
    }
    let valid = format!("{TRACE}:{SPAN}:0:1");
    check("P-8, twice", &[&valid, &valid], None);
}

#[track_caller]
fn check_baggage(rule: &str, fields: &[(&str, &str)], expected: &str) {
    let found = read(&[Format::Baggage, Format::Jaeger], fields);
    assert_eq!(text(&found.baggage), expected, "{rule}: {fields:?}");
}

#[test]
fn baggage() {
    for (rule, fields, expected) in [
        ("P-8", &[("uberctx-user", "7")][..], "user=7"),
        ("P-8", &[("Uberctx-User", " 7 ")], "user=7"),
        (
            "P-8",
            &[("uberctx-a", "1"), ("x", "y"), ("uberctx-b", "")],
            "a=1,b=",
        ),
        ("P-8, encoded", &[("uberctx-a", "x%20y")], "a=x%20y"),
        (
            "P-8, not encoded",
            &[("uberctx-a", "x y,\"\\;z")],
            "a=x%20y%2C%22%5C%3Bz",
        ),
        ("P-8, not encoded", &[("uberctx-a", "1%")], "a=1%25"),
        ("P-8, not encoded", &[("uberctx-a", "%zz%a")], "a=%25zz%25a"),
        ("P-8, not encoded", &[("uberctx-a", "\u{e9}")], "a=%C3%A9"),
        ("P-8, no key", &[("uberctx-", "1")], ""),
        ("P-8, no key", &[("uberctx", "1")], ""),
        ("P-8, no token", &[("uberctx-a b", "1")], ""),
        (
            "P-8, twice",
            &[("uberctx-a", "1"), ("uberctx-A", "2")],
            "a=1",
        ),
        (
            "P-8, the baggage field comes first",
            &[("uberctx-a", "1"), ("uberctx-b", "2"), ("baggage", "A=3;p")],
            "A=3;p,b=2",
        ),
    ] {
        check_baggage(rule, fields, expected);
    }
    let fields = [("uberctx-a", "1"), ("baggage", "b=2")];
    assert_eq!(text(&read(&[Format::Jaeger], &fields).baggage), "a=1");
    assert_eq!(text(&read(&[Format::Baggage], &fields).baggage), "b=2");
}

#[test]
fn baggage_is_bounded() {
    let names: Vec<String> = (0..70).map(|at| format!("uberctx-k{at}")).collect();
    let fields: Vec<_> = names.iter().map(|name| (&**name, "v")).collect();
    let found = read(&[Format::Jaeger], &fields).baggage;
    let expected: Vec<String> = (0..64).map(|at| format!("k{at}=v")).collect();
    assert_eq!(text(&found), expected.join(","), "P-5, 64 members");

    // Each space becomes three bytes.
    let long = format!("x{}y", " ".repeat(2000));
    let fields = [
        ("uberctx-a", &*long),
        ("uberctx-b", &long),
        ("uberctx-c", "1"),
    ];
    let found = read(&[Format::Jaeger], &fields).baggage;
    let expected = format!("a=x{}y,c=1", "%20".repeat(2000));
    assert_eq!(text(&found), expected, "P-5, 8192 bytes");
    let longest = "v".repeat(8190);
    let found = read(&[Format::Jaeger], &[("uberctx-a", &longest)]).baggage;
    assert_eq!(found.len(), 8192, "P-5, 8192 bytes");
    let huge = "\"".repeat(1 << 20);
    let found = read(&[Format::Jaeger], &[("uberctx-a", &huge)]).baggage;
    assert_eq!(found.len(), 0, "P-5, 8192 bytes");
    assert!(found.capacity() < 32 << 10, "no room for what is dropped");
    let longer = "v".repeat(8191);
    let found = read(&[Format::Jaeger], &[("uberctx-a", &longer)]).baggage;
    assert_eq!(found.len(), 0, "P-5, 8192 bytes");
}
