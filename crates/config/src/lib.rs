//! From YAML to a plan: every configuration error, the JSON Schema.

mod plan;

pub use plan::{Plan, Workers};
