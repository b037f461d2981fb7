//! `cargo xtask tidy`: the rules of this repository that no compiler checks. Reports all problems, changes nothing.

use std::{fmt, path::Path};

use anyhow::Result;

mod files;
mod layers;
mod metadata;

/// One departure from a rule: where, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    place: String,
    text: String,
}

impl Problem {
    fn new(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            text: text.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.place, self.text)
    }
}

/// Every problem found in the workspace at `root`.
///
/// # Errors
/// When `cargo metadata` or `git ls-files` cannot be run or a file cannot be read; a broken rule is not an error.
pub(crate) fn check(root: &Path) -> Result<Vec<Problem>> {
    let packages = metadata::load(root)?;
    let mut problems = layers::check(&packages);
    problems.extend(files::check(root, &packages)?);
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_itself_is_tidy() {
        let root = crate::workspace_root().unwrap();
        let problems: Vec<String> = check(&root)
            .unwrap()
            .iter()
            .map(Problem::to_string)
            .collect();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }
}
