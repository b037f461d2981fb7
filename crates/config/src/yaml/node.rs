//! The tree of a YAML text. Scalars borrow from the text where they can.

use std::borrow::Cow;
use std::rc::Rc;

use granit_parser::Marker;

/// A place in a file; line and column from 1, 0 for the file as a whole. Sorts by file, line, column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) file: u16,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// One value and where it begins.
#[derive(Debug)]
pub(crate) struct Node<'s> {
    pub(crate) place: Place,
    data: Data<'s>,
}

#[derive(Debug)]
pub(crate) enum Data<'s> {
    Scalar(Scalar<'s>),
    List(Vec<Node<'s>>),
    /// In file order; no key twice.
    Map(Vec<Entry<'s>>),
    /// A node with an anchor, or an alias of it: one node in two places, not a copy.
    Shared(Rc<Node<'s>>),
}

/// A text, not yet read as anything.
#[derive(Debug)]
pub(crate) struct Scalar<'s> {
    pub(crate) text: Cow<'s, str>,
    /// Without quotes, and not a block: may be a number, `true` or `null`.
    pub(crate) plain: bool,
}

#[derive(Debug)]
pub(crate) struct Entry<'s> {
    pub(crate) key: Cow<'s, str>,
    pub(crate) place: Place,
    pub(crate) value: Node<'s>,
}

impl<'s> Node<'s> {
    pub(crate) fn new(place: Place, data: Data<'s>) -> Self {
        Self { place, data }
    }

    /// What the node is, anchors and aliases looked through; never `Shared`.
    pub(crate) fn data(&self) -> &Data<'s> {
        let mut node = self;
        while let Data::Shared(target) = &node.data {
            node = target;
        }
        &node.data
    }

    /// What the node is, to be added to; a shared one stays shared.
    pub(crate) fn data_mut(&mut self) -> &mut Data<'s> {
        &mut self.data
    }

    /// The node as its owner takes it apart; a shared one stays shared.
    pub(crate) fn into_data(self) -> Data<'s> {
        self.data
    }

    /// The value of a key, if this is a map that has it.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry<'s>> {
        match self.data() {
            Data::Map(entries) => entries.iter().find(|entry| entry.key == key),
            Data::Scalar(_) | Data::List(_) | Data::Shared(_) => None,
        }
    }

    /// What the node is, as errors tell it.
    pub(crate) fn found(&self) -> Cow<'static, str> {
        match self.data() {
            Data::Scalar(scalar) if scalar.is_null() => Cow::Borrowed("nothing"),
            Data::Scalar(scalar) => Cow::Owned(scalar.found()),
            Data::List(_) => Cow::Borrowed("a list"),
            Data::Map(_) | Data::Shared(_) => Cow::Borrowed("a map"),
        }
    }
}

impl Scalar<'_> {
    /// Whether it is one of the ways in which YAML writes nothing.
    pub(crate) fn is_null(&self) -> bool {
        self.plain && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }

    pub(crate) fn found(&self) -> String {
        quote(&self.text)
    }
}

/// A text as errors quote it: without control characters, cut at 60 characters.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::from("`");
    for (at, c) in text.chars().enumerate() {
        if at == 60 {
            quoted.push('…');
            break;
        }
        if c.is_control() {
            quoted.extend(c.escape_default());
        } else {
            quoted.push(c);
        }
    }
    quoted.push('`');
    quoted
}

impl Place {
    pub(crate) fn of(file: u16, marker: Marker) -> Self {
        Self {
            file,
            line: u32::try_from(marker.line()).unwrap_or(u32::MAX),
            column: u32::try_from(marker.col() + 1).unwrap_or(u32::MAX),
        }
    }

    /// The place behind a text, in the first file.
    pub(crate) fn after(text: &str) -> Self {
        let line = text.split('\n').count();
        let column = text.chars().rev().take_while(|c| *c != '\n').count() + 1;
        Self {
            file: 0,
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }
}
