//! Counting on workers, and the text a scraper reads.
//!
//! A worker counts in [`RequestMetrics`] and [`Histogram`]s of its own, and hands over a [`Sheet`] when asked. Whoever
//! asked merges the sheets of all workers and renders the sum. Nothing is pushed anywhere.

mod family;
mod format;
mod histogram;
mod labels;
mod process;
mod render;
mod request;
mod sheet;

pub use family::{Family, Kind};
pub use format::Format;
pub use histogram::Histogram;
pub use process::{process_sheet, thread_cpu_time};
pub use request::{Active, Bounds, RequestMetrics, RouteLabel, Scheme};
pub use sheet::Sheet;
