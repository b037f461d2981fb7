//! The fields that carry context.

use crate::format::Format;
use crate::formats::Formats;

/// A field that is looked up by its name. Those of Jaeger's baggage are not among them: they have only a prefix in
/// common, `uberctx-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// Ids and flags (W3C Trace Context).
    TraceParent,
    /// What tracing systems keep beside them (W3C Trace Context).
    TraceState,
    /// Pairs of the application (W3C Baggage).
    Baggage,
    /// Ids and decision in one (B3).
    B3,
    /// The trace's id (B3).
    B3TraceId,
    /// The sender's span (B3).
    B3SpanId,
    /// The span above the sender's (B3); never read, never written.
    B3ParentSpanId,
    /// The decision (B3).
    B3Sampled,
    /// Whether the decision is one for debugging (B3).
    B3Flags,
    /// Ids and flags (Jaeger).
    UberTraceId,
}

/// The names of the fields that a hop with these formats takes for itself: lower-case, each once. It removes those that
/// came before it injects its own; what it left would contradict them. Fields that begin with `uberctx-` belong to them
/// where Jaeger's format does ([`Formats::owns`]).
pub fn field_names(formats: &Formats) -> impl Iterator<Item = &'static str> + use<> {
    let formats = *formats;
    Field::ALL
        .into_iter()
        .filter(move |field| formats.iter().any(|format| field.is_of(format)))
        .map(Field::name)
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::TraceParent,
        Self::TraceState,
        Self::Baggage,
        Self::B3,
        Self::B3TraceId,
        Self::B3SpanId,
        Self::B3ParentSpanId,
        Self::B3Sampled,
        Self::B3Flags,
        Self::UberTraceId,
    ];

    /// Its name in lower case; it is matched in any.
    pub fn name(self) -> &'static str {
        match self {
            Self::TraceParent => "traceparent",
            Self::TraceState => "tracestate",
            Self::Baggage => "baggage",
            Self::B3 => "b3",
            Self::B3TraceId => "x-b3-traceid",
            Self::B3SpanId => "x-b3-spanid",
            Self::B3ParentSpanId => "x-b3-parentspanid",
            Self::B3Sampled => "x-b3-sampled",
            Self::B3Flags => "x-b3-flags",
            Self::UberTraceId => "uber-trace-id",
        }
    }

    /// Both ways of writing B3 read both (P-6).
    fn is_of(self, format: Format) -> bool {
        match self {
            Self::TraceParent | Self::TraceState => format == Format::TraceContext,
            Self::Baggage => format == Format::Baggage,
            Self::B3
            | Self::B3TraceId
            | Self::B3SpanId
            | Self::B3ParentSpanId
            | Self::B3Sampled
            | Self::B3Flags => matches!(format, Format::B3 | Format::B3Multi),
            Self::UberTraceId => format == Format::Jaeger,
        }
    }
}
