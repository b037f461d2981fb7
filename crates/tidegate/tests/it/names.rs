//! Endpoints given by name. `localhost` stands in every system's hosts file and is asked of no name server; `.invalid`
//! stands nowhere (RFC 6761 6.4).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use testkit::{RawClient, RawOrigin, Tidegate};

use crate::gate::{get, ok};
use crate::system::{Metrics, reload_to, until, when};

/// Everything goes to the origin by name.
fn named(origin: SocketAddr, idle_max: usize) -> String {
    format!(
        "workers: 2\nlisteners: {{ web: {{ address: 127.0.0.1:0, limits: {{ requests_per_connection_max: 1000000 }} }} }}\nroutes:\n  - {{ name: all, forward: {{ upstream: origin }} }}\nupstreams:\n  origin: {{ endpoints: [\"localhost:{}\"], connections: {{ idle_max: {idle_max} }} }}\nadmin: {{ address: 127.0.0.1:0 }}\n",
        origin.port()
    )
}

/// As [`named`], and `/lost` goes to a name that does not exist.
fn named_and_lost(origin: SocketAddr, idle_max: usize) -> String {
    named(origin, idle_max)
        .replace(
            "routes:\n",
            "routes:\n  - { name: lost, match: { path: /lost }, forward: { upstream: lost } }\n",
        )
        .replace(
            "upstreams:\n",
            "upstreams:\n  lost: { endpoints: [\"no-such-name.invalid:80\"] }\n",
        )
}

#[test]
fn a_name_that_does_not_exist_stops_no_other() {
    let origin = RawOrigin::fixed(ok("ok"));
    let tidegate = Tidegate::start(named_and_lost(origin.addr(), 8));
    let web = tidegate.addr("web");
    let check = || {
        let found = RawClient::exchange(web, get("/"));
        assert_eq!((found.status, found.text()), (200, "ok"));
        let lost = RawClient::exchange(web, get("/lost"));
        assert_eq!(lost.status, 503, "{lost:?}");
        let seconds = lost.field("retry-after").map(str::parse::<u32>);
        assert!(matches!(seconds, Some(Ok(1..))), "{lost:?}");
    };
    check();
    reload_to(&tidegate, &named_and_lost(origin.addr(), 9));
    check();
    assert_eq!(origin.requests().len(), 2);
}

/// Workers take on a plan before they are told anew what its names stand for.
#[test]
fn reloads_under_load_forget_no_name() {
    const ROUNDS: usize = 50;
    let origin = RawOrigin::fixed(ok("ok"));
    let tidegate = Tidegate::start(named(origin.addr(), 8));
    let web = tidegate.addr("web");
    let stop = Arc::new(AtomicBool::new(false));
    let served = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (stop, served) = (Arc::clone(&stop), Arc::clone(&served));
            thread::spawn(move || {
                let mut client = RawClient::connect(web);
                while !stop.load(Ordering::Relaxed) {
                    client.send(get("/"));
                    let response = client.read_response();
                    assert_eq!((response.status, response.text()), (200, "ok"));
                    served.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for round in 0..ROUNDS {
        let before = served.load(Ordering::Relaxed);
        reload_to(&tidegate, &named(origin.addr(), 9 + round));
        until("requests on the new plan, or a client that failed", || {
            let is_served = served.load(Ordering::Relaxed) > before + 8;
            when(is_served || clients.iter().all(thread::JoinHandle::is_finished))
        });
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().expect("no request fails");
    }
    let metrics = Metrics::of(&tidegate);
    assert_eq!(metrics.sum("tidegate_refusals_total", &[]), 0.0);
    assert!(origin.failures().is_empty(), "{:?}", origin.failures());
}
