//! What metrics cost: counting a request, a scrape of many series, and requests that are served during one.

mod disturbance;
mod recording;
mod scrapes;

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use self::{disturbance::Disturbance, scrapes::Scrapes};
use super::LOAD_CORE;
use crate::{
    generator::Order,
    http,
    load::{Fleet, Pace, Work},
    options::Options,
    origin::Origin,
    output,
    peers::{self, Job, Kind, Program, Running},
    report::{Bar, Direction, Report, median, number_or_dash},
    routes::{self, Routes},
    scrape::Page,
};

const STATUSES: [u16; 5] = [200, 204, 302, 404, 503];
const CONNECTIONS: u32 = 64;
const RATE: u32 = 2_000;
/// Requests under load hit so many routes.
const SAMPLE: usize = 500;
/// Microseconds. A virtual machine that is quiet stands still for one or two milliseconds about once a second, in every
/// kind of second alike.
const LATE_MAX: f64 = 2_000.0;

const RECORDING_BAR_MICROS: f64 = 0.2;
const SCRAPE_BAR_MS: f64 = 20.0;
const SLOWER_BAR_MS: f64 = 1.0;

/// Sizes of a run.
struct Sizes {
    /// Requests counted per round of the loop.
    counted: u64,
    routes: usize,
    /// Of each format.
    scrapes: u32,
    /// With scrapes, as many without, and as many before.
    seconds: u64,
}

impl Sizes {
    fn of(options: &Options) -> Self {
        let (counted, routes, scrapes, seconds) = if options.quick {
            (200_000, 100, 20, 2)
        } else {
            (10_000_000, 1_000, 50, 20)
        };
        Self {
            counted,
            routes,
            scrapes: options.rounds_or(scrapes),
            seconds: options.time_or(seconds).as_secs(),
        }
    }
}

pub(super) fn run(options: &Options) -> Result<()> {
    let programs = peers::find(options, &[Kind::Tidegate])?;
    let program = programs.first().context("no tidegate")?;
    let sizes = Sizes::of(options);
    let mut report = Report::new(options, "What metrics cost", &programs);
    let recorded = recording::measure(&mut report, sizes.counted, &STATUSES)?;
    output::progress("counting: done");
    let origin = Origin::statuses(LOAD_CORE)?;
    let routes = routes::statuses(sizes.routes, &STATUSES, SAMPLE)?;
    let running = start(program, &origin, &routes)?;
    let series = hit_all(&running, &sizes)?;
    let scrapes = Scrapes::measure(&running, sizes.scrapes, LOAD_CORE)?;
    output::progress("scrapes: done");
    let order = Order {
        address: running.address,
        requests: &routes.sample,
        rate: Some(RATE),
        connections: CONNECTIONS,
        time: Duration::ZERO,
        core: LOAD_CORE,
        is_urgent: true,
    };
    let disturbance = disturbance::measure(&order, running.admin, sizes.seconds)?;
    explain_scrapes(&mut report, &sizes, series);
    report.table("Scrapes", &scrapes::table(&scrapes));
    explain_disturbance(&mut report, &disturbance, &sizes);
    report.table("Requests during scrapes", &disturbance.table());
    add_bars(&mut report, recorded, &scrapes, &disturbance);
    report.finish(options)
}

/// Not pinned: rendering takes the other core where there is one, as it does in operation.
fn start(program: &Program, origin: &Origin, routes: &Routes) -> Result<Running> {
    program.start(&Job {
        origin: origin.address,
        core: None,
        workers: 1,
        connections: 8192,
        streaming: false,
        routes: &routes.yaml,
        secure: None,
    })
}

/// Asks for every status of every route once; how many series of the server's histogram there are then.
fn hit_all(running: &Running, sizes: &Sizes) -> Result<usize> {
    let host = running.address.to_string();
    let requests: Vec<_> = (0..sizes.routes)
        .flat_map(|route| STATUSES.map(|status| routes::status_path(route, status)))
        .map(|path| http::request(&host, &path))
        .collect();
    let total = u64::try_from(requests.len()).context("too many requests")?;
    let summary = Fleet::connect(running.address, CONNECTIONS as usize)?.run(&Work {
        requests: &requests,
        pace: Pace::Closed,
        total,
        time: Duration::from_secs(60),
    })?;
    let answered = summary.succeeded + summary.other_status;
    ensure!(
        answered == total,
        "{answered} of {total} requests were answered"
    );
    let series = Page::read(running.admin)?.count("http_server_request_duration_seconds_count");
    ensure!(
        series >= requests.len(),
        "expected a series of each of {total} routes and statuses, found {series}"
    );
    Ok(series)
}

fn explain_scrapes(report: &mut Report, sizes: &Sizes, series: usize) {
    report.paragraph(&format!(
        "**Scrapes.** {} routes that have each answered with {} statuses: {series} series of the server's histogram, 15 \
         buckets each. One worker, not pinned; the scraper on core {LOAD_CORE}, on a fresh connection each time, throws the \
         page away. Nothing else happens. `whole` is from before connecting to the last byte; until the first byte the page \
         is collected and rendered, afterwards it is moved. `CPU` is that of Tidegate, which a \
         busy machine changes least. Medians.",
        sizes.routes,
        STATUSES.len(),
    ));
}

fn explain_disturbance(report: &mut Report, disturbance: &Disturbance, sizes: &Sizes) {
    let largest = disturbance.scrapes.iter().copied().reduce(f64::max);
    report.paragraph(&format!(
        "**Requests during scrapes.** {RATE} requests per second by schedule over {CONNECTIONS} keep-alive connections to up \
         to {SAMPLE} of the routes, first {} s without scrapes, then {} s in which every other second has five scrapes as \
         Prometheus text: {} of them, median {} ms, largest {} ms, {} of which ended in the second after theirs. Latency \
         counts from the moment a request was due; medians over the seconds, but for `largest of all` and `sent late at \
         worst`, which is what the generator added itself: it shares core {LOAD_CORE} with the origin and, where the \
         kernel wants it so, with threads of Tidegate; by real-time priority (`chrt`, where it is allowed) it goes before \
         them all, and the scraper, which is there as well, after them all. The lag of the \
         worker's loop is the longest of the last 10 to 20 seconds at the end of each run: of seconds with scrapes and \
         without together. Steady are seconds in which no request was sent more than 2 ms late: {} with scrapes and {} \
         without; only they count for the largest of all.",
        sizes.seconds,
        2 * sizes.seconds,
        disturbance.scrapes.len(),
        median(&disturbance.scrapes),
        number_or_dash(largest),
        disturbance.spilled,
        disturbance.steady().0,
        disturbance.steady().1,
    ));
    if is_too_busy(disturbance) {
        report.paragraph(
            "**The machine was too busy: the generator was late even in seconds without scrapes. The latencies below say \
             nothing about scrapes, and no bar is held against them.**",
        );
    }
}

fn add_bars(
    report: &mut Report,
    recorded: Option<f64>,
    scrapes: &[Scrapes],
    disturbance: &Disturbance,
) {
    let mut at_most = |what: String, limit, value, unit| {
        report.bar(Bar {
            what,
            direction: Direction::AtMost,
            limit,
            value,
            unit,
        });
    };
    at_most(
        "CPU time of counting a proxied request, many keys".to_owned(),
        RECORDING_BAR_MICROS,
        recorded,
        "µs",
    );
    for of in scrapes {
        for (which, value) in [("median", of.median()), ("largest", of.largest())] {
            let what = format!("{which} scrape, {}", of.format);
            at_most(what, SCRAPE_BAR_MS, value, "ms");
        }
    }
    for (which, value) in [
        ("largest of all steady seconds", disturbance.of_largest()),
        ("median of each second's largest", disturbance.of_medians()),
    ] {
        let what = format!("latency with scrapes − without, {which}");
        let value = value.filter(|_| !is_too_busy(disturbance));
        at_most(what, SLOWER_BAR_MS, value, "ms");
    }
}

fn is_too_busy(disturbance: &Disturbance) -> bool {
    disturbance.late_micros().is_none_or(|late| late > LATE_MAX)
}
