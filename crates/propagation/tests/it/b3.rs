//! B3: one field, or several (P-6).

use propagation::{Format, Parent};

use crate::support::{PADDED_TRACE, SHORT_TRACE, SPAN, TRACE, parent, read};

fn debug(trace: &str) -> Parent {
    Parent {
        debug: true,
        ..parent(trace, 1)
    }
}

fn deferred(trace: &str) -> Parent {
    Parent {
        deferred: true,
        ..parent(trace, 0)
    }
}

/// With either of the formats: they differ in what they write.
#[track_caller]
fn check(rule: &str, fields: &[(&str, &str)], expected: Option<Parent>) {
    for format in [Format::B3, Format::B3Multi] {
        let found = read(&[format], fields);
        assert_eq!(found.parent, expected, "{rule}: {fields:?}");
        assert!(found.trace_state.is_empty() && found.baggage.is_empty());
    }
    assert_eq!(read(&[Format::TraceContext], fields).parent, None);
}

#[test]
fn one_field() {
    for (rule, value, expected) in [
        ("P-6", format!("{TRACE}-{SPAN}-1"), Some(parent(TRACE, 1))),
        ("P-6", format!("{TRACE}-{SPAN}-0"), Some(parent(TRACE, 0))),
        (
            "P-6, debug sets sampled",
            format!("{TRACE}-{SPAN}-d"),
            Some(debug(TRACE)),
        ),
        (
            "P-6, no decision",
            format!("{TRACE}-{SPAN}"),
            Some(deferred(TRACE)),
        ),
        (
            "P-6, OWS",
            format!("\t{TRACE}-{SPAN}-1 "),
            Some(parent(TRACE, 1)),
        ),
        (
            "P-6, the sender's parent",
            format!("{TRACE}-{SPAN}-1-05e3ac9a4f6e3b90"),
            Some(parent(TRACE, 1)),
        ),
        (
            "P-6, 64 bits",
            format!("{SHORT_TRACE}-{SPAN}-1"),
            Some(parent(PADDED_TRACE, 1)),
        ),
        (
            "P-6, 64 bits",
            format!("{SHORT_TRACE}-{SPAN}"),
            Some(deferred(PADDED_TRACE)),
        ),
        ("P-6, a decision alone", "0".to_owned(), None),
        ("P-6, a decision alone", "1".to_owned(), None),
        ("P-6, a decision alone", "d".to_owned(), None),
        ("P-6", String::new(), None),
        ("P-6", "-".to_owned(), None),
        ("P-6", TRACE.to_owned(), None),
        ("P-6, decision", format!("{TRACE}-{SPAN}-"), None),
        ("P-6, decision", format!("{TRACE}-{SPAN}-2"), None),
        ("P-6, decision", format!("{TRACE}-{SPAN}-D"), None),
        ("P-6, decision", format!("{TRACE}-{SPAN}-true"), None),
        (
            "P-6, decision",
            format!("{TRACE}-{SPAN}-05e3ac9a4f6e3b90"),
            None,
        ),
        ("P-6, parts", format!("{TRACE}-{SPAN}-1-"), None),
        ("P-6, parts", format!("{TRACE}-{SPAN}-1-05e3"), None),
        (
            "P-6, parts",
            format!("{TRACE}-{SPAN}-1-05e3ac9a4f6e3b90-"),
            None,
        ),
        ("P-6, zero", format!("{}-{SPAN}-1", "0".repeat(32)), None),
        ("P-6, zero", format!("{}-{SPAN}-1", "0".repeat(16)), None),
        ("P-6, zero", format!("{TRACE}-{}-1", "0".repeat(16)), None),
        (
            "P-6, wrong length",
            format!("{}-{SPAN}-1", "a".repeat(31)),
            None,
        ),
        (
            "P-6, wrong length",
            format!("{TRACE}-{}-1", "b".repeat(15)),
            None,
        ),
        ("P-6, wrong length", format!("0{TRACE}-{SPAN}-1"), None),
        (
            "P-6, lower case",
            format!("{}-{SPAN}-1", TRACE.to_uppercase()),
            None,
        ),
        (
            "P-6, lower case",
            format!("{TRACE}-{}-1", SPAN.to_uppercase()),
            None,
        ),
    ] {
        check(rule, &[("b3", &value)], expected);
    }
}

#[test]
fn several_fields() {
    const ID: (&str, &str) = ("X-B3-TraceId", TRACE);
    const SHORT: (&str, &str) = ("x-b3-traceid", SHORT_TRACE);
    const FROM: (&str, &str) = ("X-B3-SpanId", SPAN);
    const ABOVE: (&str, &str) = ("X-B3-ParentSpanId", "05e3ac9a4f6e3b90");
    let sampled = |value| ("X-B3-Sampled", value);
    let flags = |value| ("X-B3-Flags", value);
    for (rule, fields, expected) in [
        ("P-6", &[ID, FROM, sampled("1")][..], Some(parent(TRACE, 1))),
        (
            "P-6",
            &[sampled("0"), ABOVE, FROM, ID],
            Some(parent(TRACE, 0)),
        ),
        ("P-6, no decision", &[ID, FROM], Some(deferred(TRACE))),
        (
            "P-6, old words",
            &[ID, FROM, sampled("true")],
            Some(parent(TRACE, 1)),
        ),
        (
            "P-6, old words",
            &[ID, FROM, sampled("false")],
            Some(parent(TRACE, 0)),
        ),
        (
            "P-6, debug sets sampled",
            &[ID, FROM, flags("1")],
            Some(debug(TRACE)),
        ),
        (
            "P-6, debug sets sampled",
            &[ID, FROM, flags("1"), sampled("0")],
            Some(debug(TRACE)),
        ),
        (
            "P-6, other flags",
            &[ID, FROM, flags("0")],
            Some(deferred(TRACE)),
        ),
        (
            "P-6, other flags",
            &[ID, FROM, flags("2"), sampled("1")],
            Some(parent(TRACE, 1)),
        ),
        (
            "P-6, 64 bits",
            &[SHORT, FROM, sampled("1")],
            Some(parent(PADDED_TRACE, 1)),
        ),
        (
            "P-6, OWS",
            &[ID, FROM, sampled(" 1\t")],
            Some(parent(TRACE, 1)),
        ),
        ("P-6, a decision alone", &[sampled("1")], None),
        ("P-6, a decision alone", &[flags("1")], None),
        ("P-6, parts", &[ID, sampled("1")], None),
        ("P-6, parts", &[FROM, sampled("1")], None),
        ("P-6, parts", &[ID, ABOVE, sampled("1")], None),
        ("P-6, decision", &[ID, FROM, sampled("d")], None),
        ("P-6, decision", &[ID, FROM, sampled("")], None),
        ("P-6, twice", &[ID, ID, FROM, sampled("1")], None),
        ("P-6, twice", &[ID, FROM, FROM, sampled("1")], None),
        ("P-6, twice", &[ID, FROM, sampled("1"), sampled("1")], None),
        (
            "P-6, zero",
            &[("x-b3-traceid", "0000000000000000"), FROM],
            None,
        ),
        (
            "P-6, zero",
            &[ID, ("x-b3-spanid", "0000000000000000")],
            None,
        ),
        ("P-6, wrong length", &[("x-b3-traceid", "1"), FROM], None),
        ("P-6, wrong length", &[ID, ("x-b3-spanid", "1")], None),
    ] {
        check(rule, fields, expected);
    }
}

#[test]
fn the_single_field_comes_first() {
    let single = format!("{TRACE}-{SPAN}-d");
    let several = [
        ("x-b3-traceid", SHORT_TRACE),
        ("x-b3-spanid", SPAN),
        ("x-b3-sampled", "0"),
    ];
    let with = |values: &[&'static str]| -> Vec<(&str, &str)> {
        let singles = values.iter().map(|value| ("b3", *value));
        several.into_iter().chain(singles).collect()
    };
    let mut both = with(&[]);
    both.push(("b3", &single));
    check("P-6", &both, Some(debug(TRACE)));
    for (rule, values) in [
        ("P-6, a single field without ids", &["1"][..]),
        ("P-6, a malformed one", &["x"]),
        ("P-6, two of them", &["1", "1"]),
    ] {
        check(rule, &with(values), Some(parent(PADDED_TRACE, 0)));
    }
}
