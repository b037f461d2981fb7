//! Metrics and the access log through their public interface.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics, in its helpers as well"
)]

mod access_log;
mod adaptive;
mod clients;
mod conformity;
mod environment;
mod exemplars;
mod faults;
mod figures;
mod independent;
mod json_lines;
mod metrics;
mod names;
mod negotiation;
mod push;
mod requests;

mod samples;
mod settings;
mod strict;
