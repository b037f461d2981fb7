//! W3C Baggage: pairs of the application that travel with a trace, `key=value;property,key=value`. A list here is the
//! value of one `baggage` field; an empty one is no field. <https://www.w3.org/TR/baggage/>

use crate::carrier::Carrier;
use crate::field::Field;
use crate::text::{split, split_once, trim_ows};

mod append;
mod entry;
mod percent;

pub use append::{AppendError, append};
pub use entry::{Entry, Property};

/// Bytes of a list, commas included (P-5).
pub const LEN_MAX: usize = 8192;
/// Members of a list (P-5).
pub const MEMBERS_MAX: usize = 64;

/// The members of a list in order, decoded when asked for. Those that are malformed are left out, and so is what follows
/// the 64th; a longer list than 8192 bytes has none.
pub fn entries(list: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    let list = if list.len() > LEN_MAX { &[] } else { list };
    members(list).filter_map(Entry::parse).take(MEMBERS_MAX)
}

/// Joins the values of all `baggage` fields into `out`, which is empty, without what [`entries`] leaves out (P-5).
pub(crate) fn read<C: Carrier + ?Sized>(carrier: &C, out: &mut Vec<u8>) {
    let (mut len, mut count) = (0, 0);
    for value in carrier.values(Field::Baggage) {
        // With the comma that would join it to the one before.
        len += value.len() + usize::from(len > 0);
        if len > LEN_MAX {
            out.clear();
            return;
        }
        for member in members(value).filter(|member| Entry::parse(member).is_some()) {
            if count < MEMBERS_MAX {
                count += 1;
                separate(out);
                out.extend_from_slice(member);
            }
        }
    }
}

/// Adds a member that came in a field of its own, unless its key is there or is none, or the list is full. What is not
/// allowed in a value is percent-encoded; what is percent-encoded stays.
pub(crate) fn add_received(list: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let is_there = |member| {
        split_once(member, b'=').is_some_and(|(found, _)| trim_ows(found).eq_ignore_ascii_case(key))
    };
    // Looked at once for each such field: no more of a member than its key.
    let is_refused = |(at, member)| at + 1 >= MEMBERS_MAX || is_there(member);
    if !entry::is_token(key) || members(list).enumerate().any(is_refused) {
        return;
    }
    let before = list.len();
    separate(list);
    // The case of a field's name means nothing.
    list.extend(key.iter().map(u8::to_ascii_lowercase));
    list.push(b'=');
    percent::encode_received(value, LEN_MAX, list);
    if list.len() > LEN_MAX {
        list.truncate(before);
    }
}

fn members(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    split(list, b',').map(trim_ows)
}

fn separate(list: &mut Vec<u8>) {
    if !list.is_empty() {
        list.push(b',');
    }
}
