//! What happened to a request, as events of its span.

use otlp::{Attribute, Event, Value, append_event};

use super::Parts;
use crate::ascii::Ascii;
use crate::trace::note::{Detail, Note};

impl Parts<'_> {
    /// Notes that become events, and how many do not.
    pub(super) fn events(&self) -> (&[Note], u32) {
        let notes = &self.recording.notes;
        let max = usize::try_from(self.plan.limits.event_count).unwrap_or(usize::MAX);
        let kept = notes.get(..max).unwrap_or(notes);
        let cut = u32::try_from(notes.len() - kept.len()).unwrap_or(u32::MAX);
        (kept, self.recording.notes_dropped.saturating_add(cut))
    }

    pub(super) fn append_note(&self, out: &mut Vec<u8>, note: &Note) {
        let addresses = note.details.map(|(_, detail)| match detail {
            Detail::Address(address) => Ascii::socket(address),
            Detail::None | Detail::Word(_) | Detail::Number(_) => Ascii::EMPTY,
        });
        let max = usize::try_from(self.plan.limits.event_attribute_count).unwrap_or(usize::MAX);
        let mut attributes = [Attribute::Encoded(&[]); 2];
        let mut len = 0;
        for ((key, detail), address) in note.details.iter().zip(&addresses) {
            let value = match detail {
                Detail::None => continue,
                Detail::Word(word) => Value::Str(word.as_bytes()),
                Detail::Number(number) => Value::Int(*number),
                Detail::Address(_) => Value::Str(address.as_bytes()),
            };
            if let Some(room) = attributes.get_mut(len) {
                *room = Attribute::Pair(key, value);
                len += 1;
            }
        }
        append_event(
            out,
            &Event {
                time_unix_nanos: self.clock.unix_nanos(note.at),
                name: note.name,
                attributes: attributes.get(..len.min(max)).unwrap_or_default(),
            },
        );
    }
}
