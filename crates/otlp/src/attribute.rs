//! Attributes: `KeyValue` and `AnyValue`.

use crate::cursor::{Cursor, HEAD_MAX, append_with_room};
use crate::wire::{VARINT_MAX, field_len, low_bits, varint_len};

/// `KeyValue.key`.
const KEY: u8 = 0x0a;
/// `KeyValue.value`.
const VALUE: u8 = 0x12;

/// `AnyValue.string_value`.
const STRING: u8 = 0x0a;
const BOOL: u8 = 0x10;
const INT: u8 = 0x18;
const DOUBLE: u8 = 0x21;
const ARRAY: u8 = 0x2a;
const BYTES: u8 = 0x3a;
/// `ArrayValue.values`.
const ARRAY_VALUES: u8 = 0x0a;

/// What an attribute or the body of a log record holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Text. What is not UTF-8 in it is written as U+FFFD.
    Str(&'a [u8]),
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A floating-point number, not finite ones included.
    Double(f64),
    /// A list of texts, each as in [`Value::Str`].
    Strs(&'a [&'a [u8]]),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// A key and its value. Keys are to be unique within what they describe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Attribute<'a> {
    /// A key and its value.
    Pair(&'a str, Value<'a>),
    /// The same, made beforehand by [`encode_attribute`]; written as it is.
    Encoded(&'a [u8]),
}

/// Encodes an attribute that is written many times, for [`Attribute::Encoded`]: the body of a `KeyValue`.
pub fn encode_attribute(key: &str, value: Value<'_>) -> Box<[u8]> {
    let mut out = Vec::new();
    append_with_room(
        &mut out,
        pair_room(key, value),
        &value,
        |mut cursor, value| {
            cursor.put_head(KEY, key.len());
            cursor.put(key.as_bytes());
            let len = value_len(&cursor, *value);
            put_value(cursor, VALUE, len, *value)
        },
    );
    out.into()
}

/// Each attribute as a field of its own.
pub(crate) fn append_attributes(out: &mut Vec<u8>, tag: u8, attributes: &[Attribute<'_>]) {
    append_with_room(
        out,
        attributes_room(attributes),
        attributes,
        |cursor, attributes| put_attributes(cursor, tag, attributes),
    );
}

/// A field that holds an `AnyValue`.
pub(crate) fn append_value(out: &mut Vec<u8>, tag: u8, value: Value<'_>) {
    append_with_room(
        out,
        HEAD_MAX + value_room(value),
        &value,
        |cursor, value| {
            let len = value_len(&cursor, *value);
            put_value(cursor, tag, len, *value)
        },
    );
}

/// A bound of what [`put_attributes`] puts, if all text is UTF-8.
#[inline(always)]
pub(crate) fn attributes_room(attributes: &[Attribute<'_>]) -> usize {
    let rooms = attributes.iter().map(|attribute| match attribute {
        Attribute::Encoded(body) => HEAD_MAX + body.len(),
        Attribute::Pair(key, value) => pair_room(key, *value),
    });
    rooms.sum()
}

#[inline(always)]
fn pair_room(key: &str, value: Value<'_>) -> usize {
    3 * HEAD_MAX + key.len() + value_room(value)
}

#[inline(always)]
fn value_room(value: Value<'_>) -> usize {
    match value {
        Value::Str(bytes) | Value::Bytes(bytes) => HEAD_MAX + bytes.len(),
        Value::Bool(_) | Value::Int(_) | Value::Double(_) => 1 + VARINT_MAX,
        Value::Strs(list) => texts_room(list),
    }
}

#[inline(never)]
fn texts_room(list: &[&[u8]]) -> usize {
    let rooms = list.iter().map(|text| 2 * HEAD_MAX + text.len());
    HEAD_MAX + rooms.sum::<usize>()
}

/// Each attribute as a field of its own.
#[inline(always)]
pub(crate) fn put_attributes<'r>(
    mut cursor: Cursor<'r>,
    tag: u8,
    attributes: &[Attribute<'_>],
) -> Cursor<'r> {
    for attribute in attributes {
        match *attribute {
            Attribute::Encoded(body) => {
                cursor.put_head(tag, body.len());
                cursor.put(body);
            }
            Attribute::Pair(key, Value::Str(bytes)) => {
                let len = cursor.text_len(bytes);
                let value_len = field_len(len);
                put_key(&mut cursor, tag, key, value_len);
                if value_len < 0x80 {
                    let len = low_bits(len as u64);
                    cursor.put_array([VALUE, len + 2, STRING, len]);
                } else {
                    cursor.put_head(VALUE, value_len);
                    cursor.put_head(STRING, len);
                }
                cursor.put_text(bytes);
            }
            Attribute::Pair(key, Value::Int(number)) => {
                let number = number.cast_unsigned();
                let value_len = 1 + varint_len(number);
                put_key(&mut cursor, tag, key, value_len);
                cursor.put_array([VALUE, low_bits(value_len as u64)]);
                cursor.put_number(INT, number);
            }
            Attribute::Pair(key, value) => cursor = put_pair(cursor, tag, key, value),
        }
    }
    cursor
}

#[inline(never)]
fn put_pair<'r>(mut cursor: Cursor<'r>, tag: u8, key: &str, value: Value<'_>) -> Cursor<'r> {
    let len = value_len(&cursor, value);
    put_key(&mut cursor, tag, key, len);
    put_value(cursor, VALUE, len, value)
}

/// The beginning of a `KeyValue`, up to its value.
#[inline(always)]
fn put_key(cursor: &mut Cursor<'_>, tag: u8, key: &str, value_len: usize) {
    if key.len() + value_len < 0x7c {
        let key_len = low_bits(key.len() as u64);
        let len = key_len + low_bits(value_len as u64) + 4;
        cursor.put_array([tag, len, KEY, key_len]);
    } else {
        cursor.put_head(tag, field_len(key.len()) + field_len(value_len));
        cursor.put_head(KEY, key.len());
    }
    cursor.put(key.as_bytes());
}

/// A field that holds an `AnyValue` of `len` bytes.
#[inline(always)]
fn put_value<'r>(mut cursor: Cursor<'r>, tag: u8, len: usize, value: Value<'_>) -> Cursor<'r> {
    cursor.put_head(tag, len);
    match value {
        Value::Str(bytes) => put_string(&mut cursor, bytes),
        Value::Bool(is_true) => cursor.put_array([BOOL, u8::from(is_true)]),
        Value::Int(number) => cursor.put_number(INT, number.cast_unsigned()),
        Value::Double(number) => {
            cursor.put_array([DOUBLE]);
            cursor.put_array(number.to_le_bytes());
        }
        Value::Strs(list) => {
            cursor.put_head(ARRAY, texts_len(&cursor, list));
            for bytes in list {
                cursor.put_head(ARRAY_VALUES, field_len(cursor.text_len(bytes)));
                put_string(&mut cursor, bytes);
            }
        }
        Value::Bytes(bytes) => {
            cursor.put_head(BYTES, bytes.len());
            cursor.put(bytes);
        }
    }
    cursor
}

fn put_string(cursor: &mut Cursor<'_>, bytes: &[u8]) {
    cursor.put_head(STRING, cursor.text_len(bytes));
    cursor.put_text(bytes);
}

/// Bytes of an `AnyValue`.
#[inline(always)]
fn value_len(cursor: &Cursor<'_>, value: Value<'_>) -> usize {
    match value {
        Value::Str(bytes) => field_len(cursor.text_len(bytes)),
        Value::Bool(_) => 2,
        Value::Int(number) => 1 + varint_len(number.cast_unsigned()),
        Value::Double(_) => 9,
        Value::Strs(list) => field_len(texts_len(cursor, list)),
        Value::Bytes(bytes) => field_len(bytes.len()),
    }
}

#[inline(always)]
fn texts_len(cursor: &Cursor<'_>, list: &[&[u8]]) -> usize {
    let lens = list
        .iter()
        .map(|bytes| field_len(field_len(cursor.text_len(bytes))));
    lens.sum()
}
