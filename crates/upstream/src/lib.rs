//! Upstreams: named sets of endpoints, balancers, and the connections each worker keeps to them.
//!
//! Everything but [`Shared`] belongs to one worker and is not `Send`: a request touches no lock and no shared counter
//! once a connection is open. What must hold over all workers, the number of open connections to an endpoint, is a
//! semaphore that is asked only when a connection is opened. Knows no protocol: whoever takes a connection speaks on it.

mod balance;
mod endpoint;
pub mod plan;
mod pool;
mod shared;
mod upstreams;

pub use endpoint::{Endpoint, EndpointStats};
pub use pool::{AcquireError, Lease};
pub use shared::Shared;
pub use upstreams::{Connectors, ResolvedEndpoint, Upstream, Upstreams};
