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
/// The first second also holds the opening of upstream connections.
const COLD: usize = 1;

/// One change of the configuration.
struct Change {
    how: &'static str,
    /// Since the start of the load.
    at: Duration,
    /// Until the new configuration answered; `None` if it never did.
    took: Option<Duration>,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let programs = peers::find(options, &[Kind::Tidegate])?;
    let program = programs.first().context("no tidegate")?;
    let origin = Origin::small(LOAD_CORE)?;
    let count = if options.quick { ROUTES_QUICK } else { ROUTES };
    let time = options.time_or(24).max(Duration::from_secs(12));
    let first = routes(count, 1)?;
    let job = Job {
        origin: origin.address,
        core: None,
        workers: 1,
        connections: 8192,
        streaming: false,
        routes: &first.yaml,
    };
    let mut running = program.start(&job)?;
    let text = fs::read_to_string(&running.config).context("the configuration")?;
    let version = |version| {
        Ok::<_, anyhow::Error>(text.replace(
            first.yaml.trim_end(),
            routes(count, version)?.yaml.trim_end(),
        ))
    };
    let generator = Generator::start(&Order {
        address: running.address,
        requests: &first.sample,
        rate: Some(RATE),
        connections: CONNECTIONS,
        time,
        core: LOAD_CORE,
    })?;
    let begun = generator.started();
    let mut changes = Vec::new();
    sleep_until(begun + time / 3);
    changes.push(rewrite_and_signal(&mut running, &version(2)?, begun)?);
    sleep_until(begun + time * 2 / 3);
    changes.push(replace(&running, &version(3)?, begun)?);
    let summary = generator.finish()?;
    output::progress(&format!("{} requests", summary.sent));

    let mut report = Report::new(options, "Reload under load", &programs);
    report.paragraph(&format!(
        "{count} routes, {RATE} requests per second by schedule over {CONNECTIONS} keep-alive connections for {} s; one \
         worker, not pinned (the control plane may use the other core, which origin and generator share). The file is \
         replaced twice by one in which every route but {SAMPLE} has another path: once rewritten in place and announced \
         by SIGHUP, once renamed into place without a signal. Latency counts from the moment a request was due.",
        time.as_secs()
    ));
    if summary.lag.p50 > LATE_MAX {
        report.paragraph(
            "**The machine was too busy: half of all requests were sent too late. What follows says something about \
             failures and closed connections, nothing about latency.**",
        );
    }
    report.table("Changes", &table_of(&changes));
    report.table("Seconds", &seconds(&summary, &changes));
    add_bars(&mut report, &summary, &changes);
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

fn rewrite_and_signal(running: &mut Running, text: &str, begun: Instant) -> Result<Change> {
    fs::write(&running.config, text).context("cannot rewrite the configuration")?;
    let at = begun.elapsed();
    running.process().signal(Signal::HUP)?;
    Ok(Change {
        how: "rewritten, SIGHUP",
        at,
        took: wait_for(running.address, "version 2"),
    })
}

fn replace(running: &Running, text: &str, begun: Instant) -> Result<Change> {
    let beside: &Path = &running.config.with_extension("new");
    fs::write(beside, text).context("cannot write the new configuration")?;
    let at = begun.elapsed();
    fs::rename(beside, &running.config).context("cannot rename the new configuration")?;
    Ok(Change {
        how: "renamed into place",
        at,
        took: wait_for(running.address, "version 3"),
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

fn table_of(changes: &[Change]) -> Table {
    let mut table = Table::new(["change", "at s", "in force after ms"]);
    for change in changes {
        table.row([
            change.how.to_owned(),
            number(change.at.as_secs_f64()),
            change.took.map_or_else(
                || "**never**".to_owned(),
                |took| number(took.as_secs_f64() * 1e3),
            ),
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
        let reload: Vec<&str> = reloads.map(|change| change.how).collect();
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

fn add_bars(report: &mut Report, summary: &Summary, changes: &[Change]) {
    let counts = [
        (
            "requests failed or not sent",
            summary.failed + summary.unsent,
        ),
        ("connections closed by tidegate", summary.closed),
        (
            "changes that did not take effect",
            changes
                .iter()
                .filter(|change| change.took.is_none())
                .count() as u64,
        ),
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
    for change in changes {
        let value = slowdown(summary, change);
        report.paragraph(&format!(
            "{}: p99 rose by the factor {}.",
            change.how,
            number_or_dash(value)
        ));
        report.bar(Bar {
            what: format!(
                "p99 in the second of the reload ÷ p99 before ({})",
                change.how
            ),
            direction: Direction::AtMost,
            limit: RATIO_BAR,
            value,
            unit: "×",
        });
    }
}

/// The worst p99 of the seconds of the change over the median p99 of up to four seconds before it.
fn slowdown(summary: &Summary, change: &Change) -> Option<f64> {
    let p99 = |second: usize| {
        summary
            .seconds_of_run
            .get(second)
            .map(|second| second.latency.p99)
    };
    let range = affected(change);
    let start = *range.start();
    let before = stats::spread((start.saturating_sub(4).max(COLD)..start).filter_map(p99))?;
    let during = range.filter_map(p99).fold(f64::NAN, f64::max);
    Some(during / before.median)
}

fn sleep_until(moment: Instant) {
    thread::sleep(moment.saturating_duration_since(Instant::now()));
}
