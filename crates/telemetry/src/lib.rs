//! What Tidegate tells about itself: metrics, the access log and diagnostics on standard error.
//!
//! The data plane pays for none of it with a lock or an atomic per request: each worker counts in its own cells and
//! formats log lines into its own buffers. It does not serve anything over a socket; the admin API does.

pub mod access_log;
mod ascii;
mod attributes;
pub mod diagnostics;
pub mod environment;
mod item_sink;
mod meters;
pub mod metrics;
pub mod plan;
mod redact;
pub mod settings;
mod time;
pub mod trace;

pub use item_sink::{ItemSink, Outlet, Parcel};
pub use meters::Meters;
pub use redact::{redacted_query, redacted_url};
