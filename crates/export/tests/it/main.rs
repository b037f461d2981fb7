//! Exporters against back ends: strict stand-ins that judge what they are sent, and the counting sink.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics, in its helpers as well"
)]

mod answers;
mod batching;
mod bodies;
mod breaker;
mod certificates;
mod connections;
mod console;
mod endpoints;
mod grpc_server;
mod http_server;
mod items;
mod outage;
mod plans;
mod queue;
mod retries;
mod server;
mod shutdown;
mod signals;
mod sink;
mod splits;
mod tls;
