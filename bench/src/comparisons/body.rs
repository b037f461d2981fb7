//! Large bodies through each proxy: throughput, CPU time, and whether memory stays flat.

use std::{
    fmt,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::{LOAD_CORE, SUBJECT_CORE};
use crate::{
    meter::Meter,
    options::Options,
    origin::Origin,
    output,
    peers::{self, Job, Kind, Running},
    process,
    report::{Bar, Direction, Report, number_or_dash},
    response::{Complete, Reader},
    stats::{self, figure},
    table::Table,
};

const SIZE: u64 = 1 << 30;
const SIZE_QUICK: u64 = 64 << 20;
const PIECE: usize = 256 * 1024;
const PATIENCE: Duration = Duration::from_secs(60);
const SAMPLE_EVERY: Duration = Duration::from_millis(20);
const KINDS: [Kind; 4] = [Kind::Tidegate, Kind::Nginx, Kind::Haproxy, Kind::Envoy];

const THROUGHPUT_BAR: f64 = 0.9;
const GROWTH_BAR_MIB: f64 = 8.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transfer {
    Download,
    DownloadChunked,
    Upload,
    UploadChunked,
}

const TRANSFERS: [Transfer; 4] = [
    Transfer::Download,
    Transfer::DownloadChunked,
    Transfer::Upload,
    Transfer::UploadChunked,
];

struct Entrant {
    /// `None`: straight to the origin, which shows what client and origin can do.
    running: Option<Running>,
    address: SocketAddr,
    meter: Option<Meter>,
    /// Before the first transfer.
    resident_before: u64,
    measured: Vec<Measured>,
}

struct Measured {
    transfer: Transfer,
    per_second: f64,
    cpu_per_gib: f64,
    growth: f64,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let programs = peers::find(options, &KINDS)?;
    let origin = Origin::sink(LOAD_CORE)?;
    let rounds = options.rounds_or(5);
    let size = if options.quick { SIZE_QUICK } else { SIZE };
    let job = Job {
        origin: origin.address,
        core: Some(SUBJECT_CORE),
        workers: 1,
        connections: 1024,
        streaming: true,
        routes: "  - { name: all, match: { path_prefix: / }, forward: { upstream: origin, timeout: 120s } }",
        secure: None,
    };
    let mut report = Report::new(options, "Large bodies", &programs);
    // The client's thread; programs are pinned by themselves.
    process::pin_current_thread(LOAD_CORE)?;
    let mut entrants = vec![Entrant::new(None, origin.address)?];
    for program in &programs {
        let running = program.start(&job)?;
        let address = running.address;
        entrants.push(Entrant::new(Some(running), address)?);
    }
    for round in 0..rounds as usize {
        for turn in 0..entrants.len() {
            let at = (round + turn) % entrants.len();
            for transfer in TRANSFERS {
                let entrant = &mut entrants[at];
                entrant
                    .measure(transfer, size)
                    .with_context(|| format!("{}: {transfer}", entrant.name()))?;
            }
        }
        output::progress(&format!("round {} of {rounds}", round + 1));
    }
    report.paragraph(&format!(
        "One connection at a time, bodies of {} MiB of zeros, {rounds} interleaved rounds; each program with one worker on core \
         {SUBJECT_CORE}, client and origin (both ours) on core {LOAD_CORE}, which they share and which may be what limits \
         throughput: then CPU time is the figure that tells. nginx with `proxy_buffering off; proxy_request_buffering \
         off;` (by default it would collect uploads in files) and buffers of 64 KiB; HAProxy and Envoy with their \
         default buffers. Growth is the largest resident memory seen during \
         transfers, every {} ms, minus the one before the first.",
        size >> 20,
        SAMPLE_EVERY.as_millis()
    ));
    for transfer in TRANSFERS {
        let mut table = Table::new(["program", "MiB/s", "CPU s/GiB", "memory growth MiB"]);
        for entrant in &entrants {
            table.row([
                entrant.name(),
                number_or_dash(entrant.median(transfer, |measured| measured.per_second)),
                number_or_dash(entrant.median(transfer, |measured| measured.cpu_per_gib)),
                number_or_dash(entrant.median(transfer, |measured| measured.growth)),
            ]);
        }
        report.table(&transfer.to_string(), &table);
    }
    add_bars(&mut report, &entrants);
    report.finish(options)
}

fn add_bars(report: &mut Report, entrants: &[Entrant]) {
    let of = |kind| entrants.iter().find(|entrant| entrant.kind() == Some(kind));
    let (tidegate, haproxy) = (of(Kind::Tidegate), of(Kind::Haproxy));
    for transfer in TRANSFERS {
        let rates = |entrant: Option<&Entrant>| entrant.map(|entrant| entrant.rates(transfer));
        let ratio = rates(tidegate).zip(rates(haproxy));
        report.bar(Bar {
            what: format!("{transfer}: throughput, tidegate ÷ haproxy"),
            direction: Direction::AtLeast,
            limit: THROUGHPUT_BAR,
            value: ratio
                .and_then(|(own, other)| stats::ratio(&own, &other))
                .map(|spread| spread.median),
            unit: "×",
        });
    }
    report.bar(Bar {
        what: "largest memory growth over all transfers, tidegate".to_owned(),
        direction: Direction::AtMost,
        limit: GROWTH_BAR_MIB,
        value: tidegate
            .and_then(|entrant| {
                stats::spread(entrant.measured.iter().map(|measured| measured.growth))
            })
            .map(|spread| spread.max),
        unit: "MiB",
    });
}

impl Entrant {
    fn new(running: Option<Running>, address: SocketAddr) -> Result<Self> {
        let meter = running.as_ref().map(Running::meter).transpose()?;
        let resident = meter.as_ref().map(Meter::resident_roughly).transpose()?;
        Ok(Self {
            running,
            address,
            meter,
            resident_before: resident.unwrap_or(0),
            measured: Vec::new(),
        })
    }

    fn kind(&self) -> Option<Kind> {
        self.running.as_ref().map(|running| running.kind)
    }

    fn name(&self) -> String {
        self.kind()
            .map_or_else(|| "direct".to_owned(), |kind| kind.to_string())
    }

    fn rates(&self, transfer: Transfer) -> Vec<f64> {
        let own = self
            .measured
            .iter()
            .filter(|measured| measured.transfer == transfer);
        own.map(|measured| measured.per_second).collect()
    }

    fn median(&self, transfer: Transfer, value: impl Fn(&Measured) -> f64) -> Option<f64> {
        let own = self
            .measured
            .iter()
            .filter(|measured| measured.transfer == transfer);
        stats::median(own.map(value))
    }

    fn measure(&mut self, transfer: Transfer, size: u64) -> Result<()> {
        let cpu = |meter: &Option<Meter>| meter.as_ref().map(Meter::cpu).transpose();
        let before = cpu(&self.meter)?;
        let started = Instant::now();
        let (moved, resident) =
            while_sampling(self.meter.as_ref(), || transfer.run(self.address, size));
        let seconds = started.elapsed().as_secs_f64();
        moved?;
        let used = before
            .zip(cpu(&self.meter)?)
            .map(|(before, after)| after.since(before).best());
        self.measured.push(Measured {
            transfer,
            per_second: figure(size >> 20) / seconds,
            cpu_per_gib: used.map_or(f64::NAN, |used| {
                used.as_secs_f64() * figure(SIZE) / figure(size)
            }),
            growth: match self.meter {
                Some(_) => {
                    figure(resident.saturating_sub(self.resident_before)) / f64::from(1 << 20)
                }
                None => f64::NAN,
            },
        });
        Ok(())
    }
}

/// Does `work` and returns the largest resident memory that was seen meanwhile.
fn while_sampling<T>(meter: Option<&Meter>, work: impl FnOnce() -> T) -> (T, u64) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let sampler = scope.spawn(|| {
            let mut largest = 0;
            while !done.load(Ordering::Relaxed) {
                // A program that has ended shows in the transfer.
                let now = meter
                    .and_then(|meter| meter.resident_roughly().ok())
                    .unwrap_or(0);
                largest = largest.max(now);
                thread::sleep(SAMPLE_EVERY);
            }
            largest
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        (result, sampler.join().unwrap_or(u64::MAX))
    })
}

impl Transfer {
    fn run(self, address: SocketAddr, size: u64) -> Result<()> {
        let stream = TcpStream::connect(address).context("cannot connect")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let complete = match self {
            Self::Download => download(&stream, address, &format!("/bytes/{size}"))?,
            Self::DownloadChunked => download(&stream, address, &format!("/chunked/{size}"))?,
            Self::Upload => upload(
                &stream,
                address,
                size,
                &format!("Content-Length: {size}"),
                &[],
                &[],
            )?,
            Self::UploadChunked => {
                let line = format!("{PIECE:x}\r\n");
                upload(
                    &stream,
                    address,
                    size,
                    "Transfer-Encoding: chunked",
                    line.as_bytes(),
                    b"\r\n",
                )?
            }
        };
        ensure!(complete.status == 200, "the status is {}", complete.status);
        let expected = match self {
            Self::Download | Self::DownloadChunked => size,
            // The sink answers with the count of bytes it has read.
            Self::Upload | Self::UploadChunked => size.to_string().len() as u64,
        };
        ensure!(
            complete.body == expected,
            "expected {expected} bytes, found {}",
            complete.body
        );
        Ok(())
    }
}

impl fmt::Display for Transfer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Download => "Download",
            Self::DownloadChunked => "Download in chunks",
            Self::Upload => "Upload",
            Self::UploadChunked => "Upload in chunks",
        })
    }
}

fn download(mut stream: &TcpStream, address: SocketAddr, path: &str) -> Result<Complete> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n")?;
    read_response(stream)
}

/// Sends `size` zeros in pieces, each between `before` and `behind`; chunks if these are not empty.
fn upload(
    mut stream: &TcpStream,
    address: SocketAddr,
    size: u64,
    framing: &str,
    before: &[u8],
    behind: &[u8],
) -> Result<Complete> {
    ensure!(
        size.is_multiple_of(PIECE as u64),
        "the size is no multiple of a piece"
    );
    write!(
        stream,
        "POST /upload HTTP/1.1\r\nHost: {address}\r\n{framing}\r\n\r\n"
    )?;
    let piece = [before, &vec![0; PIECE], behind].concat();
    for _ in 0..size / PIECE as u64 {
        stream.write_all(&piece).context("the upload was cut")?;
    }
    if !before.is_empty() {
        stream
            .write_all(b"0\r\n\r\n")
            .context("the upload was cut")?;
    }
    read_response(stream)
}

fn read_response(mut stream: &TcpStream) -> Result<Complete> {
    let mut buffer = vec![0; PIECE];
    let mut reader = Reader::default();
    loop {
        let count = stream.read(&mut buffer).context("the response was cut")?;
        if count == 0 {
            return reader
                .end()
                .context("the connection was closed within the response");
        }
        match reader.feed(&buffer[..count]) {
            Ok(Some(complete)) => return Ok(complete),
            Ok(None) => {}
            Err(_) => bail!("this is no response"),
        }
    }
}
