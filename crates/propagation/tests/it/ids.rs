//! Ids and flags.

use propagation::{Flags, SpanId, TraceId};

use crate::support::{SPAN, TRACE, span_id, trace_id};

#[test]
fn ids_are_never_zero() {
    for (hi, lo, expected) in [
        (0, 0, "00000000000000000000000000000001"),
        (1, 0, "00000000000000010000000000000000"),
        (0, 2, "00000000000000000000000000000002"),
        (u64::MAX, 0xab, "ffffffffffffffff00000000000000ab"),
    ] {
        assert_eq!(TraceId::from_random(hi, lo).to_string(), expected);
    }
    assert_eq!(SpanId::from_random(0).to_string(), "0000000000000001");
    assert_eq!(SpanId::from_random(0xab).to_string(), "00000000000000ab");
    assert_eq!(TraceId::from_bytes([0; 16]), None);
    assert_eq!(SpanId::from_bytes([0; 8]), None);
    assert_eq!(TraceId::from_hex(&[b'0'; 32]), None);
    assert_eq!(SpanId::from_hex(&[b'0'; 16]), None);
}

#[test]
fn ids_are_read_and_written() {
    let id = trace_id(TRACE);
    assert_eq!(id.hex(), TRACE.as_bytes());
    assert_eq!(format!("{id} {id:?}"), format!("{TRACE} {TRACE}"));
    assert_eq!(TraceId::from_bytes(id.to_bytes()), Some(id));
    assert_eq!(id.to_bytes()[0], 0x0a);
    let id = span_id(SPAN);
    assert_eq!(id.hex(), SPAN.as_bytes());
    assert_eq!(format!("{id} {id:?}"), format!("{SPAN} {SPAN}"));
    assert_eq!(SpanId::from_bytes(id.to_bytes()), Some(id));
    assert_eq!(id.to_bytes()[0], 0xb7);
}

#[test]
fn other_texts_are_no_ids() {
    for digits in [
        "",
        "1",
        &"a".repeat(31),
        &format!("{TRACE}0"),
        &TRACE.to_uppercase(),
        &TRACE.replace('7', "g"),
        &TRACE.replace('7', " "),
        &TRACE.replace('7', "+"),
    ] {
        assert_eq!(TraceId::from_hex(digits.as_bytes()), None, "{digits}");
    }
    for digits in [
        "",
        "1",
        &"b".repeat(15),
        &format!("{SPAN}0"),
        "B7AD6B7169203331",
    ] {
        assert_eq!(SpanId::from_hex(digits.as_bytes()), None, "{digits}");
    }
}

#[test]
fn randomness_is_the_last_seven_bytes() {
    assert_eq!(trace_id(TRACE).randomness(), 0x48_eb21_1c80_319c);
    let all = TraceId::from_random(u64::MAX, u64::MAX);
    assert_eq!(all.randomness(), (1 << 56) - 1);
}

#[test]
fn flags_hold_what_they_know() {
    for (rule, bits, kept, sampled, random) in [
        ("P-2", 0x00, 0, false, false),
        ("P-2", 0x01, 1, true, false),
        ("P-2", 0x02, 2, false, true),
        ("P-2", 0xff, 3, true, true),
        ("P-2", 0xfc, 0, false, false),
    ] {
        let flags = Flags::from_bits(bits);
        assert_eq!(flags.bits(), kept, "{rule}: {bits}");
        assert_eq!(flags.is_sampled(), sampled, "{rule}: {bits}");
        assert_eq!(flags.is_random(), random, "{rule}: {bits}");
        assert_eq!(flags.with_sampled(true).bits(), kept | 1);
        assert_eq!(flags.with_sampled(false).bits(), kept & 2);
        assert_eq!(flags.with_random(true).bits(), kept | 2);
        assert_eq!(flags.with_random(false).bits(), kept & 1);
    }
    assert_eq!(Flags::default().bits(), 0);
}
