//! What happened to a request, as events of its span.

use otlp::{Attribute, Event, Value};

use crate::ascii::Ascii;
use crate::environment::SpanLimits;
use crate::trace::clock::Anchor;
use crate::trace::note::{Detail, Note};
use crate::trace::recording::Recording;

/// Nothing happened to nearly every request: then nothing is allocated.
pub(super) struct Events {
    details: Vec<Details>,
    dropped: u32,
    attributes_max: usize,
}

impl Events {
    pub(super) fn of(recording: &Recording, limits: &SpanLimits) -> Self {
        let max = usize::try_from(limits.event_count).unwrap_or(usize::MAX);
        let kept = recording.notes.len().min(max);
        let cut = u32::try_from(recording.notes.len() - kept).unwrap_or(u32::MAX);
        Self {
            details: recording.notes.iter().take(kept).map(Details::of).collect(),
            dropped: recording.notes_dropped.saturating_add(cut),
            attributes_max: usize::try_from(limits.event_attribute_count).unwrap_or(usize::MAX),
        }
    }

    /// Lets `append` see the events, and how many there were beyond them.
    pub(super) fn with_list(&self, clock: Anchor, append: impl FnOnce(&[Event<'_>], u32)) {
        let pairs: Vec<_> = self
            .details
            .iter()
            .map(|details| details.attributes(self.attributes_max))
            .collect();
        let events: Vec<Event<'_>> = self
            .details
            .iter()
            .zip(&pairs)
            .map(|(details, pairs)| Event {
                time_unix_nanos: clock.unix_nanos(details.note.at),
                name: details.note.name,
                attributes: pairs,
            })
            .collect();
        append(&events, self.dropped);
    }
}

/// A note's attributes with the text of its addresses.
struct Details {
    note: Note,
    addresses: [Option<Ascii>; 2],
}

impl Details {
    fn of(note: &Note) -> Self {
        Self {
            addresses: note.details.map(|(_, detail)| match detail {
                Detail::Address(address) => Some(Ascii::socket(address)),
                Detail::None | Detail::Word(_) | Detail::Number(_) => None,
            }),
            note: *note,
        }
    }

    fn attributes(&self, max: usize) -> Vec<Attribute<'_>> {
        let pairs = self.note.details.iter().zip(&self.addresses);
        pairs
            .filter_map(|((key, detail), address)| {
                let value = match detail {
                    Detail::None => return None,
                    Detail::Word(word) => Value::Str(word.as_bytes()),
                    Detail::Number(number) => Value::Int(*number),
                    Detail::Address(_) => Value::Str(address.as_ref()?.as_bytes()),
                };
                Some(Attribute::Pair(key, value))
            })
            .take(max)
            .collect()
    }
}
