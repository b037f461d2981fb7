//! Label sets: as text for scrapers, as values for OTLP.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// One attribute's value.
#[derive(Clone, Debug)]
pub(crate) enum LabelValue {
    Static(&'static str),
    Text(Arc<str>),
    Int(i64),
    Bool(bool),
}

/// An attribute: its key as OpenTelemetry names it, with dots, and its value.
pub(crate) type Pair = (&'static str, LabelValue);

/// A set of labels, equal and ordered by its text. Cloning counts a reference, so a series makes its labels once and not
/// per scrape.
#[derive(Clone, Debug)]
pub(crate) struct Labels(Arc<Set>);

#[derive(Debug)]
struct Set {
    text: Box<str>,
    pairs: Box<[Pair]>,
}

impl Labels {
    pub(crate) fn new(pairs: Vec<Pair>) -> Self {
        let text = label_text(pairs.iter().map(|(key, value)| (*key, value.shown())));
        Self(Arc::new(Set {
            text: text.into(),
            pairs: pairs.into(),
        }))
    }

    /// Of texts only.
    pub(crate) fn of_texts(labels: &[(&'static str, &str)]) -> Self {
        let pair = |(key, value): &(&'static str, &str)| (*key, LabelValue::Text((*value).into()));
        Self::new(labels.iter().map(pair).collect())
    }

    /// As it stands between the braces: `a="x",b="y"`, sorted by name and escaped; the same in both formats.
    pub(crate) fn as_str(&self) -> &str {
        &self.0.text
    }

    /// In the order they were given.
    pub(crate) fn pairs(&self) -> &[Pair] {
        &self.0.pairs
    }
}

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.as_str() == other.as_str()
    }
}

impl Eq for Labels {}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl LabelValue {
    fn shown(&self) -> Cow<'_, str> {
        match self {
            Self::Static(text) => (*text).into(),
            Self::Text(text) => (&**text).into(),
            Self::Int(number) => number.to_string().into(),
            Self::Bool(is_true) => (if *is_true { "true" } else { "false" }).into(),
        }
    }
}

/// Sorted by name. The values of keys that come out as one name are joined with `;` in the order of the keys (M-5).
pub(crate) fn label_text<'a>(pairs: impl Iterator<Item = (&'a str, Cow<'a, str>)>) -> String {
    let mut named: Vec<_> = pairs
        .map(|(key, value)| (label_name(key), key, value))
        .collect();
    named.sort_unstable_by(|(name, key, _), (other_name, other_key, _)| {
        (name, key).cmp(&(other_name, other_key))
    });
    let mut text = String::with_capacity(named.iter().map(|(n, _, v)| n.len() + v.len() + 4).sum());
    for group in named.chunk_by(|(one, ..), (other, ..)| one == other) {
        for (at, (name, _, value)) in group.iter().enumerate() {
            if at == 0 {
                if !text.is_empty() {
                    text.push(',');
                }
                text.push_str(name);
                text.push_str("=\"");
            } else {
                text.push(';');
            }
            push_escaped(&mut text, value, Quotes::Escaped);
        }
        text.push('"');
    }
    text
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`: what is not legal becomes `_`, and runs of `_` one (M-5).
fn label_name(key: &str) -> String {
    let mut name = String::with_capacity(key.len());
    for letter in key.chars() {
        if name.is_empty() && letter.is_ascii_digit() {
            name.push('_');
        }
        if letter.is_ascii_alphanumeric() {
            name.push(letter);
        } else if !name.ends_with('_') {
            name.push('_');
        }
    }
    if name.is_empty() {
        name.push('_');
    }
    name
}

/// Whether `"` is escaped: in label values always, in help text by OpenMetrics only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quotes {
    Escaped,
    Plain,
}

pub(crate) fn push_escaped(to: &mut String, value: &str, quotes: Quotes) {
    for letter in value.chars() {
        match letter {
            '\\' => to.push_str("\\\\"),
            '\n' => to.push_str("\\n"),
            '"' if quotes == Quotes::Escaped => to.push_str("\\\""),
            other => to.push(other),
        }
    }
}
