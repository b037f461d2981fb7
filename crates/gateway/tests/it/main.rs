//! The router, a worker and its traces through their public interfaces.

mod large;
mod precedence;
mod support;
mod templates;
mod tracing;
mod worker;
