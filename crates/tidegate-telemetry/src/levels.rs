//! How much is told (`OTEL_LOG_LEVEL`).

use telemetry::environment::LogLevel;
use tracing::Metadata;
use tracing_subscriber::filter::{FilterFn, LevelFilter};

/// Which events and which spans count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Levels {
    /// For standard error and for log records.
    pub(crate) events: LevelFilter,
    /// `info` and above, and more where the events' level is lower.
    spans: LevelFilter,
}

impl Levels {
    pub(crate) fn new(level: Option<LogLevel>) -> Self {
        let events = match level {
            Some(LogLevel::Off) => LevelFilter::OFF,
            Some(LogLevel::Error) => LevelFilter::ERROR,
            Some(LogLevel::Warn) => LevelFilter::WARN,
            None | Some(LogLevel::Info) => LevelFilter::INFO,
            Some(LogLevel::Debug) => LevelFilter::DEBUG,
            Some(LogLevel::Trace) => LevelFilter::TRACE,
        };
        Self {
            events,
            spans: events.max(LevelFilter::INFO),
        }
    }

    /// What is exported.
    pub(crate) fn exported(self) -> FilterFn<impl Fn(&Metadata<'_>) -> bool> {
        let Self { events, spans } = self;
        let filter = FilterFn::new(move |metadata: &Metadata<'_>| {
            let level = if metadata.is_span() { spans } else { events };
            *metadata.level() <= level
        });
        filter.with_max_level_hint(spans)
    }
}
