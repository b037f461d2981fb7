//! What an attempt to send came to, whatever the protocol.

use std::time::Duration;

use crate::breaker::Health;

/// Bytes of an answer that are read; a longer one is an error that is not repeated (OT-34).
pub(crate) const ANSWER_MAX: usize = 4 << 20;

/// How a request ended.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The back end took it, but for `rejected` items. Never sent again (OT-35).
    Taken { rejected: u64, message: String },
    /// It may be sent again, not before `asked` if the back end says when.
    Again {
        asked: Option<Duration>,
        health: Health,
        reason: String,
    },
    /// It is too large: halves may pass.
    TooLarge {
        certainty: Certainty,
        reason: String,
    },
    /// It must not be sent again (OT-16, OT-30).
    Refused { health: Health, reason: String },
}

/// How sure it is that the size was the cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certainty {
    /// The back end says so.
    Certain,
    /// It says that something is exhausted, which is how most servers refuse large messages and some refuse everything.
    Likely,
}

impl Verdict {
    /// No answer came.
    pub(crate) fn lost(reason: String) -> Self {
        Self::Again {
            asked: None,
            health: Health::Ill,
            reason,
        }
    }

    /// The answer was longer than [`ANSWER_MAX`].
    pub(crate) fn answer_too_long() -> Self {
        Self::Refused {
            health: Health::Well,
            reason: format!("expected an answer of at most {ANSWER_MAX} bytes, found more"),
        }
    }

    /// The back end took it and says what [`otlp::PartialSuccess`] holds. An answer that cannot be read does not undo
    /// that.
    pub(crate) fn taken(partial: Option<otlp::PartialSuccess>) -> Self {
        let (rejected, message) = partial.map_or_else(Default::default, |partial| {
            (partial.rejected, partial.message)
        });
        Self::Taken { rejected, message }
    }

    pub(crate) fn health(&self) -> Health {
        match self {
            Self::Taken { .. } => Health::Well,
            Self::Again { health, .. } | Self::Refused { health, .. } => *health,
            Self::TooLarge { certainty, .. } => match certainty {
                Certainty::Certain => Health::Well,
                Certainty::Likely => Health::Busy,
            },
        }
    }

    /// Why it was not taken.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::Taken { .. } => None,
            Self::Again { reason, .. }
            | Self::TooLarge { reason, .. }
            | Self::Refused { reason, .. } => Some(reason),
        }
    }
}

/// Whether a server's text says that a message is too large. Servers say so under codes that mean something else:
/// `OUT_OF_RANGE` (tonic), `RESOURCE_EXHAUSTED` (grpc-go, grpc-java), 400 (the Collector).
pub(crate) fn says_too_large(message: &str) -> bool {
    const WORDS: &[&str] = &[
        "too large",
        "too big",
        "larger than max",
        "larger than the max",
        "exceeds max",
        "exceeds the max",
        "exceeds limit",
        "exceeds the limit",
    ];
    let message = message.to_ascii_lowercase();
    WORDS.iter().any(|words| message.contains(words))
}
