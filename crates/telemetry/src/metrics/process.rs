//! Figures of the process and of the calling thread, as the kernel keeps them.

use std::fs;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::family::{Family, Instrument, Kind};
use super::memory_limit::memory_limit;
use super::sheet::Sheet;

static BUILD_INFO: Family = gauge(
    "tidegate.build_info",
    "",
    "Always 1; the labels tell the build.",
);
static CPU: Family = Family::new(Instrument {
    name: "process.cpu",
    unit: "s",
    description: "User and system CPU time spent.",
    kind: Kind::ObservableCounter,
});
static MEMORY: Family = gauge("process.resident_memory", "By", "Resident memory size.");
static MEMORY_LIMIT: Family = gauge(
    "process.memory_limit",
    "By",
    "Memory the process may use: the smallest limit of its control groups, or what the machine has.",
);
static THREADS: Family = gauge("process.threads", "{thread}", "Number of threads.");
static OPEN: Family = gauge(
    "process.open_fds",
    "{file_descriptor}",
    "Number of open file descriptors.",
);
static OPEN_MAX: Family = gauge(
    "process.max_fds",
    "{file_descriptor}",
    "Most file descriptors the process may open.",
);
static STARTED: Family = gauge(
    "process.start_time",
    "s",
    "Start time of the process since the Unix epoch.",
);

/// The names are those that Prometheus' own clients have for a process.
const fn gauge(name: &'static str, unit: &'static str, description: &'static str) -> Family {
    Family::new(Instrument {
        name,
        unit,
        description,
        kind: Kind::Gauge,
    })
}

/// Puts in what is known of the process and the build. Reads a few files of `/proc`; figures that cannot be had are
/// left out.
pub fn process_sheet(sheet: &mut Sheet) {
    sheet.gauge(&BUILD_INFO, &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    sheet.counter_seconds(&CPU, &[], cpu_time(ClockId::ProcessCPUTime));
    if let Some(max) = getrlimit(Resource::Nofile).current {
        sheet.gauge(&OPEN_MAX, &[], to_level(max));
    }
    if let Some(open) = count_open() {
        sheet.gauge(&OPEN, &[], to_level(open));
    }
    if let Some(limit) = memory_limit() {
        sheet.gauge(&MEMORY_LIMIT, &[], to_level(limit));
    }
    if let Some(stat) = Stat::read() {
        sheet.gauge(&THREADS, &[], to_level(stat.threads));
        sheet.gauge(&MEMORY, &[], to_level(stat.resident_bytes()));
        if let Some(started) = stat.started() {
            sheet.gauge(&STARTED, &[], started);
        }
    }
}

/// CPU time that the calling thread has spent, user and system: one system call.
pub fn thread_cpu_time() -> Duration {
    cpu_time(ClockId::ThreadCPUTime)
}

fn cpu_time(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

fn count_open() -> Option<u64> {
    let entries = fs::read_dir("/proc/self/fd").ok()?.count();
    // Listing takes a descriptor of its own.
    u64::try_from(entries).ok()?.checked_sub(1)
}

/// The fields of `/proc/self/stat` that are of use.
struct Stat {
    threads: u64,
    started_ticks: u64,
    resident_pages: u64,
}

impl Stat {
    fn read() -> Option<Self> {
        let text = fs::read_to_string("/proc/self/stat").ok()?;
        // The second field is the program's name in parentheses and may hold spaces and parentheses.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // proc_pid_stat(5) counts from 1, and `rest` begins with field 3.
        let field = |number: usize| fields.get(number - 3)?.parse().ok();
        Some(Self {
            threads: field(20)?,
            started_ticks: field(22)?,
            resident_pages: field(24)?,
        })
    }

    fn resident_bytes(&self) -> u64 {
        let page = u64::try_from(rustix::param::page_size()).unwrap_or(0);
        self.resident_pages.saturating_mul(page)
    }

    /// Seconds since the epoch; the kernel counts from boot.
    fn started(&self) -> Option<f64> {
        let text = fs::read_to_string("/proc/stat").ok()?;
        let boot: u64 = text
            .lines()
            .find_map(|line| line.strip_prefix("btime "))?
            .trim()
            .parse()
            .ok()?;
        let ticks_per_second = to_level(rustix::param::clock_ticks_per_second()).max(1.0);
        Some(to_level(boot) + to_level(self.started_ticks) / ticks_per_second)
    }
}

/// Exact up to 2^53, which no figure here reaches.
fn to_level(value: u64) -> f64 {
    value as f64
}
