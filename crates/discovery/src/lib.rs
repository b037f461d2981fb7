//! DNS names of upstream endpoints: resolved, and resolved again when their TTL ends.
//!
//! It runs on the control plane and hands over sets of addresses. It keeps no connection to an endpoint and knows
//! neither ports nor health. SRV records are not asked for.

mod error;
mod follow;
mod resolver;
mod stats;
mod system;

pub use error::{ResolveError, ResolverError};
pub use follow::{Update, follow};
pub use resolver::{Answer, Resolver};
pub use stats::Stats;
