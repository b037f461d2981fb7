//! What tracing costs: the same small request with nothing traced, with one request in a hundred, and with all.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, bail};

use super::{LOAD_CORE, SUBJECT_CORE};
use crate::{
    meter::Meter,
    options::Options,
    origin::Origin,
    output,
    peers::{self, Job, Kind, Running},
    process::{self, Folder, Guarded},
    report::{Bar, Direction, Report, number, number_or_dash},
    routes,
    stats::{self, figure},
    table::Table,
    wrk::Wrk,
};

const CONNECTIONS: u32 = 64;
const ROUTES: usize = 100;
const PATH: &str = "/products/1";
const WARM_UP: Duration = Duration::from_secs(1);
const SINK_PATIENCE: Duration = Duration::from_secs(10);

/// A share of requests that is traced, and what it may cost more than none, in microseconds per request.
struct Share {
    name: &'static str,
    ratio: Option<f64>,
    worker_max: Option<f64>,
    process_max: Option<f64>,
}

const SHARES: [Share; 3] = [
    Share {
        name: "off",
        ratio: None,
        worker_max: None,
        process_max: None,
    },
    Share {
        name: "1 %",
        ratio: Some(0.01),
        worker_max: Some(0.2),
        process_max: None,
    },
    Share {
        name: "100 %",
        ratio: Some(1.0),
        worker_max: Some(1.0),
        process_max: Some(1.5),
    },
];

/// One way to run, and what was measured of it, one value per round.
struct Entrant {
    name: &'static str,
    running: Running,
    meter: Meter,
    worker: Vec<f64>,
    process: Vec<f64>,
    per_second: Vec<f64>,
    resident: Vec<f64>,
    errors: u64,
}

/// A receiver on the core of the load.
struct Sink {
    address: String,
    _process: Guarded,
    _folder: Folder,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let programs = peers::find(options, &[Kind::Tidegate])?;
    let program = programs.first().context("tidegate did not take part")?;
    let wrk = Wrk::find(LOAD_CORE)?;
    let origin = Origin::small(LOAD_CORE)?;
    let sink = Sink::start()?;
    let (rounds, time) = (options.rounds_or(7), options.time_or(4));
    let plain = routes::comparison(ROUTES)?.yaml;
    let mut entrants = Vec::new();
    for share in SHARES {
        let telemetry = share.ratio.map_or_else(String::new, |ratio| {
            format!(
                "telemetry: {{ otlp: {{ endpoint: \"http://{}\", protocol: grpc, signals: [traces] }}, \
                 sampling: {{ ratio: {ratio} }} }}\n",
                sink.address
            )
        });
        let routes = format!("{plain}{telemetry}");
        let running = program.start(&Job {
            origin: origin.address,
            core: Some(SUBJECT_CORE),
            workers: 1,
            connections: 8192,
            streaming: false,
            routes: &routes,
        })?;
        entrants.push(Entrant::new(share.name, running)?);
    }
    for round in 0..rounds as usize {
        for turn in 0..entrants.len() {
            let at = (round + turn) % entrants.len();
            entrants[at].measure(&wrk, time)?;
        }
        output::progress(&format!("round {} of {rounds}", round + 1));
    }
    let mut report = Report::new(options, "What tracing costs", &programs);
    explain(&mut report, rounds, time);
    report.table("Figures", &figures(&entrants));
    let off = &entrants[0];
    for (entrant, share) in entrants.iter().zip(SHARES) {
        for (limit, what, values, base) in [
            (share.worker_max, "worker", &entrant.worker, &off.worker),
            (share.process_max, "process", &entrant.process, &off.process),
        ] {
            if let Some(limit) = limit {
                report.bar(Bar {
                    what: format!("CPU time of the {what} per request, {} − off", share.name),
                    direction: Direction::AtMost,
                    limit,
                    value: added(values, base),
                    unit: "µs",
                });
            }
        }
    }
    report.finish(options)
}

fn explain(report: &mut Report, rounds: u32, time: Duration) {
    report.paragraph(&format!(
        "Tidegate as reverse proxy, HTTP/1.1 keep-alive on both sides, {CONNECTIONS} connections, 80-byte JSON body, \
         {ROUTES} routes, metrics on; one worker, on core {SUBJECT_CORE} with all other threads of the process; origin, \
         wrk and the receiver on core {LOAD_CORE}. A traced request is two spans, exported over OTLP/gRPC without \
         compression; errors are always kept, which is the default. {rounds} interleaved rounds in rotated order, each \
         {} s after {} s of warm-up. CPU time is user and system time by the scheduler's account. Values are medians over \
         the rounds; differences are taken within each round, then their median.",
        time.as_secs(),
        WARM_UP.as_secs(),
    ));
}

impl Entrant {
    fn new(name: &'static str, running: Running) -> Result<Self> {
        Ok(Self {
            name,
            meter: running.meter()?,
            running,
            worker: Vec::new(),
            process: Vec::new(),
            per_second: Vec::new(),
            resident: Vec::new(),
            errors: 0,
        })
    }

    fn measure(&mut self, wrk: &Wrk, time: Duration) -> Result<()> {
        let url = self.running.url(PATH);
        wrk.run(&url, CONNECTIONS, WARM_UP)?;
        let id = self.running.process().id();
        let before = (worker_time(id)?, self.meter.cpu()?);
        let figures = wrk.run(&url, CONNECTIONS, time)?;
        let worker = worker_time(id)?.saturating_sub(before.0);
        let process = self.meter.cpu()?.since(before.1);
        let per_request =
            |time: Duration| time.as_secs_f64() * 1e6 / figure(figures.requests.max(1));
        self.worker.push(per_request(worker));
        self.process.push(per_request(process.best()));
        self.per_second.push(figures.per_second);
        self.resident
            .push(figure(self.meter.resident()?) / f64::from(1 << 20));
        self.errors += figures.errors;
        Ok(())
    }
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

impl Sink {
    fn start() -> Result<Self> {
        let path = process::sibling("otlp-sink").context("otlp-sink is not built beside this")?;
        let folder = Folder::create()?;
        let log = folder.path().join("log");
        let mut command = process::command(&path, Some(LOAD_CORE));
        let process = Guarded::spawn(&mut command, &log)?;
        let started = std::time::Instant::now();
        loop {
            let text = fs::read_to_string(&log).unwrap_or_default();
            if let Some((_, address)) = text.split_once("listening on ")
                && let Some((address, _)) = address.split_once('\n')
            {
                return Ok(Self {
                    address: address.to_owned(),
                    _process: process,
                    _folder: folder,
                });
            }
            if started.elapsed() > SINK_PATIENCE {
                bail!("otlp-sink does not listen: {text}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn figures(entrants: &[Entrant]) -> Table {
    let mut table = Table::new([
        "traced",
        "worker µs/request",
        "process µs/request",
        "worker − off",
        "process − off",
        "requests/s",
        "resident MiB",
        "errors",
    ]);
    let median = |values: &[f64]| {
        number_or_dash(stats::spread(values.iter().copied()).map(|spread| spread.median))
    };
    for entrant in entrants {
        let off = &entrants[0];
        let more = |values, base| added(values, base).map_or_else(|| "–".to_owned(), number);
        table.row([
            entrant.name.to_owned(),
            median(&entrant.worker),
            median(&entrant.process),
            more(&entrant.worker, &off.worker),
            more(&entrant.process, &off.process),
            median(&entrant.per_second),
            median(&entrant.resident),
            entrant.errors.to_string(),
        ]);
    }
    table
}

/// The median of the differences within each round.
fn added(values: &[f64], base: &[f64]) -> Option<f64> {
    let differences = values.iter().zip(base).map(|(value, base)| value - base);
    stats::spread(differences).map(|spread| spread.median)
}
