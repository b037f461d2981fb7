//! Requests that no encoder would write and every decoder has to take: fields in any order, several times, unknown ones
//! among them.

/// Decisions, one byte each; zeros once they are used up, which ends everything soon.
pub(crate) struct Choices<'a>(pub(crate) &'a [u8]);

impl Choices<'_> {
    fn next(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.next()) % of.len()]
    }
}

/// Of messages: enough for lists in lists, and few enough for choices to be left for the rest.
const LEVELS: u8 = 12;

#[derive(Clone, Copy)]
enum Shape {
    Varint,
    Fixed64,
    Fixed32,
    Text,
    /// Bytes of this length, or of another.
    Id(usize),
    Bytes,
    Message(&'static Fields),
}

/// The fields of a message; what stands several times comes up more often.
struct Fields(&'static [(u32, Shape)]);

use Shape::{Bytes, Fixed32, Fixed64, Id, Message, Text, Varint};

static REQUEST: Fields = Fields(&[(1, Message(&RESOURCE_SPANS))]);
static RESOURCE_SPANS: Fields = Fields(&[
    (1, Message(&RESOURCE)),
    (2, Message(&SCOPE_SPANS)),
    (2, Message(&SCOPE_SPANS)),
    (3, Text),
]);
static RESOURCE: Fields = Fields(&[(1, Message(&PAIR)), (2, Varint)]);
static SCOPE_SPANS: Fields = Fields(&[
    (1, Message(&SCOPE)),
    (2, Message(&SPAN)),
    (2, Message(&SPAN)),
    (2, Message(&SPAN)),
    (3, Text),
]);
static SCOPE: Fields = Fields(&[(1, Text), (2, Text), (3, Message(&PAIR)), (4, Varint)]);
static SPAN: Fields = Fields(&[
    (1, Id(16)),
    (2, Id(8)),
    (3, Text),
    (4, Id(8)),
    (5, Text),
    (6, Varint),
    (7, Fixed64),
    (8, Fixed64),
    (9, Message(&PAIR)),
    (9, Message(&PAIR)),
    (10, Varint),
    (11, Message(&EVENT)),
    (12, Varint),
    (13, Message(&LINK)),
    (14, Varint),
    (15, Message(&STATUS)),
    (16, Fixed32),
]);
static EVENT: Fields = Fields(&[(1, Fixed64), (2, Text), (3, Message(&PAIR)), (4, Varint)]);
static LINK: Fields = Fields(&[(1, Id(16)), (2, Id(8))]);
static STATUS: Fields = Fields(&[(2, Text), (3, Varint)]);
static PAIR: Fields = Fields(&[(1, Text), (2, Message(&VALUE)), (2, Message(&VALUE))]);
static VALUE: Fields = Fields(&[
    (1, Text),
    (2, Varint),
    (3, Varint),
    (4, Fixed64),
    (5, Message(&LIST)),
    (5, Message(&LIST)),
    (6, Message(&MAP)),
    (6, Message(&MAP)),
    (7, Bytes),
]);
static LIST: Fields = Fields(&[(1, Message(&VALUE))]);
static MAP: Fields = Fields(&[(1, Message(&PAIR))]);

/// An `ExportTraceServiceRequest`.
pub(crate) fn request(choices: &mut Choices<'_>) -> Vec<u8> {
    message(choices, &REQUEST, LEVELS)
}

fn message(choices: &mut Choices<'_>, fields: &Fields, levels: u8) -> Vec<u8> {
    let mut out = Vec::new();
    if levels == 0 || choices.0.is_empty() {
        return out;
    }
    for _ in 0..=choices.next() % 8 {
        if choices.next() % 16 == 15 {
            append_unknown(&mut out, choices);
            continue;
        }
        match choices.pick(fields.0) {
            (number, Message(fields)) => {
                let inner = message(choices, fields, levels - 1);
                append_bytes(&mut out, number, &inner);
            }
            (number, shape) => append(&mut out, choices, number, shape),
        }
    }
    out
}

fn append(out: &mut Vec<u8>, choices: &mut Choices<'_>, number: u32, shape: Shape) {
    match shape {
        Varint => {
            append_tag(out, number, 0);
            let value = choices.pick(&[0, 1, 2, 3, 5, 6, 300, u64::MAX, 1 << 31, 1 << 63]);
            append_varint(out, value);
        }
        Fixed64 => {
            append_tag(out, number, 1);
            out.extend([choices.next(); 8]);
        }
        Fixed32 => {
            append_tag(out, number, 5);
            out.extend([choices.next(); 4]);
        }
        Text => append_bytes(out, number, choices.pick(&["", "a", "GET /ä"]).as_bytes()),
        Id(len) => {
            let len = choices.pick(&[len, len, len, len - 1, 0]);
            append_bytes(out, number, &vec![choices.next(); len]);
        }
        Bytes => append_bytes(out, number, choices.pick(&[b"".as_slice(), b"\xff\0"])),
        Message(_) => append_bytes(out, number, b""),
    }
}

/// Of any wire type, groups included.
fn append_unknown(out: &mut Vec<u8>, choices: &mut Choices<'_>) {
    let number = choices.pick(&[21, 99, (1 << 29) - 1]);
    if choices.next().is_multiple_of(4) {
        append_tag(out, number, 3);
        append(out, choices, 1, Varint);
        append_tag(out, number, 4);
    } else {
        let shape = choices.pick(&[Varint, Fixed64, Fixed32, Text]);
        append(out, choices, number, shape);
    }
}

/// A field of bytes.
pub(crate) fn append_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    append_tag(out, number, 2);
    append_varint(out, bytes.len() as u64);
    out.extend(bytes);
}

fn append_tag(out: &mut Vec<u8>, number: u32, wire_type: u32) {
    append_varint(out, u64::from(number << 3 | wire_type));
}

fn append_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}
