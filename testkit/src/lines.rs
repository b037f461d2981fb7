//! The lines a child process prints, collected by a thread of their own so that its pipe never fills up.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Lines kept per stream; the oldest go first.
const LINES_MAX: usize = 100_000;

/// The lines of one output stream, in order. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<String>,
    ended: bool,
}

impl Lines {
    /// Starts a thread that reads `stream` to its end.
    pub(crate) fn spawn_reading(stream: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let writer = lines.clone();
        thread::spawn(move || writer.collect(BufReader::new(stream)));
        lines
    }

    fn collect(&self, mut stream: impl BufRead) {
        let mut line = Vec::new();
        while let Ok(1..) = stream.read_until(b'\n', &mut line) {
            let text = String::from_utf8_lossy(&line);
            let mut state = self.lock();
            if state.lines.len() == LINES_MAX {
                state.lines.pop_front();
            }
            state
                .lines
                .push_back(text.trim_end_matches(['\r', '\n']).to_owned());
            self.shared.changed.notify_all();
            line.clear();
        }
        self.lock().ended = true;
        self.shared.changed.notify_all();
    }

    /// Waits until `find` says `Some` for a line, those before the call included. `None` when the stream ended or the
    /// time is up first.
    pub fn wait_for<T>(
        &self,
        limit: Duration,
        mut find: impl FnMut(&str) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + limit;
        let mut state = self.lock();
        let mut seen = 0;
        loop {
            if let Some(found) = state.lines.iter().skip(seen).find_map(|line| find(line)) {
                return Some(found);
            }
            seen = state.lines.len();
            let left = deadline.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() {
                return None;
            }
            state = self
                .shared
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Waits until a line holds `needle`; says whether one did.
    pub fn wait_for_text(&self, limit: Duration, needle: &str) -> bool {
        self.wait_for(limit, |line| line.contains(needle).then_some(()))
            .is_some()
    }

    /// Waits until the stream has ended; says whether it did.
    pub fn wait_end(&self, limit: Duration) -> bool {
        self.wait_for(limit, |_| None::<()>);
        self.lock().ended
    }

    /// Every line so far.
    pub fn all(&self) -> Vec<String> {
        self.lock().lines.iter().cloned().collect()
    }

    /// Every line so far as one text.
    pub fn text(&self) -> String {
        self.all().join("\n")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
