//! Attributes as tests make them: owned, to be lent to the crate and to be compared with what the oracle decodes.

use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use otlp::{Attribute, Envelope, Scope, Signal, Value, encode_attribute};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Clone, Debug)]
pub(crate) enum OwnedValue {
    Str(Vec<u8>),
    Bool(bool),
    Int(i64),
    Double(f64),
    Strs(Vec<Vec<u8>>),
    Bytes(Vec<u8>),
}

#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) key: String,
    pub(crate) value: OwnedValue,
    /// Whether it is encoded beforehand.
    pub(crate) is_encoded: bool,
}

/// What attributes that borrow from pairs borrow besides, a place for each pair.
pub(crate) struct Lent<'a> {
    pairs: &'a [Pair],
    texts: Vec<Vec<&'a [u8]>>,
    encoded: Vec<Box<[u8]>>,
}

impl OwnedValue {
    pub(crate) fn texts(&self) -> Vec<&[u8]> {
        match self {
            Self::Strs(texts) => texts.iter().map(Vec::as_slice).collect(),
            Self::Str(_) | Self::Bool(_) | Self::Int(_) | Self::Double(_) | Self::Bytes(_) => {
                Vec::new()
            }
        }
    }

    pub(crate) fn lend<'a>(&'a self, texts: &'a [&'a [u8]]) -> Value<'a> {
        match self {
            Self::Str(bytes) => Value::Str(bytes),
            Self::Bool(is_true) => Value::Bool(*is_true),
            Self::Int(number) => Value::Int(*number),
            Self::Double(number) => Value::Double(*number),
            Self::Strs(_) => Value::Strs(texts),
            Self::Bytes(bytes) => Value::Bytes(bytes),
        }
    }

    /// As it is to be decoded.
    pub(crate) fn expected(&self) -> AnyValue {
        let value = match self {
            Self::Str(bytes) => any_value::Value::StringValue(lossy(bytes)),
            Self::Bool(is_true) => any_value::Value::BoolValue(*is_true),
            Self::Int(number) => any_value::Value::IntValue(*number),
            Self::Double(number) => any_value::Value::DoubleValue(*number),
            Self::Strs(texts) => any_value::Value::ArrayValue(ArrayValue {
                values: texts
                    .iter()
                    .map(|text| Self::Str(text.clone()).expected())
                    .collect(),
            }),
            Self::Bytes(bytes) => any_value::Value::BytesValue(bytes.clone()),
        };
        AnyValue { value: Some(value) }
    }
}

impl<'a> Lent<'a> {
    pub(crate) fn new(pairs: &'a [Pair]) -> Self {
        let texts: Vec<_> = pairs.iter().map(|pair| pair.value.texts()).collect();
        let encoded = pairs
            .iter()
            .zip(&texts)
            .map(|(pair, texts)| encode_attribute(&pair.key, pair.value.lend(texts)))
            .collect();
        Self {
            pairs,
            texts,
            encoded,
        }
    }

    pub(crate) fn attributes(&'a self) -> Vec<Attribute<'a>> {
        self.pairs
            .iter()
            .zip(self.texts.iter().zip(&self.encoded))
            .map(|(pair, (texts, encoded))| {
                if pair.is_encoded {
                    Attribute::Encoded(encoded)
                } else {
                    Attribute::Pair(&pair.key, pair.value.lend(texts))
                }
            })
            .collect()
    }
}

pub(crate) fn expected(pairs: &[Pair]) -> Vec<KeyValue> {
    pairs
        .iter()
        .map(|pair| KeyValue {
            key: pair.key.clone(),
            value: Some(pair.value.expected()),
            key_strindex: 0,
        })
        .collect()
}

pub(crate) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Equal as far as can be seen: a number that is none equals itself.
#[track_caller]
pub(crate) fn assert_same<T: std::fmt::Debug>(found: &T, expected: &T) {
    assert_eq!(format!("{found:#?}"), format!("{expected:#?}"));
}

/// The items in a request of one resource and one scope.
pub(crate) fn request(signal: Signal, items: &[u8]) -> Vec<u8> {
    let resource = [Attribute::Pair("service.name", Value::Str(b"tidegate"))];
    let scope = Scope {
        name: "tidegate",
        version: "0.1.0",
    };
    let envelope = Envelope::new(signal, &resource, scope, "https://example.com/schema");
    let mut request = Vec::new();
    envelope.append_around(&[items], &mut request);
    request
}

/// Text of all kinds: ASCII, other characters, no text at all; shorter and longer than a length of one byte.
pub(crate) fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[ -~]{0,40}".prop_map(String::into_bytes),
        "[ -~]{100,300}".prop_map(String::into_bytes),
        ".{0,30}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..40),
    ]
}

pub(crate) fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(-0.0),
        -1e6..1e6,
    ]
}

pub(crate) fn pairs() -> impl Strategy<Value = Vec<Pair>> {
    let value = prop_oneof![
        4 => text().prop_map(OwnedValue::Str),
        1 => any::<bool>().prop_map(OwnedValue::Bool),
        1 => any::<i64>().prop_map(OwnedValue::Int),
        1 => (0..100_000_i64).prop_map(OwnedValue::Int),
        1 => number().prop_map(OwnedValue::Double),
        1 => vec(text(), 0..4).prop_map(OwnedValue::Strs),
        1 => vec(any::<u8>(), 0..150).prop_map(OwnedValue::Bytes),
    ];
    let key = prop_oneof![8 => "[a-z.]{0,40}", 1 => ".{0,10}", 1 => "[a-z]{120,140}"];
    let pair = (key, value, any::<bool>()).prop_map(|(key, value, is_encoded)| Pair {
        key,
        value,
        is_encoded,
    });
    vec(pair, 0..8)
}

/// An id that may not be all zero.
pub(crate) fn id<const LEN: usize>() -> impl Strategy<Value = [u8; LEN]> {
    any::<[u8; LEN]>().prop_filter("all zero is no id", |id| *id != [0; LEN])
}

/// A field of bytes, its number being below 16.
pub(crate) fn field(number: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    prost::encode_length_delimiter(body.len(), &mut out).unwrap();
    out.extend_from_slice(body);
    out
}

/// A message within messages, each under its number, the outermost first.
pub(crate) fn message(numbers: &[u8], body: &[u8]) -> Vec<u8> {
    numbers
        .iter()
        .rev()
        .fold(body.to_vec(), |body, number| field(*number, &body))
}
