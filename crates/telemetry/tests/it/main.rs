//! Metrics and the access log through their public interface.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics, in its helpers as well"
)]

mod access_log;
mod faults;
mod json_lines;
mod metrics;
mod negotiation;
mod openmetrics;
mod samples;
