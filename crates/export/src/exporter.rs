//! One signal's way to one back end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use otlp::{Envelope, Signal};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::body::Writer;
use crate::buffers::Buffers;
use crate::connect::Connector;
use crate::delivery::Courier;
use crate::failure::LastFailure;
use crate::gate::Gate;
use crate::headers::{self, HeaderError};
use crate::meter::{Counts, Meter};
use crate::plan::{ExportPlan, Protocol};
use crate::pump;
use crate::queue::Queue;
use crate::store::{Fill, Room, Store};
use crate::tls::TlsError;
use crate::transport::Transport;
use crate::{grpc, http1};

const TIMEOUT_MIN: Duration = Duration::from_millis(1);
const TIMEOUT_MAX: Duration = Duration::from_secs(3600);
const BATCH_BYTES_MIN: usize = 1 << 10;
const BATCH_BYTES_MAX: usize = 64 << 20;
const REQUESTS_MAX: u32 = 64;

/// Ships what its queue is given. Dropping it stops at once: what is not delivered by then is lost, and counted.
pub struct Exporter {
    signal: Signal,
    courier: Arc<Courier>,
    phase: watch::Sender<Phase>,
    pump: JoinHandle<()>,
}

/// Where an exporter is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    /// Nothing new is taken; the rest is being delivered.
    Flushing,
    /// Over.
    Cut,
}

/// What stopping came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flushed {
    /// Items that the back end took since then.
    pub exported: u64,
    /// Items that it did not take, by whatever cause.
    pub lost: u64,
}

/// Why an exporter cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A header cannot be sent.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A URL that HTTP does not take.
    #[error("the endpoint cannot be written into a request")]
    Endpoint(#[from] http::Error),
}

/// An envelope of another signal than the exporter's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an envelope of {expected:?}, found one of {found:?}")]
pub struct WrongSignal {
    /// The exporter's.
    pub expected: Signal,
    /// The envelope's.
    pub found: Signal,
}

impl Exporter {
    /// Starts shipping items of the envelope's signal, on `runtime`. Reads the files that the plan names: blocks.
    /// Connects when there is something to send.
    ///
    /// # Errors
    /// [`StartError`] when the plan names headers, certificates or names that cannot be used. A back end that is not
    /// there is no error.
    pub fn start(
        envelope: Envelope,
        plan: &ExportPlan,
        runtime: &Handle,
    ) -> Result<Self, StartError> {
        let signal = envelope.signal();
        let at_once = at_once(plan);
        let limit = plan.timeout.clamp(TIMEOUT_MIN, TIMEOUT_MAX);
        let batch_max = plan.batch_bytes_max.clamp(BATCH_BYTES_MIN, BATCH_BYTES_MAX);
        let around = envelope.len_around(batch_max).saturating_sub(batch_max);
        let items_bytes_max = batch_max.saturating_sub(around).max(BATCH_BYTES_MIN);
        // A body as it is, and what is made of it: JSON and its compressed form.
        let buffers = Arc::new(Buffers::new(3 * at_once, 2 * batch_max));
        let secrets = plan
            .headers
            .iter()
            .map(|(_, value)| value.clone())
            .collect();
        let (phase, phase_seen) = watch::channel(Phase::Running);
        let courier = Arc::new(Courier {
            store: Arc::new(Store::new(
                Room {
                    bytes: plan.queue_bytes_max,
                    items: plan.queue_items_max.max(1),
                },
                Fill {
                    bytes_max: items_bytes_max,
                    // One that holds more would never be full.
                    items_max: u64::from(plan.batch_items_max)
                        .min(plan.queue_items_max)
                        .max(1),
                    delay: plan.batch_delay.min(TIMEOUT_MAX),
                },
            )),
            gate: Arc::new(Gate::new(&plan.breaker)),
            transport: load_transport(signal, plan, limit, at_once)?,
            writer: Writer::new(
                signal,
                plan.protocol,
                plan.compression,
                at_once,
                Arc::clone(&buffers),
            ),
            buffers,
            failure: Arc::new(LastFailure::new(signal, plan.endpoint.clone(), secrets)),
            envelope: Mutex::new(Arc::new(envelope)),
            phase: phase_seen,
            retry: plan.retry.clone(),
            limit,
            items_bytes_max,
            items_max: u64::from(plan.batch_items_max.max(1)),
        });
        let pump = runtime.spawn(pump::run(Arc::clone(&courier), at_once));
        Ok(Self {
            signal,
            courier,
            phase,
            pump,
        })
    }

    /// The way in.
    pub fn queue(&self) -> Queue {
        Queue::new(Arc::clone(&self.courier.store))
    }

    /// What became of the items.
    pub fn meter(&self) -> Meter {
        Meter::new(
            Arc::clone(&self.courier.store),
            Arc::clone(&self.courier.gate),
            Arc::clone(&self.courier.failure),
        )
    }

    /// Puts another envelope around what is not yet in a request, without losing anything.
    ///
    /// # Errors
    /// When it is one of another signal.
    pub fn reload(&self, envelope: Envelope) -> Result<(), WrongSignal> {
        if envelope.signal() != self.signal {
            return Err(WrongSignal {
                expected: self.signal,
                found: envelope.signal(),
            });
        }
        let mut current = self
            .courier
            .envelope
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(envelope);
        Ok(())
    }

    /// Takes nothing more and delivers what it has, for at most `within`; the rest is lost, and counted (OT-45). An
    /// open breaker lets a request through at once; waits that the back end asked for are kept. Dropping the future
    /// stops at once.
    pub async fn shutdown(mut self, within: Duration) -> Flushed {
        let before = self.courier.store.counts();
        self.courier.store.close();
        self.phase.send_replace(Phase::Flushing);
        self.courier.gate.hurry();
        if timeout(within, &mut self.pump).await.is_err() {
            self.phase.send_replace(Phase::Cut);
            // Ends as soon as it is polled. An error would say that the runtime is gone, and the task with it.
            (&mut self.pump).await.ok();
        }
        let after = self.courier.store.counts();
        Flushed {
            exported: after.items_exported - before.items_exported,
            lost: lost(&after) - lost(&before),
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.courier.store.close();
        self.phase.send_replace(Phase::Cut);
    }
}

fn at_once(plan: &ExportPlan) -> usize {
    let requests = plan.requests_in_flight_max.clamp(1, REQUESTS_MAX);
    usize::try_from(requests).unwrap_or(1)
}

fn lost(counts: &Counts) -> u64 {
    counts.items_dropped.total() + counts.items_rejected
}

fn load_transport(
    signal: Signal,
    plan: &ExportPlan,
    limit: Duration,
    at_once: usize,
) -> Result<Transport, StartError> {
    let headers = headers::build(&plan.headers)?;
    let (endpoint, tls) = (&plan.endpoint, &plan.tls);
    Ok(match plan.protocol {
        Protocol::Grpc => {
            let connector = Connector::load(endpoint, tls, grpc::ALPN, limit)?;
            Transport::Grpc(grpc::Client::new(signal, endpoint, connector, headers)?)
        }
        Protocol::HttpProtobuf | Protocol::HttpJson => {
            let connector = Connector::load(endpoint, tls, http1::ALPN, limit)?;
            let protocol = plan.protocol;
            let client =
                http1::Client::new(signal, protocol, endpoint, connector, headers, at_once)?;
            Transport::Http(client)
        }
    })
}
