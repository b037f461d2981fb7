//! The reverse proxy: worker threads, the HTTP/1.1 data path, routing and forwarding.
//!
//! Where to find things: `worker` is a thread with its listeners; `serving` carries a connection from request to
//! request; `exchange` is one request from head to finish; `forward` sends it upstream; `router` finds its route.
//! Reads no configuration: plans come in, checked.

mod body;
mod check;
mod conn;
mod exchange;
#[cfg(feature = "faults")]
mod faults;
mod forward;
mod forwarding;
mod heads;
mod listener;
mod local;
pub mod plan;
mod program;
mod refusal;
pub mod router;
mod rpc;
mod serving;
mod snapshot;
mod stats;
mod text;
mod tunnel;
mod worker;

pub use listener::Gate;
pub use program::Program;
pub use worker::{
    Command, EndpointView, ExportSinks, ListenCommand, UpstreamView, WorkerConfig, WorkerGone,
    WorkerHandle, spawn_worker,
};
