//! Durations (`250ms 5s 1h`) and sizes (`64KiB 10MiB`) as people write them.

use std::time::Duration;

/// A text that is no duration or size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a number and a unit.
    #[error("expected {expected}, found `{found}`")]
    Malformed {
        /// The accepted form.
        expected: &'static str,
        /// The text.
        found: Box<str>,
    },
    /// A number too large for the type.
    #[error("expected a smaller value, found `{found}`")]
    TooLarge {
        /// The text.
        found: Box<str>,
    },
}

const DURATION_FORM: &str = "a whole number with a unit (ms, s, m, h or d), such as 250ms or 5s";
const SIZE_FORM: &str =
    "a whole number with a unit (B, KiB, MiB, GiB, TiB, KB, MB, GB or TB), such as 64KiB";

/// Reads `250ms`, `5s`, `10m`, `1h`, `7d`. A bare `0` is the only number without a unit.
///
/// # Errors
/// [`UnitError`] for any other form, fractions included, and for more milliseconds than 64 bits hold.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    parse_scaled(text, DURATION_FORM, |unit| {
        Some(match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        })
    })
    .map(Duration::from_millis)
}

/// Reads `512B`, `64KiB`, `10MiB`, `1GB`; a bare number is bytes.
///
/// # Errors
/// [`UnitError`] for any other form and for more bytes than 64 bits hold.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    parse_scaled(text, SIZE_FORM, |unit| {
        Some(match unit {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "TiB" => 1 << 40,
            "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "TB" => 1_000_000_000_000,
            _ => return None,
        })
    })
}

fn parse_scaled(
    text: &str,
    expected: &'static str,
    scale: fn(&str) -> Option<u64>,
) -> Result<u64, UnitError> {
    let malformed = || UnitError::Malformed {
        expected,
        found: text.into(),
    };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(malformed());
    }
    let scale = scale(unit.trim_start_matches(' ')).ok_or_else(malformed)?;
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(scale))
        .ok_or_else(|| UnitError::TooLarge { found: text.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, millis) in [
            ("250ms", 250),
            ("5s", 5_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        for text in ["", "5", "s", "1.5s", "-1s", "5 parsecs", "5S", "٣s"] {
            assert!(
                matches!(parse_duration(text), Err(UnitError::Malformed { .. })),
                "{text}"
            );
        }
        assert!(matches!(
            parse_duration("18446744073709551615d"),
            Err(UnitError::TooLarge { .. })
        ));
    }

    #[test]
    fn sizes_know_both_kinds_of_unit() {
        for (text, bytes) in [
            ("0", 0),
            ("512B", 512),
            ("64KiB", 65_536),
            ("10MiB", 10_485_760),
            ("1GB", 1_000_000_000),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "KiB", "1kb", "1.5MiB", "-1", "10 Mio"] {
            assert!(
                matches!(parse_size(text), Err(UnitError::Malformed { .. })),
                "{text}"
            );
        }
        assert!(matches!(
            parse_size("18446744073709551615KiB"),
            Err(UnitError::TooLarge { .. })
        ));
    }
}
