//! What tracing costs: the same small request with nothing traced, with one request in a hundred, and with all. The
//! gateway's own counts prove that the spans were made and arrived: spans that are dropped cost next to nothing.

mod entrant;
mod spans;

use std::{fs, time::Duration};

use anyhow::{Context, Result};

use self::{
    entrant::{Entrant, added},
    spans::{DELAY, PAUSE},
};
use super::{LOAD_CORE, SUBJECT_CORE, in_rounds};
use crate::{
    options::Options,
    origin::Origin,
    peers::{self, Job, Kind},
    report::{Bar, Direction, Report, median, number_or_dash},
    routes,
    table::Table,
    wrk::Wrk,
};

const CONNECTIONS: u32 = 64;
const ROUTES: usize = 100;
const PATH: &str = "/products/1";
const WARM_UP: Duration = Duration::from_secs(1);
/// A span for the request and one for the try.
const SPANS_PER_REQUEST: f64 = 2.0;

/// A share of requests that is traced, and what it may cost more than none, in microseconds per request.
#[derive(Clone, Copy)]
struct Share {
    name: &'static str,
    ratio: Option<f64>,
    worker_max: Option<f64>,
    process_max: Option<f64>,
}

const OFF: Share = Share {
    name: "off",
    ratio: None,
    worker_max: None,
    process_max: None,
};
/// The same once more: what differs is what the machine does.
const OFF_AGAIN: Share = Share {
    name: "off again",
    ..OFF
};
const HUNDREDTH: Share = Share {
    name: "1 %",
    ratio: Some(0.01),
    worker_max: Some(0.2),
    process_max: None,
};
const ALL: Share = Share {
    name: "100 %",
    ratio: Some(1.0),
    worker_max: Some(1.0),
    process_max: Some(1.5),
};
/// CPU microseconds beside the worker for each span.
const EXPORT_MAX: f64 = 0.6;

pub(super) fn run(options: &Options) -> Result<()> {
    let programs = peers::find(options, &[Kind::Tidegate])?;
    let program = programs.first().context("tidegate did not take part")?;
    // Tells how busy the machine is before the first round.
    let mut report = Report::new(options, "What tracing costs", &programs);
    let wrk = Wrk::find(LOAD_CORE)?;
    let origin = Origin::small(LOAD_CORE)?;
    let sink = Origin::otlp_sink(LOAD_CORE)?;
    let (rounds, time) = if options.quick { (1, 1) } else { (15, 2) };
    let (rounds, time) = (options.rounds_or(rounds), options.time_or(time));
    let mut gateway = program.start(&Job {
        origin: origin.address,
        core: Some(SUBJECT_CORE),
        workers: 1,
        connections: 8192,
        streaming: false,
        routes: &routes::comparison(ROUTES)?.yaml,
        secure: None,
    })?;
    let plain = fs::read_to_string(&gateway.config).context("the configuration")?;
    let entrant = |share: Share| {
        let telemetry = share.ratio.map_or_else(String::new, |ratio| {
            format!(
                "telemetry: {{ otlp: {{ endpoint: \"http://{}\", protocol: grpc, signals: [traces], delay: {}ms }}, \
                 sampling: {{ ratio: {ratio} }} }}\n",
                sink.address,
                DELAY.as_millis(),
            )
        });
        Entrant::new(share, format!("{plain}\n{telemetry}"))
    };
    let mut entrants = [OFF, HUNDREDTH, OFF_AGAIN, ALL].map(entrant);
    in_rounds(rounds, &mut entrants, |entrant| {
        entrant.measure(&mut gateway, &wrk, time)
    })?;
    explain(&mut report, rounds, time);
    let [off, hundredth, _, all] = &entrants;
    report.table("Figures", &figures(&entrants, off));
    report.table("Spans", &spans(&entrants, off));
    for entrant in [hundredth, all] {
        add_bars(&mut report, entrant, off);
    }
    add_bars_of_spans(&mut report, all, off);
    report.finish(options)
}

fn explain(report: &mut Report, rounds: u32, time: Duration) {
    report.paragraph(&format!(
        "Tidegate as reverse proxy, HTTP/1.1 keep-alive on both sides, {CONNECTIONS} connections, 80-byte JSON body, \
         {ROUTES} routes, metrics on; one worker, on core {SUBJECT_CORE} with all other threads of the process; origin, \
         wrk and the receiver on core {LOAD_CORE}. A traced request is two spans, exported over OTLP/gRPC without \
         compression after at most {} ms; errors are always kept, which is the default. All rows are of one process that is \
         given another configuration in between: from process to process memory lies elsewhere, which makes more of a \
         difference than what is measured here. `off again` is `off` once more: how far it is from it is how far any \
         difference may be trusted. {rounds} interleaved rounds in rotated order, each {} s after {} s of warm-up. CPU time is user and system time by the scheduler's account, from \
         when the spans of the warm-up had left until {} ms after the load, so that it holds the export of every span. \
         Values are medians over the rounds; differences are taken within each round, then their median.",
        DELAY.as_millis(),
        time.as_secs(),
        WARM_UP.as_secs(),
        PAUSE.as_millis(),
    ));
    report.paragraph(
        "Spans are counted by the gateway itself (`tidegate_export_items_…_total`), outside the time that is measured; \
         `dropped` has every cause. wrk does not count the requests that it cuts off in the end, which are spans as well: \
         spans per request are a little more than 2 where all are traced, and about 0.02 at 1 %, by \
         chance more or less. What a span costs is in two places: the worker records, \
         encodes and hands over, the exporter's threads send. `export µs/span` is the second: (process − worker) of the \
         row, less (process − worker) without tracing, divided by the spans per request that the receiver took. `all \
         µs/span` is (process − off) divided by the same. At 1 % both would be noise divided by little.",
    );
}

fn figures(entrants: &[Entrant], off: &Entrant) -> Table {
    let mut table = Table::new([
        "traced",
        "worker µs/request",
        "process µs/request",
        "worker − off",
        "process − off",
        "requests/s",
        "resident MiB",
        "errors",
    ]);
    for entrant in entrants {
        table.row([
            entrant.share.name.to_owned(),
            median(&entrant.worker),
            median(&entrant.process),
            number_or_dash(added(&entrant.worker, &off.worker)),
            number_or_dash(added(&entrant.process, &off.process)),
            median(&entrant.per_second),
            median(&entrant.resident),
            entrant.errors.to_string(),
        ]);
    }
    table
}

fn spans(entrants: &[Entrant], off: &Entrant) -> Table {
    let mut table = Table::new([
        "traced",
        "spans exported",
        "spans dropped",
        "spans per request",
        "export µs/span",
        "all µs/span",
    ]);
    for entrant in entrants {
        let (made, _) = entrant.spans_per_request();
        table.row([
            entrant.share.name.to_owned(),
            format!("{:.0}", entrant.spans.exported),
            format!("{:.0}", entrant.spans.dropped),
            format!("{made:.4}"),
            number_or_dash(entrant.per_span(off, |of| &of.beside)),
            number_or_dash(entrant.per_span(off, |of| &of.process)),
        ]);
    }
    table
}

fn add_bars(report: &mut Report, entrant: &Entrant, off: &Entrant) {
    let Share {
        name,
        worker_max,
        process_max,
        ..
    } = entrant.share;
    for (limit, what, values, base) in [
        (worker_max, "worker", &entrant.worker, &off.worker),
        (process_max, "process", &entrant.process, &off.process),
    ] {
        if let Some(limit) = limit {
            report.bar(Bar {
                what: format!("CPU time of the {what} per request, {name} − off"),
                direction: Direction::AtMost,
                limit,
                value: added(values, base),
                unit: "µs",
            });
        }
    }
}

fn add_bars_of_spans(report: &mut Report, all: &Entrant, off: &Entrant) {
    let (_, exported) = all.spans_per_request();
    let at_most = |what: &str, limit, value, unit| Bar {
        what: what.to_owned(),
        direction: Direction::AtMost,
        limit,
        value,
        unit,
    };
    let export = all.per_span(off, |of| &of.beside);
    report.bar(at_most(
        "CPU time of the export per span at 100 %",
        EXPORT_MAX,
        export,
        "µs",
    ));
    let dropped = Some(all.spans.dropped);
    report.bar(at_most("spans dropped at 100 %", 0.0, dropped, ""));
    report.bar(Bar {
        what: "spans exported per request at 100 %".to_owned(),
        direction: Direction::AtLeast,
        limit: SPANS_PER_REQUEST,
        value: Some(exported),
        unit: "",
    });
}
