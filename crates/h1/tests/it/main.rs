//! The crate through its public interface: tables that cite the gateway's rules (GW-…), the request vectors of public
//! parsers and smuggling lists, properties, and bounds.

#![expect(
    clippy::unwrap_used,
    reason = "what helpers of tests unwrap, the tests have put there"
)]

mod bounds;
mod chunked;
mod encode;
mod framing;
mod request_heads;
mod response_heads;
mod splits;
mod support;
mod vectors;
