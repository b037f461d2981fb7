//! Writing items into a buffer that has room allocates nothing, and neither does reading. Its own binary, for it counts
//! allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use otlp::{
    Attribute, Data, Envelope, Event, Exemplar, HistogramPoint, Link, LogRecord, Metric, Number,
    NumberPoint, Scope, Severity, Signal, Span, SpanKind, Status, Temporality, Value, append_json,
    append_log_record, append_metric, append_span, count_items, encode_attribute, read,
};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

#[expect(unsafe_code, reason = "an allocator cannot be written otherwise")]
// SAFETY: every call goes to `System` with the caller's own arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `run` allocates after it ran once.
fn allocations(mut run: impl FnMut(&mut Vec<u8>)) -> usize {
    let mut out = Vec::new();
    run(&mut out);
    out.clear();
    let before = ALLOCATIONS.get();
    run(&mut out);
    ALLOCATIONS.get() - before
}

fn attributes(encoded: &[u8]) -> [Attribute<'_>; 7] {
    [
        Attribute::Encoded(encoded),
        Attribute::Pair("text", Value::Str(b"plain")),
        Attribute::Pair("more", Value::Str(&[b'x'; 300])),
        Attribute::Pair("not.utf8", Value::Str(b"a\xff\xff\xff")),
        Attribute::Pair("number", Value::Int(-5)),
        Attribute::Pair("list", Value::Strs(&[b"a", b"\xc3\xa9", b"\xff"])),
        Attribute::Pair("bytes", Value::Bytes(b"\xff")),
    ]
}

#[test]
fn the_count_works() {
    assert_eq!(allocations(|_| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn spans() {
    let encoded = encode_attribute("a", Value::Str(b"b"));
    let attributes = attributes(&encoded);
    let event = Event {
        time_unix_nanos: 1,
        name: "event",
        attributes: &attributes,
    };
    let link = Link {
        trace_id: [1; 16],
        span_id: [2; 8],
        trace_state: b"a=\xff",
        flags: 1,
        attributes: &attributes,
    };
    let span = Span {
        trace_id: [1; 16],
        span_id: [2; 8],
        parent_span_id: Some([3; 8]),
        trace_state: b"a=b",
        flags: 1,
        name: &[b"GET", b" ", b"/\xff"],
        kind: SpanKind::Server,
        start_unix_nanos: 1,
        end_unix_nanos: 2,
        attributes: &attributes,
        dropped_attributes: 1,
        events: &[event, event],
        dropped_events: 1,
        links: &[link],
        status: Status::Error("why"),
    };
    assert_eq!(allocations(|out| append_span(out, &span)), 0);

    let scope = Scope {
        name: "tidegate",
        version: "0.1.0",
    };
    let envelope = Envelope::new(Signal::Traces, &attributes, scope, "");
    let (mut item, mut request) = (Vec::new(), Vec::new());
    append_span(&mut item, &span);
    envelope.append_around(&[&item, &item], &mut request);
    assert_eq!(
        allocations(|_| assert_eq!(read::check(&request), Ok(()))),
        0
    );
}

#[test]
fn metrics() {
    let encoded = encode_attribute("a", Value::Str(b"b"));
    let attributes = attributes(&encoded);
    let exemplars = [Exemplar {
        time_unix_nanos: 1,
        value: Number::Double(1.0),
        trace_id: [1; 16],
        span_id: [2; 8],
        attributes: &attributes,
    }];
    let numbers = [NumberPoint {
        attributes: &attributes,
        start_unix_nanos: 1,
        time_unix_nanos: 2,
        value: Number::Int(3),
        exemplars: &exemplars,
    }];
    let histograms = [HistogramPoint {
        attributes: &attributes,
        start_unix_nanos: 1,
        time_unix_nanos: 2,
        count: 3,
        sum: Some(4.0),
        bounds: &[1.0; 20],
        counts: &[1; 21],
        min: Some(0.0),
        max: Some(1.0),
        exemplars: &exemplars,
    }];
    for data in [
        Data::Gauge(&numbers),
        Data::Histogram {
            points: &histograms,
            temporality: Temporality::Delta,
        },
    ] {
        let metric = Metric {
            name: "name",
            description: "description",
            unit: "s",
            data,
        };
        assert_eq!(
            allocations(|out| assert_eq!(append_metric(out, &metric), 1)),
            0
        );
    }
}

#[test]
fn logs_and_requests() {
    let encoded = encode_attribute("a", Value::Str(b"b"));
    let attributes = attributes(&encoded);
    let record = LogRecord {
        time_unix_nanos: 1,
        observed_unix_nanos: 2,
        severity: Severity::INFO,
        severity_text: "INFO",
        body: Value::Str(b"body \xff"),
        attributes: &attributes,
        trace_id: Some([1; 16]),
        span_id: Some([2; 8]),
        flags: 1,
        event_name: "event",
    };
    assert_eq!(allocations(|out| append_log_record(out, &record)), 0);
    let scope = Scope {
        name: "tidegate",
        version: "0.1.0",
    };
    let envelope = Envelope::new(Signal::Logs, &attributes, scope, "https://example.com");
    let mut item = Vec::new();
    append_log_record(&mut item, &record);
    let mut request = Vec::new();
    envelope.append_around(&[&item, &item], &mut request);
    assert_eq!(
        allocations(|out| envelope.append_around(&[&item, &item], out)),
        0
    );
    assert_eq!(
        allocations(|_| assert_eq!(count_items(Signal::Logs, &request), Ok(2))),
        0
    );
    assert_eq!(
        allocations(|out| assert_eq!(append_json(Signal::Logs, &request, out), Ok(()))),
        0
    );
}
