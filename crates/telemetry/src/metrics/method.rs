//! Methods that metrics and spans call by their names.

use message::MethodKind;

/// Methods beyond those of [`MethodKind`] that can be told by their names: each is a label value.
const OWN_MAX: usize = 16;

/// A method as figures and spans name it; `_OTHER` for one that is not known. Costs nothing to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodLabel {
    /// The kind's, or that of a method of its own behind them.
    number: u8,
    text: &'static str,
}

/// Which methods are known; the others are `_OTHER`. By default those of RFC 9110 and PATCH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownMethods {
    /// By [`MethodKind`].
    kinds: [bool; MethodKind::ALL.len()],
    own: &'static [&'static str],
}

impl MethodLabel {
    /// How many there are at most in one process.
    pub const COUNT: usize = MethodKind::ALL.len() + OWN_MAX;
    /// Of a method that is not known.
    pub const OTHER: Self = Self {
        number: MethodKind::Other as u8,
        text: "_OTHER",
    };

    /// The method, or `_OTHER`.
    pub fn text(self) -> &'static str {
        self.text
    }

    /// The same as a span's name has it: `HTTP` for a method that is not known.
    pub fn span_text(self) -> &'static str {
        if self == Self::OTHER {
            "HTTP"
        } else {
            self.text
        }
    }

    /// Less than [`Self::COUNT`], and another one for each label of a process.
    pub fn number(self) -> u8 {
        self.number
    }
}

impl From<MethodKind> for MethodLabel {
    fn from(kind: MethodKind) -> Self {
        Self {
            number: kind as u8,
            text: kind.label(),
        }
    }
}

impl KnownMethods {
    /// Methods that HTTP does not define itself, of which no more count.
    pub const OWN_MAX: usize = OWN_MAX;

    /// These and no others, with their case. Of those that are none of [`MethodKind`] the first [`Self::OWN_MAX`] count. Their
    /// names stay in memory until the process ends: to be called once, for its environment.
    pub fn these(names: &[Box<str>]) -> Self {
        let is_own = |name: &str| MethodKind::of(name.as_bytes()) == MethodKind::Other;
        let own = names.iter().filter(|name| is_own(name)).take(OWN_MAX);
        let own: Vec<&'static str> = own.map(|name| &*Box::leak(name.clone())).collect();
        Self {
            kinds: MethodKind::ALL.map(|kind| names.iter().any(|name| **name == *kind.label())),
            own: own.leak(),
        }
    }

    /// How the method is called; `text` is what was sent.
    pub fn label(&self, kind: MethodKind, text: &[u8]) -> MethodLabel {
        if kind != MethodKind::Other {
            let is_known = self.kinds.get(kind as usize).is_some_and(|known| *known);
            return if is_known {
                kind.into()
            } else {
                MethodLabel::OTHER
            };
        }
        let own = (0_u8..).zip(self.own);
        own.filter(|(_, name)| name.as_bytes() == text)
            .map(|(at, name)| MethodLabel {
                number: MethodLabel::OTHER.number + 1 + at,
                text: name,
            })
            .next()
            .unwrap_or(MethodLabel::OTHER)
    }

    /// Every known method.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let kinds = MethodKind::ALL.into_iter().zip(self.kinds);
        kinds
            .filter(|(_, is_known)| *is_known)
            .map(|(kind, _)| kind.label())
            .chain(self.own.iter().copied())
    }
}

impl Default for KnownMethods {
    fn default() -> Self {
        Self {
            kinds: MethodKind::ALL.map(|kind| kind != MethodKind::Other),
            own: &[],
        }
    }
}
