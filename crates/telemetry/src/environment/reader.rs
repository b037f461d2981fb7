//! Variables by type (specification, environment variables, type-specific guidance), and the warnings that come up.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::{Effect, Warning};

/// What a timeout of 0 stands for: the longest one that can be written, 2^31-1 ms or about 25 days. So a deadline can
/// still be computed from it (specification, common configuration, timeout).
pub const NO_LIMIT: Duration = Duration::from_millis(INTEGER_MAX as u64);

/// The largest integer and the most milliseconds, as the specification recommends.
pub(super) const INTEGER_MAX: u32 = 2_147_483_647;
/// Members of one list.
pub(super) const MEMBERS_MAX: usize = 1_024;
/// Longest value.
const VALUE_MAX_BYTES: usize = 64 << 10;

/// Reads variables and collects what is wrong with them, each fault once.
pub(super) struct Reader<'a> {
    var: &'a dyn Fn(&str) -> Option<String>,
    warnings: Vec<Warning>,
}

/// The words an enumerated variable may have, compared without case.
pub(super) struct Choice<T: 'static> {
    pub(super) words: &'static [(&'static str, T)],
    /// Words of the specification that Tidegate has nothing for.
    pub(super) unsupported: &'static [&'static str],
}

impl<'a> Reader<'a> {
    pub(super) fn new(var: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            var,
            warnings: Vec::new(),
        }
    }

    pub(super) fn into_warnings(self) -> Vec<Warning> {
        self.warnings
    }

    /// A variable that several signals share is judged for each of them and told about once.
    pub(super) fn warn(&mut self, warning: Warning) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// A value of any form; `None` for one that is not set, empty or too long.
    pub(super) fn text(&mut self, variable: &'static str) -> Option<String> {
        let text = (self.var)(variable).filter(|text| !text.is_empty())?;
        if text.len() <= VALUE_MAX_BYTES {
            return Some(text);
        }
        self.warn(Warning::about(
            variable,
            format!("at most {VALUE_MAX_BYTES} bytes"),
            format!("{} bytes", text.len()),
            Effect::Ignored,
        ));
        None
    }

    pub(super) fn path(&mut self, variable: &'static str) -> Option<PathBuf> {
        self.text(variable).map(PathBuf::from)
    }

    /// A value that `parse` takes.
    pub(super) fn parsed<T>(
        &mut self,
        variable: &'static str,
        expected: impl FnOnce() -> String,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(variable)?;
        let value = parse(&text);
        if value.is_none() {
            self.warn(Warning::new(variable, expected(), &text, Effect::Ignored));
        }
        value
    }

    /// Anything but `true` is false, so what is neither word still overrides a more general variable.
    pub(super) fn flag(&mut self, variable: &'static str) -> Option<bool> {
        let text = self.text(variable)?;
        let is_true = text.eq_ignore_ascii_case("true");
        if !is_true && !text.eq_ignore_ascii_case("false") {
            self.warn(Warning::new(
                variable,
                "`true` or `false`",
                &text,
                Effect::False,
            ));
        }
        Some(is_true)
    }

    pub(super) fn whole(
        &mut self,
        variable: &'static str,
        range: RangeInclusive<u32>,
    ) -> Option<u32> {
        self.number(variable, "a whole number", range)
    }

    /// At least `least_ms` and at most [`NO_LIMIT`].
    pub(super) fn duration(&mut self, variable: &'static str, least_ms: u32) -> Option<Duration> {
        self.number(variable, "whole milliseconds", least_ms..=INTEGER_MAX)
            .map(|number| Duration::from_millis(number.into()))
    }

    /// A duration whose 0 is [`NO_LIMIT`].
    pub(super) fn timeout(&mut self, variable: &'static str) -> Option<Duration> {
        let timeout = self.duration(variable, 0)?;
        Some(if timeout.is_zero() { NO_LIMIT } else { timeout })
    }

    pub(super) fn choice<T: Copy>(
        &mut self,
        variable: &'static str,
        choice: &Choice<T>,
    ) -> Option<T> {
        let text = self.text(variable)?;
        self.chosen(variable, choice, &text, Effect::Ignored)
    }

    /// A list of words without those that cannot be used; `None` when no word is left.
    pub(super) fn choices<T: Copy>(
        &mut self,
        variable: &'static str,
        choice: &Choice<T>,
    ) -> Option<Vec<T>> {
        let words = self.words(variable)?;
        let chosen: Vec<T> = words
            .iter()
            .filter_map(|word| self.chosen(variable, choice, word, Effect::MemberSkipped))
            .collect();
        (!chosen.is_empty()).then_some(chosen)
    }

    /// A list of at most [`MEMBERS_MAX`] words.
    pub(super) fn words(&mut self, variable: &'static str) -> Option<Vec<Box<str>>> {
        let text = self.text(variable)?;
        let words = self.bounded(variable, &text);
        Some(words.into_iter().map(Box::from).collect())
    }

    /// The first [`MEMBERS_MAX`] members of a list.
    pub(super) fn bounded<'t>(&mut self, variable: &'static str, text: &'t str) -> Vec<&'t str> {
        let count = members(text).count();
        if count > MEMBERS_MAX {
            self.warn(Warning::about(
                variable,
                format!("at most {MEMBERS_MAX} members"),
                count.to_string(),
                Effect::RestIgnored,
            ));
        }
        members(text).take(MEMBERS_MAX).collect()
    }

    fn number(
        &mut self,
        variable: &'static str,
        what: &str,
        range: RangeInclusive<u32>,
    ) -> Option<u32> {
        self.parsed(
            variable,
            || format!("{what} from {} to {}", range.start(), range.end()),
            |text| text.parse().ok().filter(|number| range.contains(number)),
        )
    }

    fn chosen<T: Copy>(
        &mut self,
        variable: &'static str,
        choice: &Choice<T>,
        found: &str,
        unknown: Effect,
    ) -> Option<T> {
        let value = choice.value(found);
        if value.is_none() {
            let is_known = choice
                .unsupported
                .iter()
                .any(|word| word.eq_ignore_ascii_case(found));
            let effect = if is_known {
                Effect::Unsupported
            } else {
                unknown
            };
            self.warn(Warning::new(variable, choice.expected(), found, effect));
        }
        value
    }
}

impl<T: Copy> Choice<T> {
    fn value(&self, found: &str) -> Option<T> {
        self.words
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(found))
            .map(|(_, value)| *value)
    }

    fn expected(&self) -> String {
        let words: Vec<String> = self
            .words
            .iter()
            .map(|(word, _)| format!("`{word}`"))
            .collect();
        format!("one of {}", words.join(", "))
    }
}

/// The members of a list between commas, without space around them. Empty ones say nothing and are left out, as in any
/// list of HTTP (RFC 9110 5.6.1.2).
pub(super) fn members(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(trim)
        .filter(|member| !member.is_empty())
}

/// Without space and tabs at its ends.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
