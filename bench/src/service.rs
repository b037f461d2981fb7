//! A program that the driver started and waits for: its process, its folder, and what it prints.

use std::{
    fs,
    net::SocketAddr,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::process::{Folder, Guarded};

/// How long a program may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(15);
const STEP: Duration = Duration::from_millis(5);
/// Lines of its output that an error shows.
const LINES_SHOWN: usize = 10;

/// A program at work. Ends when dropped.
#[derive(Debug)]
pub struct Service {
    name: String,
    process: Guarded,
    folder: Folder,
}

impl Service {
    /// Starts `command`, which `name` is called in errors; what it prints goes into `folder`, which goes with it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(name: &str, command: &mut Command, folder: Folder) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            process: Guarded::spawn(command, &folder.path().join("log"))?,
            folder,
        })
    }

    /// Looks again and again, at what was printed so far and elsewhere, until `probe` has found `what`.
    ///
    /// # Errors
    /// When the program ends before, or nothing is found within 15 s; what it printed is part of the error.
    pub fn wait_for<T>(
        &mut self,
        what: &str,
        mut probe: impl FnMut(&str) -> Option<T>,
    ) -> Result<T> {
        let started = Instant::now();
        loop {
            if let Some(found) = probe(&self.log()) {
                return Ok(found);
            }
            let (name, said) = (&self.name, self.log_tail());
            if let Some(status) = self.process.ended()? {
                bail!("{name} ended with {status} before {what}: {said}");
            }
            if started.elapsed() > PATIENCE {
                bail!("{name}: expected {what} within {PATIENCE:?}: {said}");
            }
            thread::sleep(STEP);
        }
    }

    /// The process, for signals.
    #[must_use]
    pub fn process(&mut self) -> &mut Guarded {
        &mut self.process
    }

    /// The id of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The last lines it printed.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// The address in a line like `listening on 127.0.0.1:8080 (web)`: of the listener `web`, or of the first one named.
#[must_use]
pub fn announced(log: &str) -> Option<SocketAddr> {
    let lines = || log.lines().filter(|line| line.contains("listening"));
    let line = lines()
        .find(|line| line.contains("web"))
        .or_else(|| lines().next())?;
    let word_end = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '"' | '=' | '/');
    line.split(word_end)
        .filter_map(|word| word.parse::<SocketAddr>().ok())
        .find(|address| address.port() != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_lines_are_read_leniently() {
        let address = |text: &str| announced(text).map(|address| address.port());
        assert_eq!(address("listening on 127.0.0.1:8080 (web)\n"), Some(8080));
        let log = "listening on 127.0.0.1:9901 (admin)\nlistening on http://127.0.0.1:8080 (web)\n";
        assert_eq!(address(log), Some(8080));
        assert_eq!(address("starting on 127.0.0.1:1\n"), None);
        assert_eq!(address("listening on 127.0.0.1:0\n"), None);
    }

    #[test]
    fn waits_for_what_is_printed_and_tells_what_was_instead() {
        let start = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            Service::spawn("sh", &mut command, Folder::create().unwrap()).unwrap()
        };
        let mut service = start("echo listening on 127.0.0.1:7; exec sleep 60");
        let address = service.wait_for("its address", announced).unwrap();
        assert_eq!(address.port(), 7);
        let mut service = start("echo no room; exit 3");
        let error = service.wait_for("its address", announced).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("its address") && text.contains("no room"),
            "{text}"
        );
    }
}
