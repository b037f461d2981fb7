//! `tracestate` (P-3), and the threshold and randomness in it.

use propagation::trace_state::{Edit, randomness, set_threshold, threshold};
use propagation::{Format, Threshold};

use crate::support::{SPAN, TRACE, read, text};

/// Keys `k0` and on.
fn list(count: usize) -> String {
    let members: Vec<String> = (0..count).map(|at| format!("k{at}=v")).collect();
    members.join(",")
}

#[track_caller]
fn check_read(rule: &str, values: &[&str], expected: &str) {
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let mut fields: Vec<_> = values.iter().map(|value| ("tracestate", *value)).collect();
    fields.push(("traceparent", &parent));
    let found = read(&[Format::TraceContext], &fields);
    assert!(found.parent.is_some(), "{rule}: {values:?}: parent is kept");
    assert_eq!(text(&found.trace_state), expected, "{rule}: {values:?}");
}

#[test]
fn lists() {
    for (rule, values, expected) in [
        ("P-3, none", &[][..], ""),
        ("P-3, one", &["a=1"], "a=1"),
        ("P-3, several fields", &["a=1,b=2", "c=3"], "a=1,b=2,c=3"),
        ("P-3, several fields", &["a=1", "", "b=2"], "a=1,b=2"),
        ("P-3, empty members", &[""], ""),
        ("P-3, empty members", &[" \t "], ""),
        ("P-3, empty members", &[",a=1, ,\t,b=2,"], "a=1,b=2"),
        ("P-3, OWS", &["a=1 \t, \tb=2"], "a=1,b=2"),
        ("P-3, OWS", &["\ta=1 "], "a=1"),
        ("P-3, a value begins with spaces", &["a=  1"], "a=  1"),
        ("P-3, duplicate keys", &["a=1,a=1", "a=2"], "a=1,a=1,a=2"),
        ("P-3, malformed", &["a=1,b"], ""),
        ("P-3, malformed", &["a=1", "b"], ""),
        ("P-3, malformed", &["b,a=1"], ""),
        ("P-3, malformed", &["a=1;b=2,c=3=4"], ""),
        ("P-3, no OWS", &["a=1,\u{b}b=2"], ""),
    ] {
        check_read(rule, values, expected);
    }
}

#[test]
fn counts() {
    check_read("P-3, 32 members", &[&list(32)], &list(32));
    check_read("P-3, 33 members", &[&list(33)], "");
    let (front, back) = (list(20), list(13));
    check_read("P-3, 33 members", &[&front, &back], "");
    let empty = format!("{},,,", list(32));
    check_read("P-3, empty ones do not count", &[&empty], &list(32));
    let longest = format!("{}={}", "k".repeat(256), "v".repeat(256));
    let longest = vec![longest; 32].join(",");
    check_read("P-3, the longest", &[&longest], &longest);
}

#[test]
fn members() {
    let key = |len| format!("{}=v", "k".repeat(len));
    let value = |len| format!("k={}", "v".repeat(len));
    for (rule, member) in [
        ("key", "a=1"),
        ("key", "0=1"),
        ("key", "a0_-*/@z=1"),
        ("key, an at sign anywhere", "a@b@c=1"),
        ("key, an at sign anywhere", "a@=1"),
        ("key, 256", &key(256)),
        ("value, 256", &value(256)),
        ("value", "a=!\"#+-<>~"),
        ("value", "a=b c"),
    ] {
        check_read(&format!("P-3, {rule}"), &[member], member);
    }
    for (rule, member) in [
        ("no key", "=1"),
        ("no value", "a="),
        ("no value", "a= "),
        ("neither", "="),
        ("key, 257", &key(257)),
        ("value, 257", &value(257)),
        ("key", "A=1"),
        ("key", "@a=1"),
        ("key", "_a=1"),
        ("key", "-a=1"),
        ("key", "a b=1"),
        ("key", "a =1"),
        ("key", "a.b=1"),
        ("key", "\u{e9}=1"),
        ("value", "a=b=c"),
        ("value", "a=\u{e9}"),
        ("value", "a=b\tc"),
        ("value", "a=b\u{7f}"),
        ("value", "a=b\u{0}"),
    ] {
        check_read(&format!("P-3, {rule}"), &[member], "");
        check_read(&format!("P-3, {rule}"), &["x=1", member, "y=1"], "");
    }
}

#[test]
fn thresholds_and_randomness() {
    const RV: Option<u64> = Some(0x00ce_929d_0e0e_4736);
    let th = |digits: &str| Threshold::parse(digits.as_bytes());
    for (list, expected_threshold, expected_randomness) in [
        ("", None, None),
        ("a=th:8", None, None),
        ("ot=th:8", th("8"), None),
        ("ot=th:0", th("0"), None),
        ("ot=rv:ce929d0e0e4736", None, RV),
        (
            "a=1, ot=p:8;rv:ce929d0e0e4736;th:fd70a,b=2",
            th("fd70a"),
            RV,
        ),
        ("ot=th:8,ot=th:c", th("8"), None),
        ("ot=th:80", th("8"), None),
        ("ot=th:12345678901234", th("12345678901234"), None),
        // Not of the grammar of a threshold, which leaves the randomness alone, and the other way round.
        ("ot=th:;rv:ce929d0e0e4736", None, RV),
        ("ot=th:8A;rv:ce929d0e0e4736", None, RV),
        ("ot=th:123456789012345;rv:ce929d0e0e4736", None, RV),
        ("ot=th:8;rv:ce929d0e0e473", th("8"), None),
        ("ot=th:8;rv:ce929d0e0e47366", th("8"), None),
        ("ot=th:8;rv:CE929D0E0E4736", th("8"), None),
        // Not of the grammar of the member.
        ("ot=th:8;", None, None),
        ("ot=;th:8", None, None),
        ("ot=th:8;x", None, None),
        ("ot=th:8;X:1", None, None),
        ("ot=th:8;1x:1", None, None),
        ("ot=th:8;x:+", None, None),
        ("ot=th:8;th:8", None, None),
        ("ot=rv:ce929d0e0e4736;rv:ce929d0e0e4736", None, None),
        ("ot@a=th:8", None, None),
    ] {
        assert_eq!(threshold(list.as_bytes()), expected_threshold, "{list}");
        assert_eq!(randomness(list.as_bytes()), expected_randomness, "{list}");
    }
}

#[track_caller]
fn check_set(list: &str, digits: Option<&str>, edit: Edit, expected: &str) {
    let wanted = digits.map(|digits| Threshold::parse(digits.as_bytes()).unwrap());
    let mut out = b"left=over".to_vec();
    assert_eq!(
        set_threshold(list.as_bytes(), wanted, &mut out),
        edit,
        "{list}"
    );
    assert_eq!(text(&out), expected, "{list} with {digits:?}");
    if edit == Edit::Made {
        assert_eq!(threshold(&out), wanted, "{list} with {digits:?}");
        assert_eq!(randomness(&out), randomness(list.as_bytes()), "{list}");
    }
}

#[test]
fn thresholds_are_set() {
    for (list, digits, expected) in [
        ("", "8", "ot=th:8"),
        ("", "0", "ot=th:0"),
        ("a=1,b=2", "8", "ot=th:8,a=1,b=2"),
        // A changed member moves to the front, the others keep their order (P-3).
        ("a=1,ot=th:c,b=2", "8", "ot=th:8,a=1,b=2"),
        ("a=1,ot=p:8,b=2", "8", "ot=th:8;p:8,a=1,b=2"),
        // One that does not change stays where it is.
        ("a=1,ot=th:8,b=2", "8", "a=1,ot=th:8,b=2"),
        ("a=1,ot=th:80,b=2", "8", "a=1,ot=th:80,b=2"),
        // Other parts stay, randomness above all.
        (
            "ot=p:8;th:c;rv:ce929d0e0e4736",
            "8",
            "ot=p:8;th:8;rv:ce929d0e0e4736",
        ),
        ("ot=rv:ce929d0e0e4736", "8", "ot=th:8;rv:ce929d0e0e4736"),
        ("ot=rv:short;x:", "8", "ot=th:8;rv:short;x:"),
        // What is no threshold is replaced.
        ("ot=th:X;p:1", "8", "ot=th:8;p:1"),
        ("ot=th:;p:1", "8", "ot=th:8;p:1"),
        ("a=1,ot=th:c,ot=th:d", "8", "ot=th:8,a=1"),
        (" a=1 ,, ot=th:c ", "8", "ot=th:8,a=1"),
    ] {
        check_set(list, Some(digits), Edit::Made, expected);
    }
}

#[test]
fn thresholds_are_erased() {
    for (list, expected) in [
        ("", ""),
        ("a=1", "a=1"),
        ("ot=th:8", ""),
        ("a=1,ot=th:8,b=2", "a=1,b=2"),
        ("a=1,ot=th:8;rv:ce929d0e0e4736", "ot=rv:ce929d0e0e4736,a=1"),
        ("a=1,ot=rv:ce929d0e0e4736", "a=1,ot=rv:ce929d0e0e4736"),
        ("ot=p:8;th:X", "ot=p:8"),
    ] {
        check_set(list, None, Edit::Made, expected);
        let mut out = Vec::new();
        let edit = set_threshold(list.as_bytes(), Some(Threshold::NEVER), &mut out);
        assert_eq!(
            (edit, text(&out)),
            (Edit::Made, expected.to_owned()),
            "{list}"
        );
    }
}

#[test]
fn edits_keep_within_the_bounds() {
    // "ot=p:…" of 256 characters, and shorter ones.
    let ot = |len: usize| format!("a=1,ot=p:{}", "v".repeat(len - 2));
    let filled = |th: &str, len: usize| format!("ot=th:{th};p:{},a=1", "v".repeat(len - 2));
    check_set(&ot(256), Some("8"), Edit::Refused, &ot(256));
    check_set(&ot(252), Some("8"), Edit::Refused, &ot(252));
    check_set(&ot(251), Some("8"), Edit::Made, &filled("8", 251));
    check_set(&ot(251), Some("88"), Edit::Refused, &ot(251));
    check_set(&ot(256), None, Edit::Made, &ot(256));

    // What goes is the last.
    check_set(
        &list(31),
        Some("8"),
        Edit::Made,
        &format!("ot=th:8,{}", list(31)),
    );
    check_set(
        &list(32),
        Some("8"),
        Edit::Made,
        &format!("ot=th:8,{}", list(31)),
    );
    let with_ot = format!("{},ot=th:c", list(31));
    check_set(
        &with_ot,
        Some("8"),
        Edit::Made,
        &format!("ot=th:8,{}", list(31)),
    );
}

#[test]
fn what_cannot_be_read_is_not_edited() {
    for list in [
        "a=1,ot=x",
        "ot=th:8;th:8",
        "ot=th:8;",
        "ot=rv:ce929d0e0e4736;rv:ce929d0e0e4736,b=1",
        "ot=X:1",
    ] {
        check_set(list, Some("8"), Edit::Refused, list);
        check_set(list, None, Edit::Refused, list);
    }
}
