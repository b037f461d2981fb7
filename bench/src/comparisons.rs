//! The list of comparisons, and what they agree on: which core is whose.

use anyhow::{Context, Result};

use crate::{options::Options, output, peers::Kind, process};

mod body;
mod connections;
mod latency;
mod metrics;
mod micro;
mod proxies;
mod reload;
mod routes;
mod startup;
mod tls;
mod tracing;

/// The core of the program under measurement.
const SUBJECT_CORE: u32 = 0;
/// The core of the origin and of what makes the load.
const LOAD_CORE: u32 = 1;

/// A comparison: its name, what it is about, and how it is run.
struct Comparison {
    name: &'static str,
    about: &'static str,
    run: fn(&Options) -> Result<()>,
}

const ALL: &[Comparison] = &[
    Comparison {
        name: "proxies",
        about: "CPU time, throughput, latency, memory and system calls of a small proxied request",
        run: proxies::run,
    },
    Comparison {
        name: "latency",
        about: "latency added at 2,000 requests per second",
        run: latency::run,
    },
    Comparison {
        name: "connections",
        about: "memory of 10,000 idle connections",
        run: connections::run,
    },
    Comparison {
        name: "routes",
        about: "10, 1,000 and 10,000 routes: CPU time per request, checking, memory (Tidegate only)",
        run: routes::run,
    },
    Comparison {
        name: "reload",
        about: "reloads of 10,000 routes under load (Tidegate only)",
        run: reload::run,
    },
    Comparison {
        name: "body",
        about: "downloads and uploads of 1 GiB",
        run: body::run,
    },
    Comparison {
        name: "startup",
        about: "time to readiness, idle memory, size of the program",
        run: startup::run,
    },
    Comparison {
        name: "tls",
        about: "requests over TLS 1.3, full and resumed handshakes",
        run: tls::run,
    },
    Comparison {
        name: "tracing",
        about: "what spans of 1 % and of all requests cost (Tidegate only)",
        run: tracing::run,
    },
    Comparison {
        name: "metrics",
        about: "counting a request, scraping many series, and requests during scrapes (Tidegate only)",
        run: metrics::run,
    },
    Comparison {
        name: "micro",
        about: "the micro-benchmarks of the crates, their output kept",
        run: micro::run,
    },
];

/// Runs the comparison that was asked for.
///
/// # Errors
/// When there is none of that name, or it fails; a bar that was missed is no error.
pub fn run(options: &Options) -> Result<()> {
    let comparison = ALL
        .iter()
        .find(|comparison| comparison.name == options.name)
        .with_context(|| format!("no comparison is called {}\n\n{}", options.name, usage()))?;
    // Children inherit it: thousands of connections need it.
    let _files_max = process::raise_files_max();
    (comparison.run)(options)
}

/// Measures each of `entrants` once per round, in rotated order, so that what the machine does to one round hits all alike.
fn in_rounds<T>(
    rounds: u32,
    entrants: &mut [T],
    mut measure: impl FnMut(&mut T) -> Result<()>,
) -> Result<()> {
    for round in 0..rounds as usize {
        let first = round % entrants.len().max(1);
        let (before, from) = entrants.split_at_mut(first);
        for entrant in from.iter_mut().chain(before) {
            measure(entrant)?;
        }
        output::progress(&format!("round {} of {rounds}", round + 1));
    }
    Ok(())
}

/// What can be run and how.
#[must_use]
pub fn usage() -> String {
    let mut text = "\
usage: bench NAME [OPTIONS]

  --rounds N    how often each program is measured
  --seconds S   how long one measurement takes
  --only A,B    these programs only: "
        .to_owned();
    text.push_str(&Kind::ALL.map(Kind::name).join(", "));
    text.push_str(
        "
  --out DIR     where the report goes [bench/results]
  --quick       small sizes, to try that everything works

",
    );
    for comparison in ALL {
        text.push_str(&format!(
            "  {:<12}  {}\n",
            comparison.name, comparison.about
        ));
    }
    text
}
