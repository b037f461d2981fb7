//! TLS 1.3 in front of a plain origin: requests on kept connections, and connections that begin.

use std::{net::SocketAddr, thread, time::Duration};

use anyhow::{Result, anyhow, ensure};

use super::{LOAD_CORE, SUBJECT_CORE, in_rounds};
use crate::{
    meter::Meter,
    options::Options,
    origin::Origin,
    peers::{self, Job, Kind, Running},
    process,
    report::{Bar, Direction, Report, median, number, with_range},
    routes,
    secure::{Client, Credential, connect_often_plain},
    stats::{self, figure},
    table::Table,
    wrk::Wrk,
};

const CONNECTIONS: u32 = 64;
const HANDSHAKES: u32 = 2_000;
const HANDSHAKES_QUICK: u32 = 100;
const PATH: &str = "/products/1";
const WARM_UP: Duration = Duration::from_secs(1);
const KINDS: [Kind; 3] = [Kind::Tidegate, Kind::Nginx, Kind::Haproxy];

const REQUEST_BAR: f64 = 0.9;
const HANDSHAKE_BAR: f64 = 1.0;

/// A program and what was measured of it, one value per round: CPU microseconds.
struct Entrant {
    running: Running,
    meter: Meter,
    /// Per request on kept connections.
    request: Vec<f64>,
    request_plain: Vec<f64>,
    /// Per connection with one request.
    full: Vec<f64>,
    resumed: Vec<f64>,
    plain: Vec<f64>,
    per_second: Vec<f64>,
}

/// How connections begin.
struct Clients {
    full: Client,
    resumed: Client,
    count: u32,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let programs = peers::find(options, &KINDS)?;
    let wrk = Wrk::find(LOAD_CORE)?;
    let origin = Origin::small(LOAD_CORE)?;
    let credential = Credential::make()?;
    let (rounds, time) = (options.rounds_or(7), options.time_or(3));
    let routes = routes::comparison(100)?;
    let job = Job {
        origin: origin.address,
        core: Some(SUBJECT_CORE),
        workers: 1,
        connections: 8192,
        streaming: false,
        routes: &routes.yaml,
        secure: Some(&credential),
    };
    let clients = Clients {
        full: credential.client(false)?,
        resumed: credential.client(true)?,
        count: match options.quick {
            true => HANDSHAKES_QUICK,
            false => HANDSHAKES,
        },
    };
    let mut report = Report::new(options, "TLS 1.3 in front of a plain origin", &programs);
    explain(&mut report, rounds, time, clients.count);
    let mut entrants = Vec::new();
    for program in &programs {
        entrants.push(Entrant::new(program.start(&job)?)?);
    }
    in_rounds(rounds, &mut entrants, |entrant| {
        entrant.measure_requests(&wrk, time)?;
        entrant.measure_connections(&clients)
    })?;
    report.table("Requests on kept connections", &requests(&entrants));
    report.table("Connections with one request", &connections(&entrants));
    bars(&mut report, &entrants);
    report.finish(options)
}

fn explain(report: &mut Report, rounds: u32, time: Duration, count: u32) {
    report.paragraph(&format!(
        "Reverse proxy with TLS 1.3 towards clients and plain HTTP/1.1 towards the origin; one self-signed certificate \
         (ECDSA P-256) for all. Each program with one worker on core {SUBJECT_CORE}, origin (nginx, one worker) and \
         clients on core {LOAD_CORE}. Requests: wrk, {CONNECTIONS} connections, {} s after {} s of warm-up. Connections: \
         {count} of each kind one after the other, each with one request (X25519; clients take the cipher that the \
         program prefers of what OpenSSL and rustls offer first, AES-256-GCM); what the same connection and request cost \
         in plain text is taken off, so that the handshake and its tickets are left. {rounds} interleaved rounds in \
         rotated order; medians over the rounds [smallest–largest], ratios within each round. CPU time is user and system \
         time of the program with all its processes.",
        time.as_secs(),
        WARM_UP.as_secs(),
    ));
}

impl Entrant {
    fn new(running: Running) -> Result<Self> {
        Ok(Self {
            meter: running.meter()?,
            running,
            request: Vec::new(),
            request_plain: Vec::new(),
            full: Vec::new(),
            resumed: Vec::new(),
            plain: Vec::new(),
            per_second: Vec::new(),
        })
    }

    fn measure_requests(&mut self, wrk: &Wrk, time: Duration) -> Result<()> {
        for is_secure in [true, false] {
            let url = match is_secure {
                true => format!("https://{}{PATH}", self.running.secure),
                false => self.running.url(PATH),
            };
            wrk.run(&url, CONNECTIONS, WARM_UP)?;
            let before = self.meter.cpu()?;
            let figures = wrk.run(&url, CONNECTIONS, time)?;
            let used = self.meter.cpu()?.since(before).best();
            let micros = used.as_secs_f64() * 1e6 / figure(figures.requests.max(1));
            // An error costs less than an answer.
            let kind = self.running.kind;
            ensure!(
                figures.errors == 0,
                "{kind}: {} errors at {url}",
                figures.errors
            );
            if is_secure {
                self.request.push(micros);
                self.per_second.push(figures.per_second);
            } else {
                self.request_plain.push(micros);
            }
        }
        Ok(())
    }

    fn measure_connections(&mut self, clients: &Clients) -> Result<()> {
        let (plain, secure, count) = (self.running.address, self.running.secure, clients.count);
        let cost = self.cost(count, || connect_often_plain(plain, PATH, count))?;
        self.plain.push(cost);
        let often = |client: &Client| {
            let client = client.clone();
            move || client.connect_often(secure, PATH, count)
        };
        // A ticket of another program is no use here: the first connection is not counted.
        once(&clients.resumed, secure)?;
        let full = self.cost(count, often(&clients.full))?;
        let resumed = self.cost(count, often(&clients.resumed))?;
        self.full.push(full - cost);
        self.resumed.push(resumed - cost);
        Ok(())
    }

    /// CPU microseconds per connection of what `work` does, on the core of the load.
    fn cost(&self, count: u32, work: impl FnOnce() -> Result<()> + Send) -> Result<f64> {
        let before = self.meter.cpu()?;
        on_load_core(work)?;
        let used = self.meter.cpu()?.since(before).best();
        Ok(used.as_secs_f64() * 1e6 / f64::from(count))
    }
}

fn once(client: &Client, address: SocketAddr) -> Result<()> {
    on_load_core(|| client.connect_often(address, PATH, 1))
}

fn on_load_core(work: impl FnOnce() -> Result<()> + Send) -> Result<()> {
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            process::pin_current_thread(LOAD_CORE)?;
            work()
        });
        let done = worker.join();
        done.map_err(|_| anyhow!("the client's thread failed"))?
    })
}

fn requests(entrants: &[Entrant]) -> Table {
    let mut table = Table::new([
        "program",
        "CPU µs/request",
        "in plain text",
        "of it TLS",
        "requests/s",
    ]);
    for entrant in entrants {
        let difference = stats::difference(&entrant.request, &entrant.request_plain);
        table.row([
            entrant.running.kind.to_string(),
            with_range(&entrant.request),
            with_range(&entrant.request_plain),
            difference.map_or_else(|| "–".to_owned(), |found| number(found.of_medians)),
            median(&entrant.per_second),
        ]);
    }
    table
}

fn connections(entrants: &[Entrant]) -> Table {
    let mut table = Table::new([
        "program",
        "full handshake CPU µs",
        "per CPU second",
        "resumed CPU µs",
        "per CPU second",
        "connection and request in plain text CPU µs",
    ]);
    let per_second = |micros: &[f64]| {
        let rates: Vec<f64> = micros.iter().map(|micros| 1e6 / micros).collect();
        median(&rates)
    };
    for entrant in entrants {
        table.row([
            entrant.running.kind.to_string(),
            with_range(&entrant.full),
            per_second(&entrant.full),
            with_range(&entrant.resumed),
            per_second(&entrant.resumed),
            with_range(&entrant.plain),
        ]);
    }
    table
}

fn bars(report: &mut Report, entrants: &[Entrant]) {
    let find = |kind| entrants.iter().find(|entrant| entrant.running.kind == kind);
    let (tidegate, haproxy) = (find(Kind::Tidegate), find(Kind::Haproxy));
    let ratio = |of: Option<&Entrant>, to: Option<&Entrant>, what: fn(&Entrant) -> &[f64]| {
        stats::ratio(what(of?), what(to?)).map(|spread| spread.median)
    };
    report.bar(Bar {
        what: "CPU time per request over TLS, tidegate ÷ haproxy".to_owned(),
        direction: Direction::AtMost,
        limit: REQUEST_BAR,
        value: ratio(tidegate, haproxy, |entrant| &entrant.request),
        unit: "×",
    });
    // So many per CPU second is one by the time of each.
    for (kind, what) in [
        ("full", (|entrant| &entrant.full) as fn(&Entrant) -> &[f64]),
        ("resumed", |entrant| &entrant.resumed),
    ] {
        report.bar(Bar {
            what: format!("{kind} handshakes per CPU second, tidegate ÷ haproxy"),
            direction: Direction::AtLeast,
            limit: HANDSHAKE_BAR,
            value: ratio(haproxy, tidegate, what),
            unit: "×",
        });
    }
}
