//! What an idle connection costs in memory of the program (the kernel's own share is the same for all).

use std::{num::NonZeroU32, thread, time::Duration};

use anyhow::{Result, ensure};

use super::{LOAD_CORE, SUBJECT_CORE};
use crate::{
    http,
    load::{Fleet, Pace, Work},
    options::Options,
    origin::Origin,
    output,
    peers::{self, Job, Kind, Program},
    process,
    report::{Bar, Direction, Report, number},
    routes,
    stats::{self, figure},
    table::Table,
};

const CONNECTIONS: u32 = 10_000;
const CONNECTIONS_QUICK: u32 = 1_000;
const RATE: NonZeroU32 = NonZeroU32::new(2_000).expect("not zero");
const WARM_UP_CONNECTIONS: usize = 64;
const BAR_KIB: f64 = 2.0;
/// The floor is left out: it opens an upstream connection per client and runs out of descriptors.
const KINDS: [Kind; 4] = [Kind::Tidegate, Kind::Nginx, Kind::Haproxy, Kind::Envoy];

/// Resident bytes of the program at three moments.
struct Memory {
    before: u64,
    idle: u64,
    closed: u64,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let count = if options.quick {
        CONNECTIONS_QUICK
    } else {
        CONNECTIONS
    };
    let (rounds, pause) = (options.rounds_or(5), options.time_or(5));
    let files_max = process::raise_files_max();
    ensure!(
        files_max >= u64::from(count) + 256,
        "{count} connections need more than the {files_max} open files that are allowed"
    );
    let programs = peers::find(options, &KINDS)?;
    let origin = Origin::small(LOAD_CORE)?;
    let routes = routes::comparison(100)?;
    let job = Job {
        origin: origin.address,
        core: Some(SUBJECT_CORE),
        workers: 1,
        connections: count + count / 5,
        streaming: false,
        routes: &routes.yaml,
        secure: None,
    };
    let mut report = Report::new(options, "Memory of idle connections", &programs);
    report.paragraph(&format!(
        "{count} keep-alive connections, each with one request behind it, idle for {} s. `per connection` is the growth of \
         resident memory from before they were opened (after {WARM_UP_CONNECTIONS} others had come and gone), divided by \
         their number; {rounds} rounds, each with a fresh process. nginx sets aside its table of connections at start, \
         before the first figure is taken; sockets' buffers in the kernel are not included.",
        pause.as_secs()
    ));
    let mut table = Table::new([
        "program",
        "before MiB",
        "idle MiB",
        "after close MiB",
        "per connection KiB",
    ]);
    for program in &programs {
        let mut memories = Vec::new();
        for _ in 0..rounds {
            memories.push(measure(program, &job, count, pause)?);
        }
        output::progress(&format!("{}: done", program.kind));
        let median = |value: &dyn Fn(&Memory) -> f64| {
            stats::median(memories.iter().map(value)).unwrap_or(f64::NAN)
        };
        let mebibytes = |bytes: u64| figure(bytes) / f64::from(1 << 20);
        let each = median(&|memory| {
            (figure(memory.idle) - figure(memory.before)) / f64::from(count) / 1024.0
        });
        table.row([
            program.kind.to_string(),
            number(median(&|memory| mebibytes(memory.before))),
            number(median(&|memory| mebibytes(memory.idle))),
            number(median(&|memory| mebibytes(memory.closed))),
            number(each),
        ]);
        if program.kind == Kind::Tidegate {
            report.bar(bar(Some(each)));
        }
    }
    if programs
        .iter()
        .all(|program| program.kind != Kind::Tidegate)
    {
        report.bar(bar(None));
    }
    report.table("Figures", &table);
    report.finish(options)
}

fn bar(value: Option<f64>) -> Bar {
    Bar {
        what: "memory of an idle connection, tidegate".to_owned(),
        direction: Direction::AtMost,
        limit: BAR_KIB,
        value,
        unit: "KiB",
    }
}

fn measure(program: &Program, job: &Job<'_>, count: u32, pause: Duration) -> Result<Memory> {
    let running = program.start(job)?;
    let meter = running.meter()?;
    let requests = [http::request(&running.address.to_string(), "/products/1")];
    // Connections take turns, so that each sends the same number. Not all at once: that would measure a crowd of
    // requests and the buffers it leaves behind.
    let once = |fleet: &mut Fleet, count: u32| -> Result<()> {
        let summary = fleet.run(&Work {
            requests: &requests,
            pace: Pace::Open { per_second: RATE },
            total: u64::from(count),
            time: Duration::from_secs(60),
        })?;
        ensure!(
            summary.succeeded == u64::from(count) && summary.closed == 0,
            "{}: {} of {count} requests succeeded, {} connections were closed",
            program.kind,
            summary.succeeded,
            summary.closed
        );
        Ok(())
    };
    let mut few = Fleet::connect(running.address, WARM_UP_CONNECTIONS)?;
    once(&mut few, 640)?;
    drop(few);
    thread::sleep(Duration::from_secs(1));
    let before = meter.resident()?;
    let mut fleet = Fleet::connect(running.address, count as usize)?;
    once(&mut fleet, count)?;
    thread::sleep(pause);
    let idle = meter.resident()?;
    let closed_by_peer = fleet.closed_by_peer();
    ensure!(
        closed_by_peer == 0,
        "{}: closed {closed_by_peer} idle connections",
        program.kind
    );
    drop(fleet);
    thread::sleep(Duration::from_secs(2));
    Ok(Memory {
        before,
        idle,
        closed: meter.resident()?,
    })
}
