//! Ids of requests.

use std::fmt;

/// 128 random bits, written as 32 lower-case hex digits. Unique, not unguessable: it authenticates nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 32]);

impl RequestId {
    /// Draws one from the thread's generator; no system call, no allocation.
    pub fn random() -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let bits = fastrand::u128(..);
        let mut text = [0; 32];
        for (at, digit) in text.iter_mut().enumerate() {
            *digit = HEX[((bits >> (4 * at)) & 15) as usize];
        }
        Self(text)
    }

    /// The hex digits.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_hex_and_differ() {
        let (first, second) = (RequestId::random(), RequestId::random());
        assert_ne!(first, second);
        assert!(
            first
                .as_bytes()
                .iter()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b))
        );
    }
}
