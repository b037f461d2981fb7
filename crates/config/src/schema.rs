//! The JSON Schema of a configuration file.

use serde_json::{Map, Value as Json, json};

use crate::catalog::{Catalog, Entry};
use crate::keys::Root;
use crate::object::Object;

/// The JSON Schema (2020-12) of one configuration file. In a folder of files, one of them may lack what another has, so
/// that no key at the top is required.
pub fn schema() -> Json {
    let mut catalog = Catalog::default();
    catalog.object::<Root>();
    let mut definitions: Map<String, Json> = catalog
        .objects
        .iter()
        .map(|entry| (entry.title.to_owned(), definition(entry)))
        .collect();
    let variable = json!({
        "description": "A text with a variable of the environment: ${NAME} or ${NAME:-default}.",
        "type": "string",
        "pattern": "\\$\\{[A-Z_][A-Z0-9_]*(:-[^}]*)?\\}",
    });
    definitions.insert("variable".to_owned(), variable);
    let mut root = definitions.remove(Root::TITLE).unwrap_or_default();
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("Tidegate configuration");
    root["$defs"] = Json::Object(definitions);
    if let Some(root) = root.as_object_mut() {
        root.remove("required");
    }
    root
}

fn definition(entry: &Entry) -> Json {
    let properties: Map<String, Json> = entry
        .rows
        .iter()
        .map(|row| {
            let mut property = row.shape.schema.clone();
            property["description"] = json!(row.doc);
            if let Some(default) = &row.default {
                property["default"] = default.clone();
            }
            (row.key.to_owned(), property)
        })
        .collect();
    let required: Vec<&str> = entry
        .rows
        .iter()
        .filter(|row| row.required)
        .map(|row| row.key)
        .collect();
    let mut schema = json!({
        "description": entry.doc,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if !entry.exactly_one.is_empty() {
        let each = entry.exactly_one.iter();
        schema["oneOf"] = each.map(|key| json!({ "required": [key] })).collect();
    }
    if !entry.at_most_one.is_empty() {
        schema["not"] = json!({ "required": entry.at_most_one });
    }
    schema
}
