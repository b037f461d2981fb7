//! Ids of traces and spans. Neither is ever all zero: that is how the formats say "none".

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};

use crate::hex;

const RANDOMNESS: u128 = (1 << 56) - 1;

/// The id of a whole trace: 16 bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(NonZeroU128);

/// The id of one span: 8 bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(NonZeroU64);

impl TraceId {
    /// Of 128 random bits, given as the first eight bytes and the last; the last 56 decide about sampling. Only if all
    /// are zero, the last one is set.
    pub fn from_random(hi: u64, lo: u64) -> Self {
        let bits = u128::from(hi) << 64 | u128::from(lo);
        Self(NonZeroU128::new(bits).unwrap_or(NonZeroU128::MIN))
    }

    /// Of bytes as OTLP has them; `None` when all are zero.
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        NonZeroU128::new(u128::from_be_bytes(bytes)).map(Self)
    }

    /// Of exactly 32 lower-case hex digits that are not all zero.
    pub fn from_hex(digits: &[u8]) -> Option<Self> {
        (digits.len() == 32)
            .then(|| hex::parse(digits))
            .flatten()
            .and_then(Self::from_number)
    }

    /// The bytes as OTLP has them.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.get().to_be_bytes()
    }

    /// 32 lower-case hex digits.
    pub fn hex(self) -> [u8; 32] {
        hex::encode(self.0.get())
    }

    /// The last seven bytes: 56 bits that every hop decides by, unless the trace state holds others
    /// ([`trace_state::randomness`](crate::trace_state::randomness)).
    pub fn randomness(self) -> u64 {
        (self.0.get() & RANDOMNESS) as u64
    }

    /// Shorter ids, as B3 and Jaeger have them, are those whose first bytes are zero.
    pub(crate) fn from_number(number: u128) -> Option<Self> {
        NonZeroU128::new(number).map(Self)
    }
}

impl SpanId {
    /// Of 64 random bits. Only if all are zero, the last one is set.
    pub fn from_random(bits: u64) -> Self {
        Self(NonZeroU64::new(bits).unwrap_or(NonZeroU64::MIN))
    }

    /// Of bytes as OTLP has them; `None` when all are zero.
    pub fn from_bytes(bytes: [u8; 8]) -> Option<Self> {
        NonZeroU64::new(u64::from_be_bytes(bytes)).map(Self)
    }

    /// Of exactly 16 lower-case hex digits that are not all zero.
    pub fn from_hex(digits: &[u8]) -> Option<Self> {
        (digits.len() == 16)
            .then(|| hex::parse(digits))
            .flatten()
            .and_then(Self::from_number)
    }

    /// The bytes as OTLP has them.
    pub fn to_bytes(self) -> [u8; 8] {
        self.0.get().to_be_bytes()
    }

    /// 16 lower-case hex digits.
    pub fn hex(self) -> [u8; 16] {
        hex::encode(self.0.get().into())
    }

    /// `None` for zero and for what is longer than eight bytes.
    pub(crate) fn from_number(number: u128) -> Option<Self> {
        u64::try_from(number)
            .ok()
            .and_then(NonZeroU64::new)
            .map(Self)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
