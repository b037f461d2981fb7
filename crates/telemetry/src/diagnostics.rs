//! Messages of the program about itself: on standard error, and over OTLP where log records go somewhere. Not the access
//! log.
//!
//! Whoever says something does not wait for standard error: a thread writes, and lines that it has no room for are counted
//! and lost. A message that repeats itself is let through a few times, then counted; now and then a summary says how often.

mod records;
mod repeats;

use std::io::{self, IsTerminal as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::ItemSink;
use crate::environment::LogRecordLimits;
use crate::metrics::{Family, Instrument, Kind, Sheet};
use records::Records;
use repeats::Repeats;

/// What is shown when no filter is given.
const DEFAULT_FILTER: &str = "info";
/// Lines that may wait for standard error.
const LINES_MAX: usize = 4096;

static REPEATED: Family = Family::new(Instrument {
    name: "tidegate.log.repeated",
    unit: "{message}",
    description: "Messages left out because they had been said several times.",
    kind: Kind::Counter,
});
static LINES_DROPPED: Family = Family::new(Instrument {
    name: "tidegate.log.dropped_lines",
    unit: "{line}",
    description: "Messages lost because standard error was slow.",
    kind: Kind::Counter,
});

/// Why messages could not be set up, or not be changed.
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
    /// What was set up is no more.
    #[error("messages are not set up any more")]
    Gone {
        /// The refusal.
        source: reload::Error,
    },
}

/// A handle on what is shown and where it goes. Cheap to clone, for any thread.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    filter: reload::Handle<Targets, Registry>,
    filter_text: Arc<Mutex<String>>,
    repeats: Arc<Repeats>,
    records: Arc<Records>,
    dropped: ErrorCounter,
}

/// The thread that writes. Dropped, it writes what waits, for a second at most.
#[derive(Debug)]
#[must_use = "messages end when it is dropped"]
pub struct Writing {
    _thread: WorkerGuard,
}

/// Writes messages that pass `filter` to standard error, one line each, coloured if that is a terminal. An empty
/// filter means `info`. Called once, before threads start.
///
/// # Errors
/// [`DiagnosticsError`] for text that is no filter and for a second call.
pub fn init(filter: &str) -> Result<(Diagnostics, Writing), DiagnosticsError> {
    let (text, targets) = parse(filter)?;
    let (writer, thread) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LINES_MAX)
        .thread_name("messages")
        .finish(io::stderr());
    let dropped = writer.error_counter();
    let lines = tracing_subscriber::fmt::layer()
        .compact()
        .with_ansi(io::stderr().is_terminal())
        .with_writer(writer);
    let (filter, handle) = reload::Layer::new(targets);
    let repeats = Arc::new(Repeats::new(Instant::now()));
    let records = Arc::new(Records::default());
    tracing_subscriber::registry()
        .with(filter)
        .with(repeats::Layer(Arc::clone(&repeats)))
        .with(lines)
        .with(records::Layer(Arc::clone(&records)))
        .try_init()
        .map_err(|source| DiagnosticsError::AlreadySet { source })?;
    let diagnostics = Diagnostics {
        filter: handle,
        filter_text: Arc::new(Mutex::new(text.to_owned())),
        repeats,
        records,
        dropped,
    };
    Ok((diagnostics, Writing { _thread: thread }))
}

impl Diagnostics {
    /// What is shown now.
    pub fn filter(&self) -> String {
        self.lock_filter().clone()
    }

    /// Shows what passes this filter from here on; empty text means `info`.
    ///
    /// # Errors
    /// [`DiagnosticsError::Filter`]; then everything stays as it was.
    pub fn set_filter(&self, filter: &str) -> Result<(), DiagnosticsError> {
        let (text, targets) = parse(filter)?;
        let mut current = self.lock_filter();
        self.filter
            .reload(targets)
            .map_err(|source| DiagnosticsError::Gone { source })?;
        text.clone_into(&mut current);
        Ok(())
    }

    /// Messages go here too from now on, as log records within these limits; `None`: to standard error only. The sink before hands over what
    /// is in it.
    pub fn record_to(&self, way: Option<(ItemSink, LogRecordLimits)>) {
        self.records.set_way(way);
    }

    /// Sums up what repeated itself, and hands over what was recorded; called about once a second.
    pub fn tick(&self) {
        self.repeats.sum_up(Instant::now());
        self.records.flush();
    }

    /// Adds the counts to a sheet.
    pub fn collect(&self, sheet: &mut Sheet) {
        sheet.counter(&REPEATED, &[], self.repeats.left_out());
        let dropped = u64::try_from(self.dropped.dropped_lines()).unwrap_or(u64::MAX);
        sheet.counter(&LINES_DROPPED, &[], dropped);
    }

    fn lock_filter(&self) -> MutexGuard<'_, String> {
        self.filter_text
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(filter: &str) -> Result<(&str, Targets), DiagnosticsError> {
    let text = match filter.trim() {
        "" => DEFAULT_FILTER,
        given => given,
    };
    let targets = text.parse().map_err(|source| DiagnosticsError::Filter {
        found: text.into(),
        source,
    })?;
    Ok((text, targets))
}
