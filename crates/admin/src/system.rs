//! What the admin API asks of the program.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde_json::Value;

/// A future behind a pointer, so that [`System`] can be a trait object. The admin API is not the hot path.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The running program as the admin API sees it.
///
/// A future may be dropped before it is done: after 30 seconds, or when the client leaves. Work that must not stop
/// half-way, such as a reload, belongs in a task of its own that the future waits for.
pub trait System: Send + Sync + 'static {
    /// Whether each worker lives. Must answer, within a second or so, although a worker does not.
    fn health(&self) -> Answer<'_, Health>;

    /// Whether new traffic is welcome.
    fn ready(&self) -> Readiness;

    /// Every figure, in the format that suits this Accept header best. `None` when a part of them cannot be had: sums without
    /// it would look as if counters had begun again.
    fn metrics<'a>(&'a self, accept: &'a str) -> Answer<'a, Option<Page>>;

    /// The plan in force, secrets redacted; an object whose `version` tells one plan from the next.
    fn config(&self) -> Answer<'_, Value>;

    /// Upstreams with their endpoints: an array of objects with `name` and `endpoints`, an array of flat objects,
    /// which the page shows as a table with their keys as columns.
    fn upstreams(&self) -> Answer<'_, Value>;

    /// Reads the configuration again and takes it into use, or changes nothing.
    fn reload(&self) -> Answer<'_, Result<ReloadReport, ReloadError>>;

    /// Which messages the program writes about itself: `info`, `warn,upstream=debug`.
    fn log_filter(&self) -> String;

    /// Changes that, until the program ends.
    ///
    /// # Errors
    /// Why it is no filter, for people; then everything stays as it was.
    fn set_log_filter(&self, filter: &str) -> Result<(), String>;
}

/// Whether the program works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Every worker there should be.
    pub workers: Vec<WorkerHealth>,
}

impl Health {
    /// Whether all workers live.
    pub fn is_alive(&self) -> bool {
        self.workers.iter().all(|worker| worker.alive)
    }
}

/// Whether one worker works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerHealth {
    /// Its thread's name.
    pub name: String,
    /// It answered in time.
    pub alive: bool,
    /// How late its event loop runs timers; unknown if it does not answer.
    pub loop_lag: Option<Duration>,
}

/// Whether new traffic is welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Not yet.
    Starting,
    /// Yes.
    Ready,
    /// No longer: what runs is finished, nothing new should come.
    Draining,
}

impl Readiness {
    /// As it is shown.
    pub fn label(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
        }
    }
}

/// A text and what it is.
pub struct Page {
    /// For `Content-Type`.
    pub content_type: &'static str,
    /// The text, made as the client takes it: on the thread of the admin API, so a piece is to be a matter of microseconds.
    pub pieces: Pieces,
}

/// Parts of a text, in order.
pub type Pieces = Box<dyn Iterator<Item = String> + Send>;

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("content_type", &self.content_type)
            .finish_non_exhaustive()
    }
}

/// What a reload did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReloadReport {
    /// The version of the plan in force, as in the configuration shown.
    pub version: u64,
    /// Whether it is another one than before.
    pub changed: bool,
    /// What changed or needs attention, one line each.
    pub notes: Vec<String>,
}

/// Why a reload changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReloadError {
    /// The configuration has these errors: answered with 400.
    Invalid(Vec<String>),
    /// It cannot be taken into use as things are, for these reasons: another reload runs, an address is taken.
    /// Answered with 409.
    Conflict(Vec<String>),
}
