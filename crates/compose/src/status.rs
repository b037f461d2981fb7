//! What the admin API shows and asks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use admin::{Answer, Health, Page, Readiness, ReloadError, ReloadReport, System, WorkerHealth};
use arc_swap::ArcSwap;
use config::Plan;
use gateway::{Command, EndpointView, UpstreamView, WorkerHandle};
use serde_json::{Value, json};
use telemetry::Meters;
use telemetry::access_log::Meter;
use telemetry::diagnostics::Diagnostics;
use telemetry::metrics::Sheet;
use telemetry::settings::Settings;
use tls::FromFiles;
use tokio::sync::{mpsc, oneshot};

use crate::controller::with_causes;
use crate::metrics::{self, Figures, Resource};

/// How long a worker may take to answer before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(1);

/// Someone wants the configuration read again and waits for the outcome.
pub(crate) type ReloadRequest = oneshot::Sender<Result<ReloadReport, ReloadError>>;

/// The plan in force, as it is shown.
#[derive(Debug)]
pub(crate) struct InForce {
    shown: Value,
    resource: Resource,
}

impl InForce {
    pub(crate) fn new(plan: &Plan, settings: &Settings, version: u64) -> Self {
        let mut shown = config::render(plan);
        if let Some(object) = shown.as_object_mut() {
            object.insert("version".into(), version.into());
        }
        Self {
            shown,
            resource: settings.resource.clone(),
        }
    }
}

/// The running system, seen from the admin API.
#[derive(Debug)]
pub(crate) struct Status {
    workers: Arc<[WorkerHandle]>,
    readiness: AtomicU8,
    in_force: ArcSwap<InForce>,
    diagnostics: Diagnostics,
    access_log: Mutex<Option<Meter>>,
    exports: Mutex<Meters>,
    certificates: Mutex<Vec<Arc<dyn FromFiles>>>,
    reloads: AtomicU64,
    reload_failures: AtomicU64,
    last_reload_failed: AtomicU8,
    reload: mpsc::Sender<ReloadRequest>,
    requests: Mutex<Option<mpsc::Receiver<ReloadRequest>>>,
}

impl Status {
    pub(crate) fn new(
        workers: Arc<[WorkerHandle]>,
        in_force: InForce,
        diagnostics: Diagnostics,
    ) -> Self {
        let (reload, requests) = mpsc::channel(4);
        Self {
            workers,
            readiness: AtomicU8::new(0),
            in_force: ArcSwap::from_pointee(in_force),
            diagnostics,
            access_log: Mutex::new(None),
            exports: Mutex::default(),
            certificates: Mutex::default(),
            reloads: AtomicU64::new(0),
            reload_failures: AtomicU64::new(0),
            last_reload_failed: AtomicU8::new(0),
            reload,
            requests: Mutex::new(Some(requests)),
        }
    }

    /// Where reload requests come out; once.
    pub(crate) fn take_requests(&self) -> Option<mpsc::Receiver<ReloadRequest>> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    pub(crate) fn set_readiness(&self, readiness: Readiness) {
        let code = match readiness {
            Readiness::Starting => 0,
            Readiness::Ready => 1,
            Readiness::Draining => 2,
        };
        self.readiness.store(code, Ordering::Relaxed);
    }

    pub(crate) fn set_in_force(&self, in_force: InForce) {
        self.in_force.store(Arc::new(in_force));
    }

    pub(crate) fn set_access_log(&self, meter: Option<Meter>) {
        *self
            .access_log
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = meter;
    }

    pub(crate) fn set_certificates(&self, certificates: Vec<Arc<dyn FromFiles>>) {
        *self
            .certificates
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = certificates;
    }

    pub(crate) fn set_exports(&self, meters: Meters) {
        let mut exports = self.exports.lock().unwrap_or_else(PoisonError::into_inner);
        *exports = meters.after(std::mem::take(&mut *exports));
    }

    /// Every figure at this moment. Merging many series is no work for the thread that answers health checks: it is done
    /// elsewhere. `None` for a worker that did not answer.
    pub(crate) async fn figures(&self) -> (Vec<Option<Sheet>>, Figures) {
        let sheets = self.ask(Command::Collect).await;
        let figures = Figures {
            resource: self.in_force.load().resource.clone(),
            reloads: self.reloads.load(Ordering::Relaxed),
            reload_failures: self.reload_failures.load(Ordering::Relaxed),
            last_reload_failed: self.last_reload_failed.load(Ordering::Relaxed) > 0,
            access_log: self
                .access_log
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            diagnostics: self.diagnostics.clone(),
            certificates: self
                .certificates
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
                .flat_map(|one| one.certificates())
                .collect(),
            exports: self
                .exports
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        };
        (sheets, figures)
    }

    pub(crate) fn reloaded(&self, succeeded: bool) {
        let counter = if succeeded {
            &self.reloads
        } else {
            &self.reload_failures
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.last_reload_failed
            .store(u8::from(!succeeded), Ordering::Relaxed);
    }

    /// Asks every worker, all at once, and waits no longer than [`PATIENCE`] for each.
    async fn ask<T>(&self, question: impl Fn(oneshot::Sender<T>) -> Command) -> Vec<Option<T>> {
        let mut answers = Vec::with_capacity(self.workers.len());
        for worker in &*self.workers {
            let (reply, answer) = oneshot::channel();
            let sent = tokio::time::timeout(PATIENCE, worker.send(question(reply))).await;
            answers.push(matches!(sent, Ok(Ok(()))).then_some(answer));
        }
        let mut all = Vec::with_capacity(answers.len());
        for answer in answers {
            all.push(match answer {
                Some(answer) => tokio::time::timeout(PATIENCE, answer)
                    .await
                    .ok()
                    .and_then(Result::ok),
                None => None,
            });
        }
        all
    }
}

impl System for Status {
    fn health(&self) -> Answer<'_, Health> {
        Box::pin(async {
            let answers = self.ask(Command::Ping).await;
            let workers = answers
                .into_iter()
                .enumerate()
                .map(|(index, lag)| WorkerHealth {
                    name: format!("worker-{index}"),
                    alive: lag.is_some(),
                    loop_lag: lag,
                })
                .collect();
            Health { workers }
        })
    }

    fn ready(&self) -> Readiness {
        match self.readiness.load(Ordering::Relaxed) {
            0 => Readiness::Starting,
            1 => Readiness::Ready,
            _ => Readiness::Draining,
        }
    }

    fn metrics<'a>(&'a self, accept: &'a str) -> Answer<'a, Option<Page>> {
        Box::pin(async move {
            let (sheets, figures) = self.figures().await;
            let sheets: Vec<Sheet> = sheets.into_iter().collect::<Option<_>>()?;
            // Many series take a while to count together: no work for the thread that answers health checks.
            let accept = accept.to_owned();
            let rendered = tokio::task::spawn_blocking(move || {
                metrics::render(sheets.into_iter(), &figures, &accept)
            });
            rendered.await.ok()
        })
    }

    fn config(&self) -> Answer<'_, Value> {
        Box::pin(async { self.in_force.load().shown.clone() })
    }

    fn upstreams(&self) -> Answer<'_, Value> {
        Box::pin(async {
            let views = self.ask(Command::Upstreams).await;
            merge_upstreams(views.into_iter().flatten().flatten())
        })
    }

    fn reload(&self) -> Answer<'_, Result<ReloadReport, ReloadError>> {
        Box::pin(async {
            let busy = || ReloadError::Conflict(vec!["the program is shutting down".into()]);
            let (reply, outcome) = oneshot::channel();
            self.reload.send(reply).await.map_err(|_| busy())?;
            outcome.await.map_err(|_| busy())?
        })
    }

    fn log_filter(&self) -> String {
        self.diagnostics.filter()
    }

    fn set_log_filter(&self, filter: &str) -> Result<(), String> {
        let before = self.diagnostics.filter();
        self.diagnostics
            .set_filter(filter)
            .map_err(|error| with_causes(&error))?;
        tracing::info!(
            before,
            now = self.diagnostics.filter(),
            "log filter changed"
        );
        Ok(())
    }
}

/// Adds up what the workers see of each endpoint.
fn merge_upstreams(views: impl Iterator<Item = UpstreamView>) -> Value {
    let mut order: Vec<Box<str>> = Vec::new();
    let mut merged: BTreeMap<Box<str>, BTreeMap<std::net::SocketAddr, EndpointView>> =
        BTreeMap::new();
    for view in views {
        if !merged.contains_key(&view.name) {
            order.push(view.name.clone());
        }
        let endpoints = merged.entry(view.name).or_default();
        for endpoint in view.endpoints {
            endpoints
                .entry(endpoint.address)
                .and_modify(|sum| add(sum, &endpoint))
                .or_insert(endpoint);
        }
    }
    order
        .into_iter()
        .map(|name| {
            let endpoints: Vec<Value> = merged
                .get(&name)
                .into_iter()
                .flat_map(BTreeMap::values)
                .map(show_endpoint)
                .collect();
            json!({ "name": name, "endpoints": endpoints })
        })
        .collect()
}

fn add(sum: &mut EndpointView, more: &EndpointView) {
    sum.in_flight += more.in_flight;
    sum.open += more.open;
    sum.idle += more.idle;
    sum.pending += more.pending;
    sum.requests += more.requests;
    sum.failures += more.failures;
    sum.connects += more.connects;
    sum.connect_failures += more.connect_failures;
    sum.reuses += more.reuses;
    sum.stale += more.stale;
    sum.refused += more.refused;
}

fn show_endpoint(endpoint: &EndpointView) -> Value {
    json!({
        "address": endpoint.address.to_string(),
        "weight": endpoint.weight,
        "in_flight": endpoint.in_flight,
        "connections": endpoint.open,
        "idle": endpoint.idle,
        "pending": endpoint.pending,
        "requests": endpoint.requests,
        "failures": endpoint.failures,
        "connects": endpoint.connects,
        "connect_failures": endpoint.connect_failures,
        "reuses": endpoint.reuses,
        "stale": endpoint.stale,
        "refused": endpoint.refused,
    })
}
