//! Connections that are kept, and those that are not.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use upstream::AcquireError;
use upstream::plan::ConnectionsPlan;

use crate::support::{Origin, acquire, fill, mark, run, single, until};

#[test]
fn the_youngest_idle_connection_is_used_first() {
    run(async {
        let origin = Origin::start();
        let (_upstreams, endpoint) = single(&origin, ConnectionsPlan::default());
        fill(&endpoint, 3).await;
        assert_eq!((endpoint.idle(), endpoint.stats.open.get()), (3, 3));
        let now = Instant::now();
        let mut leases = Vec::new();
        for connection in [2, 1, 0] {
            let lease = endpoint.reuse(now).expect("an idle connection");
            assert!(lease.is_reused());
            mark(&lease, b'x').await;
            assert_eq!(origin.read(connection), Some(b'x'));
            leases.push(lease);
        }
        assert!(endpoint.reuse(now).is_none());
        assert_eq!(endpoint.in_flight(), 3);
        drop(leases);
        let stats = &endpoint.stats;
        assert_eq!(
            (
                stats.connects.get(),
                stats.reuses.get(),
                stats.requests.get()
            ),
            (3, 3, 6)
        );
        assert_eq!((endpoint.in_flight(), stats.open.get()), (0, 0));
    });
}

/// A lease that is dropped may stand in the middle of a message.
#[test]
fn a_dropped_lease_closes_its_connection() {
    run(async {
        let origin = Origin::start();
        let (_upstreams, endpoint) = single(&origin, ConnectionsPlan::default());
        drop(acquire(&endpoint).await);
        assert_eq!(origin.read(0), None);
        assert_eq!((endpoint.idle(), endpoint.stats.open.get()), (0, 0));
    });
}

#[test]
fn no_more_than_idle_max_are_kept() {
    run(async {
        let origin = Origin::start();
        let connections = ConnectionsPlan {
            idle_max: 2,
            ..ConnectionsPlan::default()
        };
        let (_upstreams, endpoint) = single(&origin, connections);
        fill(&endpoint, 3).await;
        assert_eq!((endpoint.idle(), endpoint.stats.open.get()), (2, 2));
        assert_eq!(origin.read(2), None, "the one returned last had no place");
        let none = ConnectionsPlan {
            idle_max: 0,
            ..ConnectionsPlan::default()
        };
        let (_upstreams, endpoint) = single(&origin, none);
        fill(&endpoint, 1).await;
        assert_eq!((endpoint.idle(), endpoint.stats.open.get()), (0, 0));
    });
}

#[test]
fn an_idle_connection_grows_too_old() {
    run(async {
        let origin = Origin::start();
        let idle_timeout = Duration::from_secs(60);
        let connections = ConnectionsPlan {
            idle_timeout,
            ..ConnectionsPlan::default()
        };
        let (_upstreams, endpoint) = single(&origin, connections);
        let before = Instant::now();
        fill(&endpoint, 1).await;
        let lease = endpoint.reuse(before + idle_timeout - Duration::from_millis(1));
        lease
            .expect("a connection that is not too old yet")
            .release();
        let late = Instant::now() + idle_timeout;
        assert!(endpoint.reuse(late).is_none());
        assert_eq!((endpoint.idle(), endpoint.stats.open.get()), (0, 0));
        assert_eq!(origin.read(0), None);
    });
}

/// Up to a tenth earlier, at random: connections opened together do not end together.
#[test]
fn a_lifetime_ends_with_jitter() {
    run(async {
        let origin = Origin::start();
        let lifetime_max = Duration::from_secs(100);
        let connections = ConnectionsPlan {
            lifetime_max,
            idle_timeout: Duration::from_secs(3600),
            ..ConnectionsPlan::default()
        };
        let (_upstreams, endpoint) = single(&origin, connections);
        let before = Instant::now();
        fill(&endpoint, 64).await;
        let after = Instant::now();
        let at = |now: Instant| {
            let alive: Vec<_> = std::iter::from_fn(|| endpoint.reuse(now)).collect();
            let count = alive.len();
            alive.into_iter().rev().for_each(upstream::Lease::release);
            count
        };
        assert_eq!(at(before + Duration::from_secs(89)), 64);
        let survivors = at(before + Duration::from_secs(95));
        assert!((1..64).contains(&survivors), "{survivors}");
        assert_eq!(at(after + lifetime_max), 0);
        assert_eq!(endpoint.stats.open.get(), 0);
    });
}

/// Closed by the peer, or with bytes nobody asked for: neither may carry a request.
#[test]
fn stale_connections_are_passed_over() {
    run(async {
        let origin = Origin::start();
        let (_upstreams, endpoint) = single(&origin, ConnectionsPlan::default());
        for spoil in [Origin::close as fn(&Origin, usize), |origin, at| {
            origin.send(at, b"HTTP/1.1 408 \r\n")
        }] {
            let start = endpoint.stats.connects.get();
            fill(&endpoint, 2).await;
            let youngest = usize::try_from(start).expect("a small number") + 1;
            let stale = endpoint.stats.stale.get();
            spoil(&origin, youngest);
            let mut lease = None;
            until("the youngest to be found stale", || {
                if let Some(alive) = endpoint.reuse(Instant::now()) {
                    if endpoint.stats.stale.get() > stale {
                        lease = Some(alive);
                        return true;
                    }
                    alive.release();
                }
                false
            })
            .await;
            let lease = lease.expect("the older connection lives");
            mark(&lease, b'y').await;
            assert_eq!(origin.read(youngest - 1), Some(b'y'));
            assert_eq!(endpoint.stats.stale.get(), stale + 1);
            drop(lease);
            assert_eq!(endpoint.stats.open.get(), 0);
        }
    });
}

/// The sweeper closes what nobody asks for.
#[test]
fn idle_connections_are_swept() {
    run(async {
        let origin = Origin::start();
        let connections = ConnectionsPlan {
            idle_timeout: Duration::from_millis(20),
            ..ConnectionsPlan::default()
        };
        let (upstreams, endpoint) = single(&origin, connections);
        let (others, kept) = single(&origin, ConnectionsPlan::default());
        fill(&endpoint, 2).await;
        fill(&kept, 2).await;
        origin.close(3);
        tokio::select! {
            () = upstreams.sweep() => {}
            () = others.sweep() => {}
            () = until("old and closed ones to go", || (endpoint.idle(), kept.idle()) == (0, 1)) => {}
        }
        assert_eq!((endpoint.stats.open.get(), kept.stats.open.get()), (0, 1));
    });
}

#[test]
fn what_does_not_connect_costs_no_place() {
    run(async {
        let closed: SocketAddr = {
            let probe = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
            probe.local_addr().expect("a bound socket")
        };
        let connections = ConnectionsPlan {
            max: 1,
            ..ConnectionsPlan::default()
        };
        let (_upstreams, endpoint) =
            crate::support::single_sharing(&upstream::Shared::new(), closed, connections);
        for failures in 1..4 {
            let error = endpoint.connect().await.expect_err("nobody listens");
            assert!(
                matches!(error, AcquireError::Failed { peer, .. } if peer == closed),
                "{error:?}"
            );
            assert_eq!(endpoint.stats.connect_failures.get(), failures);
        }
        let stats = &endpoint.stats;
        assert_eq!(
            (stats.connects.get(), stats.open.get(), endpoint.in_flight()),
            (0, 0, 0)
        );
    });
}

/// A peer that takes no connection: its queue of one is full, and the kernel drops what comes beyond.
#[test]
fn a_connection_that_hangs_times_out_or_is_given_up() {
    run(async {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        socket
            .bind(&any.into())
            .and_then(|()| socket.listen(0))
            .expect("a free port");
        let full = socket
            .local_addr()
            .expect("a bound socket")
            .as_socket()
            .expect("an IP address");
        let connections = ConnectionsPlan {
            max: 3,
            connect_timeout: Duration::from_millis(50),
            ..ConnectionsPlan::default()
        };
        let (_upstreams, endpoint) =
            crate::support::single_sharing(&upstream::Shared::new(), full, connections);
        let mut queued = Vec::new();
        let error = loop {
            match endpoint.connect().await {
                Ok(lease) => queued.push(lease),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, AcquireError::TimedOut { .. }), "{error:?}");
        assert!(
            queued.len() < 3,
            "the queue holds fewer than the bound allows"
        );
        assert_eq!(endpoint.stats.connect_failures.get(), 1);
        // Given up half-way, again and again: each time its place is free again, or the last would have to wait.
        for _ in 0..5 {
            let given_up = tokio::time::timeout(Duration::from_millis(5), endpoint.connect()).await;
            assert!(given_up.is_err());
        }
        let error = endpoint.connect().await.expect_err("nobody accepts");
        assert!(matches!(error, AcquireError::TimedOut { .. }), "{error:?}");
        assert_eq!((endpoint.pending(), endpoint.stats.queued.get()), (0, 0));
        assert_eq!(endpoint.in_flight() as usize, queued.len());
    });
}
