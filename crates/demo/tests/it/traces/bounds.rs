//! How much is kept.

use std::collections::BTreeSet;
use std::thread;

use demo::Services;
use otlp::{Attribute, Event, Span, Value};

use super::spans::{
    START, TRACE, TRACE_HEX, check_taken, client, data, page, post_traces, request, send_spans,
    server,
};
use crate::client::get;

#[test]
fn the_oldest_trace_makes_room() {
    let services = Services::start().unwrap();
    for at in 1..=103_u8 {
        let span = Span {
            trace_id: [at; 16],
            ..server(1)
        };
        send_spans(&services, &[span]);
    }
    let data = data(&services);
    let traces = data["traces"].as_array().unwrap();
    let found: Vec<&str> = traces
        .iter()
        .map(|trace| trace["trace_id"].as_str().unwrap())
        .collect();
    let expected: Vec<String> = (4..=103_u8)
        .rev()
        .map(|at| format!("{at:02x}").repeat(16))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(data["dropped_traces"], 3);
    assert_eq!(data["received_spans"], 103);
    let gone = get(services.traces(), &format!("/traces/{}", "01".repeat(16)));
    assert_eq!(gone.status, 404);
    assert!(page(&services, "/").contains("103 spans received, 3 older traces dropped"));
}

#[test]
fn a_trace_has_at_most_a_hundred_spans() {
    let services = Services::start().unwrap();
    let spans: Vec<Span<'_>> = (1..=105).map(server).collect();
    send_spans(&services, &spans);
    let data = data(&services);
    let trace = &data["traces"][0];
    assert_eq!(trace["spans"].as_array().unwrap().len(), 100);
    assert_eq!(trace["dropped_spans"], 5);
    assert_eq!(data["dropped_spans"], 5);
    let page = page(&services, &format!("/traces/{TRACE_HEX}"));
    assert!(page.contains("<dd>100, 5 more dropped<"), "{page}");
}

/// A sender that got no answer sends once more (OT-32).
#[test]
fn spans_that_come_again_replace_themselves() {
    let services = Services::start().unwrap();
    let spans = [server(1), client(2, 1, 10, 40)];
    send_spans(&services, &spans);
    send_spans(&services, &spans);
    send_spans(
        &services,
        &[Span {
            name: &[b"later"],
            ..server(1)
        }],
    );
    let data = data(&services);
    assert_eq!(data["traces"].as_array().unwrap().len(), 1);
    let rows = data["traces"][0]["spans"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["name"], "later");
    assert_eq!(data["received_spans"], 5);
    assert_eq!(data["dropped_spans"], 0);
}

#[test]
fn spans_without_ids_belong_nowhere() {
    let services = Services::start().unwrap();
    let no_trace = Span {
        trace_id: [0; 16],
        ..server(1)
    };
    send_spans(&services, &[no_trace, server(0), server(1)]);
    let data = data(&services);
    assert_eq!(data["traces"].as_array().unwrap().len(), 1);
    assert_eq!(data["traces"][0]["spans"].as_array().unwrap().len(), 1);
    assert_eq!(data["invalid_spans"], 2);
}

#[test]
fn long_texts_are_cut() {
    let services = Services::start().unwrap();
    let long = "ä".repeat(600);
    let attributes = [
        Attribute::Pair("long", Value::Str(long.as_bytes())),
        Attribute::Pair("bytes", Value::Bytes(&[0xab; 2_000])),
        Attribute::Pair("exact", Value::Str(&[b'x'; 1_024])),
    ];
    let span = Span {
        name: &[b"x", long.as_bytes()],
        attributes: &attributes,
        ..server(1)
    };
    send_spans(&services, &[span]);
    let found = &data(&services)["traces"][0]["spans"][0];
    assert_eq!(found["name"], format!("x{}…", "ä".repeat(511)));
    let attributes = &found["attributes"];
    assert_eq!(attributes["long"], format!("{}…", "ä".repeat(512)));
    assert_eq!(attributes["bytes"], format!("{}…", "ab".repeat(512)));
    assert_eq!(attributes["exact"], "x".repeat(1_024));
}

/// As many as there is room for, whole ones only; the rest is counted.
#[test]
fn attributes_of_a_span_are_bounded() {
    let keys: Vec<String> = (0..200).map(|at| format!("key-{at:03}")).collect();
    let nothing: Vec<Attribute<'_>> = keys
        .iter()
        .map(|key| Attribute::Pair(key, Value::Bool(true)))
        .collect();
    let large: Vec<Attribute<'_>> = keys
        .iter()
        .map(|key| Attribute::Pair(key, Value::Str(&[b'x'; 5_000])))
        .collect();
    let texts = [&b"x"[..]; 1_000];
    let list = [Attribute::Pair("list", Value::Strs(&texts))];
    // A value takes 32 bytes besides its own, and so does a key: 39 + 32, 39 + 1056, and 33 for each text.
    for (attributes, kept) in [(&nothing, 115), (&large, 7), (&list.to_vec(), 0)] {
        let services = Services::start().unwrap();
        let span = Span {
            attributes,
            ..server(1)
        };
        send_spans(&services, &[span]);
        let found = &data(&services)["traces"][0]["spans"][0];
        assert_eq!(found["attributes"].as_object().unwrap().len(), kept);
        assert_eq!(found["dropped_attributes"], attributes.len() - kept);
    }
}

#[test]
fn events_of_a_span_are_bounded() {
    let details = [Attribute::Pair("key", Value::Str(&[b'x'; 1_000]))];
    let event = Event {
        time_unix_nanos: START,
        name: "event",
        attributes: &details,
    };
    let services = Services::start().unwrap();
    let span = Span {
        events: &[event; 40],
        ..server(1)
    };
    send_spans(&services, &[span]);
    let found = &data(&services)["traces"][0]["spans"][0];
    let events = found["events"].as_array().unwrap();
    assert_eq!(events.len(), 32);
    assert_eq!(found["dropped_events"], 8);
    // Attributes share the room of the span.
    let with = events
        .iter()
        .filter(|event| event["attributes"]["key"].is_string());
    assert_eq!(with.count(), 7);
    assert_eq!(events[31]["dropped_attributes"], 1);
}

#[test]
fn concurrent_senders_lose_nothing() {
    let services = Services::start().unwrap();
    thread::scope(|scope| {
        for sender in 0..8_u8 {
            let services = &services;
            scope.spawn(move || {
                for trace in 0..10_u8 {
                    let spans: Vec<Span<'_>> = (0..5_u8)
                        .map(|at| Span {
                            trace_id: [trace + 1; 16],
                            ..server(sender * 5 + at + 1)
                        })
                        .collect();
                    check_taken(&post_traces(services, &request(&spans)));
                    assert_eq!(get(services.traces(), "/").status, 200);
                }
            });
        }
    });
    let data = data(&services);
    let traces = data["traces"].as_array().unwrap();
    assert_eq!(traces.len(), 10);
    let expected: BTreeSet<String> = (1..=40).map(|id| format!("{id:02x}").repeat(8)).collect();
    for trace in traces {
        let rows = trace["spans"].as_array().unwrap();
        let found: BTreeSet<String> = rows
            .iter()
            .map(|row| row["span_id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(found, expected);
    }
    assert_eq!(data["received_spans"], 400);
}

/// A request of 4 MiB of the smallest spans, each of a trace of its own.
#[test]
fn the_largest_request_is_taken() {
    let services = Services::start().unwrap();
    let mut request = Vec::new();
    for at in 1_u32.. {
        let mut trace_id = TRACE;
        trace_id[..4].copy_from_slice(&at.to_be_bytes());
        let span = [
            &b"\x0a\x10"[..],
            &trace_id,
            b"\x12\x08\x01\x01\x01\x01\x01\x01\x01\x01",
        ];
        let span = span.concat();
        let framed = [&[0x0a, 32, 0x12, 30, 0x12, 28][..], &span].concat();
        if request.len() + framed.len() > 4 << 20 {
            break;
        }
        request.extend(framed);
    }
    check_taken(&post_traces(&services, &request));
    let data = data(&services);
    assert_eq!(data["traces"].as_array().unwrap().len(), 100);
    assert_eq!(data["received_spans"], request.len() / 34);
    assert_eq!(data["dropped_traces"], request.len() / 34 - 100);
}
