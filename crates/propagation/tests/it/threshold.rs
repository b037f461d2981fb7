//! Thresholds as numbers, shares and texts.

use propagation::{Threshold, TraceId};

#[track_caller]
fn encoded(threshold: Threshold) -> Option<String> {
    let mut room = [0; 14];
    threshold
        .encode(&mut room)
        .map(|digits| String::from_utf8(digits.to_vec()).unwrap())
}

#[test]
fn shares_have_four_digits_of_precision() {
    for (share, expected) in [
        (1.0, Some("0")),
        (0.5, Some("8")),
        (0.25, Some("c")),
        (0.1, Some("e666")),
        (0.01, Some("fd70a")),
        (0.001, Some("ffbe77")),
        (0.75, Some("4")),
        (1.0 / 3.0, Some("aaab")),
        (2.0 / 3.0, Some("5555")),
        (0.99999, Some("0001")),
        (1.0 - f64::EPSILON, Some("0")),
        // Fewer digits than four are left where most are `f`.
        (2f64.powi(-8), Some("ff")),
        (2f64.powi(-52), Some("fffffffffffff")),
        (2f64.powi(-53), Some("fffffffffffff8")),
        (2f64.powi(-56), Some("ffffffffffffff")),
        (1e-12, Some("fffffffffee68")),
        (3.1 * 2f64.powi(-56), Some("fffffffffffffd")),
        // Rounding up ends before it keeps nothing.
        (2f64.powi(-16) * 1.000001, Some("ffff")),
        (2f64.powi(-4) * 1.000001, Some("f")),
        // Beyond the range.
        (1.5, Some("0")),
        (f64::INFINITY, Some("0")),
        (0.0, None),
        (-0.0, None),
        (-1.0, None),
        (f64::NEG_INFINITY, None),
        (f64::NAN, None),
        (2f64.powi(-57), None),
        (f64::MIN_POSITIVE, None),
    ] {
        let threshold = Threshold::from_probability(share);
        assert_eq!(encoded(threshold).as_deref(), expected, "{share}");
        assert_eq!(threshold == Threshold::NEVER, expected.is_none(), "{share}");
    }
}

#[test]
fn texts_are_read() {
    for (digits, expected) in [
        ("0", Some(0)),
        ("8", Some(0x80_0000_0000_0000)),
        ("80", Some(0x80_0000_0000_0000)),
        ("00000000000001", Some(1)),
        ("ffffffffffffff", Some((1 << 56) - 1)),
        ("00000000000000", Some(0)),
        ("", None),
        ("000000000000000", None),
        ("F", None),
        ("g", None),
        ("0x8", None),
        (" 8", None),
        ("-8", None),
    ] {
        let found = Threshold::parse(digits.as_bytes());
        assert_eq!(found.map(Threshold::bits), expected, "{digits:?}");
    }
}

#[test]
fn bits_are_at_most_all() {
    assert_eq!(Threshold::from_bits(0), Some(Threshold::ALWAYS));
    assert_eq!(Threshold::from_bits(1 << 56), Some(Threshold::NEVER));
    assert_eq!(Threshold::from_bits((1 << 56) + 1), None);
    assert!(Threshold::ALWAYS < Threshold::NEVER);
}

#[test]
fn what_is_not_below_is_kept() {
    let half = Threshold::from_probability(0.5);
    let trace = |lo| TraceId::from_random(7, lo).randomness();
    for (threshold, randomness, expected) in [
        (half, 0x7f_ffff_ffff_ffff, false),
        (half, 0x80_0000_0000_0000, true),
        (half, (1 << 56) - 1, true),
        (half, trace(0xff7f_ffff_ffff_ffff), false),
        (half, trace(0x0080_0000_0000_0000), true),
        (Threshold::ALWAYS, 0, true),
        (Threshold::NEVER, (1 << 56) - 1, false),
    ] {
        assert_eq!(
            threshold.keeps(randomness),
            expected,
            "{threshold:?}: {randomness:x}"
        );
    }
}

#[test]
fn each_that_is_kept_stands_for_others() {
    for (digits, count, share) in [
        ("0", 1.0, 1.0),
        ("8", 2.0, 0.5),
        ("c", 4.0, 0.25),
        ("ffffffffffffff", 2f64.powi(56), 2f64.powi(-56)),
    ] {
        let threshold = Threshold::parse(digits.as_bytes()).unwrap();
        assert_eq!(threshold.adjusted_count(), count, "{digits}");
        assert_eq!(threshold.probability(), share, "{digits}");
    }
    assert_eq!(Threshold::NEVER.adjusted_count(), 0.0);
    assert_eq!(Threshold::NEVER.probability(), 0.0);
}
