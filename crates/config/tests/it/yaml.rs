//! YAML to JSON by the core schema, as editors read it: what the JSON Schema is checked against.

use granit_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// The value of a text; `None` when it is no YAML or has aliases.
pub(crate) fn to_json(text: &str) -> Option<Value> {
    let events: Result<Vec<_>, _> = Parser::new_from_str(text).collect();
    let mut nodes = events.ok()?.into_iter().map(|(event, _)| event);
    let start =
        nodes.find(|event| !matches!(event, Event::StreamStart | Event::DocumentStart(..)))?;
    node(start, &mut nodes)
}

fn node<'a>(event: Event<'a>, events: &mut impl Iterator<Item = Event<'a>>) -> Option<Value> {
    if let Event::Scalar(text, style, _, _) = event {
        return Some(scalar(&text, style == ScalarStyle::Plain));
    }
    if matches!(event, Event::SequenceStart(..)) {
        let mut items = Vec::new();
        loop {
            match events.next()? {
                Event::SequenceEnd => return Some(items.into()),
                item => items.push(node(item, events)?),
            }
        }
    }
    if matches!(event, Event::MappingStart(..)) {
        let mut entries = Map::new();
        loop {
            match events.next()? {
                Event::MappingEnd => return Some(entries.into()),
                Event::Scalar(key, ..) => {
                    let value = events.next()?;
                    entries.insert(key.into_owned(), node(value, events)?);
                }
                _ => return None,
            }
        }
    }
    None
}

fn scalar(text: &str, plain: bool) -> Value {
    match text {
        "" | "~" | "null" if plain => Value::Null,
        "true" if plain => Value::Bool(true),
        "false" if plain => Value::Bool(false),
        _ if plain => match text.parse::<i64>() {
            Ok(number) => number.into(),
            Err(_) => text.into(),
        },
        _ => text.into(),
    }
}
