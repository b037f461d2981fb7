//! What a plan needs from the machine: sockets and the access log. Binds and opens, spawns nothing of its own; what is
//! built and not used is closed again by dropping it.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use config::{Plan, Workers};
use gateway::Gate;
use gateway::plan::ListenerPlan;
use net::BindError;
use telemetry::access_log::AccessLog;

/// Something the plan asks for could not be had.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A listener's address.
    #[error("listener {name}")]
    Listen {
        /// The listener.
        name: Box<str>,
        /// Why.
        source: BindError,
    },
    /// The admin address.
    #[error("admin: expected to listen on {address}, could not")]
    Admin {
        /// The address.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The access log's target.
    #[error("telemetry.access_log: expected to open the target, could not")]
    AccessLog {
        /// What the kernel said.
        source: io::Error,
    },
    /// A worker's thread.
    #[error("expected to start worker {index}, could not")]
    Worker {
        /// Which one.
        index: usize,
        /// What the kernel said.
        source: io::Error,
    },
}

/// A listener's sockets, one per worker, not yet accepting.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) plan: Arc<ListenerPlan>,
    pub(crate) address: SocketAddr,
    pub(crate) sockets: Vec<TcpListener>,
    pub(crate) gate: Arc<Gate>,
}

/// What a reload or a start has to put in place.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) listeners: Vec<Bound>,
    pub(crate) access_log: Option<AccessLog>,
}

/// How many workers the plan asks for.
pub(crate) fn worker_count(plan: &Plan) -> usize {
    match plan.workers {
        Workers::Auto => net::available_cpus(),
        Workers::Count(count) => usize::from(count),
    }
}

/// Binds every listener that is not in `kept`, and opens the access log if `opens_log`.
///
/// # Errors
/// [`BuildError`] for the first that cannot be had; the others are closed again.
pub(crate) fn build(
    plan: &Plan,
    workers: usize,
    descriptors: u64,
    kept: &HashMap<Box<str>, SocketAddr>,
    opens_log: bool,
) -> Result<Parts, BuildError> {
    let mut parts = Parts::default();
    for listener in &plan.listeners {
        if kept.get(&listener.name) == Some(&listener.address) {
            continue;
        }
        let sockets = net::bind_reuse_port(listener.address, workers).map_err(|source| {
            BuildError::Listen {
                name: listener.name.clone(),
                source,
            }
        })?;
        let address = sockets
            .first()
            .and_then(|socket| socket.local_addr().ok())
            .unwrap_or(listener.address);
        let gate = Gate::new(listener, descriptors, plan.listeners.len());
        parts.listeners.push(Bound {
            plan: Arc::new(listener.clone()),
            address,
            sockets,
            gate,
        });
    }
    if let Some(log) = plan.telemetry.access_log.as_ref().filter(|_| opens_log) {
        parts.access_log =
            Some(AccessLog::start(log).map_err(|source| BuildError::AccessLog { source })?);
    }
    Ok(parts)
}
