//! When two JSON texts say the same.

use serde_json::{Value, json};

/// Whether the crate's JSON and that of the oracle, which writes defaults and knows no NaN, say the same.
pub(crate) fn agree(ours: &Value, theirs: &Value) -> bool {
    let is_default = |value: &Value| match value {
        Value::Null => true,
        Value::Bool(is_true) => !is_true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty() || text == "0",
        Value::Array(values) => values.is_empty(),
        Value::Object(members) => members.is_empty(),
    };
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let mut names: Vec<_> = ours.keys().chain(theirs.keys()).collect();
            names.dedup();
            names
                .iter()
                .all(|name| match (ours.get(*name), theirs.get(*name)) {
                    (Some(ours), Some(theirs)) => agree(ours, theirs),
                    (Some(alone), None) | (None, Some(alone)) => is_default(alone),
                    (None, None) => false,
                })
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .zip(theirs)
                    .all(|(ours, theirs)| agree(ours, theirs))
        }
        (Value::Number(ours), Value::Number(theirs)) => {
            // The reader of JSON may be off by the last bits.
            let (ours, theirs) = (ours.as_f64().unwrap(), theirs.as_f64().unwrap());
            (ours - theirs).abs() <= theirs.abs() * 1e-14 + f64::MIN_POSITIVE
        }
        (Value::String(text), Value::Null) => {
            matches!(text.as_str(), "NaN" | "Infinity" | "-Infinity")
        }
        (Value::Object(ours), Value::Null) => ours.is_empty(),
        _ => ours == theirs,
    }
}

#[test]
fn agreement_is_no_formality() {
    assert!(agree(
        &json!({"a": 1.0}),
        &json!({"a": 1, "b": "0", "c": []})
    ));
    for (ours, theirs) in [
        (json!({"a": 1}), json!({})),
        (json!({}), json!({"a": "1"})),
        (json!({"a": "1"}), json!({"a": 1})),
        (json!([1]), json!([1, 0])),
        (json!({"a": "NaN"}), json!({"a": "x"})),
        (json!({"a": true}), json!({"a": false})),
    ] {
        assert!(!agree(&ours, &theirs), "{ours} {theirs}");
    }
}
