//! Why requests failed: the last reason for whoever asks, and a line in the log now and then.

use std::error::Error;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base::Secret;
use otlp::Signal;

use crate::endpoint::Endpoint;

/// Failures are logged once in this time, with how many there were.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// Bytes of a reason.
const TEXT_MAX: usize = 512;
/// Shorter texts occur by chance.
const SECRET_MIN: usize = 4;

#[derive(Debug)]
pub(crate) struct LastFailure {
    signal: Signal,
    endpoint: Endpoint,
    /// A back end may repeat what it was sent.
    secrets: Vec<Secret>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    text: Option<String>,
    logged: Option<Instant>,
    unlogged: u64,
}

impl LastFailure {
    pub(crate) fn new(signal: Signal, endpoint: Endpoint, secrets: Vec<Secret>) -> Self {
        Self {
            signal,
            endpoint,
            secrets,
            state: Mutex::default(),
        }
    }

    pub(crate) fn get(&self) -> Option<String> {
        self.lock().text.clone()
    }

    /// Takes a reason; what it holds came from outside.
    pub(crate) fn set(&self, reason: &str) {
        let reason = printable(&self.without_secrets(reason));
        let mut state = self.lock();
        state.text = Some(reason.clone());
        if state
            .logged
            .is_some_and(|logged| logged.elapsed() < LOG_EVERY)
        {
            state.unlogged += 1;
            return;
        }
        state.logged = Some(Instant::now());
        let earlier = std::mem::take(&mut state.unlogged);
        drop(state);
        tracing::warn!(signal = ?self.signal, endpoint = %self.endpoint, reason, earlier, "export failed");
    }

    /// A message of a back end that took a request: not a failure, but meant to be read (OT-5, OT-6).
    pub(crate) fn warn(&self, rejected: u64, message: &str) {
        let message = printable(&self.without_secrets(message));
        let mut state = self.lock();
        if state
            .logged
            .is_none_or(|logged| logged.elapsed() >= LOG_EVERY)
        {
            state.logged = Some(Instant::now());
            drop(state);
            tracing::warn!(signal = ?self.signal, endpoint = %self.endpoint, rejected, message, "the back end warns");
        }
    }

    /// Of `Bearer token` the token alone is secret as well.
    fn without_secrets(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            let whole = secret.expose();
            let token = whole.rsplit(' ').next().unwrap_or_default();
            for secret in [whole, token] {
                if secret.len() >= SECRET_MIN && text.contains(secret) {
                    text = text.replace(secret, "***");
                }
            }
        }
        text
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause
        && text.len() < TEXT_MAX
    {
        let next = error.to_string();
        // Some libraries repeat the cause in their own text.
        if !text.ends_with(&next) {
            // Writing to a string does not fail.
            write!(text, ": {next}").ok();
        }
        cause = error.source();
    }
    text
}

/// At most [`TEXT_MAX`] bytes, none of which moves a terminal's cursor.
fn printable(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        let character = if character.is_control() {
            ' '
        } else {
            character
        };
        if out.len() + character.len_utf8() > TEXT_MAX {
            break;
        }
        out.push(character);
    }
    out
}
