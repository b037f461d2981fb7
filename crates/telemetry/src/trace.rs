//! Traces: a span for each request and each of its tries, carried on to whoever is asked next.
//!
//! A request's [`Recording`] is filled while it is served: plain values, nothing formatted, nothing allocated. When the
//! request ends it is decided whether the spans are kept ([`Tracer::keeps`]); those that are go as OTLP bytes into the
//! worker's [`ItemSink`](crate::ItemSink).
//!
//! Order of calls for one request: [`Recording::clear`], [`Tracer::begin`], [`Tracer::decide`] (once the route is known),
//! [`Tracer::append_context`] (where it is sent on), [`Recording::begin_attempt`] and [`Recording::end_attempt`] per try,
//! [`Tracer::finish`].

mod clock;
mod ids;
mod note;
mod recording;
mod sampler;
mod spans;
mod tracer;

pub use clock::Anchor;
pub use note::{Detail, Note};
pub use recording::{Context, Outcome, Recording};
pub use sampler::{Draw, Sampler, Subject};
pub use spans::{Call, Finished};
pub use tracer::{RouteNames, Tracer, Tracing};
