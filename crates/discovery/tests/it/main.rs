//! Resolutions against a name server of the test, over real sockets.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics, in its helpers as well"
)]

mod follow;
mod resolve;
mod server;
mod warnings;
