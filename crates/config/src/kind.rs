//! Kinds of values. A kind knows how its values are read, shown and described; the tables in `keys` combine them.

mod many;
mod number;
mod unit;
mod word;

pub(crate) use many::{list, map};
pub(crate) use number::{Fraction, Status, Whole, whole};
pub(crate) use unit::{duration, size};
pub(crate) use word::{Choice, Choices, Flag, Nature, Parsed, Refusal, choices};

use std::marker::PhantomData;

use serde_json::{Value as Json, json};

use crate::catalog::{Catalog, Shape};
use crate::object::{Object, quote_all, read_object};
use crate::reader::Reader;
use crate::yaml::{Data, Node, Place};
use word::show_choice;

/// One kind of value.
pub(crate) trait Kind {
    /// What a node of this kind is read as.
    type Value;

    /// Reads a node; `None` when a fault was reported.
    fn read(&self, reader: &mut Reader<'_>, node: &Node<'_>) -> Option<Self::Value>;

    /// The value as it would be written; the inverse of [`Kind::read`] but for secrets.
    fn show(&self, value: &Self::Value) -> Json;

    /// For the schema and the reference.
    fn describe(&self, catalog: &mut Catalog) -> Shape;

    /// This kind with a check on top that may know more than the value.
    fn checked(self, check: Check<Self::Value>) -> Checked<Self>
    where
        Self: Sized,
    {
        Checked { kind: self, check }
    }
}

/// A check of a value that was read; false when it reported a fault.
pub(crate) type Check<V> = fn(&mut Reader<'_>, &Node<'_>, &V) -> bool;

/// See [`Kind::checked`].
pub(crate) struct Checked<K: Kind> {
    kind: K,
    check: Check<K::Value>,
}

impl<K: Kind> Kind for Checked<K> {
    type Value = K::Value;

    fn read(&self, reader: &mut Reader<'_>, node: &Node<'_>) -> Option<K::Value> {
        let value = self.kind.read(reader, node)?;
        (self.check)(reader, node, &value).then_some(value)
    }

    fn show(&self, value: &K::Value) -> Json {
        self.kind.show(value)
    }

    fn describe(&self, catalog: &mut Catalog) -> Shape {
        self.kind.describe(catalog)
    }
}

/// A map with a table of keys.
pub(crate) fn object<T: Object>() -> Nested<T> {
    Nested(PhantomData)
}

/// See [`object`].
pub(crate) struct Nested<T>(PhantomData<T>);

impl<T: Object> Kind for Nested<T> {
    type Value = T;

    fn read(&self, reader: &mut Reader<'_>, node: &Node<'_>) -> Option<T> {
        read_object(reader, node)
    }

    fn show(&self, value: &T) -> Json {
        Json::Object(value.show())
    }

    fn describe(&self, catalog: &mut Catalog) -> Shape {
        catalog.object::<T>()
    }
}

/// An object as written that is decided into another form.
pub(crate) trait Lower: Object {
    /// The decided form.
    type Plan;

    /// Runs before the object is read.
    fn prepare(_reader: &mut Reader<'_>) {}

    /// Decides; `None` when a fault was reported.
    fn lower(self, reader: &mut Reader<'_>, place: Place) -> Option<Self::Plan>;

    /// The object as it could have been written.
    fn raise(plan: &Self::Plan) -> Self;
}

/// An object that is decided as soon as it is read.
pub(crate) fn lowered<T: Lower>() -> Lowered<T> {
    Lowered(PhantomData)
}

/// See [`lowered`].
pub(crate) struct Lowered<T>(PhantomData<T>);

impl<T: Lower> Kind for Lowered<T> {
    type Value = T::Plan;

    fn read(&self, reader: &mut Reader<'_>, node: &Node<'_>) -> Option<T::Plan> {
        T::prepare(reader);
        read_object::<T>(reader, node)?.lower(reader, node.place)
    }

    fn show(&self, value: &T::Plan) -> Json {
        Json::Object(T::raise(value).show())
    }

    fn describe(&self, catalog: &mut Catalog) -> Shape {
        catalog.object::<T>()
    }
}

/// A kind, or a word that stands for a value of its own, such as `auto`.
pub(crate) struct OrWord<K: Kind, V: 'static> {
    pub(crate) words: &'static [Choice<V>],
    pub(crate) kind: K,
    pub(crate) wrap: fn(K::Value) -> V,
    /// `None` for the words.
    pub(crate) unwrap: fn(&V) -> Option<&K::Value>,
}

impl<K: Kind, V: Clone + PartialEq> OrWord<K, V> {
    fn names(&self) -> Vec<&'static str> {
        self.words.iter().map(|(word, _)| *word).collect()
    }
}

impl<K: Kind, V: Clone + PartialEq> Kind for OrWord<K, V> {
    type Value = V;

    fn read(&self, reader: &mut Reader<'_>, node: &Node<'_>) -> Option<V> {
        if let Data::Scalar(scalar) = node.data()
            && let Some((_, value)) = self.words.iter().find(|(word, _)| *word == scalar.text)
        {
            return Some(value.clone());
        }
        let words = quote_all(&self.names()).join(", ");
        reader
            .beside(words, |reader| self.kind.read(reader, node))
            .map(self.wrap)
    }

    fn show(&self, value: &V) -> Json {
        match (self.unwrap)(value) {
            Some(value) => self.kind.show(value),
            None => show_choice(self.words, value),
        }
    }

    fn describe(&self, catalog: &mut Catalog) -> Shape {
        let words = Shape {
            schema: json!({ "enum": self.names() }),
            text: quote_all(&self.names()).join(", "),
        };
        words.or(self.kind.describe(catalog))
    }
}

impl<K: Kind> Kind for &K {
    type Value = K::Value;

    fn read(&self, reader: &mut Reader<'_>, node: &Node<'_>) -> Option<K::Value> {
        (*self).read(reader, node)
    }

    fn show(&self, value: &K::Value) -> Json {
        (*self).show(value)
    }

    fn describe(&self, catalog: &mut Catalog) -> Shape {
        (*self).describe(catalog)
    }
}
