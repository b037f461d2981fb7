//! The reference of all keys, in Markdown.

use serde_json::Value as Json;

use crate::catalog::{Catalog, Entry, Row};
use crate::keys::Root;
use crate::object::any_of;

const HEAD: &str = "\
# Configuration

One YAML file, or a folder whose `*.yaml` and `*.yml` files are united: `listeners` and `upstreams` key by key, `routes`
one file after the other in the order of the names; every other key stands in one file only.

- Durations are whole numbers with a unit: `250ms`, `5s`, `10m`, `1h`, `7d`.
- Sizes are whole numbers with a unit: `512B`, `64KiB`, `10MiB`, `1GB`; without a unit they are bytes.
- `${NAME}` in a value is a variable of the environment, `${NAME:-default}` one with a default; what came in is read as
  if it stood there without quotes. Variables of a request, such as `${client_ip}`, are in lower case and stand in
  templates. `$${` is a literal `${`.
- Templates know `${client_ip}`, `${request_id}`, `${host}`, `${method}`, `${scheme}`, `${path}`, `${query}` (with its
  `?`) and `${path.NAME}`, which is what `{NAME}` or `{*NAME}` of the route's path matched.
- Anchors and aliases work; tags, several documents in a file and unknown keys are errors.

`tidegate check` reports every error at once.
";

/// Every key with its type, default, bounds and description, in Markdown: the text of `docs/configuration.md`.
pub fn reference() -> String {
    let mut catalog = Catalog::default();
    catalog.object::<Root>();
    let mut text = HEAD.to_owned();
    for entry in &catalog.objects {
        text.push_str(&section(entry));
    }
    text
}

fn section(entry: &Entry) -> String {
    let mut text = format!("\n## {}\n\n{}\n", entry.title, entry.doc);
    for (group, number) in [
        (entry.exactly_one, "Exactly"),
        (entry.at_most_one, "At most"),
    ] {
        if !group.is_empty() {
            text.push_str(&format!("{number} one of {}.\n", any_of(group)));
        }
    }
    text.push_str("\n| key | value | default | what it does |\n|---|---|---|---|\n");
    for row in &entry.rows {
        text.push_str(&line(row));
    }
    text
}

fn line(row: &Row) -> String {
    let default = match &row.default {
        None if row.required => "required".to_owned(),
        None => String::new(),
        Some(Json::String(text)) if text.is_empty() => String::new(),
        Some(Json::String(text)) => format!("`{text}`"),
        Some(other) => format!("`{other}`"),
    };
    let Row {
        key, shape, doc, ..
    } = row;
    format!("| `{key}` | {} | {default} | {doc} |\n", shape.text)
}
