//! Trace context and baggage between processes: W3C Trace Context Level 2, W3C Baggage, B3 in one field or several, and
//! reading what Jaeger clients send. Field values in, field values out: knows no sockets, no clock, no generator of
//! random numbers, and no type of header list, but for what a [`Carrier`] shows of it.
//!
//! Nothing is allocated per message once the buffers of an [`Incoming`] have their room. Whatever a stranger sends is
//! either valid or as if it were not there; there are no errors to handle.

mod b3;
pub mod baggage;
mod carrier;
mod extract;
mod field;
mod flags;
mod format;
mod formats;
mod hex;
mod id;
mod inject;
mod jaeger;
mod text;
mod threshold;
mod trace_context;
pub mod trace_state;

pub use carrier::Carrier;
pub use extract::{Incoming, Parent, extract};
pub use field::{Field, field_names};
pub use flags::Flags;
pub use format::Format;
pub use formats::{Formats, ParsedFormats};
pub use id::{SpanId, TraceId};
pub use inject::{Outgoing, inject};
pub use threshold::Threshold;
