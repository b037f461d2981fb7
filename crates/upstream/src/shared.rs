//! What all workers share: how many connections to an endpoint are open.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Notify, Semaphore};

/// The connection budgets of every endpoint, for all workers of the process.
#[derive(Debug, Default)]
pub struct Shared {
    budgets: Mutex<Budgets>,
    /// Wakes every worker's sweeper when a request waits for a connection that another worker may hold idle.
    pub(crate) wanted: Notify,
}

/// By upstream and address. Budgets no worker uses any more are forgotten when the map has doubled.
#[derive(Debug, Default)]
struct Budgets {
    known: HashMap<(Box<str>, SocketAddr), Weak<Budget>>,
    tidy_at: usize,
}

/// How many connections to one endpoint may be open over all workers.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) permits: Arc<Semaphore>,
    max: u32,
    /// Requests, on any worker, that wait for a permit.
    pub(crate) waiting: AtomicU32,
}

impl Shared {
    /// No budgets yet.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The budget of an endpoint of an upstream: the one that is in use when its bound is the same, so that a reload
    /// neither forgets open connections nor counts them twice. A changed bound begins a new count.
    pub(crate) fn budget(&self, upstream: &str, address: SocketAddr, max: u32) -> Arc<Budget> {
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        if budgets.known.len() >= budgets.tidy_at {
            budgets.known.retain(|_, budget| budget.strong_count() > 0);
            budgets.tidy_at = 2 * budgets.known.len() + 64;
        }
        let key = (upstream.into(), address);
        if let Some(known) = budgets
            .known
            .get(&key)
            .and_then(Weak::upgrade)
            .filter(|budget| budget.max == max)
        {
            return known;
        }
        let permits = Arc::new(Semaphore::new(max as usize));
        let budget = Arc::new(Budget {
            permits,
            max,
            waiting: AtomicU32::new(0),
        });
        budgets.known.insert(key, Arc::downgrade(&budget));
        budget
    }
}

impl Budget {
    /// Whether a request on some worker waits for one of these connections.
    pub(crate) fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}
