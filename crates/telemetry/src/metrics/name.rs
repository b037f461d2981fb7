//! From OpenTelemetry's names and units to those of Prometheus (M-2). Every metric is a static, so this is done when the
//! program is compiled.

use std::fmt;

/// The longest name, in bytes.
const NAME_MAX: usize = 96;

/// UCUM units and the words for them; of a quotient, only what stands before the slash.
const WORDS: &[(&str, &str)] = &[
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tebibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("%", "percent"),
];

/// What stands behind the slash of a quotient: singular.
const PER_WORDS: &[(&str, &str)] = &[
    ("s", "second"),
    ("min", "minute"),
    ("h", "hour"),
    ("d", "day"),
    ("wk", "week"),
    ("mo", "month"),
    ("a", "year"),
];

/// A name made at compile time.
#[derive(Clone, Copy)]
pub(crate) struct Name {
    bytes: [u8; NAME_MAX],
    len: usize,
}

/// What values a name is made for.
#[derive(Clone, Copy)]
pub(crate) enum Suffix {
    /// A monotonic sum ends with `_total`.
    Total,
    /// A gauge whose unit is 1 ends with `_ratio`.
    Ratio,
    /// Nothing but the unit.
    Unit,
}

impl Name {
    const EMPTY: Self = Self {
        bytes: [0; NAME_MAX],
        len: 0,
    };

    /// The name of a metric and its unit in words, which may be empty.
    ///
    /// # Panics
    /// When either is longer than 96 bytes. For a static this is an error of the compiler.
    pub(crate) const fn derive(name: &str, unit: &str, suffix: Suffix) -> (Self, Self) {
        let mut derived = Self::EMPTY;
        derived.push_legal(name.as_bytes());
        let is_total = matches!(suffix, Suffix::Total);
        if is_total && derived.ends_with_word("total") {
            derived.len -= "_total".len();
        }
        let words = Self::unit(unit, matches!(suffix, Suffix::Ratio));
        if words.len > 0 && !derived.ends_with_word(words.as_str()) {
            derived.push(b'_');
            derived.push_legal(words.as_str().as_bytes());
        }
        if is_total {
            derived.push_legal(b"_total");
        }
        (derived, words)
    }

    /// The unit in words, without what stands in braces: those are remarks.
    const fn unit(unit: &str, knows_ratio: bool) -> Self {
        let mut plain = Self::EMPTY;
        let mut per = Self::EMPTY;
        let (mut is_remark, mut is_per) = (false, false);
        let mut rest = unit.as_bytes();
        while let Some((letter, after)) = rest.split_first() {
            rest = after;
            match *letter {
                b'{' => is_remark = true,
                b'}' => is_remark = false,
                _ if is_remark => {}
                b'/' if !is_per => is_per = true,
                other if is_per => per.push(other),
                other => plain.push(other),
            }
        }
        let mut words = Self::EMPTY;
        if knows_ratio && per.len == 0 && same(plain.as_str(), "1") {
            words.push_legal(b"ratio");
        } else if !same(plain.as_str(), "1") {
            words.push_legal(translate(WORDS, plain.as_str()).as_bytes());
        }
        if per.len > 0 {
            words.push_legal(if words.len > 0 { b"_per_" } else { b"per_" });
            words.push_legal(translate(PER_WORDS, per.as_str()).as_bytes());
        }
        words
    }

    /// Appends what is legal, `_` for what is not, and never two `_` in a row. A name does not begin with a digit.
    const fn push_legal(&mut self, text: &[u8]) {
        let mut rest = text;
        while let Some((letter, after)) = rest.split_first() {
            rest = after;
            let is_legal = letter.is_ascii_alphanumeric() || *letter == b':';
            if self.len == 0 && letter.is_ascii_digit() {
                self.push(b'_');
            }
            if is_legal {
                self.push(*letter);
            } else if self.len == 0 || self.bytes[self.len - 1] != b'_' {
                self.push(b'_');
            }
        }
    }

    const fn push(&mut self, letter: u8) {
        assert!(
            self.len < NAME_MAX,
            "expected a name of at most 96 bytes for a metric"
        );
        self.bytes[self.len] = letter;
        self.len += 1;
    }

    /// Whether the name is the word or ends with `_` and the word.
    const fn ends_with_word(&self, word: &str) -> bool {
        let (name, word) = (self.as_str().as_bytes(), word.as_bytes());
        let Some(start) = name.len().checked_sub(word.len()) else {
            return false;
        };
        let (before, end) = name.split_at(start);
        same_bytes(end, word) && matches!(before, [] | [.., b'_'])
    }

    pub(crate) const fn as_str(&self) -> &str {
        let (text, _) = self.bytes.split_at(self.len);
        match str::from_utf8(text) {
            Ok(text) => text,
            // A unit that is cut in the middle of a letter; nothing else is not ASCII.
            Err(_) => "",
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// The word for a unit; one without a word stands for itself.
const fn translate<'a>(words: &'a [(&'a str, &'a str)], unit: &'a str) -> &'a str {
    let mut rest = words;
    while let Some(((known, word), after)) = rest.split_first() {
        if same(known, unit) {
            return word;
        }
        rest = after;
    }
    unit
}

const fn same(one: &str, other: &str) -> bool {
    same_bytes(one.as_bytes(), other.as_bytes())
}

const fn same_bytes(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let (mut one, mut other) = (one, other);
    while let (Some((a, rest_a)), Some((b, rest_b))) = (one.split_first(), other.split_first()) {
        if *a != *b {
            return false;
        }
        (one, other) = (rest_a, rest_b);
    }
    true
}
