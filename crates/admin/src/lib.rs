//! The admin API.

pub mod plan;
