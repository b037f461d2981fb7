//! How long a scrape takes while nothing else happens, in both formats.

use std::{net::SocketAddr, thread, time::Duration};

use anyhow::{Context, Result, anyhow, ensure};

use crate::{
    http,
    peers::Running,
    process,
    report::{median, number, number_or_dash},
    stats,
    table::Table,
};

/// What Prometheus asks for when it wants the one or the other.
pub(super) const FORMATS: [(&str, &str); 2] = [
    ("Prometheus text", "text/plain;version=0.0.4"),
    (
        "OpenMetrics",
        "application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1",
    ),
];
/// Between two scrapes, so that each begins with a gateway that waits.
const PAUSE: Duration = Duration::from_millis(50);

/// Scrapes of one format; milliseconds.
pub(super) struct Scrapes {
    pub(super) format: &'static str,
    pub(super) whole: Vec<f64>,
    first: Vec<f64>,
    /// Of the whole gateway.
    cpu: Vec<f64>,
    bytes: u64,
}

impl Scrapes {
    /// So many of each format, in turn, asked for from `core`.
    pub(super) fn measure(running: &Running, count: u32, core: u32) -> Result<Vec<Self>> {
        let (admin, meter) = (running.admin, running.meter()?);
        let mut all: Vec<_> = FORMATS.map(|(format, _)| Self::new(format)).into();
        let scraping = thread::spawn(move || {
            process::pin_current_thread(core)?;
            for _ in 0..count {
                for (scrapes, (_, accept)) in all.iter_mut().zip(FORMATS) {
                    thread::sleep(PAUSE);
                    let before = meter.cpu()?;
                    scrapes.add(&scrape(admin, accept)?);
                    let used = meter.cpu()?.since(before).best();
                    scrapes.cpu.push(milliseconds(used));
                }
            }
            Ok(all)
        });
        let ended = scraping.join();
        ended.map_err(|_| anyhow!("the scraping thread failed"))?
    }

    pub(super) fn median(&self) -> Option<f64> {
        stats::median(self.whole.iter().copied())
    }

    pub(super) fn largest(&self) -> Option<f64> {
        self.whole.iter().copied().reduce(f64::max)
    }

    fn new(format: &'static str) -> Self {
        Self {
            format,
            whole: Vec::new(),
            first: Vec::new(),
            cpu: Vec::new(),
            bytes: 0,
        }
    }

    fn add(&mut self, timing: &http::Timing) {
        self.whole.push(milliseconds(timing.whole));
        self.first.push(milliseconds(timing.first));
        self.bytes = timing.body;
    }
}

/// One scrape, thrown away.
pub(super) fn scrape(admin: SocketAddr, accept: &str) -> Result<http::Timing> {
    let timing = http::time(admin, "/metrics", accept).context("cannot scrape")?;
    let status = timing.status;
    ensure!(
        status == 200,
        "/metrics: expected status 200, found {status}"
    );
    Ok(timing)
}

pub(super) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

pub(super) fn table(all: &[Scrapes]) -> Table {
    let mut table = Table::new([
        "format",
        "scrapes",
        "MiB",
        "first byte ms",
        "whole ms",
        "largest ms",
        "CPU ms",
    ]);
    for scrapes in all {
        table.row([
            scrapes.format.to_owned(),
            scrapes.whole.len().to_string(),
            number(stats::figure(scrapes.bytes) / f64::from(1 << 20)),
            median(&scrapes.first),
            median(&scrapes.whole),
            number_or_dash(scrapes.largest()),
            median(&scrapes.cpu),
        ]);
    }
    table
}
