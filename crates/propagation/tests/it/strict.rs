//! A checker of what is written that shares nothing with the crate: the rules as patterns, a row for each field.

use std::collections::BTreeSet;

use regex_lite::Regex;

/// A rule, the field it is about, and what its whole value matches.
const SHAPES: &[(&str, &str, &str)] = &[
    (
        "P-1, P-2",
        "traceparent",
        "00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]",
    ),
    ("P-6, P-7", "b3", "[0-9a-f]{32}-[0-9a-f]{16}-[01d]"),
    ("P-6, P-7", "x-b3-traceid", "[0-9a-f]{32}"),
    ("P-6, P-7", "x-b3-spanid", "[0-9a-f]{16}"),
    ("P-6, P-7", "x-b3-sampled", "[01]"),
    ("P-6, P-7", "x-b3-flags", "1"),
];

/// What no value of the field holds: ids of zeros only.
const ZEROS: &[(&str, &str, &str)] = &[
    ("P-1", "traceparent", "^00-0{32}-"),
    ("P-1", "traceparent", "-0{16}-0[0-3]$"),
    ("P-6", "b3", "^0{32}-"),
    ("P-6", "b3", "-0{16}-[01d]$"),
    ("P-6", "x-b3-traceid", "^0{32}$"),
    ("P-6", "x-b3-spanid", "^0{16}$"),
];

/// A rule, the field it is about, what each member between two commas matches, how many there may be, and how many bytes
/// in all.
const LISTS: &[(&str, &str, &str, usize, usize)] = &[
    (
        "P-3",
        "tracestate",
        "[a-z0-9][a-z0-9_*/@-]{0,255}=[ -+\\--<>-~]{0,255}[!-+\\--<>-~]",
        32,
        32 * (256 + 1 + 256) + 31,
    ),
    (
        "P-5",
        "baggage",
        "[!#-'*+.0-9A-Z^-z|~-]+[ \t]*=[ \t]*[!#-+.-:<-\\[\\]-~-]*\
         ([ \t]*;[ \t]*[!#-'*+.0-9A-Z^-z|~-]+([ \t]*=[ \t]*[!#-+.-:<-\\[\\]-~-]*)?)*",
        64,
        8192,
    ),
];

pub(crate) struct Checker {
    shapes: Vec<(&'static str, &'static str, Regex)>,
    zeros: Vec<(&'static str, &'static str, Regex)>,
    lists: Vec<(&'static str, &'static str, Regex, usize, usize)>,
}

impl Checker {
    pub(crate) fn new() -> Self {
        let whole = |pattern: &str| Regex::new(&format!("^(?:{pattern})$")).unwrap();
        Self {
            shapes: SHAPES
                .iter()
                .map(|(rule, name, pattern)| (*rule, *name, whole(pattern)))
                .collect(),
            zeros: ZEROS
                .iter()
                .map(|(rule, name, pattern)| (*rule, *name, Regex::new(pattern).unwrap()))
                .collect(),
            lists: LISTS
                .iter()
                .map(|(rule, name, member, count, len)| (*rule, *name, whole(member), *count, *len))
                .collect(),
        }
    }

    /// What is wrong with a message's fields.
    pub(crate) fn faults(&self, fields: &[(&str, Vec<u8>)]) -> Vec<String> {
        let names: BTreeSet<&str> = fields.iter().map(|(name, _)| *name).collect();
        let mut faults = Vec::new();
        if names.len() < fields.len() {
            faults.push("a field comes twice".to_owned());
        }
        if names.contains("x-b3-sampled") && names.contains("x-b3-flags") {
            faults.push("P-7: two decisions".to_owned());
        }
        for (name, value) in fields {
            match str::from_utf8(value) {
                Ok(value) => faults.extend(self.fault(name, value)),
                Err(_) => faults.push(format!("{name} is no text")),
            }
        }
        faults
    }

    fn fault(&self, name: &str, value: &str) -> Option<String> {
        let zero = |(rule, of, zeros): &&(&str, &str, Regex)| {
            let _: &str = rule;
            *of == name && zeros.is_match(value)
        };
        if let Some((rule, ..)) = self.zeros.iter().find(zero) {
            return Some(format!("{rule}: {name} of zeros: {value}"));
        }
        if let Some((rule, _, shape)) = self.shapes.iter().find(|row| row.1 == name) {
            return (!shape.is_match(value)).then(|| format!("{rule}: {name}: {value}"));
        }
        let Some((rule, _, shape, count, len)) = self.lists.iter().find(|row| row.1 == name) else {
            return Some(format!("P-8: {name} is never written"));
        };
        if value.split(',').count() > *count || value.len() > *len {
            return Some(format!("{rule}: {name} is too long: {value}"));
        }
        let member = value.split(',').find(|member| !shape.is_match(member))?;
        Some(format!("{rule}: {name} has a member {member:?}: {value}"))
    }
}

/// The checker itself: a value that passes, and what it must refuse.
#[test]
fn the_checker_refuses_what_it_should() {
    let checker = Checker::new();
    let zeros = |count| "0".repeat(count);
    let (trace, span) = ("a".repeat(32), "b".repeat(16));
    let many = vec!["a=1"; 33].join(",");
    let more = vec!["a=1"; 65].join(",");
    let long = format!("a={}", "v".repeat(8191));
    let long_key = format!("{}=1", "k".repeat(257));
    for (name, value, passes) in [
        ("traceparent", &*format!("00-{trace}-{span}-03"), true),
        ("traceparent", &format!("00-{trace}-{span}-04"), false),
        ("traceparent", &format!("01-{trace}-{span}-01"), false),
        ("traceparent", &format!("00-{trace}-{span}-01-"), false),
        ("traceparent", &format!("00-{}-{span}-01", zeros(32)), false),
        (
            "traceparent",
            &format!("00-{trace}-{}-01", zeros(16)),
            false,
        ),
        (
            "traceparent",
            &format!("00-{}-{span}-01", trace.to_uppercase()),
            false,
        ),
        ("tracestate", "a=1,b@c=x y,ot=th:8;rv:1", true),
        ("tracestate", "", false),
        ("tracestate", "a=1,", false),
        ("tracestate", "a=1, b=2", false),
        ("tracestate", "a=1 ,b=2", false),
        ("tracestate", "a=b=c", false),
        ("tracestate", "A=1", false),
        ("tracestate", &long_key, false),
        ("tracestate", &many, false),
        ("baggage", "a=1;p;q=2,b = %20 ; r", true),
        ("baggage", "a=1 2", false),
        ("baggage", "a=1;", false),
        ("baggage", "a", false),
        ("baggage", "a=\"", false),
        ("baggage", "a=\\", false),
        ("baggage", "a(=1", false),
        ("baggage", "a@=1", false),
        ("baggage", "", false),
        ("baggage", &more, false),
        ("baggage", &long, false),
        ("b3", &format!("{trace}-{span}-d"), true),
        ("b3", &format!("{trace}-{span}"), false),
        ("b3", &format!("{}-{span}-1", "a".repeat(16)), false),
        ("b3", &format!("{trace}-{}-1", zeros(16)), false),
        ("x-b3-traceid", &trace, true),
        ("x-b3-traceid", &zeros(32), false),
        ("x-b3-spanid", &span, true),
        ("x-b3-spanid", &zeros(16), false),
        ("x-b3-sampled", "1", true),
        ("x-b3-sampled", "d", false),
        ("x-b3-flags", "1", true),
        ("x-b3-flags", "0", false),
        ("x-b3-parentspanid", &span, false),
        ("uber-trace-id", &format!("{trace}:{span}:0:1"), false),
    ] {
        let faults = checker.faults(&[(name, value.as_bytes().to_vec())]);
        assert_eq!(faults.is_empty(), passes, "{name}: {value}: {faults:?}");
    }
    let one = |name| (name, b"1".to_vec());
    let both = [one("x-b3-sampled"), one("x-b3-flags")];
    assert_eq!(checker.faults(&both).len(), 1);
    assert_eq!(
        checker
            .faults(&[one("x-b3-flags"), one("x-b3-flags")])
            .len(),
        1
    );
    assert_eq!(checker.faults(&[("baggage", b"\xff".to_vec())]).len(), 1);
}
