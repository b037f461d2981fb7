//! How texts, times and durations are shown.

use std::fmt;
use std::time::{Duration, SystemTime};

use base::Rfc3339;

/// Text from outside, to stand between tags or in a quoted attribute of HTML: it can neither end where it stands nor begin
/// anything. Control characters, which HTML has no place for, are shown as U+FFFD.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        self.0.chars().try_for_each(|character| match character {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            '\t' | '\n' => f.write_char(character),
            _ if character.is_control() => f.write_char('\u{fffd}'),
            _ => f.write_char(character),
        })
    }
}

/// Nanoseconds with about three digits and the unit that fits: `850 ns`, `12.3 ms`, `1.20 s`.
pub(super) struct Nanos(pub(super) u64);

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            0..1_000 => return write!(f, "{} ns", self.0),
            1_000..1_000_000 => (1e3, "µs"),
            1_000_000..1_000_000_000 => (1e6, "ms"),
            1_000_000_000.. => (1e9, "s"),
        };
        let number = self.0 as f64 / unit;
        let decimals = match number {
            ..10.0 => 2,
            ..100.0 => 1,
            _ => 0,
        };
        write!(f, "{number:.decimals$} {name}")
    }
}

/// Nanoseconds since 1970 as a time in UTC with milliseconds: `2026-11-21T08:49:37.123Z`.
pub(super) fn time(unix_nanos: u64) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(unix_nanos);
    String::from_utf8_lossy(Rfc3339::new(time).as_bytes()).into_owned()
}
