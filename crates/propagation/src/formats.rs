//! Which formats are in use, and their order.

use std::fmt;

use crate::field::field_names;
use crate::format::Format;
use crate::jaeger;

/// The word that stands for no format at all.
const NONE: &str = "none";

/// Formats in the order they are read, each once (P-9). By default W3C Trace Context, then W3C Baggage.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Formats {
    /// Filled from the front.
    list: [Option<Format>; Format::ALL.len()],
}

/// What `OTEL_PROPAGATORS` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedFormats<'a> {
    /// Those to use.
    pub formats: Formats,
    /// Words that had no effect, as written, in order: to be warned of.
    pub ignored: Vec<&'a str>,
}

impl Formats {
    /// None: nothing is read and nothing written.
    pub const NONE: Self = Self {
        list: [None; Format::ALL.len()],
    };

    /// Of a comma-separated list as `OTEL_PROPAGATORS` holds it (P-9): words in any case, white space around them allowed.
    /// A list without a word that is known counts as unset and gives the default. `none` leaves no format, whatever
    /// stands beside it. Words without effect are no errors: unknown ones, and `xray` and `ottrace`, which are known
    /// elsewhere.
    pub fn parse(list: &str) -> ParsedFormats<'_> {
        let words = || {
            list.split(',')
                .map(str::trim)
                .filter(|word| !word.is_empty())
        };
        let is_none = |word: &str| word.eq_ignore_ascii_case(NONE);
        if words().any(is_none) {
            return ParsedFormats {
                formats: Self::NONE,
                ignored: words().filter(|word| !is_none(word)).collect(),
            };
        }
        let known: Self = words().filter_map(Format::from_word).collect();
        ParsedFormats {
            formats: if known.is_empty() {
                Self::default()
            } else {
                known
            },
            ignored: words()
                .filter(|word| Format::from_word(word).is_none())
                .collect(),
        }
    }

    /// The formats in order.
    pub fn iter(&self) -> impl Iterator<Item = Format> + use<> {
        self.list.into_iter().flatten()
    }

    /// Whether it is among them.
    pub fn contains(&self, format: Format) -> bool {
        self.list.contains(&Some(format))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::NONE
    }

    /// Whether a hop with these formats takes the field of that name for itself, whatever its case: those of
    /// [`field_names`](crate::field_names) and, with Jaeger's format, all that begin with `uberctx-`.
    pub fn owns(&self, name: &[u8]) -> bool {
        field_names(self).any(|owned| name.eq_ignore_ascii_case(owned.as_bytes()))
            || self.contains(Format::Jaeger) && jaeger::baggage_key(name).is_some()
    }

    fn add(&mut self, format: Format) {
        if self.contains(format) {
            return;
        }
        if let Some(room) = self.list.iter_mut().find(|place| place.is_none()) {
            *room = Some(format);
        }
    }
}

impl Default for Formats {
    fn default() -> Self {
        [Format::TraceContext, Format::Baggage]
            .into_iter()
            .collect()
    }
}

impl FromIterator<Format> for Formats {
    /// What comes a second time is left out.
    fn from_iter<I: IntoIterator<Item = Format>>(formats: I) -> Self {
        let mut list = Self::NONE;
        for format in formats {
            list.add(format);
        }
        list
    }
}

impl fmt::Debug for Formats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
