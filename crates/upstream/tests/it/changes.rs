//! Endpoints and plans that change while connections are open.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tls::{ConnectorPlan, MinVersion};
use upstream::plan::{Balance, EndpointAddress, EndpointPlan, UpstreamPlan};
use upstream::{AcquireError, Connectors, ResolvedEndpoint, Upstream};

use crate::support::{Origin, acquire, begin, fill, plan, run};

fn resolved(origins: &[&Origin]) -> Vec<ResolvedEndpoint> {
    origins
        .iter()
        .map(|origin| ResolvedEndpoint {
            address: origin.address(),
            host: None,
            weight: 1,
        })
        .collect()
}

fn planned(origins: &[&Origin]) -> UpstreamPlan {
    let addresses: Vec<_> = origins.iter().map(|origin| (origin.address(), 1)).collect();
    plan(Balance::P2c, &addresses)
}

fn same(one: &Upstream, other: &Upstream) -> bool {
    let (one, other) = (one.endpoints(), other.endpoints());
    one.len() == other.len()
        && one
            .iter()
            .zip(&other)
            .all(|(one, other)| Rc::ptr_eq(one, other))
}

#[test]
fn endpoints_that_stay_keep_their_connections() {
    run(async {
        let [stays, goes, comes] = [Origin::start(), Origin::start(), Origin::start()];
        let (_upstreams, upstream) = begin(planned(&[&stays, &goes]));
        let [kept, retired] = <[_; 2]>::try_from(upstream.endpoints()).expect("two endpoints");
        fill(&kept, 1).await;
        fill(&retired, 1).await;
        let under_way = acquire(&retired).await;
        fill(&retired, 1).await;
        upstream.set_endpoints(&resolved(&[&comes, &stays]));
        let now = upstream.endpoints();
        assert_eq!(now[0].address, comes.address());
        assert!(Rc::ptr_eq(&now[1], &kept));
        assert!(kept.reuse(Instant::now()).is_some());
        // An idle connection of one that left is closed at once, one under way after its request.
        assert_eq!((retired.idle(), retired.stats.open.get()), (0, 1));
        assert_eq!(goes.read(1), None);
        under_way.release();
        assert_eq!((retired.idle(), retired.stats.open.get()), (0, 0));
        assert_eq!(goes.read(0), None);
        for _ in 0..100 {
            assert!(!Rc::ptr_eq(
                &upstream.pick(&[]).expect("an endpoint"),
                &retired
            ));
        }
    });
}

#[test]
fn no_endpoints_and_back() {
    run(async {
        let origin = Origin::start();
        let (_upstreams, upstream) = begin(planned(&[&origin]));
        upstream.set_endpoints(&[]);
        assert!(upstream.pick(&[]).is_none());
        upstream.set_endpoints(&resolved(&[&origin]));
        let back = upstream.pick(&[]).expect("an endpoint");
        fill(&back, 1).await;
        assert_eq!(back.idle(), 1);
    });
}

#[test]
fn an_unchanged_plan_changes_nothing() {
    run(async {
        let origin = Origin::start();
        let (upstreams, upstream) = begin(planned(&[&origin]));
        let endpoint = upstream.endpoints().remove(0);
        fill(&endpoint, 2).await;
        let again = upstreams.adopt(&[Arc::new(planned(&[&origin]))], &Connectors::new());
        assert!(Rc::ptr_eq(&again[0], &upstream));
        assert_eq!(endpoint.idle(), 2);
        assert!(Rc::ptr_eq(
            &upstreams.named("u").expect("the upstream"),
            &upstream
        ));
        assert!(upstreams.named("other").is_none());
    });
}

#[test]
fn a_changed_balance_keeps_endpoints() {
    run(async {
        let [first, second] = [Origin::start(), Origin::start()];
        let (upstreams, upstream) = begin(planned(&[&first, &second]));
        let endpoint = upstream.endpoints().remove(0);
        fill(&endpoint, 1).await;
        let in_flight = acquire(&upstream.endpoints()[1]).await;
        let mut changed = planned(&[&first, &second]);
        changed.balance = Balance::LeastRequests;
        let after = upstreams
            .adopt(&[Arc::new(changed)], &Connectors::new())
            .remove(0);
        assert!(!Rc::ptr_eq(&after, &upstream) && same(&after, &upstream));
        assert_eq!(after.plan.balance, Balance::LeastRequests);
        assert_eq!(endpoint.idle(), 1);
        // What is under way counts on: the balancer sees it.
        assert!(Rc::ptr_eq(
            &after.pick(&[]).expect("an endpoint"),
            &endpoint
        ));
        in_flight.release();
        assert_eq!(after.endpoints()[1].idle(), 1);
    });
}

#[test]
fn changed_endpoints_of_a_plan_keep_those_that_stay() {
    run(async {
        let [stays, goes] = [Origin::start(), Origin::start()];
        let (upstreams, upstream) = begin(planned(&[&stays, &goes]));
        let [kept, retired] = <[_; 2]>::try_from(upstream.endpoints()).expect("two endpoints");
        fill(&kept, 1).await;
        fill(&retired, 1).await;
        let after = upstreams
            .adopt(&[Arc::new(planned(&[&stays]))], &Connectors::new())
            .remove(0);
        assert!(Rc::ptr_eq(&after.endpoints()[0], &kept));
        assert_eq!((kept.idle(), retired.idle()), (1, 0));
        assert_eq!(goes.read(0), None);
    });
}

/// Those that are left belong to bounds that hold no more.
#[test]
fn changed_bounds_begin_anew() {
    run(async {
        let origin = Origin::start();
        let mut one = planned(&[&origin]);
        one.connections.max = 1;
        let (upstreams, upstream) = begin(one.clone());
        let before = upstream.endpoints().remove(0);
        let under_way = acquire(&before).await;
        // The same bound on open connections: what is under way counts.
        one.connections.pending_max = 0;
        let after = upstreams
            .adopt(&[Arc::new(one.clone())], &Connectors::new())
            .remove(0)
            .endpoints()
            .remove(0);
        assert!(!Rc::ptr_eq(&after, &before));
        let refused = after
            .connect()
            .await
            .expect_err("the one connection is in use");
        assert!(
            matches!(refused, AcquireError::Exhausted { .. }),
            "{refused:?}"
        );
        // Another bound: a new count.
        one.connections.max = 2;
        let last = upstreams
            .adopt(&[Arc::new(one)], &Connectors::new())
            .remove(0)
            .endpoints()
            .remove(0);
        let _both = (acquire(&last).await, acquire(&last).await);
        assert!(last.connect().await.is_err());
        under_way.release();
        assert_eq!((before.idle(), before.stats.open.get()), (0, 0));
        assert_eq!(origin.read(0), None);
    });
}

#[test]
fn a_plan_that_left_closes_its_connections() {
    run(async {
        let [first, second] = [Origin::start(), Origin::start()];
        let (upstreams, upstream) = begin(planned(&[&first]));
        let endpoint = upstream.endpoints().remove(0);
        fill(&endpoint, 1).await;
        let under_way = endpoint.connect().await.expect("a connection");
        let mut other = planned(&[&second]);
        other.name = "other".into();
        let after = upstreams.adopt(&[Arc::new(other)], &Connectors::new());
        assert_eq!((after.len(), upstreams.all().len()), (1, 1));
        assert!(upstreams.named("u").is_none());
        assert_eq!(first.read(0), None);
        under_way.release();
        assert_eq!(first.read(1), None);
        // A request under way may try again on the plan it began with.
        assert!(upstream.pick(&[]).is_some());
        fill(&after[0].endpoints()[0], 1).await;
        upstreams.close_idle();
        assert_eq!(second.read(0), None);
    });
}

/// Names are resolved by somebody else: until that one speaks again, what was known stays.
#[test]
fn resolved_endpoints_outlive_a_changed_plan() {
    run(async {
        let origin = Origin::start();
        let mut named = planned(&[]);
        named.endpoints = vec![EndpointPlan {
            address: EndpointAddress::Name {
                host: "origin.internal".into(),
                port: origin.address().port(),
            },
            weight: 1,
        }];
        let (upstreams, upstream) = begin(named.clone());
        assert!(upstream.pick(&[]).is_none());
        upstream.set_endpoints(&resolved(&[&origin]));
        fill(&upstream.endpoints()[0], 1).await;
        named.balance = Balance::RoundRobin;
        let after = upstreams
            .adopt(&[Arc::new(named)], &Connectors::new())
            .remove(0);
        assert!(same(&after, &upstream));
        assert_eq!(after.endpoints()[0].idle(), 1);
    });
}

/// An upstream that is to speak TLS never speaks without: where nothing was given to begin it with, there is no connection.
#[test]
fn without_a_connector_there_is_no_plain_connection() {
    run(async {
        let origin = Origin::start();
        let mut plan = planned(&[&origin]);
        plan.tls = Some(ConnectorPlan {
            server_name: None,
            ca: None,
            certificate: None,
            min_version: MinVersion::Tls12,
            alpn: Vec::new(),
        });
        let (_upstreams, upstream) = begin(plan);
        let endpoint = upstream.pick(&[]).expect("an endpoint");
        let refused = endpoint.connect().await.expect_err("no plain connection");
        assert!(
            matches!(refused, AcquireError::Handshake { .. }),
            "{refused:?}"
        );
        assert_eq!(endpoint.stats.connect_failures.get(), 1);
        assert_eq!(endpoint.stats.connects.get(), 0);
    });
}
