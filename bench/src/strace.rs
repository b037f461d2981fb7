//! Counts system calls of a running program with `strace`. Slows the program down many times: never part of timing.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::{
    meter::Meter,
    process::{self, Folder, Guarded},
};

const ATTACH_PATIENCE: Duration = Duration::from_secs(5);
const END_PATIENCE: Duration = Duration::from_secs(10);

/// A count that is under way.
#[derive(Debug)]
pub struct Count {
    process: Guarded,
    folder: Folder,
}

/// Calls and how many of them failed, by name.
pub type Calls = BTreeMap<String, (u64, u64)>;

/// Where `strace` is, if it is.
#[must_use]
pub fn find() -> Option<PathBuf> {
    process::locate("strace", "TIDEGATE_BENCH_STRACE")
}

impl Count {
    /// Attaches to all processes and threads of `meter` and waits until that is done.
    ///
    /// # Errors
    /// When `strace` cannot be started or may not attach.
    pub fn start(strace: &Path, meter: &Meter) -> Result<Self> {
        let folder = Folder::create()?;
        let mut command = Command::new(strace);
        command
            .args(["-c", "-f", "-o"])
            .arg(folder.path().join("calls"));
        for id in meter.ids() {
            command.arg("-p").arg(id.to_string());
        }
        let log = folder.path().join("log");
        let mut count = Self {
            process: Guarded::spawn(&mut command, &log)?,
            folder,
        };
        let started = Instant::now();
        loop {
            let text = fs::read_to_string(&log).unwrap_or_default();
            if text.matches(" attached").count() >= meter.ids().len() {
                return Ok(count);
            }
            if count.process.ended()?.is_some() || started.elapsed() > ATTACH_PATIENCE {
                bail!("strace could not attach: {text}");
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Detaches and returns the counts.
    ///
    /// # Errors
    /// When `strace` does not leave or its summary is not understood.
    pub fn finish(mut self) -> Result<Calls> {
        self.process.signal(Signal::INT)?;
        if self.process.wait(END_PATIENCE)?.is_none() {
            bail!("strace does not leave");
        }
        let text =
            fs::read_to_string(self.folder.path().join("calls")).context("no summary of strace")?;
        Ok(parse(&text))
    }
}

/// Lines of `% time, seconds, usecs/call, calls, [errors,] syscall`.
fn parse(text: &str) -> Calls {
    text.lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (name, errors) = match fields.as_slice() {
                [_, _, _, _, name] => (*name, 0),
                [_, _, _, _, errors, name] => (*name, errors.parse().ok()?),
                _ => return None,
            };
            let calls = fields.get(3)?.parse().ok()?;
            (name != "total").then(|| (name.to_owned(), (calls, errors)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_summary() {
        let calls = parse(
            "% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 52.08    0.290811           7     40000           sendto
 47.13    0.263172           6     40012        12 recvfrom
------ ----------- ----------- --------- --------- ----------------
100.00    0.558365           6     80012        12 total
",
        );
        assert_eq!(calls.len(), 2);
        assert_eq!(calls["sendto"], (40_000, 0));
        assert_eq!(calls["recvfrom"], (40_012, 12));
    }
}
