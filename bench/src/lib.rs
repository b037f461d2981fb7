//! Comparisons of Tidegate with its peers: starting programs, putting load on them, metering them, writing reports.
//!
//! Each comparison is one file in `comparisons/`; what they share lies beside. Loopback only: nothing here talks to
//! another machine. Of the workspace it depends on what is measured inside the driver, `telemetry` and what that takes, and
//! on nothing else, so that it builds and runs whatever state the rest is in.

pub mod comparisons;
pub mod generator;
pub mod http;
pub mod load;
pub mod machine;
pub mod meter;
pub mod options;
pub mod origin;
pub mod output;
pub mod peers;
pub mod process;
pub mod report;
pub mod response;
pub mod routes;
pub mod scrape;
pub mod secure;
pub mod service;
pub mod stats;
pub mod strace;
pub mod table;
pub mod wrk;
