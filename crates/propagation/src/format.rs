//! The ways of writing context down.

/// One way of carrying context or baggage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `traceparent` and `tracestate` (W3C Trace Context Level 2).
    TraceContext,
    /// `baggage` (W3C Baggage).
    Baggage,
    /// `b3`; read from `x-b3-…` as well.
    B3,
    /// `x-b3-…`; read from `b3` as well.
    B3Multi,
    /// `uber-trace-id` and `uberctx-…`: read, never written (P-8).
    Jaeger,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::TraceContext,
        Self::Baggage,
        Self::B3,
        Self::B3Multi,
        Self::Jaeger,
    ];

    /// Its word in `OTEL_PROPAGATORS`.
    pub fn word(self) -> &'static str {
        match self {
            Self::TraceContext => "tracecontext",
            Self::Baggage => "baggage",
            Self::B3 => "b3",
            Self::B3Multi => "b3multi",
            Self::Jaeger => "jaeger",
        }
    }

    /// By its word, in any case.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|format| word.eq_ignore_ascii_case(format.word()))
    }
}
