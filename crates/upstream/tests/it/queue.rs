//! Requests that wait for a connection.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::{JoinHandle, spawn_local};
use upstream::plan::ConnectionsPlan;
use upstream::{AcquireError, Endpoint, Lease};

use crate::support::{Origin, acquire, run, single, until};

fn one_at_a_time() -> ConnectionsPlan {
    ConnectionsPlan {
        max: 1,
        ..ConnectionsPlan::default()
    }
}

/// A request that waits, begun before the call returns.
async fn waiter(endpoint: &Rc<Endpoint>) -> JoinHandle<Result<Lease, AcquireError>> {
    let before = endpoint.pending();
    let waiting = Rc::clone(endpoint);
    let task = spawn_local(async move { waiting.connect().await });
    until("a place in the queue", || endpoint.pending() > before).await;
    task
}

#[test]
fn waiters_are_served_in_turn() {
    run(async {
        let origin = Origin::start();
        let (_upstreams, endpoint) = single(&origin, one_at_a_time());
        let held = acquire(&endpoint).await;
        let served = Rc::new(RefCell::new(Vec::new()));
        let mut tasks = Vec::new();
        for number in 0..5 {
            let waiting = waiter(&endpoint).await;
            let served = Rc::clone(&served);
            tasks.push(spawn_local(async move {
                let lease = waiting.await.expect("no panic").expect("a turn");
                served.borrow_mut().push((number, lease.is_reused()));
                // Every other one breaks its connection: a place then passes on instead of a connection.
                if number % 2 == 0 {
                    lease.release();
                }
            }));
        }
        assert_eq!(endpoint.pending(), 5);
        held.release();
        for task in tasks {
            task.await.expect("no panic");
        }
        let expected = [(0, true), (1, true), (2, false), (3, true), (4, false)];
        assert_eq!(*served.borrow(), expected);
        assert_eq!((endpoint.pending(), endpoint.in_flight()), (0, 0));
        assert_eq!(
            (endpoint.stats.queued.get(), endpoint.stats.refused.get()),
            (5, 0)
        );
        assert_eq!(
            (endpoint.stats.connects.get(), endpoint.stats.open.get()),
            (3, 1)
        );
    });
}

#[test]
fn the_queue_has_a_bound() {
    run(async {
        let origin = Origin::start();
        let connections = ConnectionsPlan {
            pending_max: 2,
            ..one_at_a_time()
        };
        let (_upstreams, endpoint) = single(&origin, connections);
        let held = acquire(&endpoint).await;
        let waiting = [waiter(&endpoint).await, waiter(&endpoint).await];
        let refused = endpoint.connect().await.expect_err("the queue is full");
        assert!(
            matches!(refused, AcquireError::Exhausted { .. }),
            "{refused:?}"
        );
        assert_eq!((endpoint.pending(), endpoint.stats.refused.get()), (2, 1));
        assert_eq!(endpoint.in_flight(), 3, "one is served, two wait");
        held.release();
        for task in waiting {
            task.await.expect("no panic").expect("a turn").release();
        }
        assert_eq!((endpoint.in_flight(), endpoint.idle()), (0, 1));
        let none = ConnectionsPlan {
            pending_max: 0,
            ..one_at_a_time()
        };
        let (_upstreams, endpoint) = single(&origin, none);
        let _held = acquire(&endpoint).await;
        assert!(endpoint.connect().await.is_err());
    });
}

#[test]
fn the_wait_has_a_bound() {
    run(async {
        let origin = Origin::start();
        let pending_timeout = Duration::from_millis(50);
        let connections = ConnectionsPlan {
            pending_timeout,
            ..one_at_a_time()
        };
        let (_upstreams, endpoint) = single(&origin, connections);
        let held = acquire(&endpoint).await;
        let start = Instant::now();
        let refused = endpoint.connect().await.expect_err("nobody lets go");
        assert!(
            matches!(refused, AcquireError::Exhausted { .. }),
            "{refused:?}"
        );
        assert!(start.elapsed() >= pending_timeout);
        assert_eq!((endpoint.pending(), endpoint.in_flight()), (0, 1));
        assert_eq!(endpoint.stats.refused.get(), 1);
        held.release();
        acquire(&endpoint).await.release();
    });
}

/// The connection was handed over, and whoever it was for has left before it could look.
#[test]
fn a_waiter_that_left_passes_its_connection_on() {
    run(async {
        let origin = Origin::start();
        let (_upstreams, endpoint) = single(&origin, one_at_a_time());
        let held = acquire(&endpoint).await;
        let [first, second] = [waiter(&endpoint).await, waiter(&endpoint).await];
        held.release();
        first.abort();
        let lease = second
            .await
            .expect("no panic")
            .expect("the turn of the first");
        assert!(lease.is_reused());
        assert!(first.await.expect_err("an aborted task").is_cancelled());
        let third = waiter(&endpoint).await;
        lease.release();
        third.abort();
        assert!(third.await.expect_err("an aborted task").is_cancelled());
        assert_eq!(
            (endpoint.idle(), endpoint.pending(), endpoint.in_flight()),
            (1, 0, 0)
        );
        assert_eq!(endpoint.stats.connects.get(), 1);
    });
}

#[test]
fn a_waiter_that_left_is_passed_over() {
    run(async {
        let origin = Origin::start();
        let (_upstreams, endpoint) = single(&origin, one_at_a_time());
        let held = acquire(&endpoint).await;
        let [first, second] = [waiter(&endpoint).await, waiter(&endpoint).await];
        first.abort();
        assert!(first.await.expect_err("an aborted task").is_cancelled());
        assert_eq!(endpoint.pending(), 1);
        // By its close this time.
        drop(held);
        let lease = second.await.expect("no panic").expect("a turn");
        assert!(!lease.is_reused());
        assert_eq!((endpoint.pending(), endpoint.in_flight()), (0, 1));
    });
}
