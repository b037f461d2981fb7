//! The flags that travel with a trace.

const SAMPLED: u8 = 0x01;
const RANDOM: u8 = 0x02;

/// The two flags that W3C Trace Context Level 2 knows; others are never kept (P-2). By default none is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(u8);

impl Flags {
    /// Of their byte; bits that mean nothing are dropped.
    pub fn from_bits(bits: u8) -> Self {
        Self(bits & (SAMPLED | RANDOM))
    }

    /// Their byte: 0 to 3.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Whether the caller may have recorded the trace (0x01).
    pub fn is_sampled(self) -> bool {
        self.0 & SAMPLED != 0
    }

    /// Whether the last 56 bits of the trace id are known to be random (0x02). If not, they may still be: the flag is
    /// newer than the format.
    pub fn is_random(self) -> bool {
        self.0 & RANDOM != 0
    }

    /// With that decision in place of the one it holds.
    #[must_use]
    pub fn with_sampled(self, sampled: bool) -> Self {
        self.with(SAMPLED, sampled)
    }

    /// With that statement about the trace id in place of the one it holds: true where the id is made, else as it came.
    #[must_use]
    pub fn with_random(self, random: bool) -> Self {
        self.with(RANDOM, random)
    }

    fn with(self, flag: u8, on: bool) -> Self {
        Self(if on { self.0 | flag } else { self.0 & !flag })
    }
}
