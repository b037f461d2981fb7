//! Reloads under load: nothing fails, nobody is cut off, and nobody waits long.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rustix::process::Signal;

use super::LOAD_CORE;
use crate::{
    generator::{Generator, Order},
    http,
    load::Summary,
    options::Options,
    origin::Origin,
    output,
    peers::{self, Job, Kind, Running},
    report::{Bar, Direction, Report, number, number_or_dash},
    routes::{self, Routes},
    stats::{self, figure},
    table::Table,
};

const ROUTES: usize = 10_000;
const ROUTES_QUICK: usize = 500;
const RATE: u32 = 5_000;
const CONNECTIONS: u32 = 64;
/// Requests that both configurations forward alike.
const SAMPLE: usize = 200;
/// A reload that has not happened after this has not happened.
const PATIENCE: Duration = Duration::from_secs(8);
/// Microseconds; the generator on a quiet machine is late by some ten.
const LATE_MAX: f64 = 1_000.0;
const RATIO_BAR: f64 = 3.0;
/// From one change to the next, and from the first second, which also holds the opening of upstream connections, to the
/// first change.
const PERIOD: Duration = Duration::from_secs(5);

/// How a change is made known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Signalled,
    Renamed,
}

/// One change of the configuration.
struct Change {
    how: How,
    /// Since the start of the load.
    at: Duration,
    /// Until the new configuration answered; `None` if it never did.
    took: Option<Duration>,
}

/// By how much p99 rose in the seconds of a change, and in the last second before it.
struct Factors {
    changed: Option<f64>,
    quiet: Option<f64>,
}

impl How {
    const ALL: [Self; 2] = [Self::Signalled, Self::Renamed];

    /// In turn; the first change is number 1.
    fn of(number: u32) -> Self {
        if number % 2 == 1 {
            Self::Signalled
        } else {
            Self::Renamed
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Signalled => "rewritten, SIGHUP",
            Self::Renamed => "renamed into place",
        }
    }
}

pub(super) fn run(options: &Options) -> Result<()> {
    let programs = peers::find(options, &[Kind::Tidegate])?;
    let program = programs.first().context("no tidegate")?;
    let origin = Origin::small(LOAD_CORE)?;
    let count = if options.quick { ROUTES_QUICK } else { ROUTES };
    let rounds = options.rounds_or(5);
    let time = PERIOD * (2 * rounds + 1);
    let first = routes(count, 1)?;
    let job = Job {
        origin: origin.address,
        core: None,
        workers: 1,
        connections: 8192,
        streaming: false,
        routes: &first.yaml,
        secure: None,
    };
    let mut running = program.start(&job)?;
    let text = fs::read_to_string(&running.config).context("the configuration")?;
    // Made beforehand: making one takes as long as reading it.
    let versions = (1..=2 * rounds).map(|number| {
        let routes = routes(count, number + 1)?;
        Ok::<_, anyhow::Error>(text.replace(first.yaml.trim_end(), routes.yaml.trim_end()))
    });
    let versions: Vec<String> = versions.collect::<Result<_>>()?;
    let generator = Generator::start(&Order {
        address: running.address,
        requests: &first.sample,
        rate: Some(RATE),
        connections: CONNECTIONS,
        time,
        core: LOAD_CORE,
        is_urgent: false,
    })?;
    let begun = generator.started();
    let mut changes = Vec::new();
    for (number, text) in (1..).zip(&versions) {
        sleep_until(begun + PERIOD * number);
        let (how, version) = (How::of(number), number + 1);
        changes.push(change(&mut running, how, text, version, begun)?);
        output::progress(&format!("change {number} of {}", 2 * rounds));
    }
    let summary = generator.finish()?;
    output::progress(&format!("{} requests", summary.sent));

    let mut report = Report::new(options, "Reload under load", &programs);
    report.paragraph(&format!(
        "{count} routes, {RATE} requests per second by schedule over {CONNECTIONS} keep-alive connections for {} s; one \
         worker, not pinned (the control plane may use the other core, which origin and generator share). {rounds} times \
         the file is replaced by one in which every route but {SAMPLE} has another path: rewritten in place and announced \
         by SIGHUP, and {} s later renamed into place without a signal. Latency counts from the moment a request was due. \
         A factor is the worst p99 of the seconds of a change over the median p99 of the seconds since the change \
         before; beside it stands what the last of those seconds, in which nothing happened, makes by the same rule.",
        time.as_secs(),
        PERIOD.as_secs(),
    ));
    if summary.lag.p50 > LATE_MAX {
        report.paragraph(
            "**The machine was too busy: half of all requests were sent too late. What follows says something about \
             failures and closed connections, nothing about latency.**",
        );
    }
    let factors = factors(&summary, &changes);
    report.table("Changes", &table_of(&changes, &factors));
    report.table("Seconds", &seconds(&summary, &changes));
    add_bars(&mut report, &summary, &changes, &factors);
    report.finish(options)
}

/// The sampled routes stay, the others change with the version.
fn routes(count: usize, version: u32) -> Result<Routes> {
    let mut kept = routes::many(SAMPLE, SAMPLE, 0)?;
    kept.yaml = kept.yaml.replace("name: r", "name: kept");
    kept.yaml
        .push_str(&routes::many(count.saturating_sub(SAMPLE + 2), 0, version)?.yaml);
    routes::add_products(&mut kept)?;
    routes::add_version(&mut kept, version)?;
    Ok(kept)
}

fn change(
    running: &mut Running,
    how: How,
    text: &str,
    version: u32,
    begun: Instant,
) -> Result<Change> {
    let at = match how {
        How::Signalled => {
            fs::write(&running.config, text).context("cannot rewrite the configuration")?;
            let at = begun.elapsed();
            running.process().signal(Signal::HUP)?;
            at
        }
        How::Renamed => {
            let beside: &Path = &running.config.with_extension("new");
            fs::write(beside, text).context("cannot write the new configuration")?;
            let at = begun.elapsed();
            fs::rename(beside, &running.config).context("cannot rename the new configuration")?;
            at
        }
    };
    Ok(Change {
        how,
        at,
        took: wait_for(running.address, &format!("version {version}")),
    })
}

fn wait_for(address: SocketAddr, text: &str) -> Option<Duration> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if http::get(address, "/version").is_ok_and(|answer| answer.body.contains(text)) {
            return Some(started.elapsed());
        }
        thread::sleep(Duration::from_millis(10));
    }
    None
}

fn table_of(changes: &[Change], factors: &[Factors]) -> Table {
    let mut table = Table::new([
        "change",
        "at s",
        "in force after ms",
        "p99 ×",
        "× of the second before",
    ]);
    for (change, factors) in changes.iter().zip(factors) {
        table.row([
            change.how.label().to_owned(),
            number(change.at.as_secs_f64()),
            change.took.map_or_else(
                || "**never**".to_owned(),
                |took| number(took.as_secs_f64() * 1e3),
            ),
            number_or_dash(factors.changed),
            number_or_dash(factors.quiet),
        ]);
    }
    table
}

fn seconds(summary: &Summary, changes: &[Change]) -> Table {
    let mut table = Table::new([
        "second",
        "succeeded",
        "failed",
        "p50 µs",
        "p99 µs",
        "largest µs",
        "reload",
    ]);
    for (second, values) in summary.seconds_of_run.iter().enumerate() {
        if values.succeeded + values.failed == 0 {
            continue;
        }
        let reloads = changes
            .iter()
            .filter(|change| affected(change).contains(&second));
        let reload: Vec<&str> = reloads.map(|change| change.how.label()).collect();
        table.row([
            second.to_string(),
            values.succeeded.to_string(),
            values.failed.to_string(),
            number(values.latency.p50),
            number(values.latency.p99),
            number(values.latency.max),
            reload.join(", "),
        ]);
    }
    table
}

/// The seconds of the run from the change until it was in force.
fn affected(change: &Change) -> std::ops::RangeInclusive<usize> {
    let second = |time: Duration| usize::try_from(time.as_secs()).unwrap_or(usize::MAX);
    second(change.at)..=second(change.at + change.took.unwrap_or(PATIENCE))
}

fn add_bars(report: &mut Report, summary: &Summary, changes: &[Change], factors: &[Factors]) {
    let lost = changes.iter().filter(|change| change.took.is_none());
    let counts = [
        (
            "requests failed or not sent",
            summary.failed + summary.unsent,
        ),
        ("connections closed by tidegate", summary.closed),
        ("changes that did not take effect", lost.count() as u64),
    ];
    for (what, count) in counts {
        report.bar(Bar {
            what: what.to_owned(),
            direction: Direction::AtMost,
            limit: 0.0,
            value: Some(figure(count)),
            unit: "",
        });
    }
    for how in How::ALL {
        let of_kind = changes.iter().zip(factors);
        let values = of_kind
            .filter(|(change, _)| change.how == how)
            .filter_map(|(_, factors)| factors.changed);
        report.bar(Bar {
            what: format!(
                "p99 in the second of the reload ÷ p99 before, median ({})",
                how.label()
            ),
            direction: Direction::AtMost,
            limit: RATIO_BAR,
            value: stats::median(values),
            unit: "×",
        });
    }
    let quiet = factors.iter().filter_map(|factors| factors.quiet);
    report.paragraph(&format!(
        "Median factor of the seconds in which nothing happened: {}.",
        number_or_dash(stats::median(quiet))
    ));
}

/// Of each change, in order.
fn factors(summary: &Summary, changes: &[Change]) -> Vec<Factors> {
    let p99 = |second: usize| {
        let values = summary.seconds_of_run.get(second)?;
        (values.succeeded > 0).then_some(values.latency.p99)
    };
    let mut quiet_from = 1;
    let mut all = Vec::new();
    for change in changes {
        let range = affected(change);
        let (start, end) = (*range.start(), *range.end());
        let before = stats::median((quiet_from..start).filter_map(p99));
        let worst = range.filter_map(p99).reduce(f64::max);
        let last = start.checked_sub(1).filter(|last| *last > quiet_from);
        let earlier = last.and_then(|last| stats::median((quiet_from..last).filter_map(p99)));
        all.push(Factors {
            changed: before.and_then(|before| Some(worst? / before)),
            quiet: earlier.and_then(|earlier| Some(p99(last?)? / earlier)),
        });
        quiet_from = end + 1;
    }
    all
}

fn sleep_until(moment: Instant) {
    thread::sleep(moment.saturating_duration_since(Instant::now()));
}
