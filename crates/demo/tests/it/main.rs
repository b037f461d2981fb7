//! The services over real sockets.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics, in its helpers as well"
)]

mod client;
mod config;
mod products;
mod services;
mod site;
mod traces;
