//! Maps with fixed keys: the table of an object, and what reads a map by it.

use serde_json::{Map, Value as Json};

use crate::catalog::{Catalog, Row};
use crate::error::{ErrorKind, Fault};
use crate::kind::Kind;
use crate::nearest::nearest;
use crate::reader::Reader;
use crate::yaml::{Entry, Node, Place, quote};

/// A map with fixed keys; implemented by `object!` only.
pub(crate) trait Object: Sized {
    /// What errors, the schema and the reference call it; unique.
    const TITLE: &'static str;
    /// Every key, in the order of the table.
    const KEYS: &'static [&'static str];
    /// Keys of which each map has exactly one.
    const EXACTLY_ONE: &'static [&'static str];
    /// Keys of which each map has at most one.
    const AT_MOST_ONE: &'static [&'static str];
    /// Keys of the design that this version does not have.
    const LATER: &'static [&'static str];

    /// What it is for.
    fn doc() -> String;
    /// Reads every key, whatever faults the others have.
    fn read(fields: &mut Fields<'_, '_, '_>) -> Option<Self>;
    /// As it would be written.
    fn show(&self) -> Map<String, Json>;
    /// Its keys, described.
    fn rows(catalog: &mut Catalog) -> Vec<Row>;
}

/// Declares an object: the one table of its keys, their kinds, defaults and descriptions.
///
/// ```text
/// object! {
///     /// What the object is for.
///     "title": Type, d = defaults => {
///         /// What the key does.
///         key: or(kind, d.key),      // or required(kind), or optional(kind)
///     }
///     exactly_one: ["a", "b"];       // each optional, in this order
///     at_most_one: ["c", "d"];
///     later: ["e"];
/// }
/// ```
///
/// `Type` is a struct with exactly these fields; `r#match` is the key `match`.
macro_rules! object {
    (
        $(#[doc = $doc:literal])+
        $title:literal: $type:ty $(, $defaults:ident = $default:expr)? => {
            $($(#[doc = $about:literal])+ $key:ident: $slot:expr,)+
        }
        $(exactly_one: [$($exactly:literal),+];)?
        $(at_most_one: [$($most:literal),+];)?
        $(later: [$($later:literal),+];)?
    ) => {
        impl $crate::object::Object for $type {
            const TITLE: &'static str = $title;
            const KEYS: &'static [&'static str] =
                &[$($crate::object::key_name(stringify!($key))),+];
            const EXACTLY_ONE: &'static [&'static str] = &[$($($exactly),+)?];
            const AT_MOST_ONE: &'static [&'static str] = &[$($($most),+)?];
            const LATER: &'static [&'static str] = &[$($($later),+)?];

            fn doc() -> String {
                $crate::object::join_doc(&[$($doc),+])
            }

            fn read(fields: &mut $crate::object::Fields<'_, '_, '_>) -> Option<Self> {
                $(let $defaults = $default;)?
                $(let $key = $crate::object::Slot::read(
                    &$slot,
                    fields,
                    $crate::object::key_name(stringify!($key)),
                );)+
                Some(Self { $($key: $key?),+ })
            }

            fn show(&self) -> serde_json::Map<String, serde_json::Value> {
                $(let $defaults = $default;)?
                let mut map = serde_json::Map::new();
                $(if let Some(value) = $crate::object::Slot::show(&$slot, &self.$key) {
                    let key = $crate::object::key_name(stringify!($key));
                    map.insert(key.to_owned(), value);
                })+
                map
            }

            fn rows(catalog: &mut $crate::catalog::Catalog) -> Vec<$crate::catalog::Row> {
                $(let $defaults = $default;)?
                vec![$($crate::object::Slot::row(
                    &$slot,
                    catalog,
                    $crate::object::key_name(stringify!($key)),
                    $crate::object::join_doc(&[$($about),+]),
                )),+]
            }
        }
    };
}
pub(crate) use object;

/// The key of a field.
pub(crate) const fn key_name(field: &'static str) -> &'static str {
    match field.as_bytes() {
        [b'r', b'#', ..] => field.split_at(2).1,
        _ => field,
    }
}

/// The lines of a doc comment as one text.
pub(crate) fn join_doc(lines: &[&str]) -> String {
    let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    lines.join(" ")
}

/// A key of a table: its kind, and what its absence means.
pub(crate) trait Slot {
    type Value;

    fn read(&self, fields: &mut Fields<'_, '_, '_>, key: &'static str) -> Option<Self::Value>;
    /// `None` when the key would not be written.
    fn show(&self, value: &Self::Value) -> Option<Json>;
    fn row(&self, catalog: &mut Catalog, key: &'static str, doc: String) -> Row;
}

/// A key that must be there.
pub(crate) fn required<K: Kind>(kind: K) -> Required<K> {
    Required(kind)
}

/// A key whose absence is a value of its own.
pub(crate) fn optional<K: Kind>(kind: K) -> Optional<K> {
    Optional(kind)
}

/// A key with a default.
pub(crate) fn or<K: Kind>(kind: K, default: K::Value) -> Or<K> {
    Or(kind, default)
}

pub(crate) struct Required<K>(K);
pub(crate) struct Optional<K>(K);
pub(crate) struct Or<K: Kind>(K, K::Value);

impl<K: Kind> Slot for Required<K> {
    type Value = K::Value;

    fn read(&self, fields: &mut Fields<'_, '_, '_>, key: &'static str) -> Option<K::Value> {
        match fields.take(key) {
            Some(entry) => fields.read(&self.0, entry),
            None => fields.missing(key),
        }
    }

    fn show(&self, value: &K::Value) -> Option<Json> {
        Some(self.0.show(value))
    }

    fn row(&self, catalog: &mut Catalog, key: &'static str, doc: String) -> Row {
        Row {
            key,
            required: true,
            default: None,
            shape: self.0.describe(catalog),
            doc,
        }
    }
}

impl<K: Kind> Slot for Optional<K> {
    type Value = Option<K::Value>;

    fn read(&self, fields: &mut Fields<'_, '_, '_>, key: &'static str) -> Option<Self::Value> {
        match fields.take(key) {
            Some(entry) => fields.read(&self.0, entry).map(Some),
            None => Some(None),
        }
    }

    fn show(&self, value: &Self::Value) -> Option<Json> {
        value.as_ref().map(|value| self.0.show(value))
    }

    fn row(&self, catalog: &mut Catalog, key: &'static str, doc: String) -> Row {
        Row {
            key,
            required: false,
            default: None,
            shape: self.0.describe(catalog),
            doc,
        }
    }
}

impl<K: Kind<Value: Clone>> Slot for Or<K> {
    type Value = K::Value;

    fn read(&self, fields: &mut Fields<'_, '_, '_>, key: &'static str) -> Option<K::Value> {
        match fields.take(key) {
            Some(entry) => fields.read(&self.0, entry),
            None => Some(self.1.clone()),
        }
    }

    fn show(&self, value: &K::Value) -> Option<Json> {
        Some(self.0.show(value))
    }

    fn row(&self, catalog: &mut Catalog, key: &'static str, doc: String) -> Row {
        // What an absent object means stands in its own table.
        let default = Some(self.0.show(&self.1)).filter(|default| !default.is_object());
        Row {
            key,
            required: false,
            default,
            shape: self.0.describe(catalog),
            doc,
        }
    }
}

/// The map an object is read from.
pub(crate) struct Fields<'r, 'e, 'n> {
    reader: &'r mut Reader<'e>,
    place: Place,
    entries: &'n [Entry<'n>],
    taken: Vec<bool>,
}

impl<'n> Fields<'_, '_, 'n> {
    fn take(&mut self, key: &str) -> Option<&'n Entry<'n>> {
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        if let Some(taken) = self.taken.get_mut(at) {
            *taken = true;
        }
        self.entries.get(at)
    }

    fn read<K: Kind>(&mut self, kind: &K, entry: &Entry<'_>) -> Option<K::Value> {
        self.reader
            .at_key(&entry.key, |reader| kind.read(reader, &entry.value))
    }

    fn missing<T>(&mut self, key: &str) -> Option<T> {
        let fault = Fault::new(ErrorKind::Missing, format!("the key `{key}`"), "none");
        let place = self.place;
        self.reader
            .at_key(key, |reader| reader.refuse(place, fault))
    }
}

/// Reads a map by the table of `T`.
pub(crate) fn read_object<T: Object>(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<T> {
    let entries = reader.map(node)?;
    let alternatives = check_alternatives::<T>(reader, node.place, entries);
    let mut fields = Fields {
        place: node.place,
        entries,
        taken: vec![false; entries.len()],
        reader,
    };
    let value = T::read(&mut fields);
    let taken = fields.taken;
    let mut unknown = entries.iter().zip(taken).filter(|(_, taken)| !taken);
    let mut known = true;
    for (entry, _) in &mut unknown {
        known = false;
        let fault = unknown_key::<T>(&entry.key);
        reader.at_key(&entry.key, |reader| reader.refuse::<()>(entry.place, fault));
    }
    value.filter(|_| alternatives && known)
}

/// Whether the map has as many of the alternative keys as it must.
fn check_alternatives<T: Object>(
    reader: &mut Reader<'_>,
    place: Place,
    entries: &[Entry<'_>],
) -> bool {
    let has = |key: &str| entries.iter().find(|entry| entry.key == key);
    let mut fine = true;
    for (group, number) in [(T::EXACTLY_ONE, "exactly"), (T::AT_MOST_ONE, "at most")] {
        let expected = || format!("{number} one of {}", any_of(group));
        let found: Vec<_> = group.iter().filter_map(|key| has(key)).collect();
        let later = T::LATER.iter().any(|key| has(key).is_some());
        match *found {
            [] if number == "exactly" && !group.is_empty() && !later => {
                fine = false;
                let fault = Fault::new(ErrorKind::Missing, expected(), "none");
                reader.refuse::<()>(place, fault);
            }
            [first, ref others @ ..] => {
                for other in others {
                    fine = false;
                    let found = format!("{} beside {}", quote(&other.key), quote(&first.key));
                    let fault = Fault::new(ErrorKind::Conflict, expected(), found);
                    reader.at_key(&other.key, |reader| reader.refuse::<()>(other.place, fault));
                }
            }
            [] => {}
        }
    }
    fine
}

fn unknown_key<T: Object>(key: &str) -> Fault {
    let expected = format!("a key of {}: {}", T::TITLE, any_of(T::KEYS));
    if T::LATER.contains(&key) {
        return not_in_this_version(key);
    }
    let hint = nearest(key, T::KEYS.iter().copied()).map(|key| format!("did you mean `{key}`?"));
    let found = format!("the unknown key {}", quote(key));
    Fault::new(ErrorKind::UnknownKey, expected, found).maybe_hint(hint)
}

/// The fault of a key or value that the design has and this version has not.
pub(crate) fn not_in_this_version(found: &str) -> Fault {
    Fault::new(
        ErrorKind::NotInThisVersion,
        "what this version has",
        format!("{}, which is not in this version", quote(found)),
    )
}

/// `a`, `b` or `c`.
pub(crate) fn any_of(names: &[&str]) -> String {
    match quote_all(names).split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

pub(crate) fn quote_all(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("`{name}`")).collect()
}
