//! `traceparent` (P-1, P-2), and which trace state belongs to it (P-3).

use propagation::Format;

use crate::support::{SPAN, TRACE, parent, read, text};

/// The flags read from these `traceparent` fields, of the usual ids; `None` where a new trace begins.
#[track_caller]
fn check(rule: &str, values: &[&str], expected: Option<u8>) {
    let mut fields: Vec<_> = values.iter().map(|value| ("traceparent", *value)).collect();
    fields.push(("tracestate", "a=1"));
    let found = read(&[Format::TraceContext], &fields);
    let expected = expected.map(|flags| parent(TRACE, flags));
    assert_eq!(found.parent, expected, "{rule}: {values:?}");
    let state = if expected.is_some() { "a=1" } else { "" };
    assert_eq!(text(&found.trace_state), state, "{rule}: {values:?}");
}

#[test]
fn versions() {
    let known = |version: &str, rest: &str| format!("{version}-{TRACE}-{SPAN}-01{rest}");
    for (rule, version, rest, expected) in [
        ("P-1", "00", "", Some(1)),
        ("P-1, 55 characters", "00", "-", None),
        ("P-1, 55 characters", "00", "-00", None),
        ("P-1, 55 characters", "00", "0", None),
        ("P-1, a later version", "01", "", Some(1)),
        ("P-1, a later version", "01", "-", Some(1)),
        ("P-1, a later version", "01", "-what-may-come", Some(1)),
        ("P-1, a later version", "01", "--", Some(1)),
        ("P-1, a later version", "fe", "-\u{e9}", Some(1)),
        ("P-1, neither end nor dash", "01", "0", None),
        ("P-1, neither end nor dash", "01", ".what-may-not", None),
        ("P-1, ff", "ff", "", None),
        ("P-1, ff", "ff", "-00", None),
        ("P-1, lower case", "FE", "", None),
        ("P-1, lower case", "0A", "", None),
        ("P-1, no digits", "0g", "", None),
        ("P-1, no digits", "+1", "", None),
        ("P-1, wrong length", "0", "", None),
        ("P-1, wrong length", "000", "", None),
        ("P-1, wrong length", "", "", None),
    ] {
        check(rule, &[&known(version, rest)], expected);
    }
}

#[test]
fn ids() {
    for (rule, trace, span) in [
        ("P-1, zero", "00000000000000000000000000000000", SPAN),
        ("P-1, zero", TRACE, "0000000000000000"),
        ("P-1, lower case", "0AF7651916CD43DD8448EB211C80319C", SPAN),
        ("P-1, lower case", "0Af7651916cd43dd8448eb211c80319c", SPAN),
        ("P-1, lower case", TRACE, "B7AD6B7169203331"),
        ("P-1, no digits", "0af7651916cd43dd8448eb211c80319.", SPAN),
        ("P-1, no digits", TRACE, "b7ad6b716920333z"),
        ("P-1, wrong length", "0af7651916cd43dd8448eb211c80319", SPAN),
        (
            "P-1, wrong length",
            "0af7651916cd43dd8448eb211c80319cc",
            SPAN,
        ),
        ("P-1, wrong length", TRACE, "b7ad6b716920333"),
        ("P-1, wrong length", TRACE, "b7ad6b71692033311"),
        ("P-1, wrong length", "", SPAN),
        (
            "P-1, a dash moved",
            "0af7651916cd43dd8448eb211c80319",
            "cb7ad6b7169203331",
        ),
        (
            "P-1, a dash moved",
            "0af7651916cd43dd8448eb211c80319cb",
            "7ad6b7169203331",
        ),
    ] {
        check(rule, &[&format!("00-{trace}-{span}-01")], None);
        check(rule, &[&format!("01-{trace}-{span}-01-x")], None);
    }
}

#[test]
fn flags() {
    for (rule, flags, expected) in [
        ("P-2", "00", Some(0)),
        ("P-2", "01", Some(1)),
        ("P-2", "02", Some(2)),
        ("P-2", "03", Some(3)),
        ("P-2, others are dropped", "ff", Some(3)),
        ("P-2, others are dropped", "fc", Some(0)),
        ("P-1, lower case", "0F", None),
        ("P-1, no digits", ".0", None),
        ("P-1, wrong length", "1", None),
        ("P-1, wrong length", "", None),
        ("P-1, wrong length", "001", None),
    ] {
        check(rule, &[&format!("00-{TRACE}-{SPAN}-{flags}")], expected);
    }
}

#[test]
fn lines() {
    let valid = format!("00-{TRACE}-{SPAN}-01");
    let ows = format!(" \t {valid}\t ");
    let other = format!("00-{TRACE}-{SPAN}-00");
    let list = format!("{valid},{valid}");
    for (rule, values, expected) in [
        ("P-1, none", &[][..], None),
        ("P-1, one", &[&*valid], Some(1)),
        ("P-1, more than one", &[&valid, &other], None),
        ("P-1, more than one", &[&valid, &valid], None),
        ("P-1, more than one", &[&valid, ""], None),
        ("P-1, more than one", &[&list], None),
        ("P-1, wrong length", &[""], None),
        ("P-1, wrong length", &["00"], None),
        ("P-1, OWS", &[&ows], Some(1)),
        ("P-1, no OWS", &[&format!("\u{b}{valid}")], None),
        ("P-1, dashes", &[&valid.replace('-', "_")], None),
        ("P-1, dashes", &[&valid.replace('-', "")], None),
    ] {
        check(rule, values, expected);
    }
    // Parts of wrong lengths that have the right one together.
    check(
        "P-1, 55 characters",
        &[&format!("0-{TRACE}-{SPAN}-1-x")],
        None,
    );
    check(
        "P-1, 55 characters",
        &[&format!("01-{TRACE}-{SPAN}-1-")],
        None,
    );
    let mixed = read(&[Format::TraceContext], &[("TraceParent", &valid)]);
    assert_eq!(mixed.parent, Some(parent(TRACE, 1)), "names in any case");
}
