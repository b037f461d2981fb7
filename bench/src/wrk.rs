//! Runs `wrk` and reads what it prints.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::process;

/// Where to find it and where it runs.
#[derive(Clone, Debug)]
pub struct Wrk {
    path: PathBuf,
    core: u32,
}

/// What one run of `wrk` came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Responses.
    pub requests: u64,
    /// Responses per second.
    pub per_second: f64,
    /// Median latency in microseconds.
    pub p50: f64,
    /// Latency in microseconds that 99 of 100 do not exceed.
    pub p99: f64,
    /// Socket errors and responses other than 2xx and 3xx.
    pub errors: u64,
}

impl Wrk {
    /// Finds it on PATH or by `TIDEGATE_BENCH_WRK`.
    ///
    /// # Errors
    /// When it is not there.
    pub fn find(core: u32) -> Result<Self> {
        let path = process::locate("wrk", "TIDEGATE_BENCH_WRK")
            .context("wrk is needed, and not on PATH")?;
        Ok(Self { path, core })
    }

    /// One thread, `connections` keep-alive connections, for `time` in whole seconds.
    ///
    /// # Errors
    /// When it cannot be run or prints what is not understood.
    pub fn run(&self, url: &str, connections: u32, time: Duration) -> Result<Figures> {
        let mut command: Command = process::command(&self.path, Some(self.core));
        command
            .args(["-t1", "--latency"])
            .arg(format!("-c{connections}"))
            .arg(format!("-d{}s", time.as_secs().max(1)))
            .arg(url);
        let output = command
            .stderr(Stdio::null())
            .output()
            .context("cannot start wrk")?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!("wrk failed: {text}");
        }
        parse(&text).with_context(|| format!("cannot read the output of wrk: {text}"))
    }
}

fn parse(text: &str) -> Option<Figures> {
    let lines = || text.lines().map(str::trim);
    let behind = |prefix: &'static str| lines().find_map(move |line| line.strip_prefix(prefix));
    let requests = lines().find_map(|line| line.split_once(" requests in ")?.0.parse().ok())?;
    let sockets = behind("Socket errors:").unwrap_or_default();
    let statuses = behind("Non-2xx or 3xx responses:").unwrap_or_default();
    let numbers = |text: &str| -> u64 {
        text.split(|c: char| !c.is_ascii_digit())
            .filter_map(|number| number.parse::<u64>().ok())
            .sum()
    };
    Some(Figures {
        requests,
        per_second: behind("Requests/sec:")?.trim().parse().ok()?,
        p50: microseconds(behind("50%")?)?,
        p99: microseconds(behind("99%")?)?,
        errors: numbers(sockets) + numbers(statuses),
    })
}

fn microseconds(text: &str) -> Option<f64> {
    let text = text.trim();
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(at);
    let scale = match unit {
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        "m" => 6e7,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_output() {
        let text = "Running 4s test @ http://127.0.0.1:8001/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.06ms  345.07us   7.91ms   87.66%
    Req/Sec    31.10k     1.47k   33.32k    80.00%
  Latency Distribution
     50%    1.98ms
     75%    2.12ms
     90%    2.36ms
     99%    970.00us
  123883 requests in 4.00s, 29.06MB read
  Socket errors: connect 0, read 3, write 0, timeout 1
  Non-2xx or 3xx responses: 7
Requests/sec:  30949.45
Transfer/sec:      7.26MB";
        let figures = parse(text).unwrap();
        assert_eq!(figures.requests, 123_883);
        assert_eq!(figures.p50, 1980.0);
        assert_eq!(figures.p99, 970.0);
        assert_eq!(figures.errors, 11);
        assert_eq!(parse("unable to connect"), None);
    }
}
