//! What is wrong with a variable.

use std::borrow::Cow;
use std::fmt;

/// Characters of a value that are shown.
const SHOWN_MAX: usize = 128;

/// A variable, or a part of one, that is not used as it is written. Its text is one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: expected {expected}, found {found}; {effect}")]
pub struct Warning {
    /// Its name.
    pub variable: &'static str,
    /// What should be there.
    pub expected: Cow<'static, str>,
    /// What is there: at most 128 characters of it, without control characters; of a header never the value, of a URL
    /// neither user and password nor the query.
    pub found: Box<str>,
    /// What comes of it.
    pub effect: Effect,
}

/// What comes of a value that cannot be used as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// As if the variable were not set.
    Ignored,
    /// The same of a word the specification knows and Tidegate has nothing for.
    Unsupported,
    /// A boolean that is neither: false.
    False,
    /// One member of a list does not count.
    MemberSkipped,
    /// What goes beyond the part that counts.
    RestIgnored,
    /// One part of a URL does not count.
    PartIgnored,
    /// All other `OTEL_*` variables count as not set.
    OthersIgnored,
}

impl Warning {
    /// Shows the value.
    pub(super) fn new(
        variable: &'static str,
        expected: impl Into<Cow<'static, str>>,
        value: &str,
        effect: Effect,
    ) -> Self {
        Self::about(variable, expected, shown(value), effect)
    }

    /// Shows `found` instead of the value.
    pub(super) fn about(
        variable: &'static str,
        expected: impl Into<Cow<'static, str>>,
        found: impl Into<Box<str>>,
        effect: Effect,
    ) -> Self {
        Self {
            variable,
            expected: expected.into(),
            found: found.into(),
            effect,
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ignored => "ignored",
            Self::Unsupported => "known but not supported here, ignored",
            Self::False => "taken as false",
            Self::MemberSkipped => "this member is skipped",
            Self::RestIgnored => "the rest is ignored",
            Self::PartIgnored => "that part is not used",
            Self::OthersIgnored => "all other OTEL_ variables are ignored",
        })
    }
}

/// A value between backquotes, on one line.
pub(super) fn shown(value: &str) -> String {
    let mut text = String::from("`");
    for c in value.chars().take(SHOWN_MAX) {
        if matches!(c, '"' | '\'' | '\\') {
            text.push(c);
        } else {
            text.extend(c.escape_debug());
        }
    }
    if value.chars().nth(SHOWN_MAX).is_some() {
        text.push('…');
    }
    text.push('`');
    text
}
