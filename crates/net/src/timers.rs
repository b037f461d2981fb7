//! Deadlines of a worker's connections: one slot per connection, moved and not registered anew from phase to phase.
//!
//! A table of deadlines that is scanned when the earliest known one is due. Moving a deadline writes eight bytes; a
//! scan of 10,000 is a few microseconds and happens at most once per [`TICK`]. Deadlines are met up to one tick late.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// The shortest time between two scans.
const TICK: Duration = Duration::from_millis(10);
/// The deadline of a disarmed timer.
const NEVER: u64 = u64::MAX;
/// What a scan leaves in place of a deadline that passed.
const PASSED: u64 = 0;

/// The deadlines of one worker.
#[derive(Clone, Debug)]
pub struct Timers {
    table: Rc<Table>,
}

#[derive(Debug)]
struct Table {
    origin: Instant,
    slots: RefCell<Slots>,
    /// When the next scan is planned, in milliseconds from the origin.
    next_scan: Cell<u64>,
    scanner: RefCell<Option<Waker>>,
}

#[derive(Debug, Default)]
struct Slots {
    deadlines: Vec<u64>,
    owners: Vec<Owner>,
    free: Vec<u32>,
}

#[derive(Debug, Default)]
struct Owner {
    waker: Option<Waker>,
    idle: bool,
}

/// One connection's deadline. Dropping it frees the slot.
#[derive(Debug)]
pub struct Timer {
    table: Rc<Table>,
    slot: u32,
}

impl Timers {
    /// No deadlines yet.
    pub fn new() -> Self {
        let table = Table {
            origin: Instant::now(),
            slots: RefCell::default(),
            next_scan: Cell::new(NEVER),
            scanner: RefCell::new(None),
        };
        Self {
            table: Rc::new(table),
        }
    }

    /// A new, disarmed timer.
    pub fn timer(&self) -> Timer {
        let mut slots = self.table.slots.borrow_mut();
        let slot = slots.free.pop().unwrap_or_else(|| {
            slots.deadlines.push(NEVER);
            slots.owners.push(Owner::default());
            u32::try_from(slots.deadlines.len() - 1)
                .expect("a worker has fewer than 2^32 connections")
        });
        Timer {
            table: Rc::clone(&self.table),
            slot,
        }
    }

    /// Lets every timer that waits as idle expire at once: connections between requests close when a worker drains.
    pub fn expire_idle(&self) {
        let mut slots = self.table.slots.borrow_mut();
        let Slots {
            deadlines, owners, ..
        } = &mut *slots;
        for (deadline, owner) in deadlines.iter_mut().zip(owners) {
            if owner.idle && *deadline != NEVER {
                *deadline = PASSED;
                if let Some(waker) = owner.waker.take() {
                    waker.wake();
                }
            }
        }
    }

    /// Wakes tasks whose deadline passed, for as long as it is polled. One task per worker runs it.
    pub async fn run(&self) {
        loop {
            let now = Instant::now();
            let next = self.table.scan(now);
            let pause = if next == NEVER {
                Duration::from_secs(3600)
            } else {
                (self.table.origin + Duration::from_millis(next))
                    .saturating_duration_since(now)
                    .max(TICK)
            };
            let mut sleep = std::pin::pin!(tokio::time::sleep(pause));
            let planned = self.table.millis(now + pause);
            self.table.next_scan.set(planned);
            std::future::poll_fn(|cx| {
                if sleep.as_mut().poll(cx).is_ready() || self.table.next_scan.get() < planned {
                    return Poll::Ready(());
                }
                *self.table.scanner.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            })
            .await;
        }
    }
}

impl Default for Timers {
    fn default() -> Self {
        Self::new()
    }
}

impl Table {
    fn millis(&self, at: Instant) -> u64 {
        // Rounded up: a deadline is never met early.
        let since = at.saturating_duration_since(self.origin);
        since
            .as_secs()
            .saturating_mul(1000)
            .saturating_add(u64::from(since.subsec_millis()) + 1)
            .min(NEVER - 1)
    }

    /// Wakes the owners of passed deadlines and returns the earliest of the others.
    fn scan(&self, now: Instant) -> u64 {
        // Deadlines are rounded up and the time down: none is met early.
        let now = self.millis(now) - 1;
        let mut slots = self.slots.borrow_mut();
        let Slots {
            deadlines, owners, ..
        } = &mut *slots;
        let mut earliest = NEVER;
        for (deadline, owner) in deadlines.iter_mut().zip(owners) {
            if *deadline > now {
                earliest = earliest.min(*deadline);
            } else if *deadline != PASSED {
                *deadline = PASSED;
                if let Some(waker) = owner.waker.take() {
                    waker.wake();
                }
            }
        }
        earliest
    }
}

impl Timer {
    /// Moves the deadline.
    pub fn arm(&self, deadline: Instant) {
        self.set(self.table.millis(deadline), false);
    }

    /// Moves the deadline of a wait that [`Timers::expire_idle`] may end.
    pub fn arm_idle(&self, deadline: Instant) {
        self.set(self.table.millis(deadline), true);
    }

    /// Takes the deadline away.
    pub fn disarm(&self) {
        self.set(NEVER, false);
    }

    /// Whether a scan found the deadline passed; otherwise the task is woken when one does. Reads no clock.
    pub fn poll_expired(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut slots = self.table.slots.borrow_mut();
        let slot = self.slot as usize;
        if slots.deadlines[slot] == PASSED {
            return Poll::Ready(());
        }
        match &mut slots.owners[slot].waker {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            other => *other = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    fn set(&self, deadline: u64, idle: bool) {
        {
            let mut slots = self.table.slots.borrow_mut();
            slots.deadlines[self.slot as usize] = deadline;
            slots.owners[self.slot as usize].idle = idle;
        }
        if deadline < self.table.next_scan.get() {
            self.table.next_scan.set(deadline);
            if let Some(scanner) = self.table.scanner.borrow_mut().take() {
                scanner.wake();
            }
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let mut slots = self.table.slots.borrow_mut();
        slots.deadlines[self.slot as usize] = NEVER;
        slots.owners[self.slot as usize] = Owner::default();
        slots.free.push(self.slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    fn run<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(test)
    }

    async fn expiry(timers: &Timers, timer: &Timer) -> Duration {
        let start = Instant::now();
        let mut scanner = std::pin::pin!(timers.run());
        poll_fn(|cx| {
            assert!(scanner.as_mut().poll(cx).is_pending());
            timer.poll_expired(cx)
        })
        .await;
        start.elapsed()
    }

    #[test]
    fn an_armed_timer_expires_after_its_deadline_and_not_before() {
        run(async {
            let timers = Timers::new();
            let (timer, other) = (timers.timer(), timers.timer());
            other.arm(Instant::now() + Duration::from_secs(3600));
            timer.arm(Instant::now() + Duration::from_millis(30));
            assert!(expiry(&timers, &timer).await >= Duration::from_millis(30));
            assert!(
                poll_fn(|cx| Poll::Ready(other.poll_expired(cx)))
                    .await
                    .is_pending()
            );
        });
    }

    #[test]
    fn a_deadline_moved_nearer_wakes_the_scanner() {
        run(async {
            let timers = Timers::new();
            let timer = timers.timer();
            timer.arm(Instant::now() + Duration::from_secs(3600));
            let mut scanner = std::pin::pin!(timers.run());
            assert!(
                poll_fn(|cx| Poll::Ready(scanner.as_mut().poll(cx)))
                    .await
                    .is_pending()
            );
            timer.arm(Instant::now() + Duration::from_millis(20));
            let start = Instant::now();
            poll_fn(|cx| {
                assert!(scanner.as_mut().poll(cx).is_pending());
                timer.poll_expired(cx)
            })
            .await;
            assert!(start.elapsed() < Duration::from_secs(60));
        });
    }

    #[test]
    fn only_idle_timers_expire_on_demand_and_slots_are_reused() {
        run(async {
            let timers = Timers::new();
            let (idle, busy) = (timers.timer(), timers.timer());
            idle.arm_idle(Instant::now() + Duration::from_secs(3600));
            busy.arm(Instant::now() + Duration::from_secs(3600));
            timers.expire_idle();
            assert!(
                poll_fn(|cx| Poll::Ready(idle.poll_expired(cx)))
                    .await
                    .is_ready()
            );
            assert!(
                poll_fn(|cx| Poll::Ready(busy.poll_expired(cx)))
                    .await
                    .is_pending()
            );
            idle.disarm();
            assert!(
                poll_fn(|cx| Poll::Ready(idle.poll_expired(cx)))
                    .await
                    .is_pending()
            );
            let slot = busy.slot;
            drop(busy);
            assert_eq!(timers.timer().slot, slot);
        });
    }
}
