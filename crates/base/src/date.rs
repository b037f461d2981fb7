//! Dates as HTTP and logs write them, without a time zone database.

use std::time::{Duration, SystemTime};

/// An IMF-fixdate, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 5.6.7), 29 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpDate([u8; 29]);

impl HttpDate {
    /// Writes a time; before 1970 counts as 1970.
    pub fn new(time: SystemTime) -> Self {
        const DAYS: &[u8; 21] = b"ThuFriSatSunMonTueWed";
        const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
        let civil = Civil::new(time);
        let mut text = *b"Thu, 00 Jan 1970 00:00:00 GMT";
        text[..3].copy_from_slice(&DAYS[civil.weekday_from_thursday * 3..][..3]);
        two_digits(&mut text[5..7], civil.day);
        text[8..11].copy_from_slice(&MONTHS[(civil.month - 1) * 3..][..3]);
        four_digits(&mut text[12..16], civil.year);
        two_digits(&mut text[17..19], civil.hour);
        two_digits(&mut text[20..22], civil.minute);
        two_digits(&mut text[23..25], civil.second);
        Self(text)
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A log time in UTC, `2026-11-21T08:49:37.123Z`, 24 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rfc3339([u8; 24]);

impl Rfc3339 {
    /// Writes a time; before 1970 counts as 1970.
    pub fn new(time: SystemTime) -> Self {
        let civil = Civil::new(time);
        let mut text = *b"1970-00-00T00:00:00.000Z";
        four_digits(&mut text[..4], civil.year);
        two_digits(&mut text[5..7], civil.month);
        two_digits(&mut text[8..10], civil.day);
        two_digits(&mut text[11..13], civil.hour);
        two_digits(&mut text[14..16], civil.minute);
        two_digits(&mut text[17..19], civil.second);
        text[20] = digit(civil.millis / 100);
        two_digits(&mut text[21..23], civil.millis % 100);
        Self(text)
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A point in time split into the fields of the Gregorian calendar, UTC.
struct Civil {
    year: usize,
    month: usize,
    day: usize,
    hour: usize,
    minute: usize,
    second: usize,
    millis: usize,
    weekday_from_thursday: usize,
}

impl Civil {
    fn new(time: SystemTime) -> Self {
        let since = time
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        // A century of seconds fits 64 bits many times over, and so does `usize` on every platform with SO_REUSEPORT.
        let seconds = usize::try_from(since.as_secs()).unwrap_or(0);
        let days = seconds / 86_400;
        let of_day = seconds % 86_400;
        // Days to civil date with eras of 400 years that begin on 1 March: http://howardhinnant.github.io/date_algorithms.html
        let shifted = days + 719_468;
        let era = shifted / 146_097;
        let day_of_era = shifted % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        Self {
            year: (era * 400 + year_of_era + usize::from(month <= 2)) % 10_000,
            month,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
            hour: of_day / 3_600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
            millis: since.subsec_millis() as usize,
            weekday_from_thursday: days % 7,
        }
    }
}

fn digit(value: usize) -> u8 {
    b"0123456789"[value % 10]
}

fn two_digits(to: &mut [u8], value: usize) {
    to.copy_from_slice(&[digit(value / 10), digit(value)]);
}

fn four_digits(to: &mut [u8], value: usize) {
    to.copy_from_slice(&[
        digit(value / 1000),
        digit(value / 100),
        digit(value / 10),
        digit(value),
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(millis: u64, http: &str, rfc3339: &str) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        assert_eq!(HttpDate::new(time).as_bytes(), http.as_bytes());
        assert_eq!(Rfc3339::new(time).as_bytes(), rfc3339.as_bytes());
    }

    #[test]
    fn known_dates() {
        check(
            0,
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "1970-01-01T00:00:00.000Z",
        );
        // The example of RFC 9110 5.6.7.
        check(
            784_111_777_001,
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "1994-11-06T08:49:37.001Z",
        );
        check(
            951_782_400_000,
            "Tue, 29 Feb 2000 00:00:00 GMT",
            "2000-02-29T00:00:00.000Z",
        );
        check(
            4_107_542_399_999,
            "Sun, 28 Feb 2100 23:59:59 GMT",
            "2100-02-28T23:59:59.999Z",
        );
    }
}
