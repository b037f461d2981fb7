//! What holds over all workers: each test has two, on threads of their own.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use tokio::sync::oneshot;
use tokio::task::spawn_local;
use upstream::plan::ConnectionsPlan;
use upstream::{Endpoint, Shared};

use crate::support::{Origin, acquire, run, single_sharing, until};

fn bounded(max: u32) -> ConnectionsPlan {
    ConnectionsPlan {
        max,
        ..ConnectionsPlan::default()
    }
}

/// Runs `work` as another worker of the same process, sweeper included.
fn worker<T: Send + 'static, F: Future<Output = T>>(
    shared: &Arc<Shared>,
    address: SocketAddr,
    connections: ConnectionsPlan,
    work: impl FnOnce(Rc<Endpoint>) -> F + Send + 'static,
) -> thread::JoinHandle<T> {
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        run(async {
            let (upstreams, endpoint) = single_sharing(&shared, address, connections);
            let sweeper = spawn_local(async move { upstreams.sweep().await });
            let result = work(endpoint).await;
            sweeper.abort();
            result
        })
    })
}

/// Waits for a message from another thread.
async fn hear<T>(receiver: oneshot::Receiver<T>) -> T {
    receiver.await.expect("the other worker lives")
}

#[test]
fn max_holds_over_workers() {
    let origin = Origin::start();
    let shared = Shared::new();
    let most = Arc::new(AtomicU32::new(0));
    let open = Arc::new(AtomicU32::new(0));
    let workers: Vec<_> = (0..2)
        .map(|_| {
            let (most, open) = (Arc::clone(&most), Arc::clone(&open));
            worker(
                &shared,
                origin.address(),
                bounded(3),
                move |endpoint| async move {
                    let tasks: Vec<_> = (0..8)
                        .map(|_| {
                            let (endpoint, most, open) =
                                (Rc::clone(&endpoint), Arc::clone(&most), Arc::clone(&open));
                            spawn_local(async move {
                                for request in 0..50 {
                                    let lease = acquire(&endpoint).await;
                                    let now = open.fetch_add(1, Ordering::SeqCst) + 1;
                                    most.fetch_max(now, Ordering::SeqCst);
                                    tokio::task::yield_now().await;
                                    open.fetch_sub(1, Ordering::SeqCst);
                                    // Some connections break.
                                    if request % 10 < 9 {
                                        lease.release();
                                    }
                                }
                            })
                        })
                        .collect();
                    for task in tasks {
                        task.await.expect("no request is refused");
                    }
                    endpoint.stats.refused.get()
                },
            )
        })
        .collect();
    for worker in workers {
        assert_eq!(worker.join().expect("no panic"), 0);
    }
    let most = most.load(Ordering::SeqCst);
    assert!((1..=3).contains(&most), "{most} connections at once");
}

/// Nothing is returned on the worker that holds it idle: its sweeper hears of the need.
#[test]
fn an_idle_connection_is_closed_for_another_worker() {
    let origin = Origin::start();
    let shared = Shared::new();
    let (kept, is_kept) = oneshot::channel();
    let (served, is_served) = oneshot::channel();
    let holder = worker(
        &shared,
        origin.address(),
        bounded(1),
        move |endpoint| async move {
            acquire(&endpoint).await.release();
            assert_eq!(endpoint.idle(), 1);
            kept.send(()).expect("a listener");
            hear(is_served).await;
            assert_eq!((endpoint.idle(), endpoint.stats.open.get()), (0, 0));
        },
    );
    let asker = worker(
        &shared,
        origin.address(),
        bounded(1),
        move |endpoint| async move {
            hear(is_kept).await;
            let lease = acquire(&endpoint).await;
            assert!(!lease.is_reused());
            served.send(()).expect("a listener");
        },
    );
    asker.join().expect("a connection within the wait");
    holder.join().expect("no panic");
}

#[test]
fn a_returned_connection_is_closed_for_another_worker() {
    let origin = Origin::start();
    let shared = Shared::new();
    let (held, is_held) = oneshot::channel();
    let (waits, is_waiting) = oneshot::channel();
    let holder = worker(
        &shared,
        origin.address(),
        bounded(1),
        move |endpoint| async move {
            let lease = acquire(&endpoint).await;
            held.send(()).expect("a listener");
            hear(is_waiting).await;
            lease.release();
            assert_eq!((endpoint.idle(), endpoint.stats.open.get()), (0, 0));
        },
    );
    let asker = worker(
        &shared,
        origin.address(),
        bounded(1),
        move |endpoint| async move {
            hear(is_held).await;
            let asking = Rc::clone(&endpoint);
            let task =
                spawn_local(async move { asking.connect().await.map(|lease| lease.is_reused()) });
            until("a place in the queue", || endpoint.pending() == 1).await;
            waits.send(()).expect("a listener");
            task.await.expect("no panic").expect("a connection")
        },
    );
    assert!(!asker.join().expect("a connection within the wait"));
    holder.join().expect("no panic");
}

/// A worker whose own requests always wait would hand its connection round for ever.
#[test]
fn a_busy_worker_lets_go() {
    let origin = Origin::start();
    let shared = Shared::new();
    let stop = Arc::new(AtomicBool::new(false));
    let (busy, is_busy) = oneshot::channel();
    let stopping = Arc::clone(&stop);
    let hog = worker(
        &shared,
        origin.address(),
        bounded(1),
        move |endpoint| async move {
            let tasks: Vec<_> = (0..3)
                .map(|_| {
                    let (endpoint, stop) = (Rc::clone(&endpoint), Arc::clone(&stopping));
                    spawn_local(async move {
                        while !stop.load(Ordering::Relaxed) {
                            let lease = acquire(&endpoint).await;
                            tokio::task::yield_now().await;
                            lease.release();
                        }
                    })
                })
                .collect();
            until("requests to wait", || endpoint.pending() > 0).await;
            busy.send(()).expect("a listener");
            for task in tasks {
                task.await.expect("no request is refused");
            }
        },
    );
    let asker = worker(
        &shared,
        origin.address(),
        bounded(1),
        move |endpoint| async move {
            hear(is_busy).await;
            for _ in 0..10 {
                drop(acquire(&endpoint).await);
            }
        },
    );
    asker.join().expect("a connection within the wait");
    stop.store(true, Ordering::Relaxed);
    hog.join().expect("no panic");
}
