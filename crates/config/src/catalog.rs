//! What the tables say about themselves: the source of the schema and of the reference.

use serde_json::{Value as Json, json};

use crate::object::Object;

/// Every object in the order in which they are met, each once.
#[derive(Default)]
pub(crate) struct Catalog {
    pub(crate) objects: Vec<Entry>,
}

/// One object.
pub(crate) struct Entry {
    /// Unique: the name of its definition and its heading.
    pub(crate) title: &'static str,
    pub(crate) doc: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) exactly_one: &'static [&'static str],
    pub(crate) at_most_one: &'static [&'static str],
}

/// One key of an object.
pub(crate) struct Row {
    pub(crate) key: &'static str,
    pub(crate) required: bool,
    pub(crate) default: Option<Json>,
    pub(crate) shape: Shape,
    pub(crate) doc: String,
}

/// One kind of value.
pub(crate) struct Shape {
    /// What a validator accepts.
    pub(crate) schema: Json,
    /// What the reference says, in Markdown.
    pub(crate) text: String,
}

impl Catalog {
    /// Describes an object and all that is in it, if this is not done yet.
    pub(crate) fn object<T: Object>(&mut self) -> Shape {
        if !self.objects.iter().any(|entry| entry.title == T::TITLE) {
            let at = self.objects.len();
            self.objects.push(Entry {
                title: T::TITLE,
                doc: T::doc(),
                rows: Vec::new(),
                exactly_one: T::EXACTLY_ONE,
                at_most_one: T::AT_MOST_ONE,
            });
            let rows = T::rows(self);
            if let Some(entry) = self.objects.get_mut(at) {
                entry.rows = rows;
            }
        }
        Shape {
            schema: json!({ "$ref": format!("#/$defs/{}", T::TITLE) }),
            text: format!("[{0}](#{0})", T::TITLE),
        }
    }
}

impl Shape {
    /// Either of two.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            schema: json!({ "anyOf": [self.schema, other.schema] }),
            text: format!("{} or {}", self.text, other.text),
        }
    }

    /// A scalar that is read as something else than free text, and may therefore be a variable.
    pub(crate) fn scalar(schema: Json, text: impl Into<String>) -> Self {
        Self {
            schema: json!({ "anyOf": [schema, { "$ref": "#/$defs/variable" }] }),
            text: text.into(),
        }
    }
}
