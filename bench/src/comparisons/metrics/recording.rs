//! What a worker does per request to count it, in a loop: no switch of the program leaves it out, so that two programs
//! cannot be compared.

use std::{cell::Cell, hint::black_box, thread, time::Duration};

use anyhow::{Result, anyhow};
use message::{MethodKind, Version};
use telemetry::metrics::{
    ClientMetrics, Outcome, RequestMetrics, Scheme, Served, ServerLabel, thread_cpu_time,
};

use crate::{
    comparisons::SUBJECT_CORE,
    process,
    report::{Report, number, number_or_dash},
    stats::{self, figure},
    table::Table,
};

/// Keys in rotation: each route answers with each status, spread over servers.
#[derive(Clone, Copy)]
struct Keys {
    routes: usize,
    statuses: &'static [u16],
    servers: u16,
}

/// Requests are counted in this order; a prime, so that neighbours in memory do not follow one another.
const STRIDE: usize = 7919;
const ROUNDS: u32 = 7;

/// The figures of a worker that a proxied request changes: both histograms, and the plain counters as the gateway and its
/// pools keep them.
#[derive(Default)]
struct Recorder {
    requests: RequestMetrics,
    tries: ClientMetrics,
    of_connection: Cell<u64>,
    endpoint_requests: Cell<u64>,
    endpoint_reuses: Cell<u64>,
    endpoint_in_flight: Cell<u32>,
    body_in: Cell<u64>,
    body_out: Cell<u64>,
}

/// A request to be counted.
struct Case {
    served: Served,
    server: ServerLabel,
    tried: Duration,
    body_out: u64,
}

/// Measures and reports; microseconds per request with many keys.
pub(super) fn measure(
    report: &mut Report,
    count: u64,
    statuses: &'static [u16],
) -> Result<Option<f64>> {
    report.paragraph(&format!(
        "**Counting.** No switch turns metrics off, so it is the counting that is measured, in the driver itself, with the \
         code of the program and built like it: what a proxied request without retries makes its worker do. That is \
         `http.server.active_requests` up and down, `http.server.request.duration`, `http.client.request.duration`, and \
         plain cells like those of the connection, the endpoint (requests, reuses, in flight) and the bodies. It holds \
         looking up the series and the labels' numbers, and the loop itself. It does not hold reading the clock, which an \
         exchange does for its deadlines anyway; exemplars, which only traced requests have; the first request of a series, \
         which allocates; and what the memory of the figures takes from the caches of everything else. {ROUNDS} \
         rounds of {count} requests on core {SUBJECT_CORE}, CPU time of the thread; median [smallest–largest].",
    ));
    let few = Keys {
        routes: 100,
        statuses: statuses.get(..1).unwrap_or_default(),
        servers: 1,
    };
    let many = Keys {
        routes: 1_000,
        statuses,
        servers: 64,
    };
    let mut table = Table::new(["routes", "statuses", "servers", "ns/request"]);
    let mut last = None;
    for keys in [few, many] {
        let nanos = run_rounds(keys, count)?;
        let spread = stats::spread(nanos);
        let shown = |spread: stats::Spread| {
            let [median, min, max] = [spread.median, spread.min, spread.max].map(number);
            format!("{median} [{min}–{max}]")
        };
        table.row([
            keys.routes.to_string(),
            keys.statuses.len().to_string(),
            keys.servers.to_string(),
            spread.map_or_else(|| number_or_dash(None), shown),
        ]);
        last = spread.map(|spread| spread.median / 1e3);
    }
    report.table("Counting", &table);
    Ok(last)
}

/// Nanoseconds of CPU time per request, one value per round of `count` requests.
fn run_rounds(keys: Keys, count: u64) -> Result<Vec<f64>> {
    // A thread of its own, so that what the driver starts later is not pinned.
    let measuring = thread::spawn(move || {
        process::pin_current_thread(SUBJECT_CORE)?;
        let recorder = Recorder::default();
        let cases = recorder.cases(keys);
        recorder.run(&cases, count.min(100_000));
        let rounds = (0..ROUNDS).map(|_| {
            let before = thread_cpu_time();
            let counted = recorder.run(&cases, count);
            let used = thread_cpu_time().saturating_sub(before);
            used.as_secs_f64() * 1e9 / figure(counted)
        });
        Ok(rounds.collect())
    });
    let ended = measuring.join();
    ended.map_err(|_| anyhow!("the measuring thread failed"))?
}

impl Recorder {
    fn cases(&self, keys: Keys) -> Vec<Case> {
        let servers: Vec<_> = (0..keys.servers)
            .map(|number| self.tries.label("10.0.0.1", 8000 + number))
            .collect();
        let routes: Vec<_> = (0..keys.routes)
            .map(|number| self.requests.label(&format!("route-{number}")))
            .collect();
        let count = routes.len() * keys.statuses.len();
        let case = |number: usize| {
            let place = number * STRIDE % count;
            let elapsed = Duration::from_micros(300 + whole(place) * 37 % 2_000);
            Case {
                served: Served {
                    route: routes[place / keys.statuses.len()],
                    method: MethodKind::Get.into(),
                    scheme: Scheme::Http,
                    version: Version::Http11,
                    outcome: Outcome::answered(keys.statuses[place % keys.statuses.len()]),
                    elapsed,
                    exemplar: None,
                },
                server: servers[place % servers.len()],
                tried: elapsed / 2,
                body_out: 80,
            }
        };
        (0..count).map(case).collect()
    }

    /// Goes through the cases again and again until at least `count` were counted; how many that were.
    fn run(&self, cases: &[Case], count: u64) -> u64 {
        let mut counted = 0;
        while counted < count {
            for case in cases {
                black_box(self).count(black_box(case));
            }
            counted += whole(cases.len());
        }
        counted
    }

    /// In the order of an exchange: a request begins, is sent, answered, and ends.
    fn count(&self, case: &Case) {
        bump(&self.of_connection);
        let active = self
            .requests
            .started(case.served.method, case.served.scheme);
        bump(&self.endpoint_reuses);
        bump(&self.endpoint_requests);
        self.endpoint_in_flight
            .set(self.endpoint_in_flight.get() + 1);
        self.tries.finished(
            case.server,
            case.served.method,
            case.served.outcome,
            case.served.version,
            case.tried,
            None,
        );
        self.endpoint_in_flight
            .set(self.endpoint_in_flight.get() - 1);
        self.requests.finished(&case.served);
        add(&self.body_in, 0);
        add(&self.body_out, case.body_out);
        drop(active);
    }
}

fn bump(counter: &Cell<u64>) {
    add(counter, 1);
}

fn add(counter: &Cell<u64>, count: u64) {
    counter.set(counter.get() + black_box(count));
}

fn whole(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use telemetry::metrics::{Format, Sheet};

    use super::*;

    #[test]
    fn every_key_is_counted_in_both_histograms() {
        let recorder = Recorder::default();
        let keys = Keys {
            routes: 10,
            statuses: &[200, 404, 503],
            servers: 2,
        };
        let cases = recorder.cases(keys);
        assert_eq!(recorder.run(&cases, 100), 120);
        let mut sheet = Sheet::new();
        recorder.requests.collect(&mut sheet);
        recorder.tries.collect(&mut sheet);
        let text = sheet.render(Format::Prometheus);
        let count = |metric: &str| {
            let lines = text.lines();
            lines.filter(|line| line.starts_with(metric)).count()
        };
        assert_eq!(count("http_server_request_duration_seconds_count{"), 30);
        assert_eq!(count("http_client_request_duration_seconds_count{"), 6);
        assert_eq!(recorder.requests.active(), 0);
    }
}
