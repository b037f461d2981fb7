//! Export requests out of protobuf into OTLP/JSON (OT-36 to OT-41), driven by a table of their messages. Reads each
//! message in place: fields may stand in any order, which costs one more look at it for each list it holds.

mod schema;
mod text;

use schema::{FIELDS_MAX, FieldRule, Kind, Message, Place};

use crate::error::Malformed;
use crate::fields::{Field, Fields, NESTING_MAX, Wire, int32};
use crate::signal::Signal;

/// Appends an `Export…ServiceRequest` as OTLP/JSON. Unknown fields are left out; what is not UTF-8 in text is written as
/// U+FFFD. Appends about 2 times the length of the request, 16 times at most. Allocates nothing but the growth of `out`;
/// on an error `out` is as it was.
///
/// # Errors
/// [`Malformed`]: the request is no such message, or is nested more than 64 levels deep.
pub fn append_json(signal: Signal, request: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let start = out.len();
    let appended = append_message(
        out,
        schema::request(signal),
        Body::One(request),
        NESTING_MAX,
    );
    if appended.is_err() {
        out.truncate(start);
    }
    appended
}

fn append_message(
    out: &mut Vec<u8>,
    message: &Message,
    body: Body<'_>,
    levels: u32,
) -> Result<(), Malformed> {
    let levels = levels.checked_sub(1).ok_or(Malformed::Nesting)?;
    let mut found = Found::default();
    found.survey(message, &body)?;
    let mut separator = b'{';
    for (rule, slot) in message.fields.iter().zip(&found.slots) {
        let Some(last) = slot.last else {
            continue;
        };
        out.push(separator);
        separator = b',';
        text::append_name(out, rule.name);
        match (rule.place, rule.kind) {
            (Place::Many, kind) => append_array(out, rule.number, kind, &body, levels)?,
            (Place::One | Place::OneOf, Kind::Message(inner)) if slot.is_repeated => {
                let joined = Body::Joined {
                    of: &body,
                    number: rule.number,
                    since: slot.since,
                };
                append_message(out, inner, joined, levels)?;
            }
            (Place::One | Place::OneOf, kind) => append_element(out, kind, last, levels)?,
        }
    }
    if separator == b'{' {
        out.push(b'{');
    }
    out.push(b'}');
    Ok(())
}

fn append_array(
    out: &mut Vec<u8>,
    number: u32,
    kind: Kind,
    body: &Body<'_>,
    levels: u32,
) -> Result<(), Malformed> {
    let start = out.len();
    body.for_each(&mut |_, field| {
        if field.number != number {
            return Ok(());
        }
        match (kind, field.wire) {
            (Kind::Uint64, Wire::Bytes(packed)) => append_packed(out, kind, packed, |numbers| {
                numbers.varint().map(Wire::Varint)
            }),
            (Kind::Fixed64 | Kind::Double, Wire::Bytes(packed)) => {
                append_packed(out, kind, packed, |numbers| {
                    numbers.array().map(Wire::Fixed64)
                })
            }
            (_, element) => {
                out.push(b',');
                append_element(out, kind, element, levels)
            }
        }
    })?;
    // The comma before the first element is where the bracket belongs; an empty packed list has neither.
    match out.get_mut(start) {
        Some(comma) => *comma = b'[',
        None => out.push(b'['),
    }
    out.push(b']');
    Ok(())
}

/// The numbers of a packed field, a comma before each.
fn append_packed<'a>(
    out: &mut Vec<u8>,
    kind: Kind,
    packed: &'a [u8],
    next: impl Fn(&mut Fields<'a>) -> Result<Wire<'a>, Malformed>,
) -> Result<(), Malformed> {
    let mut numbers = Fields::new(packed);
    while !numbers.is_empty() {
        out.push(b',');
        append_element(out, kind, next(&mut numbers)?, 0)?;
    }
    Ok(())
}

fn append_element(
    out: &mut Vec<u8>,
    kind: Kind,
    wire: Wire<'_>,
    levels: u32,
) -> Result<(), Malformed> {
    match (kind, wire) {
        (Kind::Message(message), Wire::Bytes(body)) => {
            append_message(out, message, Body::One(body), levels)?;
        }
        (Kind::Str, Wire::Bytes(bytes)) => text::append_string(out, bytes),
        (Kind::Bytes, Wire::Bytes(bytes)) => text::append_base64(out, bytes),
        (Kind::Id, Wire::Bytes(bytes)) => text::append_hex(out, bytes),
        (Kind::Bool, Wire::Varint(number)) => text::append_bool(out, number != 0),
        (Kind::Enum, Wire::Varint(number)) => text::append_number(out, int32(number).into()),
        (Kind::Uint32, Wire::Varint(number)) => {
            text::append_number(out, (number & u64::from(u32::MAX)).cast_signed());
        }
        (Kind::Sint32, Wire::Varint(number)) => text::append_number(out, zigzag(number)),
        (Kind::Int64, Wire::Varint(number)) => text::append_int64(out, number.cast_signed()),
        (Kind::Uint64, Wire::Varint(number)) => text::append_uint64(out, number),
        (Kind::Fixed32, Wire::Fixed32(bytes)) => {
            text::append_number(out, u32::from_le_bytes(bytes).into());
        }
        (Kind::Fixed64, Wire::Fixed64(bytes)) => {
            text::append_uint64(out, u64::from_le_bytes(bytes));
        }
        (Kind::Sfixed64, Wire::Fixed64(bytes)) => {
            text::append_int64(out, i64::from_le_bytes(bytes));
        }
        (Kind::Double, Wire::Fixed64(bytes)) => {
            text::append_double(out, f64::from_le_bytes(bytes));
        }
        _ => return Err(Malformed::WireType),
    }
    Ok(())
}

/// How protobuf reads a `sint32` out of a varint.
fn zigzag(varint: u64) -> i64 {
    let bits = varint & u64::from(u32::MAX);
    (bits >> 1).cast_signed() ^ -(bits & 1).cast_signed()
}

/// The bytes of a message. Nothing but a list ends a chain of joined ones, and the longest chain without a list has three
/// messages: a pair's value, its list, the list's elements.
#[derive(Clone, Copy)]
enum Body<'a> {
    One(&'a [u8]),
    /// All fields `number` of `of`, the first `since` fields of which do not count: messages that stand several times are
    /// merged, which is what their bytes one after another mean.
    Joined {
        of: &'a Body<'a>,
        number: u32,
        since: usize,
    },
}

impl Body<'_> {
    /// Calls `visit` with each field and its place.
    fn for_each<'f>(
        &'f self,
        visit: &mut dyn FnMut(usize, Field<'f>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let mut place = 0;
        let mut visit_all = |bytes| {
            for field in Fields::new(bytes) {
                visit(place, field?)?;
                place += 1;
            }
            Ok(())
        };
        match *self {
            Body::One(bytes) => visit_all(bytes),
            Body::Joined { of, number, since } => of.for_each(&mut |place, field| {
                if field.number == number && place >= since {
                    visit_all(field.wire.bytes()?)?;
                }
                Ok(())
            }),
        }
    }
}

/// Which fields a message holds.
#[derive(Default)]
struct Found<'a> {
    /// In the order of the rules.
    slots: [Slot<'a>; FIELDS_MAX],
}

#[derive(Clone, Copy, Default)]
struct Slot<'a> {
    last: Option<Wire<'a>>,
    is_repeated: bool,
    /// The place of the first that counts.
    since: usize,
}

impl<'a> Found<'a> {
    fn survey(&mut self, message: &Message, body: &'a Body<'_>) -> Result<(), Malformed> {
        let slots = &mut self.slots;
        // Of a oneof, the member that came last.
        let mut chosen = None;
        body.for_each(&mut |place, field| {
            let number = |rule: &FieldRule| rule.number == field.number;
            let Some(at) = message.fields.iter().position(number) else {
                return Ok(());
            };
            if let Some(slot) = slots.get_mut(at) {
                slot.is_repeated = slot.last.is_some();
                if !slot.is_repeated {
                    slot.since = place;
                }
                slot.last = Some(field.wire);
            }
            let place = message.fields.get(at).map(|rule| rule.place);
            if place == Some(Place::OneOf)
                && chosen != Some(at)
                && let Some(before) = chosen.replace(at).and_then(|at| slots.get_mut(at))
            {
                *before = Slot::default();
            }
            Ok(())
        })
    }
}
