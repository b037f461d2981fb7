//! What every kind of value needs while it is read: where it is, what is known so far, and where faults go.

use std::borrow::Cow;

use crate::env::{Env, EnvFault, substitute, unescape};
use crate::error::{ErrorKind, Fault, Faults};
use crate::keys::Scope;
use crate::yaml::{Data, Entry, Node, Place, Scalar, quote};

/// What errors say in place of a text that may be secret.
const NOT_SHOWN: &str = "a text that is not shown";

/// Walks the tree. Faults are collected, not returned: `None` means that one was.
pub(crate) struct Reader<'e> {
    /// What values are checked against beyond themselves.
    pub(crate) scope: Scope,
    env: Env<'e>,
    path: String,
    faults: Faults,
    alternative: Option<Alternative>,
    /// Whether texts are kept out of faults.
    hiding: bool,
}

/// Words that would do too at the path of this length.
struct Alternative {
    path_len: usize,
    words: String,
}

/// A scalar, its variables filled in.
pub(crate) struct Text<'n> {
    /// May be a number or a boolean: written without quotes, or filled in.
    pub(crate) plain: bool,
    /// `$${` is not yet unescaped.
    filled: Cow<'n, str>,
    written: &'n Scalar<'n>,
}

impl<'n> Text<'n> {
    /// The text, `$${` read as `${`.
    pub(crate) fn get(&self) -> Cow<'_, str> {
        unescape(Cow::Borrowed(&self.filled))
    }

    /// The text for those who know `$${` themselves.
    pub(crate) fn get_escaped(&self) -> &str {
        &self.filled
    }

    /// Whether a part of it came from the environment and may be secret.
    pub(crate) fn is_filled(&self) -> bool {
        matches!(self.filled, Cow::Owned(_))
    }

    /// What errors show of it.
    pub(crate) fn found(&self) -> String {
        if self.is_filled() {
            format!("the value of {}", quote(&self.written.text))
        } else {
            self.written.found()
        }
    }
}

impl<'e> Reader<'e> {
    pub(crate) fn new(env: Env<'e>, faults: Faults, scope: Scope) -> Self {
        Self {
            scope,
            env,
            path: String::new(),
            faults,
            alternative: None,
            hiding: false,
        }
    }

    pub(crate) fn into_faults(self) -> Faults {
        self.faults
    }

    /// The path of the value that is being read.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// A place as errors write it.
    pub(crate) fn show_place(&self, place: Place) -> String {
        self.faults.show_place(place)
    }

    /// Reports a fault of the value that is being read.
    pub(crate) fn refuse<T>(&mut self, place: Place, mut fault: Fault) -> Option<T> {
        if let Some(Alternative { path_len, words }) = &self.alternative
            && *path_len == self.path.len()
            && fault.kind != ErrorKind::Variable
        {
            fault.expected = format!("{words} or {}", fault.expected).into();
        }
        if self.hiding && fault.kind == ErrorKind::Value {
            fault.found = NOT_SHOWN.into();
            fault.hint = None;
        }
        self.faults.add(place, &self.path, fault);
        None
    }

    /// Reads a value that may be secret, if `hiding`: its faults do not show it.
    pub(crate) fn hiding<T>(&mut self, hiding: bool, read: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.hiding;
        self.hiding |= hiding;
        let value = read(self);
        self.hiding = outer;
        value
    }

    /// Reads a value in place of which the words would do too, and says so in its faults.
    pub(crate) fn beside<T>(&mut self, words: String, read: impl FnOnce(&mut Self) -> T) -> T {
        let path_len = self.path.len();
        let outer = self.alternative.replace(Alternative { path_len, words });
        let value = read(self);
        self.alternative = outer;
        value
    }

    /// Goes on inside the value of a key.
    pub(crate) fn at_key<T>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.path.len();
        push_key(&mut self.path, key);
        let value = read(self);
        self.path.truncate(outer);
        value
    }

    /// Goes on inside an item of a list.
    pub(crate) fn at_index<T>(&mut self, index: usize, read: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.path.len();
        self.path.push_str(&format!("[{index}]"));
        let value = read(self);
        self.path.truncate(outer);
        value
    }

    pub(crate) fn map<'n>(&mut self, node: &'n Node<'n>) -> Option<&'n [Entry<'n>]> {
        match node.data() {
            Data::Map(entries) => Some(entries),
            Data::Scalar(_) | Data::List(_) | Data::Shared(_) => {
                self.refuse(node.place, mismatch("a map", node))
            }
        }
    }

    pub(crate) fn list<'n>(
        &mut self,
        node: &'n Node<'n>,
        of: &'static str,
    ) -> Option<&'n [Node<'n>]> {
        match node.data() {
            Data::List(items) => Some(items),
            Data::Scalar(_) | Data::Map(_) | Data::Shared(_) => {
                let hint = format!("write `[…]`, or each of the {of} on a line behind `- `");
                self.refuse(node.place, mismatch("a list", node).hint(hint))
            }
        }
    }

    /// The text of a scalar that is not null.
    pub(crate) fn text<'n>(&mut self, node: &'n Node<'n>, expected: &str) -> Option<Text<'n>> {
        let scalar = match node.data() {
            Data::Scalar(scalar) if !scalar.is_null() => scalar,
            Data::Scalar(_) | Data::List(_) | Data::Map(_) | Data::Shared(_) => {
                return self.refuse(node.place, mismatch(expected, node));
            }
        };
        match substitute(&scalar.text, self.env) {
            Ok(filled) => Some(Text {
                plain: scalar.plain || matches!(filled, Cow::Owned(_)),
                filled,
                written: scalar,
            }),
            Err(fault) => self.refuse(node.place, unusable(fault)),
        }
    }
}

/// Appends `.key`, or `["key"]` where dots would mislead.
pub(crate) fn push_key(path: &mut String, key: &str) {
    let simple = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if key.is_empty() || !key.bytes().all(simple) {
        let key = quote(key);
        path.push_str(&format!("[\"{}\"]", key.trim_matches('`')));
    } else {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(key);
    }
}

fn mismatch(expected: &str, node: &Node<'_>) -> Fault {
    Fault::new(ErrorKind::Type, expected, node.found())
}

fn unusable(fault: EnvFault) -> Fault {
    match fault {
        EnvFault::Unset { name } => Fault::new(
            ErrorKind::Variable,
            format!("the environment variable {name} to be set"),
            "no value of it",
        )
        .hint(format!("set it, or write `${{{name}:-default}}`")),
        EnvFault::Malformed { name } => Fault::new(
            ErrorKind::Variable,
            "`${NAME}` or `${NAME:-default}`, the name in upper case",
            format!("`${{{name}` that goes on otherwise"),
        )
        .hint("write `$${` for a literal `${`"),
    }
}
