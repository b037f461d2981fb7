//! Writing to standard output: the one place, since programs here are asked for text and libraries are not.

use std::io::{self, Write};

use anyhow::{Context, Result};

/// Writes `text` as it is and flushes, so that a reader at the other end of a pipe sees it at once.
///
/// # Errors
/// When standard output is closed.
pub fn text(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("cannot write to standard output")
}

/// Tells the person who waits what is going on, on standard error; never fails, since nothing depends on it.
pub fn progress(text: &str) {
    eprintln!("{text}");
}
