//! YAML to JSON by the core schema, as editors read it: what the JSON Schema is checked against.

use granit_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// The value of a text; `None` when it is no YAML, or has aliases or keys that are no text.
pub(crate) fn to_json(text: &str) -> Option<Value> {
    let events: Result<Vec<_>, _> = Parser::new_from_str(text).collect();
    let mut events = events.ok()?.into_iter().map(|(event, _)| event);
    let is_start =
        |event: &Event<'_>| matches!(event, Event::StreamStart | Event::DocumentStart(..));
    let first = events.find(|event| !is_start(event))?;
    node(first, &mut events)
}

fn node<'a>(event: Event<'a>, events: &mut impl Iterator<Item = Event<'a>>) -> Option<Value> {
    if let Event::Scalar(text, style, _, _) = event {
        return Some(scalar(&text, style == ScalarStyle::Plain));
    }
    if matches!(event, Event::SequenceStart(..)) {
        return list(events);
    }
    matches!(event, Event::MappingStart(..)).then(|| map(events))?
}

fn list<'a>(events: &mut impl Iterator<Item = Event<'a>>) -> Option<Value> {
    let mut items = Vec::new();
    loop {
        let item = events.next()?;
        if matches!(item, Event::SequenceEnd) {
            return Some(items.into());
        }
        items.push(node(item, events)?);
    }
}

fn map<'a>(events: &mut impl Iterator<Item = Event<'a>>) -> Option<Value> {
    let mut entries = Map::new();
    loop {
        let key = events.next()?;
        if matches!(key, Event::MappingEnd) {
            return Some(entries.into());
        }
        let Event::Scalar(key, ..) = key else {
            return None;
        };
        let value = events.next()?;
        entries.insert(key.into_owned(), node(value, events)?);
    }
}

fn scalar(text: &str, plain: bool) -> Value {
    match text {
        "" | "~" | "null" if plain => Value::Null,
        "true" if plain => Value::Bool(true),
        "false" if plain => Value::Bool(false),
        _ if plain => number(text).unwrap_or_else(|| text.into()),
        _ => text.into(),
    }
}

/// What `parse` takes as a float beyond the core schema (`inf`, `nan`) is text.
fn number(text: &str) -> Option<Value> {
    let whole = text.parse::<i64>().ok().map(Value::from);
    let is_decimal = text.starts_with(|first: char| first.is_ascii_digit());
    whole.or_else(|| {
        text.parse::<f64>()
            .ok()
            .filter(|_| is_decimal)
            .map(Value::from)
    })
}
