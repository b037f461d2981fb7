//! A load generator for HTTP/1.1: constant rate by schedule, latency from the scheduled time, one thread.
//!
//! Prints `started` when its connections are open, and in the end one line of JSON.

use std::{fs, net::SocketAddr, num::NonZeroU32, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail};
use bench::{
    http,
    load::{Fleet, Pace, Work},
    output, process,
};

const USAGE: &str = "\
usage: openloop --address ADDRESS (--rate PER_SECOND | --closed) [OPTIONS]

  --rate R          R requests per second over all connections, at fixed times
  --closed          each connection sends as soon as it has its response
  --connections N   keep-alive connections [64]
  --seconds S       how long, 1 to 600 [10]
  --path PATH       what to ask for [/]
  --host HOST       the host header [the address]
  --requests FILE   lines of `HOST PATH`, asked for in turn, in place of --path and --host
";

struct Arguments {
    address: SocketAddr,
    pace: Pace,
    connections: usize,
    time: Duration,
    requests: Vec<Vec<u8>>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("openloop: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments = parse(std::env::args().skip(1))?;
    let files_max = process::raise_files_max();
    if files_max < arguments.connections as u64 + 16 {
        bail!(
            "{} connections need more than {files_max} open files",
            arguments.connections
        );
    }
    let mut fleet = Fleet::connect(arguments.address, arguments.connections)?;
    output::text("started\n")?;
    let summary = fleet.run(&Work {
        requests: &arguments.requests,
        pace: arguments.pace,
        total: u64::MAX,
        time: arguments.time,
    })?;
    let json = serde_json::to_string(&summary).context("cannot write JSON")?;
    output::text(&format!("{json}\n"))
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Arguments> {
    let mut address: Option<SocketAddr> = None;
    let mut pace = None;
    let (mut connections, mut seconds) = (64, 10);
    let (mut path, mut host) = ("/".to_owned(), None);
    let mut list: Option<PathBuf> = None;
    while let Some(option) = args.next() {
        let mut value = || {
            args.next()
                .with_context(|| format!("{option} needs a value\n\n{USAGE}"))
        };
        match option.as_str() {
            "--address" => address = Some(value()?.parse().context("expected ADDRESS:PORT")?),
            "--rate" => {
                let per_second: NonZeroU32 = value()?.parse().context("expected a rate")?;
                pace = Some(Pace::Open { per_second });
            }
            "--closed" => pace = Some(Pace::Closed),
            "--connections" => connections = value()?.parse().context("expected a number")?,
            "--seconds" => seconds = value()?.parse().context("expected a number")?,
            "--path" => path = value()?,
            "--host" => host = Some(value()?),
            "--requests" => list = Some(value()?.into()),
            unknown => bail!("no option is called {unknown}\n\n{USAGE}"),
        }
    }
    let address = address.with_context(|| format!("--address is needed\n\n{USAGE}"))?;
    if !(1..=600).contains(&seconds) || connections == 0 {
        bail!("expected 1 to 600 seconds and at least one connection");
    }
    let requests = match list {
        Some(list) => read_list(&fs::read_to_string(list).context("cannot read the requests")?)?,
        None => vec![http::request(&host.unwrap_or(address.to_string()), &path)],
    };
    Ok(Arguments {
        address,
        pace: pace.with_context(|| format!("--rate or --closed is needed\n\n{USAGE}"))?,
        connections,
        time: Duration::from_secs(seconds),
        requests,
    })
}

fn read_list(text: &str) -> Result<Vec<Vec<u8>>> {
    let requests: Result<Vec<_>> = text
        .lines()
        .map(|line| {
            let (host, path) = line
                .split_once(' ')
                .context("expected lines of `HOST PATH`")?;
            Ok(http::request(host, path))
        })
        .collect();
    requests.and_then(|requests| {
        if requests.is_empty() {
            bail!("the list of requests is empty");
        }
        Ok(requests)
    })
}
