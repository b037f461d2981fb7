//! What every request passes before it is sent: the breaker, and pauses that the back end asked for.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::breaker::{Admission, Breaker, BreakerState, Health, Kind};
use crate::plan::BreakerPlan;

#[derive(Debug)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    breaker: Breaker,
    /// Nothing is sent before this: the back end said so.
    paused_until: Option<Instant>,
}

/// Leave to send one request. Dropping it unreported makes room for another.
#[derive(Debug)]
pub(crate) struct Permit {
    gate: Arc<Gate>,
    /// Until reported.
    kind: Option<Kind>,
}

impl Gate {
    pub(crate) fn new(plan: &BreakerPlan) -> Self {
        Self {
            state: Mutex::new(State {
                breaker: Breaker::new(plan),
                paused_until: None,
            }),
            changed: Notify::new(),
        }
    }

    /// Waits for leave to send one request. May be dropped at any time.
    pub(crate) async fn pass(self: &Arc<Self>) -> Permit {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let admission = self.lock().admit(Instant::now());
            match admission {
                Admission::Go(kind) => {
                    return Permit {
                        gate: Arc::clone(self),
                        kind: Some(kind),
                    };
                }
                Admission::AfterProbe => changed.await,
                Admission::At(due) => tokio::select! {
                    () = sleep_until(due) => {}
                    () = changed => {}
                },
            }
        }
    }

    /// Holds everything back until then. What is already on its way is not stopped.
    pub(crate) fn pause(&self, until: Instant) {
        let paused = &mut self.lock().paused_until;
        *paused = (*paused).max(Some(until));
    }

    /// Lets a request through at once if only the breaker holds it back.
    pub(crate) fn hurry(&self) {
        self.lock().breaker.hurry();
        self.changed.notify_waiters();
    }

    /// The breaker's state and how often it opened.
    pub(crate) fn breaker(&self) -> (BreakerState, u64) {
        let state = self.lock();
        (state.breaker.state(), state.breaker.openings())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn admit(&mut self, now: Instant) -> Admission {
        match self.paused_until {
            Some(until) if now < until => Admission::At(until),
            Some(_) | None => self.breaker.admit(now),
        }
    }
}

impl Permit {
    /// Says how the request went.
    pub(crate) fn report(mut self, health: Health) {
        if let Some(kind) = self.kind.take() {
            self.gate
                .lock()
                .breaker
                .record(kind, health, Instant::now());
            self.gate.changed.notify_waiters();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(kind) = self.kind.take() {
            self.gate.lock().breaker.give_up(kind);
            self.gate.changed.notify_waiters();
        }
    }
}
