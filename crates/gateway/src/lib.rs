//! The reverse proxy.

pub mod plan;
