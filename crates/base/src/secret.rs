//! Text that must not be shown.

use std::fmt;

/// A token or password. `Debug` prints stars, there is no `Display`, and comparison takes the same time wherever
/// the first difference is.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// Takes any text.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends or checks it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether a presented value is this secret.
    pub fn matches(&self, presented: &[u8]) -> bool {
        let known = self.0.as_bytes();
        let mut difference = usize::from(known.len() != presented.len());
        for (at, byte) in presented.iter().enumerate() {
            difference |= usize::from(byte ^ known.get(at % known.len().max(1)).unwrap_or(&0));
        }
        std::hint::black_box(difference) == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other.0.as_bytes())
    }
}

impl Eq for Secret {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_compared_whole_and_never_shown() {
        let secret = Secret::new("correct horse");
        assert_eq!(format!("{secret:?}"), "***");
        assert!(secret.matches(b"correct horse"));
        for wrong in [
            &b""[..],
            b"correct hors",
            b"correct horsecorrect horse",
            b"Correct horse",
        ] {
            assert!(!secret.matches(wrong));
        }
        assert!(Secret::new("").matches(b""));
    }
}
