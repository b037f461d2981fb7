//! Single rules.

use otlp::read::{check as check_request, spans};
use otlp::{Malformed, Signal, append_json};

use super::oracle::decode_all;
use super::seen::{Seen, Tree, read_all};
use super::soup::append_bytes;

/// A message with these fields of bytes.
fn message(fields: &[(u32, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, bytes) in fields {
        append_bytes(&mut out, *number, bytes);
    }
    out
}

/// A request with one span.
fn request(span: &[u8]) -> Vec<u8> {
    message(&[(1, &message(&[(2, &message(&[(2, span)]))]))])
}

#[track_caller]
fn check(span: &[u8], expected: Seen) {
    let request = request(span);
    assert_eq!(read_all(&request).unwrap(), [expected]);
}

/// OT-3.
#[test]
fn an_empty_request_has_no_spans() {
    for request in [
        &b""[..],
        b"\x0a\x00",
        b"\x0a\x02\x12\x00",
        b"\x0a\x00\x0a\x00",
    ] {
        assert_eq!(read_all(request).unwrap(), []);
    }
}

#[test]
fn ids_have_their_length_and_are_not_zero() {
    let cases: [(&[u8], Option<[u8; 8]>); 6] = [
        (b"", None),
        (b"\0\0\0\0\0\0\0\0", None),
        (b"1234567", None),
        (b"123456789", None),
        (b"12345678", Some(*b"12345678")),
        (b"\0\0\0\0\0\0\0\x01", Some([0, 0, 0, 0, 0, 0, 0, 1])),
    ];
    for (bytes, id) in cases {
        let parent = Seen {
            parent_span_id: id,
            ..Seen::default()
        };
        check(&message(&[(4, bytes)]), parent);
        let own = Seen {
            span_id: id,
            ..Seen::default()
        };
        check(&message(&[(2, bytes)]), own);
        let short = Seen::default();
        check(&message(&[(1, bytes)]), short);
    }
    let whole = Seen {
        trace_id: Some(*b"0123456789abcdef"),
        ..Seen::default()
    };
    check(&message(&[(1, b"0123456789abcdef")]), whole);
}

/// Whoever sends that is wrong, and no reason to lose it.
#[test]
fn text_that_is_no_utf8_is_shown_as_it_is() {
    let attribute = message(&[(1, b"\xff"), (2, &message(&[(1, b"\xfe")]))]);
    let span = message(&[(5, b"a\xff"), (3, b"\xc3"), (9, &attribute)]);
    assert!(decode_all(&request(&span)).is_err(), "prost is strict");
    let expected = Seen {
        name: b"a\xff".to_vec(),
        trace_state: b"\xc3".to_vec(),
        attributes: vec![(b"\xff".to_vec(), Tree::Str(b"\xfe".to_vec()))],
        ..Seen::default()
    };
    check(&span, expected);
}

/// OT-10, and what is for profiles.
#[test]
fn values_may_be_empty() {
    let cases: [&[(u32, &[u8])]; 3] = [&[], &[(2, b"")], &[(2, b"\x40\x07")]];
    for fields in cases {
        let span = message(&[(9, &message(fields))]);
        let expected = Seen {
            attributes: vec![(Vec::new(), Tree::Empty)],
            ..Seen::default()
        };
        check(&span, expected);
    }
}

/// Every resource and every scope has a place of its own.
#[test]
fn resources_and_scopes_are_counted() {
    let scope = message(&[(2, b""), (2, b"")]);
    let resource = message(&[(2, &scope), (1, b""), (2, &scope)]);
    let request = message(&[(1, &resource), (1, &resource)]);
    let mut places = Vec::new();
    spans(&request, |span| {
        places.push((span.resource.index, span.scope.index));
    })
    .unwrap();
    let expected =
        [0, 1].map(|resource| [(resource, 0), (resource, 0), (resource, 1), (resource, 1)]);
    assert_eq!(places, expected.concat());
}

/// OT-24. The bytes are a span, and one of its fields is not what it has to be.
#[test]
fn other_wire_types_are_refused() {
    let cases: [&[u8]; 16] = [
        b"\x08\x01",
        b"\x10\x01",
        b"\x18\x01",
        b"\x20\x01",
        b"\x28\x01",
        b"\x32\x00",
        b"\x38\x01",
        b"\x40\x01",
        b"\x48\x01",
        b"\x52\x00",
        b"\x58\x01",
        b"\x62\x00",
        b"\x78\x01",
        b"\x7a\x02\x10\x01",
        b"\x7a\x02\x1a\x00",
        b"\x82\x01\x00",
    ];
    for span in cases {
        let found = spans(&request(span), |_| {});
        assert_eq!(found, Err(Malformed::WireType), "{}", span.escape_ascii());
    }
}

/// What is below a span is proven when it is walked.
#[test]
fn broken_attributes_are_refused_by_whom_walks_them() {
    let attribute = |value: &[u8]| message(&[(9, &message(&[(2, value)]))]);
    let event = |event: &[u8]| message(&[(11, event)]);
    let cases = [
        (message(&[(9, b"\x0a\x01")]), Malformed::Truncated),
        (message(&[(9, b"\x08\x01")]), Malformed::WireType),
        (message(&[(9, b"\x10\x01")]), Malformed::WireType),
        (message(&[(9, b"\x07")]), Malformed::Tag),
        (attribute(b"\x0a\x01"), Malformed::Truncated),
        (attribute(b"\x08\x01"), Malformed::WireType),
        (attribute(b"\x12\x00"), Malformed::WireType),
        (attribute(b"\x1a\x00"), Malformed::WireType),
        (attribute(b"\x20\x00"), Malformed::WireType),
        (attribute(b"\x28\x00"), Malformed::WireType),
        (attribute(b"\x30\x00"), Malformed::WireType),
        (attribute(b"\x38\x00"), Malformed::WireType),
        (attribute(b"\x2a\x02\x0a\x01"), Malformed::Truncated),
        (attribute(b"\x2a\x02\x08\x00"), Malformed::WireType),
        (attribute(b"\x32\x02\x0a\x01"), Malformed::Truncated),
        (event(b"\x09\x01"), Malformed::Truncated),
        (event(b"\x08\x01"), Malformed::WireType),
        (event(b"\x10\x01"), Malformed::WireType),
        (event(b"\x1a\x02\x0a\x01"), Malformed::Truncated),
    ];
    for (span, malformed) in cases {
        let request = request(&span);
        let shown = span.escape_ascii();
        assert_eq!(spans(&request, |_| {}), Ok(()), "{shown}");
        assert_eq!(read_all(&request), Err(malformed), "{shown}");
        assert_eq!(check_request(&request), Err(malformed), "{shown}");
    }
}

/// 64 levels of messages, as when a request is written as JSON.
#[test]
fn nesting_is_bounded() {
    for (list, levels) in [(5, 2), (6, 3)] {
        let mut value = Vec::new();
        // A request, a resource, a scope, a span, a pair and its value.
        for depth in (6..100).step_by(levels) {
            let request = request(&message(&[(9, &message(&[(2, &value)]))]));
            let expected = if depth <= 64 {
                Ok(())
            } else {
                Err(Malformed::Nesting)
            };
            assert_eq!(read_all(&request).map(drop), expected, "{depth}");
            assert_eq!(check_request(&request), expected, "{depth}");
            let as_json = append_json(Signal::Traces, &request, &mut Vec::new());
            assert_eq!(as_json, expected, "{depth}");
            let element = if list == 5 {
                value
            } else {
                message(&[(2, &value)])
            };
            value = message(&[(list, &message(&[(1, &element)]))]);
        }
    }
}

/// Each resource and each scope is looked into, wherever it stands.
#[test]
fn broken_descriptions_are_found() {
    let broken = message(&[(1, b"\x0a\x01"), (3, b"\x0a\x01")]);
    let whole = message(&[(2, &message(&[(2, b"")]))]);
    let resource = message(&[(2, &message(&[(2, b"")])), (1, &broken)]);
    let scope = message(&[(2, &message(&[(2, b""), (1, &broken)]))]);
    for found in [resource, scope] {
        for fields in [[&found, &whole], [&whole, &found]] {
            let request = message(&fields.map(|bytes| (1, bytes.as_slice())));
            assert_eq!(spans(&request, |_| {}), Ok(()));
            assert_eq!(check_request(&request), Err(Malformed::Truncated));
        }
    }
}

/// The spans before the damage were seen.
#[test]
fn an_error_ends_the_walk() {
    let resource = |span: &[u8]| message(&[(2, &message(&[(2, span)]))]);
    let request = message(&[
        (1, &resource(b"")),
        (1, &resource(b"\x08\x01")),
        (1, &resource(b"")),
    ]);
    let mut count = 0;
    assert_eq!(spans(&request, |_| count += 1), Err(Malformed::WireType));
    assert_eq!(count, 1);
}
