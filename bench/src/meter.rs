//! What the kernel says about a process and its children: CPU time and memory.

use std::{fs, time::Duration};

use anyhow::{Context, Result};

/// The kernel's unit of `utime` and `stime`: fixed at 100 per second for programs, whatever the kernel uses inside.
const TICK: Duration = Duration::from_millis(10);

/// A process and everything it started, as found once. Programs measured here start their workers before they are ready.
#[derive(Clone, Debug)]
pub struct Meter {
    ids: Vec<u32>,
}

/// CPU time of user and system together, since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Time on a CPU by the scheduler's account (`schedstat`), exact to the nanosecond; `None` if the kernel keeps none.
    pub scheduled: Option<Duration>,
    /// `utime` + `stime`, in steps of 10 ms.
    pub ticks: Duration,
}

impl Cpu {
    /// The best account there is.
    #[must_use]
    pub fn best(self) -> Duration {
        self.scheduled.unwrap_or(self.ticks)
    }

    /// What was used since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            scheduled: self
                .scheduled
                .zip(earlier.scheduled)
                .map(|(now, then)| now.saturating_sub(then)),
            ticks: self.ticks.saturating_sub(earlier.ticks),
        }
    }
}

impl Meter {
    /// Meters `id` and its descendants.
    ///
    /// # Errors
    /// When the list of processes cannot be read.
    pub fn new(id: u32) -> Result<Self> {
        let parents = parents()?;
        let mut ids = vec![id];
        let mut next = 0;
        while let Some(parent) = ids.get(next).copied() {
            ids.extend(
                parents
                    .iter()
                    .filter(|(_, of)| *of == parent)
                    .map(|(child, _)| *child),
            );
            next += 1;
        }
        Ok(Self { ids })
    }

    /// The processes, the first one first.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// CPU time up to now.
    ///
    /// # Errors
    /// When a process has ended.
    pub fn cpu(&self) -> Result<Cpu> {
        let mut total = Cpu {
            scheduled: Some(Duration::ZERO),
            ticks: Duration::ZERO,
        };
        for id in &self.ids {
            total.ticks += ticks(*id)?;
            total.scheduled = total
                .scheduled
                .zip(scheduled(*id))
                .map(|(sum, own)| sum + own);
        }
        Ok(total)
    }

    /// Resident memory, in bytes; pages shared between the processes count once for each.
    ///
    /// # Errors
    /// When a process has ended.
    pub fn resident(&self) -> Result<u64> {
        self.sum("smaps_rollup", "Rss:")
    }

    /// The same from a cheaper source, which may lag by some pages per thread: for sampling.
    ///
    /// # Errors
    /// When a process has ended.
    pub fn resident_roughly(&self) -> Result<u64> {
        self.sum("status", "VmRSS:")
    }

    /// The largest resident memory so far, in bytes.
    ///
    /// # Errors
    /// When a process has ended.
    pub fn resident_max(&self) -> Result<u64> {
        self.sum("status", "VmHWM:")
    }

    fn sum(&self, file: &str, key: &str) -> Result<u64> {
        self.ids.iter().map(|id| kibibytes(*id, file, key)).sum()
    }
}

fn kibibytes(id: u32, file: &str, key: &str) -> Result<u64> {
    let text = read(id, file)?;
    text.lines()
        .find_map(|line| line.strip_prefix(key))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse::<u64>().ok())
        .map(|kibibytes| kibibytes * 1024)
        .with_context(|| format!("no {key} in {file}"))
}

fn ticks(id: u32) -> Result<Duration> {
    let text = read(id, "stat")?;
    // utime and stime are the fields 14 and 15; the name in field 2 may hold anything, so count behind it.
    let mut fields = after_name(&text).split_whitespace().skip(11);
    let mut field = || fields.next().and_then(|field| field.parse::<u32>().ok());
    let (user, system) = field().zip(field()).context("no times in stat")?;
    Ok(TICK * user.saturating_add(system))
}

/// The sum over threads; a thread that ended takes its share with it, which programs with fixed threads do not notice.
fn scheduled(id: u32) -> Option<Duration> {
    let mut sum = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{id}/task")).ok()?.flatten() {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        sum += Duration::from_nanos(text.split_whitespace().next()?.parse().ok()?);
    }
    Some(sum)
}

/// (process, its parent) of all processes.
fn parents() -> Result<Vec<(u32, u32)>> {
    let entries = fs::read_dir("/proc").context("cannot list processes")?;
    Ok(entries
        .flatten()
        .filter_map(|entry| {
            let id: u32 = entry.file_name().to_str()?.parse().ok()?;
            let text = read(id, "stat").ok()?;
            let parent = after_name(&text).split_whitespace().nth(1)?.parse().ok()?;
            Some((id, parent))
        })
        .collect())
}

fn after_name(stat: &str) -> &str {
    stat.rsplit_once(')').map_or(stat, |(_, rest)| rest)
}

fn read(id: u32, file: &str) -> Result<String> {
    fs::read_to_string(format!("/proc/{id}/{file}"))
        .with_context(|| format!("cannot read {file} of process {id}; has it ended?"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// A process of its own: of the tests' process threads end all the time, and what they used is in no account of
    /// the scheduler's any more.
    #[test]
    fn a_busy_process_is_metered() {
        let script = "i=0; while [ $i -lt 10000000 ]; do i=$((i+1)); done";
        let mut busy = Command::new("sh").args(["-c", script]).spawn().unwrap();
        let meter = Meter::new(busy.id()).unwrap();
        let before = meter.cpu().unwrap();
        while meter.cpu().unwrap().since(before).ticks < TICK * 3 {
            std::thread::yield_now();
        }
        assert!(meter.cpu().unwrap().since(before).best() >= TICK * 2);
        assert!(meter.resident().unwrap() > 100 * 1024);
        assert!(meter.resident_max().unwrap() >= meter.resident_roughly().unwrap() / 2);
        busy.kill().unwrap();
        busy.wait().unwrap();
    }
}
