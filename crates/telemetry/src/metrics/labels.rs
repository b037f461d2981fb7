//! Label sets, kept as the text both formats write.

use std::sync::Arc;

/// A set of labels as it stands between the braces: `a="x",b="y"`, sorted by name and escaped. Cloning counts a
/// reference, so a series renders its labels once and not per scrape.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Labels(Arc<str>);

impl Labels {
    pub(crate) fn new(pairs: &[(&'static str, &str)]) -> Self {
        let mut sorted = pairs.to_vec();
        sorted.sort_unstable_by_key(|(name, _)| *name);
        let mut text =
            String::with_capacity(sorted.iter().map(|(n, v)| n.len() + v.len() + 4).sum());
        for (name, value) in sorted {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(name);
            text.push_str("=\"");
            push_escaped(&mut text, value, Quotes::Escaped);
            text.push('"');
        }
        Self(text.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
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
