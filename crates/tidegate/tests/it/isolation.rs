//! A fault of the program while it serves one connection ends that connection and nothing else. The binary is built with
//! faults that a request can ask for.

use testkit::{RawClient, RawOrigin, SOON, Tidegate, config_forwarding_to};

use crate::gate::get;
use crate::system::until_metric;

/// More than a worker keeps coroutines for, so that every one it had is gone.
const FAULTS: usize = 100;

/// One worker, which everything shares; one connection to the origin, so that a lost one would be missed.
fn config(origin: &RawOrigin) -> String {
    config_forwarding_to(origin.addr()).replace(
        "endpoints:",
        "connections: { max: 1, pending_timeout: 5s }\n    endpoints:",
    )
}

#[track_caller]
fn serve(client: &mut RawClient) {
    client.send(get("/"));
    let response = client.read_response();
    assert_eq!((response.status, response.text()), (200, "ok"));
}

#[track_caller]
fn check(place: &str) {
    let origin = RawOrigin::ok("ok");
    let tidegate = Tidegate::start(config(&origin));
    let mut before = tidegate.connect("web");
    serve(&mut before);
    for _ in 0..FAULTS {
        let mut client = tidegate.connect("web");
        serve(&mut client);
        client.send(format!(
            "GET / HTTP/1.1\r\nHost: a\r\nTidegate-Fault: {place}\r\n\r\n"
        ));
        assert_eq!(client.read_to_end(), b"", "closed without a word");
        serve(&mut before);
    }
    serve(&mut tidegate.connect("web"));
    until_metric(
        &tidegate,
        "tidegate_connection_panics_total",
        &[],
        FAULTS as f64,
    );
    until_metric(&tidegate, "tidegate_connections", &[], 1.0);
    until_metric(&tidegate, "http_server_active_requests", &[], 0.0);
    until_metric(&tidegate, "tidegate_upstream_requests_in_flight", &[], 0.0);
    until_metric(&tidegate, "tidegate_tunnels", &[], 0.0);
    serve(&mut before);
    assert!(origin.open() <= 1, "{} connections", origin.open());
}

/// What broke is told by the panic; which request it was, by its trace.
#[test]
fn a_fault_is_told_with_its_trace() {
    let origin = RawOrigin::ok("ok");
    let yaml = format!(
        "{}telemetry: {{ sampling: {{ ratio: 0.0 }} }}\n",
        config_forwarding_to(origin.addr())
    );
    let tidegate = Tidegate::start(yaml);
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let mut client = tidegate.connect("web");
    client.send(format!(
        "GET / HTTP/1.1\r\nHost: a\r\nTidegate-Fault: response\r\nTraceparent: 00-{trace_id}-00f067aa0ba902b7-00\r\n\r\n"
    ));
    assert_eq!(client.read_to_end(), b"");
    let told = tidegate.stderr().wait_for(SOON, |line| {
        (line.contains("a fault of the program") && line.contains(trace_id)).then_some(())
    });
    assert_eq!(told, Some(()));
}

#[test]
fn a_fault_before_routing() {
    check("check");
}

#[test]
fn a_fault_with_an_upstream_connection_in_hand() {
    check("response");
}
