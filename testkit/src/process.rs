//! A child process that is ended through its own handle, whose exit can be waited for, and whose output is kept.

use std::io::{self, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub use rustix::process::Signal;
use rustix::process::{Pid, WaitId, WaitIdOptions, kill_process, waitid};

use crate::lines::Lines;

/// A running child. Dropping it kills it and waits for its end.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    exit: Arc<Exit>,
    stdin: Option<ChildStdin>,
    stdout: Lines,
    stderr: Lines,
}

#[derive(Debug)]
struct Exit {
    state: Mutex<ExitState>,
    changed: Condvar,
}

/// The child is reaped under the lock that holds this, so whoever finds no status under it may signal the pid without
/// hitting another process.
#[derive(Debug)]
struct ExitState {
    child: Child,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts the command with a closed input and both outputs collected.
    ///
    /// # Errors
    /// What starting the program failed with.
    pub fn spawn(mut command: Command) -> io::Result<Self> {
        command.stdin(Stdio::null());
        Self::spawn_collecting(command)
    }

    /// As [`Process::spawn`], with an input that [`Process::send_line`] writes to.
    ///
    /// # Errors
    /// What starting the program failed with.
    pub fn spawn_with_input(mut command: Command) -> io::Result<Self> {
        command.stdin(Stdio::piped());
        Self::spawn_collecting(command)
    }

    fn spawn_collecting(mut command: Command) -> io::Result<Self> {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().map(Lines::spawn_reading);
        let stderr = child.stderr.take().map(Lines::spawn_reading);
        let pid = Pid::from_child(&child);
        let exit = Arc::new(Exit {
            state: Mutex::new(ExitState {
                child,
                status: None,
            }),
            changed: Condvar::new(),
        });
        let waiter = Arc::clone(&exit);
        thread::spawn(move || waiter.wait(pid));
        Ok(Self {
            pid,
            exit,
            stdin,
            stdout: stdout.unwrap_or_default(),
            stderr: stderr.unwrap_or_default(),
        })
    }

    /// Writes a line to its input.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotConnected`] without an input, else what writing failed with.
    pub fn send_line(&mut self, line: &str) -> io::Result<()> {
        let stdin = self.stdin.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        writeln!(stdin, "{line}")?;
        stdin.flush()
    }

    /// Sends a signal; nothing happens once the child has ended.
    pub fn signal(&self, signal: Signal) {
        let state = self.exit.lock();
        if state.status.is_none() {
            kill_process(self.pid, signal).ok();
        }
    }

    /// The number the kernel knows it by.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Waits for its end; `None` when it still runs after `limit`.
    pub fn wait_exit(&self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        let mut state = self.exit.lock();
        while state.status.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            state = self
                .exit
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state.status
    }

    /// Whether it has not ended yet.
    pub fn is_running(&self) -> bool {
        self.exit.lock().status.is_none()
    }

    /// What it printed to standard output.
    pub fn stdout(&self) -> &Lines {
        &self.stdout
    }

    /// What it printed to standard error.
    pub fn stderr(&self) -> &Lines {
        &self.stderr
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        self.wait_exit(crate::SOON);
    }
}

impl Exit {
    /// Sleeps until the child has ended without reaping it, then reaps it under the lock.
    fn wait(&self, pid: Pid) {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), options) {}
        let mut state = self.lock();
        state.status = state.child.wait().ok();
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, ExitState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
