//! What a plan needs from the machine: sockets and the access log. Binds and opens, spawns nothing of its own; what is
//! built and not used is closed again by dropping it.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use config::{Plan, Workers};
use gateway::Gate;
use gateway::plan::ListenerPlan;
use net::{BindError, BoundSockets};
use telemetry::access_log::AccessLog;
use telemetry::plan::AccessLogTarget;
use telemetry::settings::Settings;
use tls::{Acceptor, Connector, LoadError};
use tokio::runtime::Handle;
use upstream::Connectors;

use crate::exports::{ExportError, Exports};

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
    /// Certificates of a listener or an upstream.
    #[error("{place}: tls")]
    Tls {
        /// `listener web`.
        place: String,
        /// Why.
        source: Box<LoadError>,
    },
    /// The access log's target.
    #[error("telemetry.access_log: expected to open the target, could not")]
    AccessLog {
        /// What the kernel said.
        source: io::Error,
    },
    /// An exporter.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A worker's thread.
    #[error("expected to start worker {index}, could not")]
    Worker {
        /// Which one.
        index: usize,
        /// What the kernel said.
        source: io::Error,
    },
}

/// The address of a listener that stays in force until the plan is.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) planned: SocketAddr,
    /// With the port that port 0 became.
    pub(crate) bound: SocketAddr,
    pub(crate) tls: Option<Arc<Acceptor>>,
}

/// A listener's sockets, one per worker; clients are queued, nobody accepts yet.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) plan: Arc<ListenerPlan>,
    pub(crate) address: SocketAddr,
    pub(crate) sockets: Vec<TcpListener>,
    pub(crate) gate: Arc<Gate>,
}

/// What a reload or a start has to put in place.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) listeners: Vec<Bound>,
    /// What listeners begin TLS with, where they do, by their names.
    pub(crate) acceptors: HashMap<Box<str>, Arc<Acceptor>>,
    pub(crate) connectors: Connectors,
    pub(crate) access_log: Option<AccessLog>,
    /// `None`: those there are stay.
    pub(crate) exports: Option<Exports>,
}

/// What is to be opened anew beside listeners.
#[derive(Clone, Copy)]
pub(crate) struct Anew<'a> {
    pub(crate) access_log: bool,
    /// Exporters, by these settings.
    pub(crate) exports: Option<&'a Settings>,
}

/// How many workers the plan asks for.
pub(crate) fn worker_count(plan: &Plan) -> usize {
    match plan.workers {
        Workers::Auto => net::available_cpus(),
        Workers::Count(count) => usize::from(count),
    }
}

/// Binds every listener that is not in `held`, opens what is wanted `anew`, and then has the sockets listen: what
/// fails before has had no client.
///
/// # Errors
/// [`BuildError`] for the first that cannot be had; the others are closed again.
pub(crate) fn build(
    plan: &Plan,
    workers: usize,
    descriptors: u64,
    held: &HashMap<Box<str>, Held>,
    connectors: &Connectors,
    anew: Anew<'_>,
) -> Result<Parts, BuildError> {
    let mut parts = Parts {
        connectors: connect(plan, connectors)?,
        ..Parts::default()
    };
    let mut bound = Vec::new();
    for listener in &plan.listeners {
        if let Some(tls) = &listener.tls {
            let held = held.get(&listener.name).and_then(|held| held.tls.as_ref());
            let acceptor = match held.filter(|held| held.plan() == tls) {
                Some(held) => Arc::clone(held),
                None => Acceptor::load(tls).map_err(|source| BuildError::Tls {
                    place: format!("listener {}", listener.name),
                    source: Box::new(source),
                })?,
            };
            parts.acceptors.insert(listener.name.clone(), acceptor);
        }
        if held.get(&listener.name).map(|held| held.planned) == Some(listener.address) {
            continue;
        }
        let sockets = bind(listener.address, workers, held).map_err(failed(listener))?;
        bound.push((listener, sockets));
    }
    if let Some(settings) = anew.exports {
        parts.exports = Some(Exports::start(settings, &Handle::current())?);
    }
    if let Some(log) = plan
        .telemetry
        .access_log
        .as_ref()
        .filter(|log| anew.access_log && log.target != AccessLogTarget::Nowhere)
    {
        parts.access_log =
            Some(AccessLog::start(log).map_err(|source| BuildError::AccessLog { source })?);
    }
    for (listener, sockets) in bound {
        parts.listeners.push(Bound {
            plan: Arc::new(listener.clone()),
            address: sockets.address(),
            sockets: sockets.listen().map_err(failed(listener))?,
            gate: Gate::new(listener, descriptors, plan.listeners.len()),
        });
    }
    Ok(parts)
}

/// What upstreams begin TLS with: what is `known`, where that is still what is planned.
fn connect(plan: &Plan, known: &Connectors) -> Result<Connectors, BuildError> {
    let mut connectors = Connectors::new();
    for upstream in &plan.upstreams {
        let Some(tls) = &upstream.tls else { continue };
        let known = known.get(&upstream.name);
        let connector = match known.filter(|known| known.plan() == tls) {
            Some(known) => Arc::clone(known),
            None => Connector::load(tls).map_err(|source| BuildError::Tls {
                place: format!("upstream {}", upstream.name),
                source: Box::new(source),
            })?,
        };
        connectors.insert(upstream.name.clone(), connector);
    }
    Ok(connectors)
}

/// Binds where nobody else listens.
fn bind(
    address: SocketAddr,
    workers: usize,
    held: &HashMap<Box<str>, Held>,
) -> Result<BoundSockets, BindError> {
    // Sockets of this process may overlap for a moment: a listener that moves to the wildcard, or takes another's place.
    if !held.values().any(|held| overlap(held.bound, address)) {
        net::check_free(address)?;
    }
    BoundSockets::bind(address, workers)
}

/// Whether sockets on both could not be bound without sharing.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let is_wildcard = |address: SocketAddr| address.ip().is_unspecified();
    one.port() == other.port()
        && (one.ip().to_canonical() == other.ip().to_canonical()
            || is_wildcard(one)
            || is_wildcard(other))
}

fn failed(listener: &ListenerPlan) -> impl FnOnce(BindError) -> BuildError {
    let name = listener.name.clone();
    |source| BuildError::Listen { name, source }
}
