//! The worker's thread: its runtime, its standing tasks, and the loop that takes commands.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use telemetry::metrics::{Sheet, thread_cpu_time};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use upstream::Shared;

use super::command::{Command, EndpointView, ListenCommand, UpstreamView};
use super::{Worker, accept};
use crate::listener::{Listener, Stop};
use crate::program::Program;
use crate::stats;

/// Commands that may wait; the control plane waits when there are more.
const COMMANDS_MAX: usize = 64;
/// How often the access log's lines are handed on and the loop's lag is measured.
const HOUSEKEEPING: Duration = Duration::from_millis(200);
/// How often adaptive shares of sampling follow the traffic.
const ADAPT_EVERY: Duration = Duration::from_secs(1);

/// What a worker begins with.
#[derive(Debug)]
pub struct WorkerConfig {
    /// From 0; names the thread and labels metrics.
    pub index: usize,
    /// The allowed CPU to stay on, counted round.
    pub pin_to: Option<usize>,
    /// This gateway's name in Via; the same for all workers of the process, unlike that of any other process.
    pub via: Box<[u8]>,
    /// Connection budgets of all workers.
    pub shared: Arc<Shared>,
    /// What to run.
    pub program: Arc<Program>,
}

/// A running worker. Dropping it ends the thread, and with it every connection.
#[derive(Debug)]
pub struct WorkerHandle {
    commands: mpsc::Sender<Command>,
    thread: Option<JoinHandle<()>>,
}

/// The worker's thread is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a worker to answer, its thread has ended")]
pub struct WorkerGone;

impl WorkerHandle {
    /// Sends a command; waits while the worker's queue is full.
    ///
    /// # Errors
    /// [`WorkerGone`].
    pub async fn send(&self, command: Command) -> Result<(), WorkerGone> {
        self.commands.send(command).await.map_err(|_| WorkerGone)
    }

    /// Waits for the thread to end; blocks. Send [`Command::Drain`] first.
    pub fn join(mut self) {
        let (closed, _) = mpsc::channel(1);
        self.commands = closed;
        if let Some(thread) = self.thread.take() {
            // A panic of the loop itself was reported by the panic hook.
            drop(thread.join());
        }
    }
}

/// Starts a worker's thread.
///
/// # Errors
/// When the kernel gives no thread or no event queue.
pub fn spawn_worker(config: WorkerConfig) -> io::Result<WorkerHandle> {
    let (commands, received) = mpsc::channel(COMMANDS_MAX);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let thread = std::thread::Builder::new()
        .name(format!("worker-{}", config.index))
        .spawn(move || {
            if let Some(cpu) = config.pin_to {
                // Running elsewhere is slower, not wrong.
                drop(net::pin_to_cpu(cpu));
            }
            let local = LocalSet::new();
            local.block_on(&runtime, run(config, received));
            // Dropping the set drops every connection that is left.
            drop(local);
        })?;
    Ok(WorkerHandle {
        commands,
        thread: Some(thread),
    })
}

/// Listeners of this worker, by name.
type Listeners = RefCell<HashMap<Box<str>, (Rc<Listener>, Rc<Stop>)>>;

async fn run(config: WorkerConfig, mut commands: mpsc::Receiver<Command>) {
    let label = config.index.to_string();
    let worker = Rc::new(Worker::new(config.via, config.shared, config.program));
    let listeners = Listeners::default();
    let standing = async {
        tokio::join!(
            worker.timers.run(),
            worker.upstreams.sweep(),
            housekeeping(&worker)
        );
    };
    let serving = async {
        while let Some(command) = commands.recv().await {
            let Command::Drain { grace, done } = command else {
                obey(&worker, &listeners, &label, command);
                continue;
            };
            let mut draining = std::pin::pin!(drain(&worker, &listeners, grace));
            // A worker that drains, or has, answers questions: it is not dead.
            let cut = loop {
                tokio::select! {
                    cut = &mut draining => break cut,
                    Some(command) = commands.recv() => obey(&worker, &listeners, &label, command),
                }
            };
            worker.flush();
            // Whoever asked may have given up.
            done.send(cut).ok();
        }
    };
    tokio::select! {
        () = standing => {}
        () = serving => {}
    }
    // Dropped, a sink hands over what it holds.
    drop((worker.access_log.take(), worker.export.take()));
    // Coroutines refer to the worker that keeps them.
    worker.servers.clear();
}

async fn housekeeping(worker: &Worker) {
    let mut adapted = Instant::now();
    loop {
        let slept = Instant::now();
        tokio::time::sleep(HOUSEKEEPING).await;
        let now = Instant::now();
        worker
            .loop_lag
            .note(now.saturating_duration_since(slept + HOUSEKEEPING), now);
        worker.refresh_clocks();
        worker.flush();
        if adapted.elapsed() >= ADAPT_EVERY {
            if let Some(tracer) = &worker.snapshot().tracer {
                tracer.adapt(adapted.elapsed());
            }
            adapted = Instant::now();
        }
    }
}

async fn drain(worker: &Worker, listeners: &Listeners, grace: Duration) -> u32 {
    for (_, stop) in listeners.borrow_mut().drain().map(|(_, listener)| listener) {
        stop.stop();
    }
    worker.drain();
    let emptied = async {
        while !worker.is_empty() {
            worker.emptied.notified().await;
        }
    };
    // Either way the count tells.
    drop(tokio::time::timeout(grace, emptied).await);
    worker.upstreams.close_idle();
    worker.stats.connections.get()
}

/// Does what a command says; never waits.
fn obey(worker: &Rc<Worker>, listeners: &Listeners, label: &str, command: Command) {
    // A reply that no one waits for any more is no fault.
    match command {
        Command::Adopt(program, done) => {
            worker.adopt(program);
            done.send(()).ok();
        }
        Command::Listen(listen) => begin_listening(worker, listeners, listen),
        Command::Relist(plan, tls) => {
            if let Some((listener, _)) = listeners.borrow().get(&plan.name) {
                listener.adopt(&plan, tls);
            }
        }
        Command::Unlisten(name, done) => {
            if let Some((_, stop)) = listeners.borrow_mut().remove(&name) {
                stop.stop();
            }
            done.send(()).ok();
        }
        Command::Endpoints {
            upstream,
            endpoints,
        } => {
            if let Some(upstream) = worker.upstreams.named(&upstream) {
                upstream.set_endpoints(&endpoints);
            }
        }
        Command::AccessLog(sink, done) => {
            if let Some(old) = worker.access_log.replace(sink) {
                old.flush();
            }
            done.send(()).ok();
        }
        Command::Export(sinks, done) => {
            drop(worker.export.replace(sinks));
            done.send(()).ok();
        }
        Command::Collect(reply) => drop(reply.send(collect(worker, label))),
        Command::Upstreams(reply) => drop(reply.send(views(worker))),
        Command::Ping(reply) => {
            reply.send(worker.loop_lag.worst()).ok();
        }
        // Handled by the caller, which ends after it.
        Command::Drain { .. } => {}
    }
}

fn begin_listening(worker: &Rc<Worker>, listeners: &Listeners, listen: ListenCommand) {
    // The socket is non-blocking and valid; the runtime refuses one only when it is out of descriptors itself.
    let Ok(socket) = TcpListener::from_std(listen.socket) else {
        stats::bump(&worker.stats.accept_errors);
        return;
    };
    let listener = Rc::new(Listener::new(&listen.plan, listen.tls, listen.gate));
    let stop = Rc::new(Stop::default());
    let accepting = accept(
        Rc::clone(worker),
        Rc::clone(&listener),
        socket,
        Rc::clone(&stop),
    );
    worker.accepting.set(worker.accepting.get() + 1);
    // Owned by the worker: `stop` ends it, the thread's end drops it.
    drop(tokio::task::spawn_local(accepting));
    listeners
        .borrow_mut()
        .insert(listen.plan.name.clone(), (listener, stop));
}

fn views(worker: &Worker) -> Vec<UpstreamView> {
    worker
        .upstreams
        .all()
        .iter()
        .map(|upstream| UpstreamView {
            name: upstream.plan.name.clone(),
            endpoints: upstream
                .endpoints()
                .iter()
                .map(|endpoint| EndpointView::of(endpoint))
                .collect(),
        })
        .collect()
}

fn collect(worker: &Worker, label: &str) -> Sheet {
    let mut sheet = Sheet::new();
    worker.stats.collect(&mut sheet);
    let labels = [("worker", label)];
    let connections = worker.stats.connections.get();
    sheet.gauge(&stats::WORKER_CONNECTIONS, &labels, f64::from(connections));
    let lag = worker.loop_lag.worst();
    sheet.gauge(&stats::LOOP_LAG, &labels, lag.as_secs_f64());
    sheet.counter_seconds(&stats::WORKER_CPU, &labels, thread_cpu_time());
    let busy = Handle::current().metrics().worker_total_busy_duration(0);
    sheet.counter_seconds(&stats::WORKER_BUSY, &labels, busy);
    for upstream in views(worker) {
        for endpoint in upstream.endpoints {
            let address = endpoint.address.to_string();
            let labels = [
                ("upstream", &*upstream.name),
                ("endpoint", address.as_str()),
            ];
            sheet.gauge(&stats::UP_OPEN, &labels, f64::from(endpoint.open));
            sheet.gauge(&stats::UP_IDLE, &labels, f64::from(endpoint.idle));
            sheet.gauge(&stats::UP_IN_FLIGHT, &labels, f64::from(endpoint.in_flight));
            sheet.gauge(&stats::UP_PENDING, &labels, f64::from(endpoint.pending));
            sheet.counter(&stats::UP_REQUESTS, &labels, endpoint.requests);
            sheet.counter(&stats::UP_FAILURES, &labels, endpoint.failures);
            sheet.counter(&stats::UP_CONNECTS, &labels, endpoint.connects);
            sheet.counter(
                &stats::UP_CONNECT_FAILURES,
                &labels,
                endpoint.connect_failures,
            );
            sheet.counter(&stats::UP_REUSES, &labels, endpoint.reuses);
            sheet.counter(&stats::UP_STALE, &labels, endpoint.stale);
            sheet.counter(&stats::UP_REFUSED, &labels, endpoint.refused);
        }
    }
    sheet
}
