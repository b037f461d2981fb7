//! Counting on workers, the text a scraper reads, and the bytes that are pushed.
//!
//! A worker counts in [`RequestMetrics`], [`ClientMetrics`], [`RpcMetrics`] and [`Histogram`]s of its own, and hands over a
//! [`Sheet`] when asked. Whoever asked merges the sheets of all workers and renders the sum. Names, units and labels are
//! those of OpenTelemetry; what Prometheus calls them follows from that.

mod active;
mod bounds;
mod client;
mod exemplar;
mod exposition;
mod family;
mod format;
mod histogram;
mod interned;
mod key;
mod labels;
mod memory_limit;
mod method;
mod name;
mod outcome;
mod points;
mod process;
mod protocol;
mod push;
mod render;
mod request;
mod rows;
mod rpc;
mod scheme;
mod series;
mod sheet;
mod temporality;

pub use active::Active;
pub use bounds::Bounds;
pub use client::{ClientMetrics, ServerLabel};
pub use exemplar::{Exemplar, ExemplarFilter};
pub use exposition::{Exposition, SCOPE_NAME, SCOPE_VERSION, ScopeLabels};
pub use family::{Family, Instrument, Kind};
pub use format::Format;
pub use histogram::Histogram;
pub use method::{KnownMethods, MethodLabel};
pub use otlp::RpcStatusCode;
pub use outcome::Outcome;
pub use process::{process_sheet, thread_cpu_time};
pub use protocol::Protocol;
pub use push::MetricsPush;
pub use render::Pieces;
pub use request::{RequestDurations, RequestMetrics, RouteLabel, Served};
pub use rpc::{RpcMethodLabel, RpcMetrics, RpcServerLabel, RpcSide};
pub use scheme::Scheme;
pub use sheet::Sheet;
