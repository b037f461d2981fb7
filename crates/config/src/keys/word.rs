//! Texts that several tables use.

use message::{FieldName, FieldValue};

use crate::kind::{Nature, Parsed, Refusal};

/// The name of a listener, a route or an upstream.
pub(super) static NAME: Parsed<Box<str>> = Parsed {
    name: "name",
    expected: "a name of 1 to 128 letters, digits, `-`, `_` and `.`",
    pattern: "^[A-Za-z0-9_.-]{1,128}$",
    parse: |text| {
        let fine = text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        if fine && (1..=128).contains(&text.len()) {
            Ok(text.into())
        } else {
            Err(Refusal::default())
        }
    },
    show: |name| name.to_string(),
    nature: Nature::Plain,
};

/// The name of a field that is compared.
pub(super) static FIELD_NAME: Parsed<FieldName> = Parsed {
    name: "field name",
    expected: "a field name such as x-tenant",
    pattern: FIELD_NAME_PATTERN,
    parse: |text| FieldName::new(text).map_err(Refusal::of),
    show: |name| name.as_str().to_owned(),
    nature: Nature::Plain,
};

pub(super) const FIELD_NAME_PATTERN: &str = "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$";

/// A field value without variables.
pub(super) static FIELD_VALUE: Parsed<FieldValue> = Parsed {
    name: "text",
    expected: "a field value of at most 8 KiB",
    pattern: "",
    parse: |text| FieldValue::new(text).map_err(Refusal::of),
    show: |value| value.as_str().to_owned(),
    nature: Nature::Plain,
};

/// A text of at most 1,000 bytes.
pub(super) static SHORT_TEXT: Parsed<Box<str>> = Parsed {
    name: "text",
    expected: "a text of at most 1000 bytes",
    pattern: "",
    parse: |text| match text.len() {
        0..=1000 => Ok(text.into()),
        _ => Err(Refusal::default()),
    },
    show: |text| text.to_string(),
    nature: Nature::Plain,
};
