//! Where the configuration comes from.

use std::path::{Path, PathBuf};

use config::{Errors, Plan, Source};

/// Where the configuration comes from, so that it can be read again.
#[derive(Clone, Debug)]
pub enum Origin {
    /// A file, or a folder of files.
    Path(PathBuf),
    /// A text that does not change.
    Text {
        /// How errors call it.
        name: String,
        /// YAML.
        text: String,
    },
}

impl Origin {
    /// Reads and plans. Blocks on the file system.
    ///
    /// # Errors
    /// Every fault of the configuration.
    pub fn plan(&self) -> Result<Plan, Errors> {
        let source = match self {
            Self::Path(path) => Source::load(path)?,
            Self::Text { name, text } => Source::from_text(name, text),
        };
        config::plan(&source, &|name| std::env::var(name).ok())
    }

    /// The file or folder to watch.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::Text { .. } => None,
        }
    }
}
