//! Lists, and maps whose keys are free.

use std::collections::HashSet;
use std::hash::Hash;

use serde_json::{Value as Json, json};

use super::Kind;
use crate::catalog::{Catalog, Shape};
use crate::error::{ErrorKind, Fault};
use crate::kind::Parsed;
use crate::reader::Reader;
use crate::yaml::{Node, quote};

/// A list of `min` to `max` items.
pub(crate) fn list<K: Kind>(of: &'static str, kind: K, min: usize, max: usize) -> List<K> {
    List {
        of,
        kind,
        min,
        max,
        same: None,
    }
}

/// See [`list`].
pub(crate) struct List<K: Kind> {
    of: &'static str,
    kind: K,
    min: usize,
    max: usize,
    same: Option<Same<K::Value>>,
}

type Same<V> = fn(&V, &V) -> bool;

impl<K: Kind<Value: PartialEq>> List<K> {
    /// Refuses an item that was there already. For short lists: compares each with each.
    pub(crate) fn unique(self) -> Self {
        Self {
            same: Some(|a, b| a == b),
            ..self
        }
    }
}

impl<K: Kind> List<K> {
    fn is_new(
        &self,
        reader: &mut Reader<'_>,
        node: &Node<'_>,
        known: &[K::Value],
        value: &K::Value,
    ) -> bool {
        let Some(first) = self
            .same
            .and_then(|same| known.iter().position(|known| same(known, value)))
        else {
            return true;
        };
        let found = format!("{} again, as in [{first}]", node.found());
        let fault = Fault::new(ErrorKind::Duplicate, "each item once", found);
        reader.refuse::<()>(node.place, fault).is_some()
    }
}

impl<K: Kind> Kind for List<K> {
    type Value = Vec<K::Value>;

    fn read(&self, reader: &mut Reader<'_>, node: &Node<'_>) -> Option<Vec<K::Value>> {
        let items = reader.list(node, self.of)?;
        check_len(reader, node, self.of, items.len(), (self.min, self.max))?;
        let mut values = Vec::with_capacity(items.len());
        let mut fine = true;
        for (index, item) in items.iter().enumerate() {
            let value = reader.at_index(index, |reader| {
                let value = self.kind.read(reader, item)?;
                self.is_new(reader, item, &values, &value).then_some(value)
            });
            fine &= value.is_some();
            values.extend(value);
        }
        fine.then_some(values)
    }

    fn show(&self, values: &Vec<K::Value>) -> Json {
        values.iter().map(|value| self.kind.show(value)).collect()
    }

    fn describe(&self, catalog: &mut Catalog) -> Shape {
        let item = self.kind.describe(catalog);
        Shape {
            schema: json!({
                "type": "array",
                "items": item.schema,
                "minItems": self.min,
                "maxItems": self.max,
            }),
            text: format!("list of {} ({} to {})", item.text, self.min, self.max),
        }
    }
}

/// A map with names of one form as keys, `min` to `max` of them.
pub(crate) fn map<N, K: Kind>(
    of: &'static str,
    name: &'static Parsed<N>,
    kind: K,
    min: usize,
    max: usize,
) -> Map<N, K> {
    Map {
        of,
        name,
        kind,
        min,
        max,
        hidden: |_| false,
    }
}

/// See [`map`].
pub(crate) struct Map<N: 'static, K> {
    of: &'static str,
    name: &'static Parsed<N>,
    kind: K,
    min: usize,
    max: usize,
    hidden: fn(&N) -> bool,
}

impl<N, K> Map<N, K> {
    /// Shows `***` for the values of some names, and keeps them out of errors.
    pub(crate) fn hiding(self, hidden: fn(&N) -> bool) -> Self {
        Self { hidden, ..self }
    }
}

impl<N: Clone + Eq + Hash, K: Kind> Kind for Map<N, K> {
    /// In file order.
    type Value = Vec<(N, K::Value)>;

    fn read(&self, reader: &mut Reader<'_>, node: &Node<'_>) -> Option<Self::Value> {
        let entries = reader.map(node)?;
        check_len(reader, node, self.of, entries.len(), (self.min, self.max))?;
        let mut names = HashSet::with_capacity(entries.len());
        let mut values = Vec::with_capacity(entries.len());
        let mut fine = true;
        for entry in entries {
            let read = reader.at_key(&entry.key, |reader| {
                let name = self.name.read_key(reader, entry);
                let hidden = name.as_ref().is_some_and(self.hidden);
                let value = reader.hiding(hidden, |reader| self.kind.read(reader, &entry.value));
                if name
                    .as_ref()
                    .is_some_and(|name| !names.insert(name.clone()))
                {
                    let found = format!("{} again, written otherwise", quote(&entry.key));
                    let fault = Fault::new(ErrorKind::Duplicate, "each name once", found);
                    return reader.refuse(entry.place, fault);
                }
                name.zip(value)
            });
            fine &= read.is_some();
            values.extend(read);
        }
        fine.then_some(values)
    }

    fn show(&self, values: &Self::Value) -> Json {
        let show = |name: &N, value| match (self.hidden)(name) {
            true => Json::from("***"),
            false => self.kind.show(value),
        };
        let entries = values
            .iter()
            .map(|(name, value)| ((self.name.show)(name), show(name, value)));
        Json::Object(entries.collect())
    }

    fn describe(&self, catalog: &mut Catalog) -> Shape {
        let value = self.kind.describe(catalog);
        let mut schema = json!({
            "type": "object",
            "additionalProperties": value.schema,
            "minProperties": self.min,
            "maxProperties": self.max,
        });
        if !self.name.pattern.is_empty() {
            schema["propertyNames"] = json!({ "pattern": self.name.pattern });
        }
        let (min, max) = (self.min, self.max);
        Shape {
            schema,
            text: format!(
                "map from {} to {} ({min} to {max})",
                self.name.name, value.text
            ),
        }
    }
}

fn check_len(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    of: &str,
    len: usize,
    (min, max): (usize, usize),
) -> Option<()> {
    if len < min {
        let fault = Fault::new(
            ErrorKind::Missing,
            format!("at least {min} of the {of}"),
            "none",
        );
        return reader.refuse(node.place, fault);
    }
    if len > max {
        let expected = format!("at most {max} {of}");
        let fault = Fault::new(ErrorKind::Limit, expected, format!("{len}"));
        return reader.refuse(node.place, fault);
    }
    Some(())
}
