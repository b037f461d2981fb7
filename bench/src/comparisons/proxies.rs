//! A small request through each proxy: CPU time per request above all, since it holds on a busy machine.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result};

use super::{LOAD_CORE, SUBJECT_CORE, in_rounds};
use crate::{
    http,
    load::{Fleet, Pace, Work},
    meter::Meter,
    options::Options,
    origin::{self, Origin},
    peers::{self, Job, Kind, Running},
    report::{Bar, Direction, Report, median, with_range},
    routes,
    stats::{self, Spread, figure},
    strace::{self, Calls},
    table::Table,
    wrk::Wrk,
};

const CONNECTIONS: u32 = 64;
const ROUTES: usize = 100;
const PATH: &str = "/products/1";
const WARM_UP: Duration = Duration::from_secs(1);
const TRACED: u64 = 20_000;
const TRACE_TIME: Duration = Duration::from_secs(60);

/// Tidegate's CPU time per request divided by the peer's: at most this.
const BARS: [(Kind, f64); 3] = [
    (Kind::Floor, 1.15),
    (Kind::Haproxy, 0.75),
    (Kind::Envoy, 0.25),
];

/// A program and what was measured of it, one value per round.
struct Entrant {
    running: Running,
    meter: Meter,
    /// CPU microseconds per request by the scheduler's account, or by ticks without one.
    cpu: Vec<f64>,
    cpu_ticks: Vec<f64>,
    per_second: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
    resident: Vec<f64>,
    errors: u64,
    /// `None` without `strace`.
    calls: Option<Calls>,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let programs = peers::find(options, &Kind::ALL)?;
    let wrk = Wrk::find(LOAD_CORE)?;
    let origin = Origin::small(LOAD_CORE)?;
    let (rounds, time) = (options.rounds_or(7), options.time_or(4));
    let routes = routes::comparison(ROUTES)?;
    let job = Job {
        origin: origin.address,
        core: Some(SUBJECT_CORE),
        workers: 1,
        connections: 8192,
        streaming: false,
        routes: &routes.yaml,
        secure: None,
    };
    let mut report = Report::new(options, "One small request through each proxy", &programs);
    let mut entrants = Vec::new();
    for program in &programs {
        entrants.push(Entrant::new(program.start(&job)?)?);
    }
    explain(&mut report, rounds, time);
    for entrant in &entrants {
        let kind = entrant.running.kind;
        if kind != Kind::Floor && !origin::sees_client_address(entrant.running.address) {
            report.paragraph(&format!(
                "**{kind} does not add X-Forwarded-For: it does less than the others.**"
            ));
        }
    }
    in_rounds(rounds, &mut entrants, |entrant| entrant.measure(&wrk, time))?;
    if let Some(strace) = strace::find() {
        for entrant in &mut entrants {
            entrant.calls = Some(entrant.trace(&strace)?);
        }
    }
    report.table("Figures", &figures(&entrants));
    report.table("CPU time per request, row ÷ column", &ratios(&entrants));
    report.table("System calls per request", &calls(&entrants));
    for (peer, limit) in BARS {
        report.bar(Bar {
            what: format!("CPU time per request, tidegate ÷ {peer}"),
            direction: Direction::AtMost,
            limit,
            value: ratio(&entrants, Kind::Tidegate, peer).map(|spread| spread.median),
            unit: "×",
        });
    }
    report.finish(options)
}

fn explain(report: &mut Report, rounds: u32, time: Duration) {
    report.paragraph(&format!(
        "Reverse proxy, HTTP/1.1 keep-alive on both sides, {CONNECTIONS} connections, 80-byte JSON body; each program \
         with one worker on core {SUBJECT_CORE}, origin (nginx, one worker) and wrk on core {LOAD_CORE}; {ROUTES} \
         routes in Tidegate, metrics on, X-Forwarded-For added by all but the floor. {rounds} interleaved rounds in \
         rotated order, each {} s after {} s of warm-up. CPU time is user and system time of the program with all its \
         processes. Values are medians over the rounds [smallest–largest]; ratios are taken within each round.",
        time.as_secs(),
        WARM_UP.as_secs(),
    ));
}

impl Entrant {
    fn new(running: Running) -> Result<Self> {
        Ok(Self {
            meter: running.meter()?,
            running,
            cpu: Vec::new(),
            cpu_ticks: Vec::new(),
            per_second: Vec::new(),
            p50: Vec::new(),
            p99: Vec::new(),
            resident: Vec::new(),
            errors: 0,
            calls: None,
        })
    }

    fn measure(&mut self, wrk: &Wrk, time: Duration) -> Result<()> {
        let url = self.running.url(PATH);
        wrk.run(&url, CONNECTIONS, WARM_UP)?;
        let before = self.meter.cpu()?;
        let figures = wrk.run(&url, CONNECTIONS, time)?;
        let used = self.meter.cpu()?.since(before);
        let per_request =
            |time: Duration| time.as_secs_f64() * 1e6 / figure(figures.requests.max(1));
        self.cpu.push(per_request(used.best()));
        self.cpu_ticks.push(per_request(used.ticks));
        self.per_second.push(figures.per_second);
        self.p50.push(figures.p50);
        self.p99.push(figures.p99);
        self.resident
            .push(figure(self.meter.resident()?) / f64::from(1 << 20));
        self.errors += figures.errors;
        Ok(())
    }

    /// Counts system calls of a fixed number of requests on connections that are already in use.
    fn trace(&self, strace: &std::path::Path) -> Result<Calls> {
        let requests = [http::request(&self.running.address.to_string(), PATH)];
        let mut fleet = Fleet::connect(self.running.address, CONNECTIONS as usize)?;
        let mut work = Work {
            requests: &requests,
            pace: Pace::Closed,
            total: 2_000,
            time: TRACE_TIME,
        };
        fleet.run(&work)?;
        let count = strace::Count::start(strace, &self.meter)?;
        work.total = TRACED;
        let summary = fleet.run(&work)?;
        let calls = count.finish()?;
        anyhow::ensure!(
            summary.succeeded == TRACED,
            "{} answered {} of {TRACED} requests under strace",
            self.running.kind,
            summary.succeeded
        );
        Ok(calls)
    }
}

fn figures(entrants: &[Entrant]) -> Table {
    let mut table = Table::new([
        "program",
        "CPU µs/request",
        "by 10 ms ticks",
        "requests/s",
        "p50 µs",
        "p99 µs",
        "resident MiB",
        "errors",
    ]);
    for entrant in entrants {
        table.row([
            entrant.running.kind.to_string(),
            with_range(&entrant.cpu),
            median(&entrant.cpu_ticks),
            median(&entrant.per_second),
            median(&entrant.p50),
            median(&entrant.p99),
            median(&entrant.resident),
            entrant.errors.to_string(),
        ]);
    }
    table
}

fn ratios(entrants: &[Entrant]) -> Table {
    let names = entrants
        .iter()
        .map(|entrant| format!("÷ {}", entrant.running.kind));
    let mut table = Table::new(["program".to_owned()].into_iter().chain(names));
    for of in entrants {
        let cells = entrants.iter().map(|to| {
            let spread = stats::ratio(&of.cpu, &to.cpu);
            spread.map_or_else(|| "–".to_owned(), |spread| format!("{:.2}", spread.median))
        });
        table.row([of.running.kind.to_string()].into_iter().chain(cells));
    }
    table
}

fn calls(entrants: &[Entrant]) -> Table {
    let names = entrants
        .iter()
        .map(|entrant| entrant.running.kind.to_string());
    let mut table = Table::new(["system call".to_owned()].into_iter().chain(names));
    let per_request = |calls: u64| figure(calls) / figure(TRACED);
    // What was called less than once in 1,000 requests belongs to no request.
    let known: BTreeSet<&String> = entrants
        .iter()
        .filter_map(|entrant| entrant.calls.as_ref())
        .flatten()
        .filter(|(_, (calls, _))| per_request(*calls) >= 0.001)
        .map(|(name, _)| name)
        .collect();
    let mut row = |title: &str, value: &dyn Fn(&Calls) -> u64| {
        let cells = entrants.iter().map(|entrant| match &entrant.calls {
            Some(calls) => format!("{:.3}", per_request(value(calls))),
            None => "–".to_owned(),
        });
        table.row([title.to_owned()].into_iter().chain(cells));
    };
    for name in known {
        row(name, &|calls| {
            calls.get(name).map_or(0, |(calls, _)| *calls)
        });
    }
    row("all", &|calls| calls.values().map(|(calls, _)| calls).sum());
    row("of these failed (EAGAIN and others)", &|calls| {
        calls.values().map(|(_, errors)| errors).sum()
    });
    table
}

fn ratio(entrants: &[Entrant], of: Kind, to: Kind) -> Option<Spread> {
    let cpu = |kind| {
        let entrant = entrants.iter().find(|entrant| entrant.running.kind == kind);
        entrant
            .map(|entrant| &entrant.cpu)
            .context("did not take part")
            .ok()
    };
    stats::ratio(cpu(of)?, cpu(to)?)
}
