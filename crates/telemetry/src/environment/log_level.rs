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
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.choice("OTEL_LOG_LEVEL", &LEVELS)
    }
}
