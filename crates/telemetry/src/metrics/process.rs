//! Figures of the process and of the calling thread, as the kernel keeps them.

use std::fs;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::family::{Family, Kind};
use super::sheet::Sheet;

static BUILD_INFO: Family = gauge(
    "tidegate_build_info",
    "Always 1; the labels tell the build.",
    None,
);
static CPU: Family = Family {
    name: "process_cpu_seconds_total",
    help: "User and system CPU time spent.",
    unit: Some("seconds"),
    kind: Kind::Counter,
};
static MEMORY: Family = gauge(
    "process_resident_memory_bytes",
    "Resident memory size.",
    Some("bytes"),
);
static THREADS: Family = gauge("process_threads", "Number of threads.", None);
static OPEN: Family = gauge("process_open_fds", "Number of open file descriptors.", None);
static OPEN_MAX: Family = gauge(
    "process_max_fds",
    "Most file descriptors the process may open.",
    None,
);
static STARTED: Family = gauge(
    "process_start_time_seconds",
    "Start time of the process since the Unix epoch.",
    Some("seconds"),
);

const fn gauge(name: &'static str, help: &'static str, unit: Option<&'static str>) -> Family {
    Family {
        name,
        help,
        unit,
        kind: Kind::Gauge,
    }
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
