//! What is wrong with a configuration, and where.

use std::fmt;
use std::sync::Arc;

use crate::yaml::Place;

/// Errors of one report; how many more there are is told.
const REPORTED_MAX: usize = 1_000;
/// Errors kept until they are sorted.
const KEPT_MAX: usize = 10_000;

/// One fault. Its text: `edge.yaml:12:15: routes[3].forward.timeout: expected …, found …; hint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The file, as it was named.
    pub file: Arc<str>,
    /// From 1; 0 when the fault is not in one place of the file.
    pub line: u32,
    /// In characters, from 1; 0 when the fault is not in one place of the file.
    pub column: u32,
    /// Which key, such as `routes[3].forward.timeout`; empty when no key is concerned.
    pub path: Box<str>,
    /// What sort of fault.
    pub kind: ErrorKind,
    /// What should be there.
    pub expected: Box<str>,
    /// What is there; never the text of a secret.
    pub found: Box<str>,
    /// What to do about it.
    pub hint: Option<Box<str>>,
}

/// What sort of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The file or folder cannot be read.
    Unreadable,
    /// The text is no YAML, or YAML of a form that is refused.
    Syntax,
    /// Too large, too deep, too many.
    Limit,
    /// The same key or name twice.
    Duplicate,
    /// A key that does not exist.
    UnknownKey,
    /// A key or value of the design that this version does not have.
    NotInThisVersion,
    /// A required key is absent.
    Missing,
    /// A map where a list is expected, and so on.
    Type,
    /// A value of the right type that says nothing usable.
    Value,
    /// Two keys that contradict one another.
    Conflict,
    /// A name of something that does not exist.
    Reference,
    /// An environment variable that is not set.
    Variable,
}

/// Every fault of a configuration, sorted by file and place; at most 1,000 and a count of the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors {
    list: Vec<Error>,
    more: usize,
}

impl Errors {
    /// The reported faults.
    pub fn iter(&self) -> std::slice::Iter<'_, Error> {
        self.list.iter()
    }

    /// How many faults there are beyond the reported ones.
    pub fn more(&self) -> usize {
        self.more
    }
}

impl<'a> IntoIterator for &'a Errors {
    type Item = &'a Error;
    type IntoIter = std::slice::Iter<'a, Error>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": expected {}, found {}", self.expected, self.found)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.list.iter().enumerate() {
            let line_end = if at == 0 { "" } else { "\n" };
            write!(f, "{line_end}{error}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for Error {}

impl std::error::Error for Errors {}

/// A fault before it has a place.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: ErrorKind,
    pub(crate) expected: Box<str>,
    pub(crate) found: Box<str>,
    pub(crate) hint: Option<Box<str>>,
}

impl Fault {
    pub(crate) fn new(
        kind: ErrorKind,
        expected: impl Into<Box<str>>,
        found: impl Into<Box<str>>,
    ) -> Self {
        Self {
            kind,
            expected: expected.into(),
            found: found.into(),
            hint: None,
        }
    }

    pub(crate) fn hint(self, hint: impl Into<Box<str>>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    pub(crate) fn maybe_hint(self, hint: Option<String>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }
}

/// Collects faults in any order.
#[derive(Debug)]
pub(crate) struct Faults {
    files: Vec<Arc<str>>,
    list: Vec<(Place, Error)>,
    more: usize,
}

impl Faults {
    /// `files` are named by the file numbers of places.
    pub(crate) fn new(files: Vec<Arc<str>>) -> Self {
        Self {
            files,
            list: Vec::new(),
            more: 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn add(&mut self, place: Place, path: &str, fault: Fault) {
        if self.list.len() == KEPT_MAX {
            self.more += 1;
            return;
        }
        let Fault {
            kind,
            expected,
            found,
            hint,
        } = fault;
        let error = Error {
            file: self.file(place),
            line: place.line,
            column: place.column,
            path: path.into(),
            kind,
            expected,
            found,
            hint,
        };
        self.list.push((place, error));
    }

    /// A place as errors write it.
    pub(crate) fn show_place(&self, place: Place) -> String {
        format!("{}:{}:{}", self.file(place), place.line, place.column)
    }

    pub(crate) fn into_errors(mut self) -> Errors {
        self.list.sort_by_key(|(place, _)| *place);
        let more = self.more + self.list.len().saturating_sub(REPORTED_MAX);
        self.list.truncate(REPORTED_MAX);
        Errors {
            list: self.list.into_iter().map(|(_, error)| error).collect(),
            more,
        }
    }

    fn file(&self, place: Place) -> Arc<str> {
        self.files
            .get(usize::from(place.file))
            .cloned()
            .unwrap_or_default()
    }
}
