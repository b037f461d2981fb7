//! The latency a proxy adds when it has time: a fixed rate, each request charged from the moment it was due.

use anyhow::Result;

use super::{LOAD_CORE, SUBJECT_CORE, in_rounds};
use crate::{
    generator::{self, Order},
    load::Summary,
    options::Options,
    origin::Origin,
    peers::{self, Job, Kind, Running},
    report::{Bar, Direction, Report, median, number},
    routes, stats,
    table::Table,
};

const RATE: u32 = 2_000;
const CONNECTIONS: u32 = 64;
const ROUTES: usize = 100;
/// The generator on a quiet machine is late by some ten microseconds; beyond this the machine does other work.
const LATE_MAX: f64 = 1_000.0;

/// One way to the origin and what was measured on it, one value per round.
struct Way {
    /// `None`: straight to the origin.
    running: Option<Running>,
    rounds: Vec<Summary>,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let programs = peers::find(options, &Kind::ALL)?;
    let origin = Origin::small(LOAD_CORE)?;
    let (rounds, time) = (options.rounds_or(7), options.time_or(5));
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
    let mut report = Report::new(options, "Latency added at a fixed rate", &programs);
    let mut ways = vec![Way::new(None)];
    for program in &programs {
        ways.push(Way::new(Some(program.start(&job)?)));
    }
    in_rounds(rounds, &mut ways, |way| {
        let address = way
            .running
            .as_ref()
            .map_or(origin.address, |running| running.address);
        way.rounds.push(generator::run(&Order {
            address,
            requests: &[(address.to_string(), "/products/1".to_owned())],
            rate: Some(RATE),
            connections: CONNECTIONS,
            time,
            core: LOAD_CORE,
            is_urgent: false,
        })?);
        Ok(())
    })?;
    report.paragraph(&format!(
        "{RATE} requests per second by schedule over {CONNECTIONS} keep-alive connections, {} s each, {rounds} \
         interleaved rounds; programs with one worker on core {SUBJECT_CORE}, origin and generator on core {LOAD_CORE}. \
         Latency counts from the moment a request was due. `added` is the value minus the one of the same round straight \
         to the origin. Medians over rounds, microseconds. `sent late` is the p99 of how late the generator itself was, \
         which every row contains.",
        time.as_secs()
    ));
    let late = stats::median(ways[0].values(|summary| summary.lag.p99));
    if late.is_none_or(|late| late > LATE_MAX) {
        report.paragraph(
            "**The machine was too busy: the generator itself was late even straight to the origin. The figures below say \
             nothing about the programs.**",
        );
    }
    report.table("Figures", &figures(&ways));
    for (name, quantile) in QUANTILES {
        let difference = difference(&ways, quantile);
        for (how, value) in [
            (
                "median of the rounds' differences",
                difference.map(|it| it.by_round),
            ),
            (
                "difference of the medians",
                difference.map(|it| it.of_medians),
            ),
        ] {
            report.bar(Bar {
                what: format!("{name} added, tidegate − haproxy: {how}"),
                direction: Direction::AtMost,
                limit: 0.0,
                value,
                unit: "µs",
            });
        }
    }
    report.finish(options)
}

type Quantile = fn(&Summary) -> f64;
const QUANTILES: [(&str, Quantile); 2] = [
    ("p50", |summary| summary.latency.p50),
    ("p99", |summary| summary.latency.p99),
];

impl Way {
    fn new(running: Option<Running>) -> Self {
        Self {
            running,
            rounds: Vec::new(),
        }
    }

    fn kind(&self) -> Option<Kind> {
        self.running.as_ref().map(|running| running.kind)
    }

    fn name(&self) -> String {
        self.kind()
            .map_or_else(|| "direct".to_owned(), |kind| kind.to_string())
    }

    fn values(&self, value: impl Fn(&Summary) -> f64) -> Vec<f64> {
        self.rounds.iter().map(value).collect()
    }

    fn median(&self, value: impl Fn(&Summary) -> f64) -> String {
        median(&self.values(value))
    }
}

fn figures(ways: &[Way]) -> Table {
    let mut table = Table::new([
        "way",
        "p50",
        "added",
        "p99",
        "added",
        "p99.9",
        "largest",
        "sent late",
        "requests/s",
        "failed",
    ]);
    let direct = &ways[0];
    for way in ways {
        let added = |quantile: Quantile| {
            let (of, to) = (way.values(quantile), direct.values(quantile));
            let difference = stats::difference(&of, &to);
            difference.map_or_else(String::new, |difference| number(difference.by_round))
        };
        table.row([
            way.name(),
            way.median(QUANTILES[0].1),
            added(QUANTILES[0].1),
            way.median(QUANTILES[1].1),
            added(QUANTILES[1].1),
            way.median(|summary| summary.latency.p999),
            way.median(|summary| summary.latency.max),
            way.median(|summary| summary.lag.p99),
            way.median(|summary| summary.per_second),
            way.rounds
                .iter()
                .map(|summary| summary.failed)
                .sum::<u64>()
                .to_string(),
        ]);
    }
    table
}

/// What Tidegate takes more than `HAProxy`.
fn difference(ways: &[Way], quantile: Quantile) -> Option<stats::Difference> {
    let values = |kind| {
        let way = ways.iter().find(|way| way.kind() == Some(kind))?;
        Some(way.values(quantile))
    };
    let (own, other) = (values(Kind::Tidegate)?, values(Kind::Haproxy)?);
    stats::difference(&own, &other)
}
