//! The router through its public interface.

mod large;
mod precedence;
mod support;
mod templates;
mod worker;
