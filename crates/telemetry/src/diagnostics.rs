//! Messages of the program about itself, on standard error. Not the access log.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// What is shown when no filter is given.
const DEFAULT_FILTER: &str = "info";

/// Why messages could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum DiagnosticsError {
    /// Not a filter.
    #[error("expected a log filter such as `info` or `warn,upstream=debug`, found `{found}`")]
    Filter {
        /// The text.
        found: Box<str>,
        /// What was wrong with it.
        source: ParseError,
    },
    /// Something in this process has set up messages before.
    #[error("messages were set up before")]
    AlreadySet {
        /// The refusal.
        source: TryInitError,
    },
}

/// Writes messages that pass `filter` to standard error, one line each, coloured if that is a terminal. An empty
/// filter means `info`. Called once, before threads start.
///
/// # Errors
/// [`DiagnosticsError`] for text that is no filter and for a second call.
pub fn init(filter: &str) -> Result<(), DiagnosticsError> {
    let text = match filter.trim() {
        "" => DEFAULT_FILTER,
        given => given,
    };
    let targets: Targets = text.parse().map_err(|source| DiagnosticsError::Filter {
        found: text.into(),
        source,
    })?;
    let lines = tracing_subscriber::fmt::layer()
        .compact()
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    tracing_subscriber::registry()
        .with(targets)
        .with(lines)
        .try_init()
        .map_err(|source| DiagnosticsError::AlreadySet { source })
}
