//! What writing items costs: a server span as a proxy records it, a histogram, a log record, and requests.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use otlp::{
    Attribute, Data, Envelope, HistogramPoint, LogRecord, Metric, Scope, Severity, Signal, Span,
    SpanKind, Status, Temporality, Value, append_json, append_log_record, append_metric,
    append_span, count_items, encode_attribute,
};

fn main() {
    divan::main();
}

const AGENT: &[u8] = b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

fn text<'a>(key: &'a str, value: &'a [u8]) -> Attribute<'a> {
    Attribute::Pair(key, Value::Str(value))
}

/// 15 attributes, two of them encoded beforehand, one of 101 bytes.
fn attributes<'a>(method: &'a [u8], route: &'a [u8]) -> [Attribute<'a>; 15] {
    [
        Attribute::Encoded(method),
        text("url.scheme", b"https"),
        text("network.protocol.version", b"1.1"),
        text("url.path", b"/products/48151623/reviews"),
        text("url.query", b"ref=home&utm_source=newsletter"),
        text("client.address", b"203.0.113.195"),
        text("network.peer.address", b"10.0.12.7"),
        Attribute::Pair("network.peer.port", Value::Int(51_234)),
        text("server.address", b"www.example.com"),
        Attribute::Pair("server.port", Value::Int(443)),
        text("user_agent.original", AGENT),
        Attribute::Encoded(route),
        Attribute::Pair("http.response.status_code", Value::Int(503)),
        text("error.type", b"503"),
        text("tls.protocol.version", b"1.3"),
    ]
}

fn with_span<R>(run: impl FnOnce(&Span<'_>) -> R) -> R {
    let method = encode_attribute("http.request.method", Value::Str(b"GET"));
    let route = encode_attribute("http.route", Value::Str(b"/products/{id}/reviews"));
    run(&Span {
        trace_id: [0x5b; 16],
        span_id: [0xee; 8],
        parent_span_id: Some([0xe1; 8]),
        trace_state: b"ot=th:fd70a",
        flags: 0x303,
        name: &[b"GET", b" ", b"/products/{id}/reviews"],
        kind: SpanKind::Server,
        start_unix_nanos: 1_760_000_000_000_000_000,
        end_unix_nanos: 1_760_000_000_012_345_678,
        attributes: &attributes(&method, &route),
        dropped_attributes: 0,
        events: &[],
        dropped_events: 0,
        links: &[],
        status: Status::Error(""),
    })
}

fn bench_span(bencher: Bencher<'_, '_>, span: &Span<'_>) {
    let mut out = Vec::with_capacity(4096);
    append_span(&mut out, span);
    bencher.counter(BytesCount::of_slice(&out)).bench_local(|| {
        out.clear();
        append_span(&mut out, black_box(span));
        out.len()
    });
}

#[divan::bench]
fn span(bencher: Bencher<'_, '_>) {
    with_span(|span| bench_span(bencher, span));
}

/// With a captured field: a list of one text.
#[divan::bench]
fn span_with_list(bencher: Bencher<'_, '_>) {
    let list = Attribute::Pair("http.request.header.x-tenant", Value::Strs(&[b"acme"]));
    with_span(|span| {
        let attributes = [span.attributes, &[list]].concat();
        let span = Span {
            attributes: &attributes,
            ..*span
        };
        bench_span(bencher, &span);
    });
}

/// With a text that is not ASCII, which has all written twice.
#[divan::bench]
fn span_beyond_ascii(bencher: Bencher<'_, '_>) {
    with_span(|span| {
        let attributes = [span.attributes, &[text("user.name", "Zo\u{eb}".as_bytes())]].concat();
        let span = Span {
            attributes: &attributes,
            ..*span
        };
        bench_span(bencher, &span);
    });
}

/// A span of a try, the shortest there is.
#[divan::bench]
fn span_of_five(bencher: Bencher<'_, '_>) {
    with_span(|span| {
        let span = Span {
            attributes: span.attributes.get(..5).unwrap_or_default(),
            ..*span
        };
        bench_span(bencher, &span);
    });
}

#[divan::bench]
fn histogram_point(bencher: Bencher<'_, '_>) {
    let bounds = [
        0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    ];
    let points = [HistogramPoint {
        attributes: &[
            text("http.request.method", b"GET"),
            text("url.scheme", b"https"),
            text("http.route", b"/products/{id}"),
            Attribute::Pair("http.response.status_code", Value::Int(200)),
        ],
        start_unix_nanos: 1_760_000_000_000_000_000,
        time_unix_nanos: 1_760_000_060_000_000_000,
        count: 15_000,
        sum: Some(123.456),
        bounds: &bounds,
        counts: &[1000; 15],
        min: None,
        max: None,
        exemplars: &[],
    }];
    let metric = Metric {
        name: "http.server.request.duration",
        description: "Duration of HTTP server requests.",
        unit: "s",
        data: Data::Histogram {
            points: &points,
            temporality: Temporality::Cumulative,
        },
    };
    let mut out = Vec::with_capacity(4096);
    bencher.bench_local(|| {
        out.clear();
        append_metric(&mut out, black_box(&metric))
    });
}

#[divan::bench]
fn log_record(bencher: Bencher<'_, '_>) {
    let attributes = attributes(b"", b"");
    let record = LogRecord {
        time_unix_nanos: 1_760_000_000_000_000_000,
        observed_unix_nanos: 1_760_000_000_000_000_000,
        severity: Severity::INFO,
        severity_text: "INFO",
        body: Value::Str(b"GET /products/48151623/reviews 503"),
        attributes: &attributes[1..5],
        trace_id: Some([0x5b; 16]),
        span_id: Some([0xee; 8]),
        flags: 1,
        event_name: "",
    };
    let mut out = Vec::with_capacity(4096);
    bencher.bench_local(|| {
        out.clear();
        append_log_record(&mut out, black_box(&record));
        out.len()
    });
}

fn request(spans: u32) -> Vec<u8> {
    let resource = [text("service.name", b"tidegate")];
    let scope = Scope {
        name: "tidegate",
        version: "0.1.0",
    };
    let envelope = Envelope::new(Signal::Traces, &resource, scope, "");
    let mut items = Vec::new();
    with_span(|span| (0..spans).for_each(|_| append_span(&mut items, span)));
    let mut request = Vec::new();
    envelope.append_around(&[&items], &mut request);
    request
}

/// Per span.
#[divan::bench]
fn count_512_spans(bencher: Bencher<'_, '_>) {
    let request = request(512);
    bencher
        .counter(ItemsCount::new(512_u32))
        .bench_local(|| count_items(Signal::Traces, black_box(&request)));
}

/// Per span.
#[divan::bench]
fn json_of_512_spans(bencher: Bencher<'_, '_>) {
    let request = request(512);
    let mut out = Vec::with_capacity(2 << 20);
    bencher.counter(ItemsCount::new(512_u32)).bench_local(|| {
        out.clear();
        append_json(Signal::Traces, black_box(&request), &mut out)
    });
}
