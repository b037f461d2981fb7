//! What a reader must know about the machine and the moment to judge figures: no names of hosts, no paths.

use std::{
    collections::BTreeMap,
    fs,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

/// A Markdown list that describes the machine.
#[must_use]
pub fn describe() -> String {
    let lines = [
        ("CPU", format!("{}, {} cores online", cpu_model(), cores())),
        ("memory", memory()),
        ("kernel", kernel()),
        ("mitigations", mitigations()),
        ("load before the run (1, 5, 15 min)", load()),
    ];
    lines
        .iter()
        .map(|(what, value)| format!("- {what}: {value}\n"))
        .collect()
}

/// The state of the repository, or `unknown`.
#[must_use]
pub fn revision() -> String {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(revision) = git(&["rev-parse", "--short=10", "HEAD"]) else {
        return "unknown".to_owned();
    };
    match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Some(changes) if changes.is_empty() => revision,
        _ => format!("{revision} with local changes"),
    }
}

/// Date and time in UTC, to the minute.
#[must_use]
pub fn date() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    format_date(seconds)
}

/// Days to a date by the proleptic Gregorian calendar: <https://howardhinnant.github.io/date_algorithms.html>.
fn format_date(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (second / 3600, second % 3600 / 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

/// The one, five and fifteen minute averages.
#[must_use]
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let numbers: Vec<&str> = text.split_whitespace().take(3).collect();
    numbers.join(", ")
}

fn cpu_model() -> String {
    key_of("/proc/cpuinfo", "model name")
}

/// Those of the machine, whatever this thread is pinned to.
fn cores() -> usize {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    text.lines()
        .filter(|line| line.starts_with("processor"))
        .count()
}

fn memory() -> String {
    let text = key_of("/proc/meminfo", "MemTotal");
    text.split_whitespace()
        .next()
        .and_then(|number| number.parse::<u64>().ok())
        .map_or_else(
            || "unknown".to_owned(),
            |kibibytes| format!("{} MiB", kibibytes / 1024),
        )
}

/// The version without the builder's suffix, which may tell more about a machine than about the kernel.
fn kernel() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let version = text.trim().split('-').next().unwrap_or_default();
    format!("Linux {version}")
}

fn mitigations() -> String {
    let mut counts: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let entries = fs::read_dir("/sys/devices/system/cpu/vulnerabilities");
    for entry in entries.into_iter().flatten().flatten() {
        let state = fs::read_to_string(entry.path()).unwrap_or_default();
        let state = if state.starts_with("Mitigation") {
            "mitigated"
        } else if state.starts_with("Vulnerable") {
            "vulnerable"
        } else {
            continue; // Not affected.
        };
        let name = entry.file_name().to_string_lossy().into_owned();
        counts.entry(state).or_default().push(name);
    }
    if counts.is_empty() {
        return "none needed or none known".to_owned();
    }
    let states = counts.iter_mut().map(|(state, names)| {
        names.sort();
        format!("{state}: {}", names.join(", "))
    });
    states.collect::<Vec<_>>().join("; ")
}

fn key_of(file: &str, key: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim() == key)
        .map_or_else(
            || "unknown".to_owned(),
            |(_, value)| value.trim().to_owned(),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_those_of_the_machine() {
        let all = cores();
        let pinned = std::thread::spawn(|| {
            crate::process::pin_current_thread(0).unwrap();
            cores()
        });
        assert!(all >= std::thread::available_parallelism().unwrap().get());
        assert_eq!(pinned.join().unwrap(), all);
    }

    #[test]
    fn dates() {
        assert_eq!(format_date(0), "1970-01-01 00:00 UTC");
        assert_eq!(format_date(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(format_date(1_767_225_599), "2025-12-31 23:59 UTC");
    }
}
