//! The value of OpenTelemetry's own member: pairs `key:value`, separated by semicolons.
//! <https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/>

use crate::hex;
use crate::text::{split, split_once};
use crate::threshold::Threshold;

const THRESHOLD: &[u8] = b"th";
const RANDOMNESS: &[u8] = b"rv";
/// Digits of 56 bits.
const RANDOMNESS_LEN: usize = 14;

/// A value that keeps to the grammar and says threshold and randomness at most once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ot<'a> {
    value: &'a [u8],
    /// As written: no more than characters that are allowed.
    pub(super) threshold: Option<&'a [u8]>,
    randomness: Option<&'a [u8]>,
}

impl<'a> Ot<'a> {
    /// `None` for what cannot be read. Nothing at all can: it has no pairs.
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let mut ot = Self {
            value,
            ..Self::default()
        };
        for pair in pairs(value) {
            let (key, text) = split_once(pair, b':')?;
            if !is_key(key) || !text.iter().all(is_value_byte) {
                return None;
            }
            let place = match key {
                THRESHOLD => &mut ot.threshold,
                RANDOMNESS => &mut ot.randomness,
                _ => continue,
            };
            if place.replace(text).is_some() {
                return None;
            }
        }
        Some(ot)
    }

    pub(super) fn randomness(&self) -> Option<u64> {
        let digits = self.randomness?;
        if digits.len() != RANDOMNESS_LEN {
            return None;
        }
        u64::try_from(hex::parse(digits)?).ok()
    }

    /// Appends the value with this threshold, in the old one's place or in front, or without one.
    pub(super) fn append_with(&self, threshold: Option<Threshold>, out: &mut Vec<u8>) {
        let start = out.len();
        if self.threshold.is_none() {
            append_threshold(threshold, start, out);
        }
        for pair in pairs(self.value) {
            if split_once(pair, b':').is_some_and(|(key, _)| key == THRESHOLD) {
                append_threshold(threshold, start, out);
            } else {
                separate(start, out);
                out.extend_from_slice(pair);
            }
        }
    }
}

fn append_threshold(threshold: Option<Threshold>, start: usize, out: &mut Vec<u8>) {
    let mut room = [0; 14];
    if let Some(digits) = threshold.and_then(|threshold| threshold.encode(&mut room)) {
        separate(start, out);
        out.extend_from_slice(THRESHOLD);
        out.push(b':');
        out.extend_from_slice(digits);
    }
}

fn separate(start: usize, out: &mut Vec<u8>) {
    if out.len() > start {
        out.push(b';');
    }
}

fn pairs(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    (!value.is_empty())
        .then(|| split(value, b';'))
        .into_iter()
        .flatten()
}

fn is_key(key: &[u8]) -> bool {
    key.first().is_some_and(u8::is_ascii_lowercase)
        && key
            .iter()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn is_value_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}
