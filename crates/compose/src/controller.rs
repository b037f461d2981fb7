//! Owns what runs, and is the only one to change it: start, reload, DNS answers, shutdown.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use admin::{Readiness, ReloadError, ReloadReport};
use config::Plan;
use gateway::{Command, Gate, ListenCommand, Program, WorkerConfig, WorkerHandle, spawn_worker};
use telemetry::access_log::AccessLog;
use telemetry::diagnostics::Diagnostics;
use telemetry::environment::Environment;
use telemetry::plan::{AccessLogPlan, AccessLogTarget};
use telemetry::settings::Settings;
use tls::{Acceptor, FromFiles, Renewal};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use upstream::{Connectors, ResolvedEndpoint, Shared};

use crate::build::{Anew, Bound, BuildError, Held, Parts, build, worker_count};
use crate::exports::Exports;
use crate::names::Names;
use crate::origin::Origin;
use crate::planner::in_background;
use crate::push::{Push, Told};
use crate::status::{InForce, Status};

/// How long a worker may take to do what it is told. It does it between two polls; longer means that it hangs.
const LIMIT: Duration = Duration::from_secs(10);
/// How often a program that was replaced is looked at.
const FREE_EVERY: Duration = Duration::from_secs(1);
/// How long the access log may take to write its last lines.
const LOG_LIMIT: Duration = Duration::from_secs(2);
/// How long the last spans and figures may take to be sent.
const EXPORT_LIMIT: Duration = Duration::from_secs(5);

/// What runs.
pub(crate) struct Controller {
    origin: Origin,
    plan: Plan,
    program: Arc<Program>,
    workers: Arc<[WorkerHandle]>,
    listeners: HashMap<Box<str>, Listening>,
    access_log: Option<AccessLog>,
    environment: Environment,
    settings: Settings,
    exports: Exports,
    push: Option<Push>,
    /// Programs that requests or tunnels under way still run.
    old_programs: JoinSet<()>,
    told: Told,
    /// Exporters that send what they still have.
    retiring: JoinSet<()>,
    names: Names,
    descriptors: u64,
    status: Arc<Status>,
    diagnostics: Diagnostics,
}

/// A listener in force.
struct Listening {
    plan: Arc<gateway::plan::ListenerPlan>,
    /// With the port that port 0 became.
    address: SocketAddr,
    gate: Arc<Gate>,
    tls: Option<Arc<Acceptor>>,
}

impl Controller {
    /// Builds and starts everything but the admin API. Workers accept when this returns.
    ///
    /// # Errors
    /// [`BuildError`]; nothing is left behind.
    pub(crate) async fn start(
        origin: Origin,
        plan: Plan,
        descriptors: u64,
        environment: Environment,
        diagnostics: Diagnostics,
    ) -> Result<Self, BuildError> {
        let count = worker_count(&plan);
        let settings = Settings::of(&plan.telemetry, &environment);
        let told = Told::new(settings.temporality);
        let anew = Anew {
            access_log: true,
            exports: Some(&settings),
        };
        let (nothing, nobody) = (HashMap::new(), Connectors::new());
        let mut parts = build(&plan, count, descriptors, &nothing, &nobody, anew)?;
        let connectors = std::mem::take(&mut parts.connectors);
        let program = Arc::new(compile(&plan, &settings, connectors, count, None));
        let shared = Shared::new();
        let via: Box<[u8]> = format!("tidegate-{:08x}", fastrand::u32(..))
            .into_bytes()
            .into();
        let workers = (0..count)
            .map(|index| {
                spawn_worker(WorkerConfig {
                    index,
                    pin_to: plan.pin_workers.then_some(index),
                    via: via.clone(),
                    shared: Arc::clone(&shared),
                    program: Arc::clone(&program),
                })
                .map_err(|source| BuildError::Worker { index, source })
            })
            .collect::<Result<Arc<[_]>, _>>()?;
        let status = Arc::new(Status::new(
            Arc::clone(&workers),
            InForce::new(&plan, &settings, program.version),
            diagnostics.clone(),
        ));
        let mut controller = Self {
            origin,
            program,
            workers,
            listeners: HashMap::new(),
            access_log: None,
            environment,
            settings,
            exports: Exports::default(),
            push: None,
            old_programs: JoinSet::new(),
            told,
            retiring: JoinSet::new(),
            names: Names::default(),
            descriptors,
            status,
            diagnostics,
            plan,
        };
        let new = controller.names.follow(&controller.plan);
        controller.first_names(&new).await;
        controller.put_in_place(parts).await;
        Ok(controller)
    }

    pub(crate) fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status)
    }

    /// Listeners with the addresses they are bound to, by name.
    pub(crate) fn addresses(&self) -> Vec<(Box<str>, SocketAddr)> {
        let mut all: Vec<_> = self
            .plan
            .listeners
            .iter()
            .filter_map(|plan| {
                self.listeners
                    .get(&plan.name)
                    .map(|listening| (plan.name.clone(), listening.address))
            })
            .collect();
        all.dedup();
        all
    }

    /// Waits for a DNS answer and passes it on. Cancel-safe: an answer that was taken is passed on or not taken.
    pub(crate) async fn next_name(&mut self) {
        self.names.next().await;
    }

    /// Tells the workers what the names that answered lately stand for.
    pub(crate) async fn pass_names_on(&mut self) {
        let changed = self.names.take_changed(&self.plan);
        for worker in &*self.workers {
            for command in endpoint_commands(&changed) {
                tell(worker, command).await;
            }
        }
    }

    /// Reads the configuration again. The old plan stays in force unless everything the new one needs can be had.
    pub(crate) async fn reload(&mut self) -> Result<ReloadReport, ReloadError> {
        if let Some(log) = &self.access_log {
            log.reopen();
        }
        let outcome = self.try_reload().await;
        self.status.reloaded(outcome.is_ok());
        match &outcome {
            Ok(report) if report.changed => {
                tracing::info!(version = report.version, "configuration reloaded")
            }
            Ok(_) => tracing::info!("configuration read again, nothing changed"),
            Err(ReloadError::Invalid(errors) | ReloadError::Conflict(errors)) => {
                tracing::error!(
                    faults = errors.len(),
                    "configuration refused, the old one stays in force"
                );
                for error in errors {
                    tracing::error!("{error}");
                }
            }
        }
        outcome
    }

    async fn try_reload(&mut self) -> Result<ReloadReport, ReloadError> {
        let origin = self.origin.clone();
        let planned = in_background(move || origin.plan()).await;
        let plan = match planned.ok_or_else(broken)? {
            Ok(plan) => plan,
            Err(errors) => {
                let mut lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
                if errors.more() > 0 {
                    lines.push(format!("and {} more", errors.more()));
                }
                return Err(ReloadError::Invalid(lines));
            }
        };
        let renewed = self.read_certificates_again(&plan).await?;
        if plan == self.plan {
            let notes = renew(renewed);
            return Ok(ReloadReport {
                version: self.program.version,
                changed: !notes.is_empty(),
                notes,
            });
        }
        let kept = self
            .listeners
            .iter()
            .map(|(name, listening)| {
                let held = Held {
                    planned: listening.plan.address,
                    bound: listening.address,
                    tls: listening.tls.clone(),
                };
                (name.clone(), held)
            })
            .collect();
        let settings = Settings::of(&plan.telemetry, &self.environment);
        let anew = Anew {
            access_log: plan.telemetry.access_log != self.plan.telemetry.access_log,
            exports: settings
                .sends_otherwise(&self.settings)
                .then_some(&settings),
        };
        let known = &self.program.connectors;
        let workers = self.workers.len();
        let mut parts = build(&plan, workers, self.descriptors, &kept, known, anew)
            .map_err(|error| ReloadError::Conflict(vec![with_causes(&error)]))?;
        let mut notes = self.needs_restart(&plan);
        let connectors = std::mem::take(&mut parts.connectors);
        self.adopt(plan, settings, connectors).await?;
        notes.extend(renew(renewed));
        self.put_in_place(parts).await;
        Ok(ReloadReport {
            version: self.program.version,
            changed: true,
            notes,
        })
    }

    /// Everything that certificates and keys are read for.
    fn certificates(&self) -> Vec<Arc<dyn FromFiles>> {
        let acceptors = self.listeners.values().filter_map(|one| one.tls.clone());
        let acceptors = acceptors.map(|acceptor| acceptor as Arc<dyn FromFiles>);
        let connectors = self.program.connectors.values().cloned();
        let connectors = connectors.map(|connector| connector as Arc<dyn FromFiles>);
        acceptors.chain(connectors).collect()
    }

    /// Files that certificates and keys are read from.
    pub(crate) fn certificate_files(&self) -> Vec<PathBuf> {
        certificate_files(&self.plan)
    }

    /// Certificates whose files changed. One that cannot be used refuses the reload, and everything stays.
    async fn read_certificates_again(&self, plan: &Plan) -> Result<Vec<Renewed>, ReloadError> {
        // Those of listeners and upstreams that go, or get others, do not matter any more.
        let acceptors = plan.listeners.iter().filter_map(|listener| {
            let acceptor = self.listeners.get(&listener.name)?.tls.clone()?;
            let is_kept = listener.tls.as_ref() == Some(acceptor.plan());
            let place = format!("listener {}", listener.name);
            is_kept.then_some((place, acceptor as Arc<dyn FromFiles>))
        });
        let connectors = plan.upstreams.iter().filter_map(|upstream| {
            let connector = Arc::clone(self.program.connectors.get(&upstream.name)?);
            let is_kept = upstream.tls.as_ref() == Some(connector.plan());
            let place = format!("upstream {}", upstream.name);
            is_kept.then_some((place, connector as Arc<dyn FromFiles>))
        });
        let all: Vec<_> = acceptors.chain(connectors).collect();
        let read = in_background(move || {
            let mut renewed = Vec::new();
            for (place, certificates) in all {
                match certificates.read_again() {
                    Ok(None) => {}
                    Ok(Some(renewal)) => renewed.push((place, renewal)),
                    Err(error) => {
                        return Err(vec![format!("{place}: {}", with_causes(&error))]);
                    }
                }
            }
            Ok(renewed)
        });
        read.await
            .ok_or_else(broken)?
            .map_err(ReloadError::Conflict)
    }

    /// What a reload cannot change.
    fn needs_restart(&self, plan: &Plan) -> Vec<String> {
        let mut notes = Vec::new();
        let mut differs = |key: &str, differs: bool| {
            if differs {
                notes.push(format!("{key} changed: takes effect at the next start"));
            }
        };
        differs("workers", worker_count(plan) != self.workers.len());
        differs("pin_workers", plan.pin_workers != self.plan.pin_workers);
        differs("admin", plan.admin != self.plan.admin);
        for note in &notes {
            tracing::warn!("{note}");
        }
        notes
    }

    /// Lets every worker run the new plan's routes and upstreams.
    async fn adopt(
        &mut self,
        plan: Plan,
        settings: Settings,
        connectors: Connectors,
    ) -> Result<(), ReloadError> {
        let old = Arc::clone(&self.program);
        let workers = self.workers.len();
        let compiled = in_background(move || {
            let program = compile(&plan, &settings, connectors, workers, Some(&old));
            let in_force = InForce::new(&plan, &settings, program.version);
            (plan, settings, Arc::new(program), in_force)
        })
        .await;
        let (plan, settings, program, in_force) = compiled.ok_or_else(broken)?;
        // New names get a moment to be resolved; what names stand for goes right behind the program, so that no worker
        // serves a request in between.
        let new = self.names.follow(&plan);
        self.first_names(&new).await;
        self.names.touch_all();
        let endpoints = self.names.take_changed(&plan);
        let mut acks = Vec::with_capacity(self.workers.len());
        for worker in &*self.workers {
            let (done, ack) = oneshot::channel();
            tell(worker, Command::Adopt(Arc::clone(&program), done)).await;
            for command in endpoint_commands(&endpoints) {
                tell(worker, command).await;
            }
            acks.push(ack);
        }
        for ack in acks {
            if tokio::time::timeout(LIMIT, ack).await.is_err() {
                tracing::error!(
                    "expected every worker to take on the new plan within {LIMIT:?}, one did not"
                );
            }
        }
        let old = std::mem::replace(&mut self.program, program);
        while self.old_programs.try_join_next().is_some() {}
        self.old_programs.spawn(free(old));
        self.status.set_in_force(in_force);
        self.plan = plan;
        self.settings = settings;
        Ok(())
    }

    /// Opens new listeners, adjusts kept ones, closes those the plan no longer has; swaps the access log.
    async fn put_in_place(&mut self, parts: Parts) {
        self.swap_access_log(parts.access_log).await;
        if let Some(exports) = parts.exports {
            self.swap_exports(exports).await;
        }
        let rebound: Vec<Box<str>> = parts
            .listeners
            .iter()
            .map(|bound| bound.plan.name.clone())
            .collect();
        let gone: Vec<Box<str>> = self
            .listeners
            .keys()
            .filter(|name| {
                rebound.contains(name)
                    || !self.plan.listeners.iter().any(|plan| plan.name == **name)
            })
            .cloned()
            .collect();
        for name in &gone {
            self.unlisten(name).await;
        }
        let count = self.plan.listeners.len();
        for plan in &self.plan.listeners.clone() {
            if let Some(listening) = self.listeners.get_mut(&plan.name) {
                let plan = Arc::new(plan.clone());
                listening.gate.adopt(&plan, self.descriptors, count);
                listening.plan = Arc::clone(&plan);
                listening.tls = parts.acceptors.get(&plan.name).cloned();
                let tls = listening.tls.clone();
                self.tell_all(|| Command::Relist(Arc::clone(&plan), tls.clone()))
                    .await;
            }
        }
        for bound in parts.listeners {
            let tls = parts.acceptors.get(&bound.plan.name).cloned();
            self.listen(bound, tls).await;
        }
        self.status.set_certificates(self.certificates());
    }

    async fn listen(&mut self, bound: Bound, tls: Option<Arc<Acceptor>>) {
        let Bound {
            plan,
            address,
            sockets,
            gate,
        } = bound;
        for (worker, socket) in self.workers.iter().zip(sockets) {
            let listen = ListenCommand {
                plan: Arc::clone(&plan),
                tls: tls.clone(),
                socket,
                gate: Arc::clone(&gate),
            };
            tell(worker, Command::Listen(listen)).await;
        }
        self.listeners.insert(
            plan.name.clone(),
            Listening {
                plan,
                address,
                gate,
                tls,
            },
        );
    }

    async fn unlisten(&mut self, name: &str) {
        for worker in &*self.workers {
            let (done, closed) = oneshot::channel();
            tell(worker, Command::Unlisten(name.into(), done)).await;
            drop(tokio::time::timeout(LIMIT, closed).await);
        }
        self.listeners.remove(name);
    }

    async fn swap_access_log(&mut self, new: Option<AccessLog>) {
        let writes = |log: &AccessLogPlan| log.target != AccessLogTarget::Nowhere;
        let keeps = new.is_none() && self.plan.telemetry.access_log.as_ref().is_some_and(writes);
        if keeps {
            return;
        }
        // The log before is stopped below: what comes to it later is lost.
        let sink = || new.as_ref().map(AccessLog::sink);
        self.tell_all_and_wait(|done| Command::AccessLog(sink(), done))
            .await;
        self.status
            .set_access_log(new.as_ref().map(AccessLog::meter));
        if let Some(old) = std::mem::replace(&mut self.access_log, new) {
            // Its sinks flushed when they were replaced; `stop` waits for what they handed over.
            drop(tokio::task::spawn_blocking(move || old.stop(LOG_LIMIT)).await);
        }
    }

    /// Sends from here on where the settings say. What was to go elsewhere still does, for a while.
    async fn swap_exports(&mut self, new: Exports) {
        self.tell_all_and_wait(|done| Command::Export(new.sinks(), done))
            .await;
        let records = new.log_sink().map(|sink| (sink, new.log_record_limits));
        self.diagnostics.record_to(records);
        self.status.set_exports(new.meters());
        if let Some(push) = self.push.take() {
            push.stop().await;
        }
        self.push = new.metrics_ways().map(|ways| {
            let status = Arc::clone(&self.status);
            Push::start(status, ways, &self.settings, self.told.clone())
        });
        let old = std::mem::replace(&mut self.exports, new);
        // The old receiver's pace holds up no reload.
        while self.retiring.try_join_next().is_some() {}
        self.retiring.spawn(old.shutdown(EXPORT_LIMIT));
    }

    /// Gives new names a moment to be resolved before the first request for them comes.
    async fn first_names(&mut self, new: &[Box<str>]) {
        let all_known = async {
            while !self.names.know(new) {
                self.names.next().await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(2), all_known)
            .await
            .is_err()
        {
            tracing::warn!(
                "not every upstream name could be resolved yet; requests to those get 503"
            );
        }
        self.pass_names_on().await;
    }

    async fn tell_all(&self, command: impl Fn() -> Command) {
        for worker in &*self.workers {
            tell(worker, command()).await;
        }
    }

    /// Waits until each worker has done it, or has had time enough.
    async fn tell_all_and_wait(&self, command: impl Fn(oneshot::Sender<()>) -> Command) {
        let mut acks = Vec::with_capacity(self.workers.len());
        for worker in &*self.workers {
            let (done, ack) = oneshot::channel();
            tell(worker, command(done)).await;
            acks.push(ack);
        }
        for ack in acks {
            drop(tokio::time::timeout(LIMIT, ack).await);
        }
    }

    /// Drains: no new connections, idle ones closed, the others finish within the grace time. Returns how many were cut.
    pub(crate) async fn drain(&mut self) -> u32 {
        self.status.set_readiness(Readiness::Draining);
        let grace = self.plan.shutdown_grace;
        let mut ends = Vec::with_capacity(self.workers.len());
        for worker in &*self.workers {
            let (done, end) = oneshot::channel();
            tell(worker, Command::Drain { grace, done }).await;
            ends.push(end);
        }
        let mut cut = 0;
        for end in ends {
            cut += end.await.unwrap_or(0);
        }
        cut
    }

    /// Writes the access log's last lines and sends the last spans and figures. Workers have drained.
    pub(crate) async fn close_telemetry(&mut self) {
        if let Some(push) = self.push.take() {
            push.stop().await;
        }
        // What is said from here on is about the end, and goes to standard error.
        self.diagnostics.tick();
        self.diagnostics.record_to(None);
        let last = std::mem::take(&mut self.exports);
        self.retiring.spawn(last.shutdown(EXPORT_LIMIT));
        while self.retiring.join_next().await.is_some() {}
        if let Some(log) = self.access_log.take() {
            drop(tokio::task::spawn_blocking(move || log.stop(LOG_LIMIT)).await);
        }
    }
}

/// Files that certificates and keys of a plan are read from.
pub(crate) fn certificate_files(plan: &Plan) -> Vec<PathBuf> {
    let listeners = plan.listeners.iter().filter_map(|one| one.tls.as_ref());
    let upstreams = plan.upstreams.iter().filter_map(|one| one.tls.as_ref());
    let files = listeners.flat_map(|tls| tls.files());
    let files = files.chain(upstreams.flat_map(|tls| tls.files()));
    files.map(Path::to_path_buf).collect()
}

/// A listener or upstream, and certificates to be put in force there.
type Renewed = (String, Renewal);

/// Puts them in force for connections to come; what changed, a line each.
fn renew(renewed: Vec<Renewed>) -> Vec<String> {
    let renew = |(place, renewal): Renewed| {
        renewal.put_in_force();
        format!("{place}: certificates read again")
    };
    renewed.into_iter().map(renew).collect()
}

fn compile(
    plan: &Plan,
    settings: &Settings,
    connectors: Connectors,
    workers: usize,
    old: Option<&Program>,
) -> Program {
    let mut program = Program::new(&plan.listeners, &plan.routes, &plan.upstreams, old);
    program.known_methods = settings.known_methods;
    program.connectors = connectors;
    match &settings.tracing {
        Some(tracing) => program.traced(tracing, workers),
        None => program,
    }
}

/// Waits until nobody runs the program, and frees it: ten thousand routes take a worker that lets go last some
/// milliseconds.
async fn free(program: Arc<Program>) {
    while Arc::strong_count(&program) > 1 {
        tokio::time::sleep(FREE_EVERY).await;
    }
    in_background(move || drop(program)).await;
}

/// Planning ended without a result.
fn broken() -> ReloadError {
    ReloadError::Conflict(vec!["planning broke off, see the log".into()])
}

/// Upstreams and what their names stand for.
type Resolved = [(Box<str>, Vec<ResolvedEndpoint>)];

fn endpoint_commands(resolved: &Resolved) -> impl Iterator<Item = Command> {
    resolved
        .iter()
        .map(|(upstream, endpoints)| Command::Endpoints {
            upstream: upstream.clone(),
            endpoints: endpoints.clone(),
        })
}

/// Sends a command. A worker that ended, or whose queue stays full because it hangs, is reported by the health check
/// and holds up neither the others nor a shutdown.
async fn tell(worker: &WorkerHandle, command: Command) {
    drop(tokio::time::timeout(LIMIT, worker.send(command)).await);
}

/// An error and what caused it, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
