//! Thresholds of consistent probability sampling: which part of all traces is kept, so that all hops agree.
//! <https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/>

use crate::hex;

/// Of randomness and of thresholds.
const BITS: u32 = 56;
/// How many values they have.
const ALL: u64 = 1 << BITS;
/// Their hex digits.
const DIGITS: usize = 14;
/// Digits that a share is rounded to, leading `f` aside.
const PRECISION: u32 = 4;

/// What the randomness of a trace is held against: 0 to 2^56. The higher, the fewer traces are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Threshold(u64);

impl Threshold {
    /// Keeps every trace.
    pub const ALWAYS: Self = Self(0);
    /// Keeps none. It has no text: "never" is no probability.
    pub const NEVER: Self = Self(ALL);

    /// Of its 56 bits, or 2^56 for [`Threshold::NEVER`]; `None` beyond that.
    pub fn from_bits(bits: u64) -> Option<Self> {
        (bits <= ALL).then_some(Self(bits))
    }

    /// 0 to 2^56.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// Keeps this share of all traces: 0 to 1, rounded to four hex digits of threshold, leading `f` not counted. What is
    /// above 1 keeps all, what is below 2^-56 or no number keeps none.
    pub fn from_probability(share: f64) -> Self {
        if share.is_nan() || share < 1.0 / ALL as f64 {
            return Self::NEVER;
        }
        if share >= 1.0 {
            return Self::ALWAYS;
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "1 to 2^56: the share is between 2^-56 and 1"
        )]
        let kept = (share * ALL as f64).round() as u64;
        Self(ALL.saturating_sub(kept)).rounded()
    }

    /// Of 1 to 14 lower-case hex digits; zeros that are missing at the end count.
    pub fn parse(digits: &[u8]) -> Option<Self> {
        if digits.len() > DIGITS {
            return None;
        }
        let bits = u64::try_from(hex::parse(digits)?).ok()?;
        Some(Self(bits << (4 * (DIGITS - digits.len()))))
    }

    /// Writes 1 to 14 lower-case hex digits, without zeros at the end; `None` for [`Threshold::NEVER`].
    pub fn encode(self, room: &mut [u8; DIGITS]) -> Option<&[u8]> {
        if self == Self::NEVER {
            return None;
        }
        *room = hex::encode(self.0.into());
        let last = room.iter().rposition(|digit| *digit != b'0').unwrap_or(0);
        room.get(..=last)
    }

    /// Whether it keeps a trace of this randomness: 56 bits, of its id or of its trace state.
    pub fn keeps(self, randomness: u64) -> bool {
        randomness >= self.0
    }

    /// The share of all traces that it keeps: 0 to 1.
    pub fn probability(self) -> f64 {
        (ALL - self.0) as f64 / ALL as f64
    }

    /// How many traces each that is kept stands for: 1 to 2^56, or 0 where none is kept.
    pub fn adjusted_count(self) -> f64 {
        match ALL - self.0 {
            0 => 0.0,
            kept => ALL as f64 / kept as f64,
        }
    }

    /// To the nearest of those with few digits. The digit after the leading `f` is among the digits that stay, so that
    /// rounding up ends there at the latest and never reaches 2^56.
    fn rounded(self) -> Self {
        let leading = (self.0 << (64 - BITS)).leading_ones() / 4;
        let dropped = BITS.saturating_sub(4 * (leading + PRECISION));
        if dropped == 0 {
            return self;
        }
        let half = 1 << (dropped - 1);
        Self((self.0 + half) >> dropped << dropped)
    }
}
