//! From the start of the program to its first answer, and what it takes while nothing happens.

use std::{fs, net::SocketAddr, thread, time::Duration};

use anyhow::{Context, Result, bail};

use super::LOAD_CORE;
use crate::{
    http,
    options::Options,
    origin::Origin,
    output,
    peers::{self, Job, Kind, Program, Running},
    report::{Bar, Direction, Report, number, number_or_dash},
    routes,
    stats::{self, figure},
    table::Table,
};

const WORKERS: u32 = 2;
const PATIENCE: Duration = Duration::from_secs(10);
const PROBE_EVERY: Duration = Duration::from_micros(200);
/// After the first answer, memory is read when this has passed.
const SETTLE: Duration = Duration::from_secs(1);
const KINDS: [Kind; 4] = [Kind::Tidegate, Kind::Nginx, Kind::Haproxy, Kind::Envoy];

const READY_BAR_MS: f64 = 50.0;
const MEMORY_BAR_MIB: f64 = 12.0;
const SIZE_BAR_MIB: f64 = 15.0;

pub(super) fn run(options: &Options) -> Result<()> {
    let programs = peers::find(options, &KINDS)?;
    let origin = Origin::small(LOAD_CORE)?;
    let rounds = options.rounds_or(15);
    let routes = routes::comparison(10)?;
    let job = Job {
        origin: origin.address,
        core: None,
        workers: WORKERS,
        connections: 1024,
        streaming: false,
        routes: &routes.yaml,
        secure: None,
    };
    let mut report = Report::new(options, "Start and idle", &programs);
    report.paragraph(&format!(
        "{rounds} starts each, {WORKERS} workers, not pinned, 10 routes in Tidegate. `ready` is the time from starting the \
         process to the first 200: of `/ready` on the admin listener of Tidegate, of a proxied request with the others; \
         `first request` is the same with a proxied request for all. Memory is resident, of all processes of the \
         program, {} s after the last start. `file` is the program's file as built, symbols stripped; the libraries it \
         loads are not included.",
        SETTLE.as_secs()
    ));
    let mut table = Table::new([
        "program",
        "ready ms",
        "first request ms",
        "resident MiB",
        "file MiB",
    ]);
    let mut own = None;
    for program in &programs {
        let (mut ready, mut first, mut resident) = (Vec::new(), Vec::new(), f64::NAN);
        for round in 0..rounds {
            let last = round + 1 == rounds;
            let start = measure(program, &job, last)?;
            ready.push(start.ready);
            first.push(start.first);
            resident = start.resident;
        }
        output::progress(&format!("{}: done", program.kind));
        let size = figure(
            fs::metadata(&program.path)
                .context("the program's file")?
                .len(),
        ) / f64::from(1 << 20);
        let (ready, first) = (stats::median(ready), stats::median(first));
        table.row([
            program.kind.to_string(),
            number_or_dash(ready),
            number_or_dash(first),
            number(resident),
            number(size),
        ]);
        if program.kind == Kind::Tidegate {
            own = Some([ready.unwrap_or(f64::NAN), resident, size]);
        }
    }
    report.table("Figures", &table);
    for bar in bars(own) {
        report.bar(bar);
    }
    report.finish(options)
}

/// What is promised of the time to readiness, idle memory and file size of Tidegate.
fn bars(own: Option<[f64; 3]>) -> [Bar; 3] {
    let bar = |at: usize, what: &str, limit, unit| Bar {
        what: format!("{what}, tidegate"),
        direction: Direction::AtMost,
        limit,
        value: own.map(|figures| figures[at]),
        unit,
    };
    [
        bar(0, "ready", READY_BAR_MS, "ms"),
        bar(1, "resident memory, idle", MEMORY_BAR_MIB, "MiB"),
        bar(2, "size of the program", SIZE_BAR_MIB, "MiB"),
    ]
}

/// Times in milliseconds, memory in MiB.
struct Start {
    ready: f64,
    first: f64,
    resident: f64,
}

fn measure(program: &Program, job: &Job<'_>, with_memory: bool) -> Result<Start> {
    let mut running = program.launch(job)?;
    let (address, admin) = (running.address, running.admin);
    let ready = match program.kind {
        Kind::Tidegate => Some(wait(&mut running, admin, "/ready")?),
        Kind::Floor | Kind::Nginx | Kind::Haproxy | Kind::Envoy => None,
    };
    let first = wait(&mut running, address, "/products/1")?;
    let mut resident = f64::NAN;
    if with_memory {
        thread::sleep(SETTLE);
        resident = figure(running.meter()?.resident()?) / f64::from(1 << 20);
    }
    Ok(Start {
        ready: ready.unwrap_or(first),
        first,
        resident,
    })
}

/// Milliseconds from the start of the process to the first 200.
fn wait(running: &mut Running, address: SocketAddr, path: &str) -> Result<f64> {
    while !http::get(address, path).is_ok_and(|answer| answer.status == 200) {
        if running.spawned.elapsed() > PATIENCE || running.process().ended()?.is_some() {
            bail!("{} did not get ready: {}", running.kind, running.log_tail());
        }
        thread::sleep(PROBE_EVERY);
    }
    Ok(running.spawned.elapsed().as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Outcome;

    #[test]
    fn each_figure_has_its_bar() {
        let outcomes = |own| bars(own).map(|bar| bar.outcome());
        assert_eq!(outcomes(Some([50.0, 12.0, 15.0])), [Outcome::Met; 3]);
        assert_eq!(outcomes(Some([50.1, 12.1, 15.1])), [Outcome::Missed; 3]);
        assert_eq!(outcomes(None), [Outcome::Unknown; 3]);
    }
}
