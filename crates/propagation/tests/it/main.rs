//! The crate through its public interface: tables that cite the rules of propagation (P-…), properties, and the inputs of
//! fuzzing.

#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests unwrap, the tests have put there"
)]

mod b3;
mod baggage;
mod corpus;
mod formats;
mod ids;
mod injection;
mod jaeger;
mod properties;
mod strict;
mod support;
mod threshold;
mod trace_context;
mod trace_state;
