//! Runs our load generator as a process of its own, so that its work is pinned and does not disturb the driver.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{ChildStdout, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::{
    load::Summary,
    process::{self, Folder, Guarded},
};

/// What the generator shall do.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// Whom to ask.
    pub address: SocketAddr,
    /// Host and path of each request, in turn.
    pub requests: &'a [(String, String)],
    /// Requests per second; `None`: as fast as the connections go round.
    pub rate: Option<u32>,
    /// Keep-alive connections.
    pub connections: u32,
    /// Whole seconds.
    pub time: Duration,
    /// Where it runs.
    pub core: u32,
    /// Whether it goes before all others there, as far as the system allows.
    pub is_urgent: bool,
}

/// A generator at work.
#[derive(Debug)]
pub struct Generator {
    process: Guarded,
    output: BufReader<ChildStdout>,
    started: Instant,
    _folder: Folder,
}

impl Generator {
    /// Starts it and waits until its connections are open and its schedule begins.
    ///
    /// # Errors
    /// When it cannot be started or the peer refuses the connections.
    pub fn start(order: &Order<'_>) -> Result<Self> {
        let folder = Folder::create()?;
        let mut list = String::new();
        for (host, path) in order.requests {
            writeln!(list, "{host} {path}").context("cannot write to a string")?;
        }
        let list = folder.write("requests", &list)?;
        let program = process::sibling("openloop").context("the program openloop is not built")?;
        let mut command = process::command(&program, Some(order.core));
        command
            .args(["--address", &order.address.to_string()])
            .args(["--connections", &order.connections.to_string()])
            .args(["--seconds", &order.time.as_secs().to_string()])
            .arg("--requests")
            .arg(list);
        match order.rate {
            Some(rate) => command.args(["--rate", &rate.to_string()]),
            None => command.arg("--closed"),
        };
        if order.is_urgent {
            command = process::urgent(command);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start openloop")?;
        let mut process = Guarded::new(child);
        let output = process
            .child()
            .stdout
            .take()
            .context("openloop without output")?;
        let mut output = BufReader::new(output);
        let mut line = String::new();
        output
            .read_line(&mut line)
            .context("openloop did not start")?;
        Ok(Self {
            process,
            output,
            started: Instant::now(),
            _folder: folder,
        })
    }

    /// When its schedule began.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it failed.
    pub fn finish(mut self) -> Result<Summary> {
        let mut text = String::new();
        self.output
            .read_to_string(&mut text)
            .context("cannot read from openloop")?;
        let ended = self.process.wait(Duration::from_secs(5))?;
        serde_json::from_str(&text)
            .with_context(|| format!("openloop ended with {ended:?} and said: {text}"))
    }
}

/// Starts it and waits for its end.
///
/// # Errors
/// As [`Generator::start`] and [`Generator::finish`].
pub fn run(order: &Order<'_>) -> Result<Summary> {
    Generator::start(order)?.finish()
}
