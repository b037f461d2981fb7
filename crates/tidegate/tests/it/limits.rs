//! Limits of connections, and running out of descriptors.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use testkit::{RawClient, RawOrigin, Tidegate};

use crate::gate::{get, ok};
use crate::system::{Metrics, limited, start_with_descriptors, until, until_metric, when};

/// A connection that has carried a request, so that it was let in.
#[track_caller]
pub(crate) fn let_in(tidegate: &Tidegate) -> RawClient {
    let mut client = tidegate.connect("web");
    serve(&mut client);
    client
}

#[track_caller]
fn serve(client: &mut RawClient) {
    client.send(get("/"));
    let response = client.read_response();
    assert_eq!((response.status, response.text()), (200, "ok"));
}

/// Reads the answer to a connection that was not let in.
#[track_caller]
pub(crate) fn expect_turned_away(client: &mut RawClient) {
    let response = client.read_response();
    assert_eq!(response.status, 503);
    assert_eq!(response.field("retry-after"), Some("1"));
    assert_eq!(response.field("connection"), Some("close"));
    client.expect_close();
}

/// Waits until a connection is let in again.
#[track_caller]
fn until_let_in(tidegate: &Tidegate) -> RawClient {
    until("a connection to be let in", || {
        let mut client = tidegate.connect("web");
        client.try_send(get("/"));
        client
            .try_read_response_to("GET")
            .is_ok_and(|response| response.status == 200)
            .then_some(client)
    })
}

#[test]
fn connections_max() {
    let tidegate = Tidegate::start(limited("connections_max: 2", ""));
    let (mut first, second) = (let_in(&tidegate), let_in(&tidegate));
    for sends in [false, true] {
        let mut third = tidegate.connect("web");
        if sends {
            third.try_send(get("/"));
        }
        expect_turned_away(&mut third);
    }
    let refused = ["limit=\"connections_max\""];
    until_metric(
        &tidegate,
        "tidegate_connections_refused_total",
        &refused,
        2.0,
    );
    serve(&mut first);
    drop(second);
    let _third = until_let_in(&tidegate);
    serve(&mut first);
}

#[test]
fn connections_per_ip_max() {
    let tidegate = Tidegate::start(limited("connections_per_ip_max: 2", ""));
    let mut held = [let_in(&tidegate), let_in(&tidegate)];
    expect_turned_away(&mut tidegate.connect("web"));
    let other = Ipv4Addr::new(127, 0, 0, 2);
    let mut others = [0, 1].map(|_| RawClient::connect_from(other, tidegate.addr("web")));
    others.iter_mut().for_each(serve);
    expect_turned_away(&mut RawClient::connect_from(other, tidegate.addr("web")));
    held.iter_mut().for_each(serve);
    let refused = ["limit=\"connections_per_ip_max\""];
    until_metric(
        &tidegate,
        "tidegate_connections_refused_total",
        &refused,
        2.0,
    );
    drop(held);
    let _again = until_let_in(&tidegate);
}

/// The last response says that it is, and what was sent ahead is not answered.
#[test]
fn requests_per_connection_max() {
    let tidegate = Tidegate::start(limited("requests_per_connection_max: 3", ""));
    let mut client = tidegate.connect("web");
    for number in 1..=3 {
        client.send(get("/"));
        let response = client.read_response();
        let expected = (number == 3).then_some("close");
        assert_eq!(
            (response.status, response.field("connection")),
            (200, expected),
            "{number}"
        );
    }
    client.expect_close();
    let mut client = tidegate.connect("web");
    client.send(get("/").repeat(5));
    for _ in 0..3 {
        assert_eq!(client.read_response().status, 200);
    }
    client.expect_close();
}

#[test]
fn idle_timeout() {
    let limits = "idle_timeout: 200ms, head_timeout: 400ms";
    let tidegate = Tidegate::start(limited(limits, ""));
    let start = Instant::now();
    // Nothing ever sent on this one: the head's time holds.
    let mut silent = tidegate.connect("web");
    let mut client = tidegate.connect("web");
    for _ in 0..3 {
        serve(&mut client);
    }
    let idle_since = Instant::now();
    client.expect_close();
    assert!(
        idle_since.elapsed() >= Duration::from_millis(190),
        "{:?}",
        idle_since.elapsed()
    );
    silent.expect_close();
    assert!(
        start.elapsed() >= Duration::from_millis(400),
        "{:?}",
        start.elapsed()
    );
    until_metric(&tidegate, "tidegate_connections", &[], 0.0);
}

/// More connections than descriptors: nothing ends, those that are in are served, and the others once there is room.
#[test]
fn out_of_descriptors() {
    let tidegate = start_with_descriptors(&limited("connections_max: 1000", ""), 64);
    let addr = tidegate.admin_addr();
    // Connected before, for there is no descriptor for a scraper either.
    let mut scraper = RawClient::connect(addr);
    let mut scrape = || {
        scraper.send(format!("GET /metrics HTTP/1.1\r\nHost: {addr}\r\n\r\n"));
        Metrics::from_text(scraper.read_response().text())
    };
    scrape();
    let mut first = let_in(&tidegate);
    let mut clients: Vec<RawClient> = (0..100).map(|_| tidegate.connect("web")).collect();
    until("a connection that cannot be accepted", || {
        when(scrape().sum("tidegate_accept_errors_total", &[]) > 0.0)
    });
    serve(&mut first);
    let open = scrape().sum("tidegate_connections", &[]);
    assert!((10.0..64.0).contains(&open), "{open}");
    // The oldest are in: they leave, and their places go to those that wait.
    clients.drain(..80);
    for client in &mut clients {
        serve(client);
    }
    serve(&mut first);
    drop(clients);
    until("every other connection to end", || {
        when(scrape().sum("tidegate_connections", &[]) == 1.0)
    });
    drop(let_in(&tidegate));
    assert!(tidegate.process().is_running());
    assert_eq!(scrape().sum("tidegate_connection_panics_total", &[]), 0.0);
}

/// No descriptor for the upstream's side: an answer, and a good one again later.
#[test]
fn out_of_descriptors_for_the_upstream() {
    let origin = RawOrigin::fixed(ok("ok"));
    let yaml = format!(
        "workers: 1\nlisteners: {{ web: {{ address: 127.0.0.1:0, limits: {{ connections_max: 1000 }} }} }}\nroutes: [{{ forward: {{ upstream: origin, timeout: 2s }} }}]\nupstreams: {{ origin: {{ endpoints: [\"{}\"] }} }}\nadmin: off\n",
        origin.addr()
    );
    let tidegate = start_with_descriptors(&yaml, 64);
    let mut first = tidegate.connect("web");
    let mut fill: Vec<RawClient> = (0..100).map(|_| tidegate.connect("web")).collect();
    until("no descriptor to be left", || {
        when(crate::system::descriptors(&tidegate) >= 64)
    });
    first.send(get("/"));
    assert_eq!(first.read_response().status, 502);
    fill.clear();
    until("room", || when(crate::system::descriptors(&tidegate) < 40));
    serve(&mut first);
}

/// Two fifths of the descriptors: each client may need one upstream too, and the program has some of its own.
#[test]
fn connections_max_follows_the_descriptor_limit() {
    let tidegate = start_with_descriptors(&limited("", ""), 100);
    let mut clients: Vec<RawClient> = (0..40).map(|_| let_in(&tidegate)).collect();
    expect_turned_away(&mut tidegate.connect("web"));
    clients.iter_mut().for_each(serve);
    until_metric(&tidegate, "tidegate_accept_errors_total", &[], 0.0);
}
