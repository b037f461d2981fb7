//! What is written (P-1, P-2, P-3, P-7, P-8).

use propagation::{Format, Outgoing};

use crate::support::{SPAN, TRACE, outgoing, write};
use Format::{B3, B3Multi, Baggage, Jaeger, TraceContext};

#[track_caller]
fn check(rule: &str, list: &[Format], outgoing: &Outgoing<'_>, expected: &[(&str, &str)]) {
    let found = write(list, outgoing);
    let found: Vec<_> = found
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    assert_eq!(found, expected, "{rule}: {list:?}");
}

#[test]
fn trace_context() {
    for (rule, flags, debug, expected) in [
        ("P-1, version 00", 0, false, "00"),
        ("P-2", 1, false, "01"),
        ("P-2", 2, false, "02"),
        ("P-2", 3, false, "03"),
        ("P-2, others as 0", 0xff, false, "03"),
        ("debug says sampled", 0, true, "01"),
        ("debug says sampled", 2, true, "03"),
    ] {
        let outgoing = Outgoing {
            debug,
            ..outgoing(flags)
        };
        let value = format!("00-{TRACE}-{SPAN}-{expected}");
        check(rule, &[TraceContext], &outgoing, &[("traceparent", &value)]);
    }
    let outgoing = Outgoing {
        trace_state: b"ot=th:8,a=1",
        baggage: b"k=v",
        ..outgoing(1)
    };
    let value = format!("00-{TRACE}-{SPAN}-01");
    let parent = ("traceparent", &*value);
    let state = ("tracestate", "ot=th:8,a=1");
    let baggage = ("baggage", "k=v");
    for (rule, list, expected) in [
        ("P-3", &[TraceContext][..], &[parent, state][..]),
        (
            "P-9, in order",
            &[Baggage, TraceContext],
            &[baggage, parent, state],
        ),
        ("P-9", &[Baggage], &[baggage]),
        ("P-9, none", &[], &[]),
        ("P-8, never", &[Jaeger], &[]),
        ("P-8, never", &[Jaeger, Baggage], &[baggage]),
    ] {
        check(rule, list, &outgoing, expected);
    }
    check("P-5, empty", &[Baggage], &self::outgoing(1), &[]);
}

#[test]
fn b3() {
    for (rule, flags, debug, decision) in [
        ("P-7", 0, false, "0"),
        ("P-7", 1, false, "1"),
        ("P-7, random is not known", 2, false, "0"),
        ("P-7, random is not known", 3, false, "1"),
        ("P-7, debug", 0, true, "d"),
        ("P-7, debug", 1, true, "d"),
    ] {
        let outgoing = Outgoing {
            trace_state: b"a=1",
            debug,
            ..outgoing(flags)
        };
        let single = format!("{TRACE}-{SPAN}-{decision}");
        let single = ("b3", &*single);
        check(rule, &[B3], &outgoing, &[single]);
        let last = if debug {
            ("x-b3-flags", "1")
        } else {
            ("x-b3-sampled", decision)
        };
        let several = [("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN), last];
        check(rule, &[B3Multi], &outgoing, &several);
        check(
            rule,
            &[B3, B3Multi],
            &outgoing,
            &[single, several[0], several[1], last],
        );
    }
}

#[test]
fn short_ids_have_their_full_length() {
    let outgoing = Outgoing {
        trace_id: propagation::TraceId::from_random(0, 0xabc),
        span_id: propagation::SpanId::from_random(0xd),
        ..outgoing(1)
    };
    let (trace, span) = (format!("{:0>32}", "abc"), format!("{:0>16}", "d"));
    let single = format!("{trace}-{span}-1");
    check("P-6, left-padded", &[B3], &outgoing, &[("b3", &single)]);
    let several = [
        ("x-b3-traceid", &*trace),
        ("x-b3-spanid", &span),
        ("x-b3-sampled", "1"),
    ];
    check("P-6, left-padded", &[B3Multi], &outgoing, &several);
    let parent = format!("00-{trace}-{span}-01");
    check(
        "P-1",
        &[TraceContext],
        &outgoing,
        &[("traceparent", &parent)],
    );
}
