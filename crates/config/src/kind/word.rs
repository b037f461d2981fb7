//! Scalars that are not numbers: choices, switches, and texts with a form of their own.

use std::borrow::Cow;
use std::fmt::Display;

use serde_json::{Value as Json, json};

use super::Kind;
use crate::catalog::{Catalog, Shape};
use crate::error::{ErrorKind, Fault};
use crate::nearest::nearest;
use crate::object::{any_of, not_in_this_version};
use crate::reader::Reader;
use crate::yaml::{Data, Entry, Node, quote};

/// `true` or `false`.
pub(crate) struct Flag;

impl Kind for Flag {
    type Value = bool;

    fn read(&self, reader: &mut Reader<'_>, node: &Node<'_>) -> Option<bool> {
        let expected = "`true` or `false`";
        let text = reader.text(node, expected)?;
        match &*text.get() {
            "true" | "True" | "TRUE" if text.plain => Some(true),
            "false" | "False" | "FALSE" if text.plain => Some(false),
            _ => reader.refuse(
                node.place,
                Fault::new(ErrorKind::Value, expected, text.found()),
            ),
        }
    }

    fn show(&self, value: &bool) -> Json {
        Json::from(*value)
    }

    fn describe(&self, _: &mut Catalog) -> Shape {
        Shape::scalar(json!({ "type": "boolean" }), "`true` or `false`")
    }
}

/// One of several words.
pub(crate) struct Choices<T: 'static> {
    words: &'static [Choice<T>],
    later: &'static [&'static str],
}

/// A word and what it means.
pub(crate) type Choice<T> = (&'static str, T);

/// One of `words`; those of `later` belong to the design and not to this version.
pub(crate) const fn choices<T>(
    words: &'static [Choice<T>],
    later: &'static [&'static str],
) -> Choices<T> {
    Choices { words, later }
}

impl<T> Choices<T> {
    fn names(&self) -> Vec<&'static str> {
        self.words.iter().map(|(name, _)| *name).collect()
    }
}

impl<T: Copy + PartialEq> Kind for Choices<T> {
    type Value = T;

    fn read(&self, reader: &mut Reader<'_>, node: &Node<'_>) -> Option<T> {
        let expected = any_of(&self.names());
        if let Data::Map(entries) = node.data()
            && let Some(entry) = entries.first()
            && self.later.contains(&&*entry.key)
        {
            return reader.refuse(node.place, not_in_this_version(&entry.key));
        }
        let text = reader.text(node, &expected)?;
        let word = text.get();
        if let Some((_, value)) = self.words.iter().find(|(name, _)| *name == word) {
            return Some(*value);
        }
        if self.later.contains(&&*word) {
            return reader.refuse(node.place, not_in_this_version(&word));
        }
        let meant = match &*word {
            "false" | "no" | "none" if self.names().contains(&"off") => Some("off"),
            _ => nearest(&word, self.names()),
        };
        let hint = meant.map(|name| format!("did you mean `{name}`?"));
        let fault = Fault::new(ErrorKind::Value, expected, text.found());
        reader.refuse(node.place, fault.maybe_hint(hint))
    }

    fn show(&self, value: &T) -> Json {
        show_choice(self.words, value)
    }

    fn describe(&self, _: &mut Catalog) -> Shape {
        let names = self.names();
        let text = any_of(&names);
        // YAML reads `1.2` without quotes as a number.
        let numbers = names.iter().filter_map(|name| name.parse::<f64>().ok());
        let words = names.iter().map(|name| Json::from(*name));
        let all: Vec<Json> = words.chain(numbers.map(Json::from)).collect();
        Shape::scalar(json!({ "enum": all }), text)
    }
}

/// The word of a value.
pub(super) fn show_choice<T: PartialEq>(words: &[Choice<T>], value: &T) -> Json {
    let known = words.iter().find(|(_, known)| known == value);
    Json::from(known.map_or("", |(word, _)| word))
}

/// A text of one form.
pub(crate) struct Parsed<T> {
    /// What the reference calls it.
    pub(crate) name: &'static str,
    /// What errors call it: `a host such as api.example.com`.
    pub(crate) expected: &'static str,
    /// What the schema demands of it; empty for free text, where numbers and booleans pass as they are written.
    pub(crate) pattern: &'static str,
    pub(crate) parse: fn(&str) -> Result<T, Refusal>,
    pub(crate) show: fn(&T) -> String,
    /// How `$${` is treated, and whether errors and renderings may show the text.
    pub(crate) nature: Nature,
}

/// See [`Parsed::nature`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    /// `$${` is unescaped before it is parsed, and escaped when it is shown.
    Plain,
    /// A template that knows `$${` itself.
    Template,
    /// Never shown.
    Secret,
}

/// Why a text does not have its form; what it says takes the place of the general words.
#[derive(Debug, Default)]
pub(crate) struct Refusal {
    pub(crate) expected: Option<Cow<'static, str>>,
    pub(crate) found: Option<Box<str>>,
    pub(crate) hint: Option<String>,
}

impl Refusal {
    pub(crate) fn expected(expected: impl Into<Cow<'static, str>>) -> Self {
        Self {
            expected: Some(expected.into()),
            ..Self::default()
        }
    }

    pub(crate) fn hint(hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..Self::default()
        }
    }

    pub(crate) fn and_found(self, found: impl Into<Box<str>>) -> Self {
        Self {
            found: Some(found.into()),
            ..self
        }
    }

    pub(crate) fn and_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// Takes an error of another crate apart that says `expected …, found …`, as all of them do.
    pub(crate) fn of(error: impl Display) -> Self {
        let text = error.to_string();
        let Some(rest) = text.strip_prefix("expected ") else {
            return Self {
                found: Some(text.into()),
                ..Self::default()
            };
        };
        match rest.rsplit_once(", found ") {
            Some((expected, found)) => Self {
                expected: Some(Cow::Owned(expected.to_owned())),
                found: Some(found.into()),
                hint: None,
            },
            None => Self::expected(rest.to_owned()),
        }
    }
}

impl<T> Parsed<T> {
    /// Reads the key of an entry: no variables, no quotes.
    pub(super) fn read_key(&self, reader: &mut Reader<'_>, entry: &Entry<'_>) -> Option<T> {
        match (self.parse)(&entry.key) {
            Ok(name) => Some(name),
            Err(refusal) => {
                let fault = self.fault(refusal, || quote(&entry.key));
                reader.refuse(entry.place, fault)
            }
        }
    }

    fn fault(&self, refusal: Refusal, found: impl FnOnce() -> String) -> Fault {
        let Refusal {
            expected,
            found: told,
            hint,
        } = refusal;
        let found = told.unwrap_or_else(|| found().into());
        let expected = expected.unwrap_or(Cow::Borrowed(self.expected));
        Fault::new(ErrorKind::Value, expected, found).maybe_hint(hint)
    }
}

impl<T> Kind for Parsed<T> {
    type Value = T;

    fn read(&self, reader: &mut Reader<'_>, node: &Node<'_>) -> Option<T> {
        let text = reader.text(node, self.expected)?;
        let parsed = match self.nature {
            Nature::Plain | Nature::Secret => (self.parse)(&text.get()),
            Nature::Template => (self.parse)(text.get_escaped()),
        };
        let secret = self.nature == Nature::Secret;
        match parsed {
            Ok(value) => Some(value),
            Err(refusal) => {
                // What a parser tells about a text from the environment may hold a part of it.
                let refusal = Refusal {
                    found: refusal.found.filter(|_| !text.is_filled()),
                    hint: refusal.hint.filter(|_| !text.is_filled()),
                    ..refusal
                };
                let fault = self.fault(refusal, || text.found());
                reader.hiding(secret, |reader| reader.refuse(node.place, fault))
            }
        }
    }

    fn show(&self, value: &T) -> Json {
        let text = (self.show)(value);
        Json::from(match self.nature {
            Nature::Plain => crate::env::escape(&text).into_owned(),
            Nature::Template => text,
            Nature::Secret => "***".to_owned(),
        })
    }

    fn describe(&self, _: &mut Catalog) -> Shape {
        match self.pattern {
            "" => Shape {
                schema: json!({ "type": ["string", "number", "boolean"] }),
                text: self.name.to_owned(),
            },
            pattern => Shape::scalar(json!({ "type": "string", "pattern": pattern }), self.name),
        }
    }
}
