//! One share of requests that is traced: the configuration that does so, and what was measured under it.

use std::{fs, path::Path, thread, time::Duration};

use anyhow::{Context, Result, bail};

use super::{
    CONNECTIONS, PATH, Share, WARM_UP,
    spans::{PAUSE, Spans},
};
use crate::{
    peers::Running,
    stats::{self, figure},
    wrk::Wrk,
};

/// The gateway under one configuration; one value per round.
pub(super) struct Entrant {
    pub(super) share: Share,
    config: String,
    /// CPU microseconds per request: of the worker's thread, of the whole process, and of the process without it.
    pub(super) worker: Vec<f64>,
    pub(super) process: Vec<f64>,
    pub(super) beside: Vec<f64>,
    pub(super) per_second: Vec<f64>,
    pub(super) resident: Vec<f64>,
    /// Over all rounds.
    pub(super) requests: u64,
    pub(super) errors: u64,
    pub(super) spans: Spans,
}

impl Entrant {
    /// `config`: the whole text of the file.
    pub(super) fn new(share: Share, config: String) -> Self {
        Self {
            share,
            config,
            worker: Vec::new(),
            process: Vec::new(),
            beside: Vec::new(),
            per_second: Vec::new(),
            resident: Vec::new(),
            requests: 0,
            errors: 0,
            spans: Spans::default(),
        }
    }

    /// One round on a gateway that all entrants share: where code and data of a process lie in memory differs from one to
    /// the next, and costs more than what is to be measured. The spans of the warm-up are gone before it begins, and those of the load before CPU time is read.
    pub(super) fn measure(
        &mut self,
        gateway: &mut Running,
        wrk: &Wrk,
        time: Duration,
    ) -> Result<()> {
        gateway.reload(&self.config)?;
        let meter = gateway.meter()?;
        let url = gateway.url(PATH);
        wrk.run(&url, CONNECTIONS, WARM_UP)?;
        let earlier = Spans::settled(gateway.admin)?;
        let id = gateway.process().id();
        let before = (worker_time(id)?, meter.cpu()?);
        let figures = wrk.run(&url, CONNECTIONS, time)?;
        thread::sleep(PAUSE);
        let worker = worker_time(id)?.saturating_sub(before.0);
        let process = meter.cpu()?.since(before.1).best();
        let spans = Spans::settled(gateway.admin)?.since(earlier);
        let per_request =
            |time: Duration| time.as_secs_f64() * 1e6 / figure(figures.requests.max(1));
        self.worker.push(per_request(worker));
        self.process.push(per_request(process));
        let beside = process.saturating_sub(worker);
        self.beside.push(per_request(beside));
        self.per_second.push(figures.per_second);
        self.resident
            .push(figure(meter.resident()?) / f64::from(1 << 20));
        self.requests += figures.requests;
        self.errors += figures.errors;
        self.spans = self.spans.plus(spans);
        Ok(())
    }

    /// Spans that were made, and those of them that arrived, per request.
    pub(super) fn spans_per_request(&self) -> (f64, f64) {
        let per_request = |spans: f64| spans / figure(self.requests.max(1));
        let Spans { exported, dropped } = self.spans;
        (per_request(exported + dropped), per_request(exported))
    }

    /// CPU microseconds more than `off`, of one of the accounts, for each span that arrived. `None` for less than a span per
    /// request: that would be noise, divided by little.
    pub(super) fn per_span(&self, off: &Self, of: impl Fn(&Self) -> &[f64]) -> Option<f64> {
        let (_, exported) = self.spans_per_request();
        let more = added(of(self), of(off))?;
        (exported >= 1.0).then(|| more / exported)
    }
}

/// The median of the differences within each round.
pub(super) fn added(values: &[f64], base: &[f64]) -> Option<f64> {
    stats::difference(values, base).map(|difference| difference.by_round)
}

/// Time on a CPU of the thread that is called `worker-0` (`/proc/PID/task/TID/schedstat`).
fn worker_time(id: u32) -> Result<Duration> {
    let tasks = format!("/proc/{id}/task");
    for task in fs::read_dir(&tasks).with_context(|| tasks.clone())? {
        let task = task?.path();
        if is_worker(&task) {
            let text = fs::read_to_string(task.join("schedstat"))?;
            let nanos = text.split_whitespace().next().unwrap_or_default();
            let nanos = nanos
                .parse()
                .with_context(|| format!("expected nanoseconds, found {text:?}"))?;
            return Ok(Duration::from_nanos(nanos));
        }
    }
    bail!("expected a thread worker-0 in {tasks}, found none")
}

fn is_worker(task: &Path) -> bool {
    fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim_end() == "worker-0")
}
