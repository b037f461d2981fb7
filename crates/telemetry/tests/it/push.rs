//! Sheets as OTLP, read back by another's decoder.

use std::time::Duration;

use message::{MethodKind, Version};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::metrics::v1::{
    HistogramDataPoint, Metric, NumberDataPoint, ScopeMetrics, exemplar, metric::Data,
    number_data_point::Value,
};
use prost::Message as _;
use telemetry::metrics::{
    Bounds, ClientMetrics, Family, Histogram, Instrument, Kind, MetricsPush, Outcome,
    RequestMetrics, RouteLabel, RpcMetrics, RpcSide, RpcStatusCode, Scheme, Served, Sheet,
    process_sheet,
};
use telemetry::plan::OtlpTemporality;

use crate::figures::{self, CPU, EVENTS, LATENCY, LEVEL, served};

static THINGS: Family = Family::new(Instrument {
    name: "test.things",
    unit: "{thing}",
    description: "Things.",
    kind: Kind::UpDownCounter,
});

const START: u64 = 1_000_000_000;
const DELTA: i32 = 1;
const CUMULATIVE: i32 = 2;

/// One collection: its metrics by the decoder. The items of an envelope are elements of `ScopeMetrics.metrics`.
struct Pushed(Vec<Metric>);

impl Pushed {
    #[track_caller]
    fn of(push: &mut MetricsPush, sheet: &Sheet, now: u64) -> Self {
        let mut out = Vec::new();
        let counted = push.append_otlp(sheet, now, &mut out);
        let metrics = ScopeMetrics::decode(out.as_slice()).unwrap().metrics;
        let found: usize = metrics.iter().map(points).sum();
        assert_eq!(counted, found as u64);
        Self(metrics)
    }

    #[track_caller]
    fn metric(&self, name: &str) -> &Metric {
        let found: Vec<&Metric> = self.0.iter().filter(|metric| metric.name == name).collect();
        assert_eq!(found.len(), 1, "{name} in {:#?}", self.0);
        found[0]
    }

    #[track_caller]
    fn sum(&self, name: &str) -> (&[NumberDataPoint], i32, bool) {
        match &self.metric(name).data {
            Some(Data::Sum(sum)) => (
                &sum.data_points,
                sum.aggregation_temporality,
                sum.is_monotonic,
            ),
            other => panic!("{name}: expected a sum, found {other:?}"),
        }
    }

    #[track_caller]
    fn gauge(&self, name: &str) -> &[NumberDataPoint] {
        match &self.metric(name).data {
            Some(Data::Gauge(gauge)) => &gauge.data_points,
            other => panic!("{name}: expected a gauge, found {other:?}"),
        }
    }

    #[track_caller]
    fn histogram(&self, name: &str) -> (&[HistogramDataPoint], i32) {
        match &self.metric(name).data {
            Some(Data::Histogram(data)) => (&data.data_points, data.aggregation_temporality),
            other => panic!("{name}: expected a histogram, found {other:?}"),
        }
    }
}

fn points(metric: &Metric) -> usize {
    match &metric.data {
        Some(Data::Sum(sum)) => sum.data_points.len(),
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Histogram(histogram)) => histogram.data_points.len(),
        other => panic!("{}: expected points, found {other:?}", metric.name),
    }
}

/// Key and value of each attribute, sorted.
fn shown(attributes: &[KeyValue]) -> Vec<String> {
    let mut shown: Vec<String> = attributes
        .iter()
        .map(|attribute| {
            let value = attribute
                .value
                .as_ref()
                .and_then(|value| value.value.as_ref());
            let key = &attribute.key;
            if let AnyValue::StringValue(text) = value.unwrap() {
                format!("{key}={text}")
            } else if let AnyValue::IntValue(number) = value.unwrap() {
                format!("{key}={number}i")
            } else if let AnyValue::BoolValue(is_true) = value.unwrap() {
                format!("{key}={is_true}b")
            } else {
                panic!("{key}: {value:?}")
            }
        })
        .collect();
    shown.sort();
    shown
}

fn push(preference: OtlpTemporality) -> MetricsPush {
    MetricsPush::new(preference, START)
}

/// Names, units and kinds are OpenTelemetry's.
#[test]
fn families_are_described() {
    let mut sheet = Sheet::new();
    sheet.target(&[("service.name", "edge")]);
    sheet.counter(&EVENTS, &[("kind", "a")], 3);
    sheet.counter_seconds(&CPU, &[], Duration::from_millis(1_250));
    sheet.gauge(&LEVEL, &[], 0.5);
    sheet.gauge(&THINGS, &[], 7.0);
    let pushed = Pushed::of(&mut push(OtlpTemporality::Cumulative), &sheet, START + 5);
    // The target is the resource, which is the envelope's matter.
    assert_eq!(pushed.0.len(), 4);
    let events = pushed.metric("test.events");
    assert_eq!(
        (&*events.unit, &*events.description),
        ("{event}", "Events.")
    );
    let (points, temporality, is_monotonic) = pushed.sum("test.events");
    assert_eq!((temporality, is_monotonic), (CUMULATIVE, true));
    let [point] = points else {
        panic!("{points:?}")
    };
    assert_eq!(point.value, Some(Value::AsInt(3)));
    assert_eq!(
        (point.start_time_unix_nano, point.time_unix_nano),
        (START, START + 5)
    );
    assert_eq!(shown(&point.attributes), ["kind=a"]);
    assert_eq!(pushed.metric("test.cpu").unit, "s");
    assert_eq!(
        pushed.sum("test.cpu").0[0].value,
        Some(Value::AsDouble(1.25))
    );
    let (things, temporality, is_monotonic) = pushed.sum("test.things");
    assert_eq!((temporality, is_monotonic), (CUMULATIVE, false));
    assert_eq!(things[0].value, Some(Value::AsInt(7)));
    let level = &pushed.gauge("test.level")[0];
    assert_eq!(level.value, Some(Value::AsDouble(0.5)));
    assert_eq!(
        (level.start_time_unix_nano, level.time_unix_nano),
        (0, START + 5)
    );
}

/// Keys have dots, numbers are numbers.
#[test]
fn requests_and_calls_are_attributed() {
    let mut sheet = Sheet::new();
    let requests = RequestMetrics::new(Bounds {
        series_max: 1,
        ..Bounds::default()
    });
    let route = requests.label("we\"ird");
    let request = Served {
        scheme: Scheme::Https,
        ..served(route, Outcome::answered(503))
    };
    requests.finished(&request);
    requests.finished(&served(RouteLabel::UNMATCHED, Outcome::answered(200)));
    requests.collect(&mut sheet);
    let clients = ClientMetrics::default();
    let server = clients.label("db.example", 8443);
    let refused = Outcome::failed("connect_failed");
    clients.finished(
        server,
        MethodKind::Put.into(),
        refused,
        Version::Http11,
        Duration::ZERO,
        None,
    );
    clients.collect(&mut sheet);
    let calls = RpcMetrics::new(RpcSide::Server, Bounds::default());
    calls.finished(
        calls.label("a.B/C"),
        RpcStatusCode::Internal,
        Duration::ZERO,
        None,
    );
    calls.collect(&mut sheet);
    let pushed = Pushed::of(&mut push(OtlpTemporality::Cumulative), &sheet, START + 5);
    let cases: [(&str, &[&[&str]]); 3] = [
        (
            "http.server.request.duration",
            &[
                &[
                    "error.type=503",
                    "http.request.method=GET",
                    "http.response.status_code=503i",
                    "http.route=we\"ird",
                    "network.protocol.version=1.1",
                    "url.scheme=https",
                ],
                &["otel.metric.overflow=trueb"],
            ],
        ),
        (
            "http.client.request.duration",
            &[&[
                "error.type=connect_failed",
                "http.request.method=PUT",
                "network.protocol.version=1.1",
                "server.address=db.example",
                "server.port=8443i",
            ]],
        ),
        (
            "rpc.server.call.duration",
            &[&[
                "error.type=INTERNAL",
                "rpc.method=a.B/C",
                "rpc.status_code=INTERNAL",
                "rpc.system.name=grpc",
            ]],
        ),
    ];
    for (name, expected) in cases {
        assert_eq!(pushed.metric(name).unit, "s");
        let found: Vec<Vec<String>> = pushed
            .histogram(name)
            .0
            .iter()
            .map(|point| shown(&point.attributes))
            .collect();
        assert_eq!(found, expected, "{name}");
    }
}

fn sheet_of(histogram: &Histogram, events: u64) -> Sheet {
    let mut sheet = Sheet::new();
    sheet.histogram(&LATENCY, &[], histogram);
    sheet.counter(&EVENTS, &[], events);
    sheet.counter_seconds(&CPU, &[], Duration::from_millis(events));
    sheet.gauge(&LEVEL, &[], 4.0);
    sheet.gauge(&THINGS, &[], 4.0);
    sheet
}

#[test]
fn histograms_have_buckets_and_exemplars() {
    let histogram = Histogram::new();
    histogram.observe_with(Duration::from_millis(2), Some(figures::exemplar(1, 2, 77)));
    histogram.observe(Duration::from_millis(5));
    histogram.observe(Duration::from_secs(60));
    let sheet = sheet_of(&histogram, 0);
    let pushed = Pushed::of(&mut push(OtlpTemporality::Cumulative), &sheet, START + 5);
    let (points, temporality) = pushed.histogram("test.latency");
    assert_eq!(temporality, CUMULATIVE);
    let [point] = points else {
        panic!("{points:?}")
    };
    assert_eq!(
        point.explicit_bounds,
        [
            0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0
        ]
    );
    assert_eq!(
        point.bucket_counts,
        [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    );
    assert_eq!((point.count, point.sum), (3, Some(60.007)));
    assert_eq!((point.min, point.max), (None, None));
    assert_eq!(
        (point.start_time_unix_nano, point.time_unix_nano),
        (START, START + 5)
    );
    let [sample] = &point.exemplars[..] else {
        panic!("{point:?}")
    };
    assert_eq!(sample.trace_id, [1; 16]);
    assert_eq!(sample.span_id, [2; 8]);
    assert_eq!(sample.time_unix_nano, 77);
    assert_eq!(sample.value, Some(exemplar::Value::AsDouble(0.002)));
}

/// Which preference makes which kinds differences: a table of the specification's.
#[test]
fn preferences_decide_by_kind() {
    use OtlpTemporality::{Cumulative, Delta, LowMemory};
    let table = [
        (Cumulative, [CUMULATIVE, CUMULATIVE, CUMULATIVE, CUMULATIVE]),
        (Delta, [DELTA, DELTA, DELTA, CUMULATIVE]),
        (LowMemory, [DELTA, CUMULATIVE, DELTA, CUMULATIVE]),
    ];
    let histogram = Histogram::new();
    histogram.observe(Duration::ZERO);
    for (preference, expected) in table {
        let pushed = Pushed::of(&mut push(preference), &sheet_of(&histogram, 3), START + 5);
        let found = [
            pushed.sum("test.events").1,
            pushed.sum("test.cpu").1,
            pushed.histogram("test.latency").1,
            pushed.sum("test.things").1,
        ];
        assert_eq!(found, expected, "{preference:?}");
        assert_eq!(
            pushed.gauge("test.level")[0].value,
            Some(Value::AsDouble(4.0))
        );
    }
}

#[test]
fn differences_follow_one_another() {
    let mut push = push(OtlpTemporality::Delta);
    let histogram = Histogram::new();
    histogram.observe_with(
        Duration::from_millis(2),
        Some(figures::exemplar(1, 1, START + 50)),
    );
    let first = Pushed::of(&mut push, &sheet_of(&histogram, 10), START + 100);
    let point = &first.histogram("test.latency").0[0];
    assert_eq!(
        (point.start_time_unix_nano, point.time_unix_nano),
        (START, START + 100)
    );
    assert_eq!((point.count, point.exemplars.len()), (1, 1));
    assert_eq!(first.sum("test.events").0[0].value, Some(Value::AsInt(10)));

    histogram.observe_with(
        Duration::from_secs(20),
        Some(figures::exemplar(2, 2, START + 150)),
    );
    histogram.observe(Duration::from_millis(3));
    let second = Pushed::of(&mut push, &sheet_of(&histogram, 14), START + 200);
    let point = &second.histogram("test.latency").0[0];
    assert_eq!(
        (point.start_time_unix_nano, point.time_unix_nano),
        (START + 100, START + 200)
    );
    assert_eq!(
        point.bucket_counts,
        [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    );
    assert_eq!((point.count, point.sum), (2, Some(20.003)));
    // The exemplar of the time before was sent.
    assert_eq!(point.exemplars.len(), 1);
    assert_eq!(point.exemplars[0].trace_id, [2; 16]);
    let events = &second.sum("test.events").0[0];
    assert_eq!(events.value, Some(Value::AsInt(4)));
    assert_eq!(events.start_time_unix_nano, START + 100);
    assert_eq!(
        second.sum("test.cpu").0[0].value,
        Some(Value::AsDouble(0.004))
    );
    // An UpDownCounter stays what it is since the start.
    let things = &second.sum("test.things").0[0];
    assert_eq!(
        (things.value, things.start_time_unix_nano),
        (Some(Value::AsInt(4)), START)
    );

    // Nothing happened: nothing but levels is said.
    let third = Pushed::of(&mut push, &sheet_of(&histogram, 14), START + 300);
    let mut names: Vec<&str> = third.0.iter().map(|metric| &*metric.name).collect();
    names.sort_unstable();
    assert_eq!(names, ["test.level", "test.things"]);

    // What fell began again at 0.
    let fresh = Histogram::new();
    fresh.observe(Duration::from_millis(2));
    let fourth = Pushed::of(&mut push, &sheet_of(&fresh, 5), START + 400);
    assert_eq!(fourth.sum("test.events").0[0].value, Some(Value::AsInt(5)));
    let point = &fourth.histogram("test.latency").0[0];
    assert_eq!((point.count, point.sum), (1, Some(0.002)));
    assert_eq!(point.start_time_unix_nano, START + 300);
}

/// Differences add up to what is cumulative, whatever becomes of series in between.
#[test]
fn differences_of_workers_add_up() {
    let workers: Vec<RequestMetrics> = (0..3).map(|_| RequestMetrics::default()).collect();
    let mut push = push(OtlpTemporality::Delta);
    let (mut total, mut sum) = (0, 0);
    for round in 0_u16..6 {
        let mut sheet = Sheet::new();
        for (at, worker) in workers.iter().enumerate() {
            for status in 200..=200 + round {
                if usize::from(status) % 3 != at {
                    worker.finished(&served(RouteLabel::UNMATCHED, Outcome::answered(status)));
                    total += 1;
                }
            }
            let mut own = Sheet::new();
            worker.collect(&mut own);
            sheet.merge(own);
        }
        let now = START + 100 * u64::from(round + 1);
        let pushed = Pushed::of(&mut push, &sheet, now);
        let (points, temporality) = pushed.histogram("http.server.request.duration");
        assert_eq!(temporality, DELTA);
        sum += points.iter().map(|point| point.count).sum::<u64>();
        assert_eq!(sum, total, "round {round}");
    }
}

/// A back end takes 4 MiB at once: many series come in items that a request can be cut between.
#[test]
fn many_points_are_several_items() {
    let metrics = RequestMetrics::default();
    for number in 0..2_500 {
        let route = metrics.label(&number.to_string());
        metrics.finished(&served(route, Outcome::answered(200)));
    }
    let mut sheet = Sheet::new();
    metrics.collect(&mut sheet);
    let pushed = Pushed::of(&mut push(OtlpTemporality::Cumulative), &sheet, START + 5);
    let is_duration = |metric: &&Metric| metric.name == "http.server.request.duration";
    let items: Vec<&Metric> = pushed.0.iter().filter(is_duration).collect();
    let lens: Vec<usize> = items.iter().map(|metric| points(metric)).collect();
    assert_eq!(lens, [1_000, 1_000, 500]);
    assert!(items.iter().all(|metric| metric.encoded_len() < 512 << 10));
}

/// Names of everything a process pushes follow OpenTelemetry's form: what Prometheus adds is not in them.
#[test]
fn no_name_has_the_suffixes_of_prometheus() {
    let mut sheet = Sheet::new();
    RequestMetrics::default().collect(&mut sheet);
    process_sheet(&mut sheet);
    let pushed = Pushed::of(&mut push(OtlpTemporality::Cumulative), &sheet, START + 5);
    assert!(pushed.0.len() > 8);
    for metric in &pushed.0 {
        let name = &metric.name;
        assert!(name.contains('.'), "{name}");
        for suffix in ["_total", "_seconds", "_bytes"] {
            assert!(!name.ends_with(suffix), "{name}");
        }
    }
}
