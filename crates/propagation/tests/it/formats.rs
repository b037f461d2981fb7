//! Which formats are in use, and in which order (P-9).

use propagation::{Field, Format, Formats, field_names};

use crate::support::{PADDED_TRACE, SHORT_TRACE, SPAN, TRACE, formats, parent, read, text};
use Format::{B3, B3Multi, Baggage, Jaeger, TraceContext};

#[test]
fn words() {
    const DEFAULT: &[Format] = &[TraceContext, Baggage];
    for (rule, list, expected, ignored) in [
        ("P-9, unset", "", DEFAULT, &[][..]),
        ("P-9, unset", " , ,", DEFAULT, &[]),
        ("P-9", "tracecontext", &[TraceContext], &[]),
        ("P-9", "tracecontext,baggage", DEFAULT, &[]),
        (
            "P-9, order",
            "b3multi, jaeger ,baggage,b3,tracecontext",
            &[B3Multi, Jaeger, Baggage, B3, TraceContext],
            &[],
        ),
        ("P-9, deduplicated", "b3,b3,baggage,b3", &[B3, Baggage], &[]),
        ("P-9, any case", "B3,TraceContext", &[B3, TraceContext], &[]),
        ("P-9, none", "none", &[], &[]),
        ("P-9, none", " None ", &[], &[]),
        ("P-9, none", "b3,none,xray", &[], &["b3", "xray"]),
        (
            "P-9, ignored",
            "xray,b3,ottrace",
            &[B3],
            &["xray", "ottrace"],
        ),
        ("P-9, ignored", "b3 multi,B4,b3", &[B3], &["b3 multi", "B4"]),
        (
            "P-9, nothing left",
            "xray,ottrace",
            DEFAULT,
            &["xray", "ottrace"],
        ),
    ] {
        let parsed = Formats::parse(list);
        assert_eq!(parsed.formats, formats(expected), "{rule}: {list:?}");
        assert_eq!(parsed.ignored, ignored, "{rule}: {list:?}");
        assert!(
            parsed.formats.iter().eq(expected.iter().copied()),
            "{rule}: {list:?}"
        );
        assert_eq!(parsed.formats.is_empty(), expected.is_empty());
        for format in Format::ALL {
            let contained = parsed.formats.contains(format);
            assert_eq!(contained, expected.contains(&format), "{rule}: {list:?}");
        }
    }
    assert_eq!(Formats::default(), formats(DEFAULT));
    assert_eq!(
        format!("{:?}", Formats::default()),
        "[TraceContext, Baggage]"
    );
    for format in Format::ALL {
        assert_eq!(Format::from_word(format.word()), Some(format));
    }
}

#[test]
fn the_first_that_gives_a_parent_is_believed() {
    let traceparent = format!("00-{TRACE}-{SPAN}-01");
    let broken = format!("ff-{TRACE}-{SPAN}-01");
    let b3 = format!("{SHORT_TRACE}-{SPAN}-0");
    let uber = format!("abc:{SPAN}:0:1");
    let all = |traceparent| {
        [
            ("uber-trace-id", &*uber),
            ("b3", &*b3),
            ("baggage", "k=v"),
            ("tracestate", "a=1"),
            ("traceparent", traceparent),
        ]
    };
    let (context, b3, jaeger) = (parent(TRACE, 1), parent(PADDED_TRACE, 0), parent("abc", 1));
    for (rule, list, traceparent, expected, state) in [
        (
            "P-9",
            &[TraceContext, B3, Jaeger][..],
            &*traceparent,
            Some(context),
            "a=1",
        ),
        ("P-9", &[B3, TraceContext], &traceparent, Some(b3), ""),
        (
            "P-9",
            &[Jaeger, B3, TraceContext],
            &traceparent,
            Some(jaeger),
            "",
        ),
        (
            "P-9",
            &[Baggage, TraceContext, B3],
            &traceparent,
            Some(context),
            "a=1",
        ),
        (
            "P-9, what is invalid gives none",
            &[TraceContext, B3],
            &broken,
            Some(b3),
            "",
        ),
        (
            "P-9, what is invalid gives none",
            &[TraceContext],
            &broken,
            None,
            "",
        ),
        ("P-9, none", &[], &traceparent, None, ""),
        ("P-9, none of parents", &[Baggage], &traceparent, None, ""),
    ] {
        let found = read(list, &all(traceparent));
        assert_eq!(found.parent, expected, "{rule}: {list:?}");
        assert_eq!(text(&found.trace_state), state, "{rule}: {list:?}");
        let baggage = if list.contains(&Baggage) { "k=v" } else { "" };
        assert_eq!(text(&found.baggage), baggage, "{rule}: {list:?}");
    }
}

#[test]
fn names() {
    const B3_NAMES: &[&str] = &[
        "b3",
        "x-b3-traceid",
        "x-b3-spanid",
        "x-b3-parentspanid",
        "x-b3-sampled",
        "x-b3-flags",
    ];
    for (list, expected) in [
        (&[][..], &[][..]),
        (&[TraceContext], &["traceparent", "tracestate"]),
        (&[Baggage], &["baggage"]),
        (&[B3], B3_NAMES),
        (&[B3Multi], B3_NAMES),
        (&[B3Multi, B3], B3_NAMES),
        (&[Jaeger], &["uber-trace-id"]),
        (
            &[Baggage, TraceContext],
            &["traceparent", "tracestate", "baggage"],
        ),
    ] {
        let formats = formats(list);
        assert_eq!(
            field_names(&formats).collect::<Vec<_>>(),
            expected,
            "{list:?}"
        );
        for name in Field::ALL.map(Field::name) {
            let owned = expected.contains(&name);
            assert_eq!(formats.owns(name.as_bytes()), owned, "{list:?}: {name}");
            let upper = name.to_uppercase();
            assert_eq!(formats.owns(upper.as_bytes()), owned, "{list:?}: {upper}");
        }
        let jaeger = list.contains(&Jaeger);
        for (name, owned) in [
            ("uberctx-a", jaeger),
            ("UberCtx-a", jaeger),
            ("uberctx-", false),
        ] {
            assert_eq!(formats.owns(name.as_bytes()), owned, "{list:?}: {name}");
        }
        assert!(!formats.owns(b"x-b3") && !formats.owns(b"") && !formats.owns(b"grpc-trace-bin"));
    }
}
