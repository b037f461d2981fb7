//! `baggage` (P-5): what is read, and lists for those who use them.

use propagation::Format;
use propagation::baggage::{self, AppendError};

use crate::support::{read, text};

/// Members `k0=v` and on.
fn list(count: usize) -> String {
    let members: Vec<String> = (0..count).map(|at| format!("k{at}=v")).collect();
    members.join(",")
}

#[track_caller]
fn check_read(rule: &str, values: &[&str], expected: &str) {
    let fields: Vec<_> = values.iter().map(|value| ("Baggage", *value)).collect();
    let found = read(&[Format::TraceContext, Format::Baggage], &fields);
    assert_eq!(found.parent, None, "{rule}: baggage needs no parent");
    assert_eq!(text(&found.baggage), expected, "{rule}: {values:?}");
}

#[test]
fn lists() {
    for (rule, values, expected) in [
        ("P-5, none", &[][..], ""),
        ("P-5, none", &[""], ""),
        ("P-5, one", &["a=1"], "a=1"),
        ("P-5, several fields", &["a=1,b=2", "c=3"], "a=1,b=2,c=3"),
        ("P-5, several fields", &["", "c=3", ""], "c=3"),
        ("P-5, OWS", &[" a=1 ,\tb=2\t"], "a=1,b=2"),
        (
            "P-5, OWS inside",
            &["a = 1 ; p ; q = 2"],
            "a = 1 ; p ; q = 2",
        ),
        ("P-5, properties", &["a=1;p;q=2"], "a=1;p;q=2"),
        ("P-5, no value", &["a="], "a="),
        ("P-5, equals signs", &["a=b=c=="], "a=b=c=="),
        ("P-5, equals signs", &["a=1;p=q=r"], "a=1;p=q=r"),
        ("P-5, encoded", &["a=%20%e9%zz%"], "a=%20%e9%zz%"),
        (
            "P-5, a token",
            &["!#$%&'*+-.^_`|~aZ09=1"],
            "!#$%&'*+-.^_`|~aZ09=1",
        ),
        ("P-5, keys twice", &["a=1,a=2"], "a=1,a=2"),
        ("P-5, malformed", &["a=1,,b=2,"], "a=1,b=2"),
        ("P-5, malformed", &["a,b=2"], "b=2"),
        ("P-5, malformed", &["=1,b=2"], "b=2"),
        ("P-5, malformed", &["a b=1,b=2"], "b=2"),
        ("P-5, malformed", &["a@b=1,b=2"], "b=2"),
        ("P-5, malformed", &["a=x y,b=2"], "b=2"),
        ("P-5, malformed", &["a=\"x\",b=2"], "b=2"),
        ("P-5, malformed", &["a=\\,b=2"], "b=2"),
        ("P-5, malformed", &["a=\u{e9},b=2"], "b=2"),
        ("P-5, malformed", &["a=1;,b=2"], "b=2"),
        ("P-5, malformed", &["a=1;;p,b=2"], "b=2"),
        ("P-5, malformed", &["a=1;p q,b=2"], "b=2"),
        ("P-5, malformed", &["a=1;p=x y,b=2"], "b=2"),
        ("P-5, malformed", &["a;p=1,b=2"], "b=2"),
    ] {
        check_read(rule, values, expected);
    }
}

#[test]
fn bounds() {
    check_read("P-5, 64 members", &[&list(64)], &list(64));
    check_read("P-5, the first 64", &[&list(65)], &list(64));
    check_read("P-5, the first 64", &[&list(64), "z=1"], &list(64));
    let malformed = format!("x,{}", list(64));
    check_read("P-5, malformed ones do not count", &[&malformed], &list(64));

    let longest = format!("a={}", "v".repeat(8190));
    check_read("P-5, 8192 bytes", &[&longest], &longest);
    check_read("P-5, longer", &[&format!("{longest}v")], "");
    check_read("P-5, longer", &[&format!("{longest} ")], "");
    check_read("P-5, longer together", &["b=1", &longest], "");
    check_read("P-5, longer together", &[&longest, ""], "");
    let (half, other) = (
        format!("a={}", "v".repeat(4093)),
        format!("b={}", "v".repeat(4094)),
    );
    check_read(
        "P-5, 8192 bytes together",
        &[&half, &other],
        &format!("{half},{other}"),
    );
}

/// As `key=value;key=value;key`, decoded, with `/` between members.
fn decoded(list: &str) -> String {
    let members = baggage::entries(list.as_bytes()).map(|entry| {
        let mut text = format!("{}={}", entry.key(), entry.value());
        for property in entry.properties() {
            text += ";";
            text += property.key;
            if let Some(value) = property.value {
                text += "=";
                text += &value;
            }
        }
        text
    });
    members.collect::<Vec<_>>().join("/")
}

#[test]
fn entries_are_decoded() {
    for (list, expected) in [
        ("", ""),
        ("a=1", "a=1"),
        (" a = 1 ; p = 2 ; q , b = ", "a=1;p=2;q/b="),
        ("a=x%20y%2Cz;p=%3b", "a=x y,z;p=;"),
        ("a=%C3%A9", "a=\u{e9}"),
        ("a=%c3%a9", "a=\u{e9}"),
        ("a=%e9x", "a=\u{fffd}x"),
        ("a=100%", "a=100%"),
        ("a=%zz%4", "a=%zz%4"),
        ("%41=1", "%41=1"),
        ("x,a=1,\"=2,b=2", "a=1/b=2"),
    ] {
        assert_eq!(decoded(list), expected, "{list}");
    }
    assert_eq!(baggage::entries(list(65).as_bytes()).count(), 64, "P-5");
    let longer = format!("a={}", "v".repeat(8191));
    assert_eq!(baggage::entries(longer.as_bytes()).count(), 0, "P-5");
    let entry = baggage::entries(b"a=%20").next().unwrap();
    assert_eq!(entry.raw_value(), "%20");
    assert!(entry.properties().next().is_none());
}

#[test]
fn lists_are_built() {
    let mut list = Vec::new();
    baggage::append(&mut list, "user", "J\u{fc}rgen, \"7\"", &[]).unwrap();
    baggage::append(
        &mut list,
        "share",
        "100%",
        &[("ttl", Some("a;b")), ("flag", None)],
    )
    .unwrap();
    baggage::append(&mut list, "empty", "", &[("p", Some(""))]).unwrap();
    let expected = "user=J%C3%BCrgen%2C%20%227%22,share=100%25;ttl=a%3Bb;flag,empty=;p=";
    assert_eq!(text(&list), expected);
    check_read("P-5", &[expected], expected);
    assert_eq!(
        decoded(expected),
        "user=J\u{fc}rgen, \"7\"/share=100%;ttl=a;b;flag/empty=;p="
    );
}

#[test]
fn lists_are_built_within_the_bounds() {
    let long = "v".repeat(8190);
    let longer = "v".repeat(8191);
    let fitting = "v".repeat(8188);
    let encoded = " ".repeat(2731);
    let full = list(64);
    for (before, key, value, property, expected) in [
        ("a=1", "", "v", "p", Err(AppendError::Key)),
        ("a=1", "b c", "v", "p", Err(AppendError::Key)),
        ("a=1", "b=", "v", "p", Err(AppendError::Key)),
        ("a=1", "\u{e9}", "v", "p", Err(AppendError::Key)),
        ("a=1", "b", "v", "", Err(AppendError::Key)),
        ("a=1", "b", "v", "p;q", Err(AppendError::Key)),
        (&*full, "b", "v", "p", Err(AppendError::TooMany)),
        ("", "b", &*longer, "p", Err(AppendError::TooLong)),
        ("", "b", &*long, "p", Err(AppendError::TooLong)),
        ("a=1", "b", &encoded, "p", Err(AppendError::TooLong)),
        ("a=1", "b", "v", "p", Ok(())),
        ("", "b", &fitting, "p", Ok(())),
    ] {
        let mut list = before.as_bytes().to_vec();
        let found = baggage::append(&mut list, key, value, &[(property, None)]);
        assert_eq!(found, expected, "{key}");
        if expected.is_err() {
            assert_eq!(text(&list), before, "{key}: as it was");
        } else {
            assert!(list.len() > before.len() && list.len() <= 8192);
        }
    }
    let message = AppendError::TooMany.to_string();
    assert_eq!(message, "expected at most 64 members of baggage");
}
