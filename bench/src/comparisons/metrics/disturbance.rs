//! What scrapes do to the requests that are served meanwhile: the same load in seconds with scrapes and without.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};

use super::scrapes::{FORMATS, milliseconds, scrape};
use crate::{
    generator::{self, Generator, Order},
    load::Second,
    process,
    report::{median, number_or_dash},
    scrape::Page,
    stats,
    table::Table,
};

const PER_SECOND: u32 = 5;
/// From the beginning of a second to its first scrape.
const OFFSET: Duration = Duration::from_millis(50);
/// How late a request may be sent, in microseconds, in a second that counts for the largest of all.
const STEADY_LATE_MAX: f64 = 2_000.0;
/// Seconds of each kind without which there is no largest of all.
const STEADY_MIN: usize = 5;
/// What is left of the second after this is too little for one more.
const LATEST: Duration = Duration::from_millis(900);

/// Seconds of one kind.
pub(super) struct Seconds {
    name: &'static str,
    seconds: Vec<Second>,
    /// Of the worker's loop over the last 10 to 20 seconds, in milliseconds, read when the run was over.
    lag: f64,
}

/// A run without scrapes, and one in which every other second has some.
pub(super) struct Disturbance {
    pub(super) undisturbed: Seconds,
    pub(super) without: Seconds,
    pub(super) with: Seconds,
    /// Durations of the scrapes under load, in milliseconds.
    pub(super) scrapes: Vec<f64>,
    /// Scrapes that ended in the second after theirs, which counts as one without.
    pub(super) spilled: usize,
}

/// Runs `seconds` seconds without scrapes, then as many with and as many without in turn.
pub(super) fn measure(order: &Order<'_>, admin: SocketAddr, seconds: u64) -> Result<Disturbance> {
    let lag = || {
        Ok::<_, anyhow::Error>(Page::read(admin)?.sum("tidegate_worker_loop_lag_seconds", "") * 1e3)
    };
    // The first second also holds the opening of connections, here and upstream.
    let run = |seconds| Order {
        time: Duration::from_secs(seconds + 1),
        ..order.clone()
    };
    let summary = generator::run(&run(seconds))?;
    let undisturbed = Seconds {
        name: "run without scrapes",
        seconds: whole_seconds(summary.seconds_of_run, seconds).collect(),
        lag: lag()?,
    };
    let generator = Generator::start(&run(2 * seconds))?;
    let (begun, core) = (generator.started(), order.core);
    let scraping = thread::spawn(move || scrape_by_turns(admin, begun, 2 * seconds, core));
    let summary = generator.finish()?;
    let ended = scraping.join();
    let scrapes = ended.map_err(|_| anyhow!("the scraping thread failed"))??;
    let both = lag()?;
    let of = |name, is_wanted: fn(usize) -> bool| {
        let all = whole_seconds(summary.seconds_of_run.clone(), 2 * seconds).enumerate();
        Seconds {
            name,
            seconds: all
                .filter_map(|(at, second)| is_wanted(at + 1).then_some(second))
                .collect(),
            lag: both,
        }
    };
    Ok(Disturbance {
        undisturbed,
        without: of("seconds without scrapes", |second| !has_scrapes(second)),
        with: of("seconds with scrapes", has_scrapes),
        spilled: scrapes.iter().filter(|scrape| scrape.is_late).count(),
        scrapes: scrapes.iter().map(|scrape| scrape.millis).collect(),
    })
}

struct Scrape {
    millis: f64,
    is_late: bool,
}

fn has_scrapes(second: usize) -> bool {
    second % 2 == 1
}

/// All but the first, and but the rest behind the last.
fn whole_seconds(seconds: Vec<Second>, count: u64) -> impl Iterator<Item = Second> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    seconds.into_iter().skip(1).take(count)
}

/// Shares the core with the generator and yields to it.
fn scrape_by_turns(
    admin: SocketAddr,
    begun: Instant,
    seconds: u64,
    core: u32,
) -> Result<Vec<Scrape>> {
    process::pin_current_thread(core)?;
    process::yield_to_others()?;
    let (_, accept) = FORMATS[0];
    let mut scrapes = Vec::new();
    for second in (1..=seconds).step_by(2) {
        let second = begun + Duration::from_secs(second);
        for number in 0..PER_SECOND {
            let due = second + OFFSET + Duration::from_secs(1) / PER_SECOND * number;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if second.elapsed() > LATEST {
                break;
            }
            scrapes.push(Scrape {
                millis: milliseconds(scrape(admin, accept)?.whole),
                is_late: second.elapsed() >= Duration::from_secs(1),
            });
        }
    }
    Ok(scrapes)
}

impl Disturbance {
    /// By how many milliseconds the largest latency of all seconds with scrapes exceeds that of all without, of seconds in
    /// which the generator was never late: a machine that stood still says nothing about scrapes. `None` for too few.
    pub(super) fn of_largest(&self) -> Option<f64> {
        let largest = |seconds: &Seconds| {
            let steady = seconds.steady();
            let enough = steady.seconds.len() >= STEADY_MIN;
            let largest = steady.largest(|second| second.latency.max);
            largest.filter(|_| enough)
        };
        Some((largest(&self.with)? - largest(&self.without)?) / 1e3)
    }

    /// How many seconds with scrapes and without that were.
    pub(super) fn steady(&self) -> (usize, usize) {
        let count = |seconds: &Seconds| seconds.steady().seconds.len();
        (count(&self.with), count(&self.without))
    }

    /// The same of the medians of each second's largest.
    pub(super) fn of_medians(&self) -> Option<f64> {
        let median = |seconds: &Seconds| stats::median(seconds.values(|second| second.latency.max));
        Some((median(&self.with)? - median(&self.without)?) / 1e3)
    }

    /// How late the generator was in the median of the seconds without scrapes, at worst, in microseconds.
    pub(super) fn late_micros(&self) -> Option<f64> {
        stats::median(self.without.values(|second| second.late_max))
    }

    pub(super) fn table(&self) -> Table {
        let mut table = Table::new([
            "latency µs",
            "seconds",
            "p50",
            "p99",
            "largest",
            "largest of all",
            "sent late at worst",
            "failed",
            "loop lag ms",
        ]);
        for seconds in [&self.undisturbed, &self.without, &self.with] {
            let failed: u64 = seconds.seconds.iter().map(|second| second.failed).sum();
            table.row([
                seconds.name.to_owned(),
                seconds.seconds.len().to_string(),
                median(&seconds.values(|second| second.latency.p50)),
                median(&seconds.values(|second| second.latency.p99)),
                median(&seconds.values(|second| second.latency.max)),
                number_or_dash(seconds.largest(|second| second.latency.max)),
                number_or_dash(seconds.largest(|second| second.late_max)),
                failed.to_string(),
                number_or_dash(Some(seconds.lag)),
            ]);
        }
        table
    }
}

impl Seconds {
    /// Those in which every request was sent in time.
    fn steady(&self) -> Self {
        let in_time = |second: &&Second| second.late_max <= STEADY_LATE_MAX;
        Self {
            name: self.name,
            seconds: self.seconds.iter().filter(in_time).cloned().collect(),
            lag: self.lag,
        }
    }

    fn values(&self, value: impl Fn(&Second) -> f64) -> Vec<f64> {
        self.seconds.iter().map(value).collect()
    }

    fn largest(&self, value: impl Fn(&Second) -> f64) -> Option<f64> {
        self.values(value).into_iter().reduce(f64::max)
    }
}
