//! Upstreams: endpoints, balancers and per-worker connection pools.

pub mod plan;
