//! The crate through its public interface: what it writes, decoded by `prost` into the messages of `opentelemetry-proto`;
//! tables that cite the obligations of OTLP (OT-…); properties; the inputs of fuzzing.

#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests unwrap, the tests have put there"
)]

mod answers;
mod attributes;
mod corpus;
mod count;
mod envelope;
mod json;
mod json_agreement;
mod json_examples;
mod json_fields;
mod logs;
mod malformed;
mod metrics;
mod read;
mod signals;
mod spans;
mod statuses;
mod support;
