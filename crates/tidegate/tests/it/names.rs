//! Endpoints given by name. `localhost` stands in every system's hosts file and is asked of no name server; every other
//! name is asked of the test's own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use testkit::{Connection, NameServer, RawClient, RawOrigin, Tidegate};

use crate::gate::{get, ok};
use crate::system::{Metrics, reload_to, said, until, until_said, when};

/// Everything goes to the origin by name.
fn named(origin: SocketAddr, idle_max: usize) -> String {
    format!(
        "workers: 2\nlisteners: {{ web: {{ address: 127.0.0.1:0, limits: {{ requests_per_connection_max: 1000000 }} }} }}\nroutes:\n  - {{ name: all, forward: {{ upstream: origin }} }}\nupstreams:\n  origin: {{ endpoints: [\"localhost:{}\"], connections: {{ idle_max: {idle_max} }} }}\nadmin: {{ address: 127.0.0.1:0 }}\n",
        origin.port()
    )
}

/// Asks this name server.
fn asking(server: &NameServer) -> String {
    format!("dns: {{ servers: [\"{}\"] }}\n", server.addr())
}

/// As [`named`], and `/lost` goes to a name that does not exist.
fn named_and_lost(origin: SocketAddr, idle_max: usize, server: &NameServer) -> String {
    (named(origin, idle_max) + &asking(server))
        .replace(
            "routes:\n",
            "routes:\n  - { name: lost, match: { path: /lost }, forward: { upstream: lost } }\n",
        )
        .replace(
            "upstreams:\n",
            "upstreams:\n  lost: { endpoints: [\"no-such-name.test:80\"] }\n",
        )
}

#[test]
fn a_name_that_does_not_exist_stops_no_other() {
    let (origin, server) = (RawOrigin::fixed(ok("ok")), NameServer::new());
    let tidegate = Tidegate::start(named_and_lost(origin.addr(), 8, &server));
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
    reload_to(&tidegate, &named_and_lost(origin.addr(), 9, &server));
    check();
    assert!(server.questions("no-such-name.test") > 0);
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

/// Origins on one port of several addresses, as the addresses of a name have it; each says which it is.
fn origins<const N: usize>(addresses: [Ipv4Addr; N]) -> (u16, [RawOrigin; N]) {
    let script = |address: Ipv4Addr| {
        move |conn: &mut Connection| {
            while conn.read_request().is_some() {
                conn.send(ok(&address.to_string()));
            }
        }
    };
    until("a port that is free on every address", || {
        let first = TcpListener::bind((addresses[0], 0)).ok()?;
        let port = first.local_addr().ok()?.port();
        let mut first = Some(first);
        let mut listeners = Vec::new();
        for address in addresses {
            let listener = first
                .take()
                .map_or_else(|| TcpListener::bind((address, port)), Ok);
            listeners.push((listener.ok()?, address));
        }
        let origins: Vec<_> = listeners
            .into_iter()
            .map(|(listener, address)| RawOrigin::on(listener, script(address)))
            .collect();
        Some((port, origins.try_into().ok()?))
    })
}

const ONE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const TWO: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Everything goes to a port of `origin.test`, which this server is asked for.
fn asked(port: u16, server: &NameServer) -> String {
    named(SocketAddr::from((ONE, port)), 8).replace("localhost", "origin.test") + &asking(server)
}

/// Waits until every worker sends its requests there.
#[track_caller]
fn until_all_go_to(tidegate: &Tidegate, address: Ipv4Addr) {
    // The kernel picks the worker of a connection.
    until("every request at the new address", || {
        when((0..20).all(|_| said(tidegate) == address.to_string()))
    });
}

#[test]
fn a_changed_answer_moves_the_traffic() {
    let (port, [one, two]) = origins([ONE, TWO]);
    let server = NameServer::new();
    server.set("origin.test", ONE);
    let tidegate = Tidegate::start(asked(port, &server));
    until_all_go_to(&tidegate, ONE);
    assert_eq!(two.requests().len(), 0);
    server.set("origin.test", TWO);
    until_all_go_to(&tidegate, TWO);
    let before = one.requests().len();
    // A name that is gone stands for what it stood for.
    server.set("origin.test", None);
    let asked = server.questions("origin.test");
    until("the name to be asked for twice more", || {
        when(server.questions("origin.test") >= asked + 2)
    });
    until_all_go_to(&tidegate, TWO);
    server.set("origin.test", ONE);
    until_all_go_to(&tidegate, ONE);
    assert!(one.requests().len() >= before + 20);
}

/// Who is asked changes without a restart; what names stood for holds until the others answer.
#[test]
fn a_reload_asks_other_name_servers() {
    let (port, [_one, _two]) = origins([ONE, TWO]);
    let (first, second) = (NameServer::new(), NameServer::new());
    first.set("origin.test", ONE);
    second.set("origin.test", TWO);
    let tidegate = Tidegate::start(asked(port, &first));
    until_said(&tidegate, &ONE.to_string());
    reload_to(&tidegate, &asked(port, &second));
    until_all_go_to(&tidegate, TWO);
    let before = first.questions("origin.test");
    let asked_now = second.questions("origin.test");
    until("the name to be asked for again", || {
        when(second.questions("origin.test") >= asked_now + 2)
    });
    assert_eq!(first.questions("origin.test"), before);
    // This one knows no name at all.
    let empty = NameServer::new();
    reload_to(&tidegate, &asked(port, &empty));
    until("the name to be asked for", || {
        when(empty.questions("origin.test") >= 2)
    });
    until_all_go_to(&tidegate, TWO);
}
