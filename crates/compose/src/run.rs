//! The life of the program: start, announce, react, drain.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use admin::{Readiness, Server, System};
use config::Errors;
use telemetry::diagnostics::Diagnostics;
use telemetry::environment::{Environment, Exporter};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::build::BuildError;
use crate::controller::{Controller, certificate_files};
use crate::origin::Origin;
use crate::watch::Watch;

/// How often messages that repeat themselves are summed up, and log records of messages are sent on.
const TICK: Duration = Duration::from_secs(1);

/// Why the program could not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration has faults.
    #[error("{0}")]
    Config(Errors),
    /// Something it asks for could not be had.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The control plane has no runtime or no signals.
    #[error("expected a runtime with signals, could not have one")]
    Runtime(#[from] io::Error),
}

/// Something that became reachable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// A listener accepts.
    Listening {
        /// Its name.
        name: Box<str>,
        /// With the port that port 0 became.
        address: SocketAddr,
    },
    /// The admin API answers.
    Admin(SocketAddr),
}

/// Runs until SIGTERM or SIGINT, then drains; a second signal ends it at once. Blocks. Tells `announce` what can be
/// reached, once everything can. What the program says about itself is watched over and changed through `diagnostics`.
///
/// # Errors
/// [`RunError`] when it could not start.
pub fn run(
    origin: Origin,
    diagnostics: &Diagnostics,
    announce: &mut dyn FnMut(&[Announcement]),
) -> Result<(), RunError> {
    let descriptors = net::raise_descriptor_limit();
    let plan = origin.plan().map_err(RunError::Config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(4)
        .thread_name("control")
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut signals = Signals::new()?;
        let admin = plan.admin.as_ref().map(bind_admin).transpose()?;
        let mut watch = Watch::new(origin.path());
        // Before they are read: a change in between would be noticed by nobody.
        watch.follow(certificate_files(&plan));
        let mut controller =
            Controller::start(origin, plan, descriptors, environment(), diagnostics.clone()).await?;
        let status = controller.status();
        let mut announcements: Vec<Announcement> = controller
            .addresses()
            .into_iter()
            .map(|(name, address)| Announcement::Listening { name, address })
            .collect();
        announcements.extend(admin.as_ref().and_then(|admin| admin.local_addr().ok()).map(Announcement::Admin));
        let stop = CancellationToken::new();
        let system: Arc<dyn System> = status.clone();
        let admin_stop = stop.clone();
        let serving = async move {
            if let Some(admin) = admin
                && let Err(error) = admin.serve(system, admin_stop).await
            {
                tracing::error!("the admin API ended: {error}");
            }
        };
        let mut serving = tokio::task::JoinSet::from_iter([serving]);
        let ticking = tick(diagnostics.clone(), stop.clone());
        let mut ticking = tokio::task::JoinSet::from_iter([ticking]);
        status.set_readiness(Readiness::Ready);
        announce(&announcements);
        react(&mut controller, &mut signals, watch).await;
        tracing::info!("draining");
        {
            let mut drained = pin!(controller.drain());
            tokio::select! {
                cut = &mut drained => match cut {
                    0 => tracing::info!("every connection ended by itself"),
                    cut => tracing::warn!("{cut} connections were cut at the end of the grace time"),
                },
                () = signals.stop() => {
                    tracing::warn!("second signal: ending at once");
                }
            }
        }
        controller.close_telemetry().await;
        stop.cancel();
        while serving.join_next().await.is_some() {}
        while ticking.join_next().await.is_some() {}
        Ok(())
    })
}

/// Lets messages be summed up and sent, until stopped.
async fn tick(diagnostics: Diagnostics, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            _ = ticks.tick() => diagnostics.tick(),
            () = stop.cancelled() => return,
        }
    }
}

/// Where other programs let Prometheus scrape them.
const PROMETHEUS_PLACE: [&str; 2] = [
    "OTEL_EXPORTER_PROMETHEUS_HOST",
    "OTEL_EXPORTER_PROMETHEUS_PORT",
];

/// The `OTEL_*` variables; what cannot be used is told and left out.
fn environment() -> Environment {
    let (environment, warnings) = Environment::read(&|name| std::env::var(name).ok());
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let words = environment.exporters.metrics.as_deref();
    let is_scraped = words.is_some_and(|words| words.contains(&Exporter::Prometheus));
    let is_placed = PROMETHEUS_PLACE
        .iter()
        .any(|name| std::env::var(name).is_ok_and(|value| !value.is_empty()));
    if is_scraped || is_placed {
        tracing::warn!(
            "OTEL_METRICS_EXPORTER=prometheus and OTEL_EXPORTER_PROMETHEUS_*: expected nothing of them, since figures are \
             always at /metrics of the admin API and nowhere else; ignored"
        );
    }
    environment
}

fn bind_admin(plan: &admin::plan::AdminPlan) -> Result<Server, BuildError> {
    Server::bind(plan).map_err(|source| BuildError::Admin {
        address: plan.address,
        source,
    })
}

/// Reloads when asked, by signal, by the admin API or by a change on disk; returns when told to stop.
async fn react(controller: &mut Controller, signals: &mut Signals, mut watch: Watch) {
    let Some(mut requests) = controller.status().take_requests() else {
        return;
    };
    loop {
        enum Event {
            Stop,
            Reload(Option<crate::status::ReloadRequest>),
            Name,
        }
        let event = tokio::select! {
            _ = signals.terminate.recv() => Event::Stop,
            _ = signals.interrupt.recv() => Event::Stop,
            _ = signals.reload.recv() => Event::Reload(None),
            () = watch.changed() => Event::Reload(None),
            request = requests.recv() => Event::Reload(request),
            () = controller.next_name() => Event::Name,
        };
        match event {
            Event::Stop => return,
            Event::Name => controller.pass_names_on().await,
            Event::Reload(request) => {
                let outcome = controller.reload().await;
                watch.follow(controller.certificate_files());
                if let Some(request) = request {
                    request.send(outcome).ok();
                }
            }
        }
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    reload: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            reload: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for SIGTERM or SIGINT. Cancel-safe.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
