//! Methods that metrics and spans call by their names.

use message::MethodKind;

/// Which of the methods that Tidegate tells apart are known; the others are `_OTHER`. All of them by default: those of
/// RFC 9110 and PATCH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownMethods {
    /// By [`MethodKind`].
    known: [bool; MethodKind::ALL.len()],
}

impl KnownMethods {
    /// These and no others, with their case. One that Tidegate does not tell apart stays `_OTHER`.
    pub fn these(names: &[Box<str>]) -> Self {
        Self {
            known: MethodKind::ALL.map(|kind| names.iter().any(|name| **name == *kind.label())),
        }
    }

    /// The method, or `Other`.
    pub fn kind(&self, kind: MethodKind) -> MethodKind {
        if self.known.get(kind as usize).is_some_and(|known| *known) {
            kind
        } else {
            MethodKind::Other
        }
    }
}

impl Default for KnownMethods {
    fn default() -> Self {
        Self {
            known: [true; MethodKind::ALL.len()],
        }
    }
}
