//! `tracestate` of W3C Trace Context Level 2: an ordered list of members `key=value`, one per tracing system. What is in
//! them is nobody's business but their owners'; OpenTelemetry's own is `ot`, and in it the threshold and the randomness
//! of consistent sampling.

use crate::text::{split, split_once, trim_ows};
use crate::threshold::Threshold;

mod ot;

use ot::Ot;

/// Members of a list.
const MEMBERS_MAX: usize = 32;
/// Characters of a key, and of a value.
const LEN_MAX: usize = 256;
const OT: &[u8] = b"ot=";

/// What became of an edit.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// The new list says what it was to say.
    Made,
    /// The new list is the old one, byte for byte.
    Refused,
}

/// The threshold that the trace was sampled with (`th` of `ot`); `None` where there is none that is valid.
pub fn threshold(list: &[u8]) -> Option<Threshold> {
    Threshold::parse(Ot::parse(first_ot(list)?)?.threshold?)
}

/// The randomness that counts in place of the trace id's: 56 bits, written as exactly 14 lower-case hex digits (`rv` of
/// `ot`); `None` where there is none that is valid.
pub fn randomness(list: &[u8]) -> Option<u64> {
    Ot::parse(first_ot(list)?)?.randomness()
}

/// Writes the list into `out`, which is cleared, with this threshold or without one. [`Threshold::NEVER`] has no text and
/// counts as none.
///
/// Every other part of `ot` stays. A member that changes goes to the front (P-3) and replaces further ones of its key, the
/// others keep their order; if they become more than 32, the last goes. An `ot` with nothing in it is left out.
///
/// Refused, with the list as it was, when `ot` would exceed 256 characters, or cannot be read and thus not be kept.
pub fn set_threshold(list: &[u8], threshold: Option<Threshold>, out: &mut Vec<u8>) -> Edit {
    out.clear();
    let value = first_ot(list).unwrap_or_default();
    let Some(ot) = Ot::parse(value) else {
        out.extend_from_slice(list);
        return Edit::Refused;
    };
    let threshold = threshold.filter(|threshold| *threshold != Threshold::NEVER);
    let is_there = match (ot.threshold, threshold) {
        (Some(text), Some(wanted)) => Threshold::parse(text) == Some(wanted),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    if is_there {
        out.extend_from_slice(list);
        return Edit::Made;
    }
    out.extend_from_slice(OT);
    ot.append_with(threshold, out);
    if out.len() > OT.len() + LEN_MAX {
        out.clear();
        out.extend_from_slice(list);
        return Edit::Refused;
    }
    if out.len() == OT.len() {
        out.clear();
    }
    append_others(list, out);
    Edit::Made
}

/// Joins the values of all `tracestate` fields into `out`. More than 32 members or one malformed drop them all (P-3).
/// Empty members are left out and do not count; a key may come twice.
pub(crate) fn read<'a>(values: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    let mut count = 0;
    for member in values.flat_map(members) {
        count += 1;
        if count > MEMBERS_MAX || !is_member(member) {
            out.clear();
            return;
        }
        append(member, out);
    }
}

/// After the `ot` that is there, if one is.
fn append_others(list: &[u8], out: &mut Vec<u8>) {
    let room = MEMBERS_MAX - usize::from(!out.is_empty());
    let others = members(list).filter(|member| !member.starts_with(OT));
    for member in others.take(room) {
        append(member, out);
    }
}

fn append(member: &[u8], out: &mut Vec<u8>) {
    if !out.is_empty() {
        out.push(b',');
    }
    out.extend_from_slice(member);
}

fn first_ot(list: &[u8]) -> Option<&[u8]> {
    members(list).find_map(|member| member.strip_prefix(OT))
}

/// Those that are not empty, without the white space around them.
fn members(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    split(list, b',')
        .map(trim_ows)
        .filter(|member| !member.is_empty())
}

/// <https://www.w3.org/TR/trace-context-2/#list-members>; what ends a list or a member is not among the characters.
fn is_member(member: &[u8]) -> bool {
    split_once(member, b'=').is_some_and(|(key, value)| is_key(key) && is_value(value))
}

fn is_key(key: &[u8]) -> bool {
    let is_first = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_further = |byte: &u8| is_first(byte) || matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@');
    key.len() <= LEN_MAX && key.first().is_some_and(is_first) && key.iter().all(is_further)
}

/// White space at its end is not of the value: it was trimmed.
fn is_value(value: &[u8]) -> bool {
    let is_character = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'=');
    !value.is_empty() && value.len() <= LEN_MAX && value.iter().all(is_character)
}
