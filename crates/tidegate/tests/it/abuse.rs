//! Clients that try to make telemetry itself the weak point, and receivers that fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use testkit::{RawOrigin, SOON, Signal, Tidegate};

use crate::gate::get;
use crate::spans::{config, receiver, sending_to, until_spans};
use crate::system::{Metrics, until};

/// A name that no other request has.
fn word(number: usize) -> String {
    format!("w{:x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// The environment says which methods are known, and how much of a span is kept.
#[test]
fn limits_of_the_environment_hold() {
    let (origin, receiver) = (RawOrigin::ok("ok"), receiver());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tidegate.yaml");
    std::fs::write(
        &file,
        config(origin.addr(), &sending_to(receiver.addr(), "")),
    )
    .unwrap();
    let mut command = Tidegate::command();
    command.arg("run").arg("-c").arg(&file);
    command
        .env("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "4")
        .env("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "5")
        .env("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "POST,PUT,PURGE");
    let tidegate = Tidegate::start_in(dir, command).unwrap();
    let mut client = tidegate.connect("web");
    client.send(get("/a-long-path"));
    assert_eq!(client.read_response().status, 200);
    let seen = until_spans(&receiver, 2);
    assert_eq!(seen[0].name, "HTTP all");
    assert_eq!(seen[1].name, "HTTP");
    for span in &seen {
        assert_eq!(span.attributes.len(), 4, "{span:#?}");
        assert!(span.dropped_attributes > 2, "{span:#?}");
        assert_eq!(span.attributes["http.request.method_original"], "GET");
    }
    assert_eq!(seen[0].attributes["url.path"], "/a-lo");
    // One that HTTP does not define is told as well, where it is named.
    client.send("PURGE /x HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.read_response().status, 200);
    let seen = until_spans(&receiver, 4);
    assert_eq!(seen[2].name, "PURGE all");
    assert_eq!(seen[3].name, "PURGE");
    assert_eq!(seen[2].attributes["http.request.method"], "PURGE");
    let metrics = Metrics::of(&tidegate);
    for side in ["server", "client"] {
        let count = format!("http_{side}_request_duration_seconds_count");
        for method in ["_OTHER", "PURGE"] {
            let label = format!("http_request_method=\"{method}\"");
            assert_eq!(metrics.sum(&count, &[&label]), 1.0, "{side} {method}");
        }
    }
    let in_flight = metrics.series("http_server_active_requests");
    let of_purge: Vec<f64> = in_flight
        .filter(|(labels, _)| labels.contains("http_request_method=\"PURGE\""))
        .map(|(_, value)| value)
        .collect();
    assert_eq!(of_purge, [0.0]);
}

/// Thousands of hosts, methods, paths, statuses and contexts: no label is the client's.
#[test]
fn what_clients_make_up_makes_no_series() {
    let receiver = receiver();
    // The statuses are the origin's, who is no stranger.
    let origin = RawOrigin::start(|conn| {
        while let Some(request) = conn.read_request() {
            let status = 200 + request.target().len() % 20 * 19;
            let answer = format!("HTTP/1.1 {status} S\r\nContent-Length: 0\r\n\r\n");
            if !conn.send(answer) {
                return;
            }
        }
    });
    let tidegate = Tidegate::start(config(
        origin.addr(),
        &sending_to(receiver.addr(), ", signals: [traces]"),
    ));
    let series = || {
        let text = tidegate.admin_get("/metrics").1;
        text.lines().filter(|line| !line.starts_with('#')).count()
    };
    let memory = || Metrics::of(&tidegate).sum("process_resident_memory_bytes", &[]);
    let mut client = tidegate.connect("web");
    let mut ask = |number: usize| {
        let method = ["GET", "BREW", "X"][number % 3];
        let method = if number.is_multiple_of(2) {
            method.to_owned()
        } else {
            word(number).to_uppercase()
        };
        let padding = "x".repeat(number / 6 % 300);
        client.send(format!(
            "{method} /{}/{padding} HTTP/1.1\r\nHost: {}.example\r\nUser-Agent: {}\r\nContent-Type: application/grpc+{}\r\nTraceparent: 00-{:032x}-{:016x}-01\r\n\r\n",
            word(number), word(number), word(number), word(number), number + 1, number + 1
        ));
        client.read_response();
    };
    (0..3_000).for_each(&mut ask);
    let (few, before) = (series(), memory());
    (3_000..6_000).for_each(&mut ask);
    let text = tidegate.admin_get("/metrics").1;
    assert!(!text.contains(&word(17)) && !text.contains("BREW"));
    assert_eq!(series(), few);
    let grown = memory() - before;
    assert!(grown < 4e6, "memory grew by {grown} bytes");
}

/// P-1 to P-6: whatever stands in these fields, nothing breaks, and what goes on is well formed.
#[test]
fn nothing_malformed_is_carried_on() {
    let origin = RawOrigin::ok("ok");
    let telemetry =
        "propagators: [tracecontext, baggage, b3, b3multi, jaeger], sampling: { ratio: 1.0 }";
    let tidegate = Tidegate::start(config(origin.addr(), telemetry));
    let mut random = fastrand::Rng::with_seed(7);
    let mut client = tidegate.connect("web");
    let pieces: [&str; 24] = [
        "00",
        "01",
        "ff",
        "-",
        "--",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "00f067aa0ba902b7",
        "00000000000000000000000000000000",
        "0000000000000000",
        "4BF92F3577B34DA6A3CE929D0E0E4736",
        "=",
        ",",
        ";",
        " ",
        "\t",
        "ot=th:",
        "ot=rv:abc",
        "a@b=c",
        "%",
        "%2C",
        "d",
        "1",
        "\u{fc}",
        "x",
    ];
    let fields = [
        "traceparent",
        "tracestate",
        "baggage",
        "b3",
        "x-b3-traceid",
        "x-b3-spanid",
        "x-b3-sampled",
        "x-b3-flags",
        "uber-trace-id",
    ];
    for round in 0..1_500 {
        let mut head = String::from("GET / HTTP/1.1\r\nHost: a\r\n");
        for _ in 0..random.usize(1..6) {
            let mut value = String::new();
            for _ in 0..random.usize(0..12) {
                value.push_str(pieces[random.usize(..pieces.len())]);
            }
            if round % 50 == 0 {
                value = value.repeat(60);
                value.truncate(
                    (0..=2_000.min(value.len()))
                        .rev()
                        .find(|at| value.is_char_boundary(*at))
                        .unwrap_or(0),
                );
            }
            let value = value.trim_matches([' ', '\t']);
            head.push_str(&format!(
                "{}: {value}\r\n",
                fields[random.usize(..fields.len())]
            ));
        }
        client.send(format!("{head}\r\n"));
        let response = client.read_response();
        assert_eq!(response.status, 200, "{head}");
    }
    let requests = origin.requests();
    assert_eq!(requests.len(), 1_500);
    let is_hex = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    for request in &requests {
        let parents: Vec<&str> = request.head.fields_named("traceparent").collect();
        let [parent] = parents[..] else {
            panic!("{parents:?}");
        };
        let parts: Vec<&str> = parent.split('-').collect();
        let [version, trace_id, span_id, flags] = parts[..] else {
            panic!("{parent}");
        };
        assert_eq!(
            (version, trace_id.len(), span_id.len()),
            ("00", 32, 16),
            "{parent}"
        );
        assert!(
            is_hex(trace_id) && is_hex(span_id) && is_hex(flags),
            "{parent}"
        );
        assert!(trace_id.bytes().any(|b| b != b'0') && span_id.bytes().any(|b| b != b'0'));
        assert!(["00", "01", "02", "03"].contains(&flags), "{parent}");
        let states: Vec<&str> = request.head.fields_named("tracestate").collect();
        assert!(states.len() <= 1);
        for member in states.iter().flat_map(|state| state.split(',')) {
            let (key, value) = member.trim().split_once('=').expect(member);
            assert!(!key.is_empty() && !value.is_empty(), "{states:?}");
            assert!(
                value
                    .bytes()
                    .all(|b| (0x20..0x7f).contains(&b) && b != b'=' && b != b',')
            );
        }
        let b3: Vec<&str> = request.head.fields_named("b3").collect();
        let [b3] = b3[..] else { panic!("{b3:?}") };
        assert!(
            b3.starts_with(&format!("{trace_id}-{span_id}-")),
            "{b3} beside {parent}"
        );
        for gone in ["uber-trace-id", "x-b3-parentspanid"] {
            assert_eq!(request.head.fields_named(gone).count(), 0);
        }
    }
}

/// Down, then slow, then back: requests do not notice, memory stays, and each span was sent or is counted as lost.
#[test]
fn a_receiver_that_fails_for_a_while_costs_no_request() {
    const DOWN: u8 = 0;
    const SLOW: u8 = 1;
    const WELL: u8 = 2;
    let origin = RawOrigin::ok("ok");
    let state = Arc::new(AtomicU8::new(DOWN));
    let taken = Arc::new(AtomicU64::new(0));
    let (seen, took) = (Arc::clone(&state), Arc::clone(&taken));
    let receiver = RawOrigin::start(move |conn| {
        while let Some(request) = conn.read_request() {
            match seen.load(Ordering::Relaxed) {
                // Not to be sent again: what is lost is known at once.
                DOWN => {
                    conn.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
                }
                // Longer than the exporter waits.
                SLOW => {
                    conn.hang();
                    return;
                }
                _ => {
                    let spans = otlp::count_items(otlp::Signal::Traces, &request.body.bytes);
                    took.fetch_add(spans.expect("whole"), Ordering::Relaxed);
                    conn.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                }
            }
        }
    });
    let more = ", signals: [traces], timeout: 100ms";
    let tidegate = Tidegate::start(config(origin.addr(), &sending_to(receiver.addr(), more)));
    let counted = |name: &str| Metrics::of(&tidegate).sum(name, &["signal=\"traces\""]);
    let mut client = tidegate.connect("web");
    // The median of their times: what the machine does beside it hits few.
    let mut serve = |count: usize| {
        let mut times: Vec<Duration> = (0..count)
            .map(|number| {
                let begun = Instant::now();
                client.send(get(&format!("/{number}")));
                assert_eq!(client.read_response().status, 200);
                begun.elapsed()
            })
            .collect();
        times.sort_unstable();
        times[count / 2]
    };
    serve(500);
    until("what was refused to be counted", || {
        (counted("tidegate_export_items_dropped_total") == 1_000.0).then_some(())
    });
    let memory = memory_of(&tidegate);
    state.store(SLOW, Ordering::Relaxed);
    let failing = serve(2_000);
    until("a request that takes too long", || {
        (counted("tidegate_export_requests_failed_total") > 1.0).then_some(())
    });
    assert!(memory_of(&tidegate) - memory < 16e6);
    state.store(WELL, Ordering::Relaxed);
    let well = serve(500);
    // On loopback some hundred microseconds; what waits for the receiver would take its 100 ms.
    assert!(
        failing < 4 * well + Duration::from_millis(2),
        "{failing:?} while it failed, {well:?} when it did not"
    );
    // Each span was taken or is counted as lost, none as both: what hung is sent again.
    let (exported, dropped) = until("an answer for every span", || {
        let exported = counted("tidegate_export_items_exported_total");
        let dropped = counted("tidegate_export_items_dropped_total");
        (exported + dropped == 6_000.0).then_some((exported, dropped))
    });
    assert_eq!(dropped, 1_000.0);
    assert_eq!(exported, taken.load(Ordering::Relaxed) as f64);
    tidegate.signal(Signal::TERM);
    assert!(tidegate.wait_exit(SOON).success());
}

/// Nobody takes spans, and few may wait: what is beyond that is lost and counted, and costs neither time nor memory.
#[test]
fn a_receiver_that_is_gone_costs_what_its_queue_holds() {
    const REQUESTS: usize = 20_000;
    let origin = RawOrigin::start(|conn| {
        while conn.read_request_head().is_some() {
            conn.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let gone = testkit::ClosedPort::new();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tidegate.yaml");
    let yaml = format!(
        "workers: 1\nlisteners: {{ web: {{ address: 127.0.0.1:0, limits: {{ requests_per_connection_max: 1000000 }} }} }}\n\
         admin: {{ address: 127.0.0.1:0 }}\nupstreams: {{ origin: {{ endpoints: [\"{}\"] }} }}\n\
         routes: [{{ name: all, forward: {{ upstream: origin }} }}]\ntelemetry: {{ {} }}\n",
        origin.addr(),
        sending_to(gone.addr(), ", signals: [traces]"),
    );
    std::fs::write(&file, yaml).unwrap();
    let mut command = Tidegate::command();
    command.arg("run").arg("-c").arg(&file);
    command.env("OTEL_BSP_MAX_QUEUE_SIZE", "500");
    let tidegate = Tidegate::start_in(dir, command).unwrap();
    let mut client = tidegate.connect("web");
    let mut times = |count: usize| {
        let mut times: Vec<Duration> = (0..count)
            .map(|_| {
                let begun = Instant::now();
                client.send(get("/"));
                assert_eq!(client.read_response().status, 200);
                begun.elapsed()
            })
            .collect();
        times.sort_unstable();
        (times[count / 2], times[count * 99 / 100])
    };
    let (median, _) = times(500);
    let memory = memory_of(&tidegate);
    let (later, most) = times(REQUESTS - 500);
    assert!(
        later < 2 * median + Duration::from_millis(1),
        "{later:?} after {median:?}"
    );
    assert!(
        most < 20 * median + Duration::from_millis(20),
        "{most:?} after {median:?}"
    );
    let grown = memory_of(&tidegate) - memory;
    assert!(grown < 6e6, "memory grew by {grown} bytes");
    let counted =
        |name: &str, cause: &str| Metrics::of(&tidegate).sum(name, &["signal=\"traces\"", cause]);
    let lost = "tidegate_export_items_dropped_total";
    // Some wait, some are in requests that failed, all others are lost: none is forgotten.
    until("every span to be waiting or lost", || {
        let (lost, waiting) = (
            counted(lost, ""),
            counted("tidegate_export_queue_items", ""),
        );
        let flying = 2.0 * REQUESTS as f64 - lost - waiting;
        (waiting <= 500.0 && (0.0..=4.0 * 500.0).contains(&flying)).then_some(())
    });
    assert!(counted(lost, "cause=\"queue_full\"") > REQUESTS as f64);
    tidegate.signal(Signal::TERM);
    assert!(tidegate.wait_exit(SOON).success());
}

fn memory_of(tidegate: &Tidegate) -> f64 {
    Metrics::of(tidegate).sum("process_resident_memory_bytes", &[])
}
