//! `OTEL_LOG_LEVEL`.

use super::reader::{Choice, Reader};

/// How much the program tells about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogLevel {
    /// `none`.
    Off,
    /// `error`.
    Error,
    /// `warn` or `warning`.
    Warn,
    /// `info`.
    Info,
    /// `debug`.
    Debug,
    /// `trace`, `verbose` or `all`.
    Trace,
}

/// The specification names `info` only; these are the words its SDKs take.
const LEVELS: Choice<LogLevel> = Choice {
    words: &[
        ("none", LogLevel::Off),
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("warning", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
        ("verbose", LogLevel::Trace),
        ("all", LogLevel::Trace),
    ],
    unsupported: &[],
};

impl LogLevel {
    /// As a filter of messages.
    pub fn filter(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    /// The variable alone; `var` as in [`Environment::read`](super::Environment::read). `None` when it is not set or no
    /// level, of which nothing is said here, and beside `OTEL_CONFIG_FILE`, which silences all others.
    pub fn of(var: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let mut reader = Reader::new(var);
        match super::config_file(&mut reader) {
            Some(_) => None,
            None => Self::read(&mut reader),
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.choice("OTEL_LOG_LEVEL", &LEVELS)
    }
}
