//! What many routes cost: per request, when the file is checked, and in memory.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use super::{LOAD_CORE, SUBJECT_CORE, in_rounds};
use crate::{
    generator::{self, Order},
    meter::Meter,
    options::Options,
    origin::Origin,
    peers::{self, Job, Kind, Program, Running},
    process,
    report::{Bar, Direction, Report, median, number, number_or_dash},
    routes::{self, Routes},
    stats::{self, figure},
    table::Table,
};

const COUNTS: [usize; 3] = [10, 1_000, 10_000];
const SAMPLE: usize = 500;
const CONNECTIONS: u32 = 64;
const CHECKS: usize = 5;

const RATIO_BAR: f64 = 1.2;
const CHECK_BAR_SECONDS: f64 = 1.0;
const MEMORY_BAR_MIB: f64 = 100.0;

/// Tidegate with some number of routes.
struct Entrant {
    count: usize,
    routes: Routes,
    running: Running,
    meter: Meter,
    /// CPU microseconds per request, one value per round.
    cpu: Vec<f64>,
    per_second: Vec<f64>,
    check_seconds: f64,
    failed: u64,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let programs = peers::find(options, &[Kind::Tidegate])?;
    let program = programs.first().context("no tidegate")?;
    let origin = Origin::small(LOAD_CORE)?;
    let (rounds, time) = (options.rounds_or(5), options.time_or(4));
    let mut report = Report::new(options, "Many routes", &programs);
    report.paragraph(&format!(
        "One worker on core {SUBJECT_CORE}, {CONNECTIONS} keep-alive connections, requests in turn for up to {SAMPLE} routes \
         spread over the table (exact, template and prefix matches in equal parts, a quarter bound to hosts); {rounds} \
         interleaved rounds of {} s. `check` is the wall time of `tidegate check`, median of {CHECKS}; `peak` is the largest \
         resident memory of the running process.",
        time.as_secs()
    ));
    let mut entrants = Vec::new();
    for count in COUNTS {
        entrants.push(Entrant::start(program, &origin, count)?);
    }
    in_rounds(rounds, &mut entrants, |entrant| entrant.measure(time))?;
    let mut table = Table::new([
        "routes",
        "CPU µs/request",
        "÷ 10 routes",
        "requests/s",
        "check s",
        "resident MiB",
        "peak MiB",
        "failed",
    ]);
    let mut last = (None, None, None);
    for entrant in &entrants {
        let ratio = stats::ratio(&entrant.cpu, &entrants[0].cpu).map(|spread| spread.median);
        let peak = mebibytes(entrant.meter.resident_max()?);
        table.row([
            entrant.count.to_string(),
            median(&entrant.cpu),
            number_or_dash(ratio),
            median(&entrant.per_second),
            number(entrant.check_seconds),
            number(mebibytes(entrant.meter.resident()?)),
            number(peak),
            entrant.failed.to_string(),
        ]);
        last = (ratio, Some(entrant.check_seconds), Some(peak));
    }
    report.table("Figures", &table);
    let bars = [
        (
            "CPU time per request, 10,000 ÷ 10 routes",
            RATIO_BAR,
            last.0,
            "×",
        ),
        ("check of 10,000 routes", CHECK_BAR_SECONDS, last.1, "s"),
        (
            "peak memory with 10,000 routes",
            MEMORY_BAR_MIB,
            last.2,
            "MiB",
        ),
    ];
    for (what, limit, value, unit) in bars {
        report.bar(Bar {
            what: what.to_owned(),
            direction: Direction::AtMost,
            limit,
            value,
            unit,
        });
    }
    report.finish(options)
}

impl Entrant {
    fn start(program: &Program, origin: &Origin, count: usize) -> Result<Self> {
        let mut routes = routes::many(count - 1, SAMPLE, 1)?;
        routes::add_products(&mut routes)?;
        let running = program.start(&Job {
            origin: origin.address,
            core: Some(SUBJECT_CORE),
            workers: 1,
            connections: 8192,
            streaming: false,
            routes: &routes.yaml,
            secure: None,
        })?;
        Ok(Self {
            count,
            routes,
            meter: running.meter()?,
            cpu: Vec::new(),
            per_second: Vec::new(),
            check_seconds: check(program, &running)?,
            failed: 0,
            running,
        })
    }

    fn measure(&mut self, time: Duration) -> Result<()> {
        let order = |time| Order {
            address: self.running.address,
            requests: &self.routes.sample,
            rate: None,
            connections: CONNECTIONS,
            time,
            core: LOAD_CORE,
            is_urgent: false,
        };
        generator::run(&order(Duration::from_secs(1)))?;
        let before = self.meter.cpu()?;
        let summary = generator::run(&order(time))?;
        let used = self.meter.cpu()?.since(before).best();
        self.cpu
            .push(used.as_secs_f64() * 1e6 / figure(summary.succeeded.max(1)));
        self.per_second.push(summary.per_second);
        self.failed += summary.failed;
        Ok(())
    }
}

/// Wall time of `tidegate check` on the file of a running process, in seconds.
fn check(program: &Program, running: &Running) -> Result<f64> {
    let mut seconds = Vec::new();
    for _ in 0..CHECKS {
        let mut command = process::command(&program.path, None);
        command.args(["check", "-c"]).arg(&running.config);
        let started = Instant::now();
        let status = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .context("cannot start tidegate check")?;
        seconds.push(started.elapsed().as_secs_f64());
        ensure!(status.success(), "tidegate check ended with {status}");
    }
    stats::median(seconds).context("nothing was measured")
}

fn mebibytes(bytes: u64) -> f64 {
    figure(bytes) / f64::from(1 << 20)
}
