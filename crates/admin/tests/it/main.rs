//! The admin API over real sockets, with a system that only pretends.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics, in its helpers as well"
)]

mod connections;
mod fake;
mod guards;
mod paths;
