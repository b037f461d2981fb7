//! Attributes, whoever has them.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::resource::v1::Resource;
use otlp::{Attribute, Envelope, Scope, Signal, Value, encode_attribute};
use proptest::prelude::*;
use prost::Message as _;

use crate::support::{Lent, OwnedValue, Pair, assert_same, expected, pairs};

/// The bytes of a `KeyValue`, spelled out.
#[track_caller]
fn check(key: &str, value: Value<'_>, body: &[u8]) {
    let found = encode_attribute(key, value);
    assert_eq!(
        found.escape_ascii().to_string(),
        body.escape_ascii().to_string()
    );
}

#[test]
fn each_kind_of_value() {
    check("k", Value::Str(b"v"), b"\x0a\x01k\x12\x03\x0a\x01v");
    check("k", Value::Str(b""), b"\x0a\x01k\x12\x02\x0a\x00");
    check("", Value::Str(b""), b"\x0a\x00\x12\x02\x0a\x00");
    check("k", Value::Bool(true), b"\x0a\x01k\x12\x02\x10\x01");
    check("k", Value::Bool(false), b"\x0a\x01k\x12\x02\x10\x00");
    check("k", Value::Int(0), b"\x0a\x01k\x12\x02\x18\x00");
    check("k", Value::Int(127), b"\x0a\x01k\x12\x02\x18\x7f");
    check("k", Value::Int(128), b"\x0a\x01k\x12\x03\x18\x80\x01");
    check(
        "k",
        Value::Int(-1),
        b"\x0a\x01k\x12\x0b\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    );
    check(
        "k",
        Value::Double(1.0),
        b"\x0a\x01k\x12\x09\x21\x00\x00\x00\x00\x00\x00\xf0\x3f",
    );
    check("k", Value::Strs(&[]), b"\x0a\x01k\x12\x02\x2a\x00");
    check(
        "k",
        Value::Strs(&[b"v", b""]),
        b"\x0a\x01k\x12\x0b\x2a\x09\x0a\x03\x0a\x01v\x0a\x02\x0a\x00",
    );
    check(
        "k",
        Value::Bytes(b"\xff\x00"),
        b"\x0a\x01k\x12\x04\x3a\x02\xff\x00",
    );
}

#[test]
fn what_is_not_utf_8_is_replaced() {
    for (bytes, text) in [
        (&b"\xff"[..], "\u{fffd}"),
        (b"a\xffb", "a\u{fffd}b"),
        // One replacement for a character that is cut off, one for each byte that begins none.
        (b"\xf0\x9f\x98", "\u{fffd}"),
        (b"\xf0\x9f\x98x\x80\x80", "\u{fffd}x\u{fffd}\u{fffd}"),
        (b"\xed\xa0\x80", "\u{fffd}\u{fffd}\u{fffd}"),
        ("\u{e9}\u{1f600}".as_bytes(), "\u{e9}\u{1f600}"),
        // Far more is written than there was.
        (&[0x80; 300], &"\u{fffd}".repeat(300)),
    ] {
        let plain = encode_attribute("k", Value::Str(text.as_bytes()));
        assert_eq!(encode_attribute("k", Value::Str(bytes)), plain, "{text}");
        let plain = encode_attribute("k", Value::Strs(&[text.as_bytes(), b"x"]));
        assert_eq!(encode_attribute("k", Value::Strs(&[bytes, b"x"])), plain);
    }
}

/// Lengths around those where a varint grows, of keys and of values.
#[test]
fn lengths_are_as_short_as_they_can_be() {
    for len in [
        0, 1, 3, 4, 7, 8, 16, 17, 32, 33, 113, 121, 127, 128, 16_383, 16_384, 2_097_152,
    ] {
        for (key, value) in [(len, 1), (1, len), (len, len)] {
            let pair = Pair {
                key: "k".repeat(key),
                value: OwnedValue::Str(vec![b'v'; value]),
                is_encoded: false,
            };
            let lent = Lent::new(std::slice::from_ref(&pair));
            let resource = resource(&lent.attributes());
            let expected = Resource {
                attributes: expected(std::slice::from_ref(&pair)),
                ..Resource::default()
            };
            assert!(!pair.key.is_empty() || len == 0);
            assert_eq!(
                resource.attributes, expected.attributes,
                "{key} and {value}"
            );
            if key > 0 {
                let body = encode_attribute(&pair.key, Value::Str(&vec![b'v'; value]));
                assert_eq!(
                    body[..],
                    expected.attributes[0].encode_to_vec(),
                    "{key} and {value}"
                );
            }
        }
    }
}

/// The attributes as those of a resource.
fn resource(attributes: &[Attribute<'_>]) -> Resource {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    let scope = Scope {
        name: "",
        version: "",
    };
    let mut request = Vec::new();
    Envelope::new(Signal::Traces, attributes, scope, "").append_around(&[], &mut request);
    let mut request = ExportTraceServiceRequest::decode(&request[..]).unwrap();
    request.resource_spans.remove(0).resource.unwrap()
}

proptest! {
    #[test]
    fn any_attributes(pairs in pairs()) {
        let lent = Lent::new(&pairs);
        assert_same(&resource(&lent.attributes()).attributes, &expected(&pairs));
        for pair in &pairs {
            let body = encode_attribute(&pair.key, pair.value.lend(&pair.value.texts()));
            let found = KeyValue::decode(&body[..]).unwrap();
            assert_same(&vec![found], &expected(std::slice::from_ref(pair)));
        }
    }
}
