//! Metrics.

use opentelemetry_proto::tonic::metrics::v1 as proto;
use opentelemetry_proto::tonic::metrics::v1::{exemplar, metric, number_data_point};
use otlp::{
    Data, Exemplar, HistogramPoint, Metric, Number, NumberPoint, Signal, Temporality,
    append_metric, count_items,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use prost::Message as _;

use crate::support::{Lent, Pair, assert_same, expected, number, pairs, request};

#[derive(Clone, Debug)]
pub(crate) struct OwnedMetric {
    name: String,
    description: String,
    unit: String,
    kind: Kind,
    points: Vec<OwnedPoint>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Gauge,
    Sum(Temporality, bool),
    Histogram(Temporality),
}

/// What a point of any kind needs.
#[derive(Clone, Debug)]
struct OwnedPoint {
    attributes: Vec<Pair>,
    times: (u64, u64),
    value: Number,
    exemplars: Vec<OwnedExemplar>,
    count: u64,
    sum: Option<f64>,
    bounds: Vec<f64>,
    counts: Vec<u64>,
    min: Option<f64>,
    max: Option<f64>,
}

#[derive(Clone, Debug)]
struct OwnedExemplar {
    time: u64,
    value: Number,
    ids: ([u8; 16], [u8; 8]),
    attributes: Vec<Pair>,
}

impl OwnedMetric {
    /// The bytes, and how many points were counted.
    pub(crate) fn encode(&self) -> (Vec<u8>, u32) {
        let lent: Vec<_> = self
            .points
            .iter()
            .map(|point| Lent::new(&point.attributes))
            .collect();
        let attributes: Vec<_> = lent.iter().map(Lent::attributes).collect();
        let lent: Vec<Vec<_>> = self.points.iter().map(OwnedPoint::lend_exemplars).collect();
        let of_exemplars: Vec<Vec<_>> = lent
            .iter()
            .map(|of_point| of_point.iter().map(Lent::attributes).collect())
            .collect();
        let exemplars: Vec<Vec<_>> = self
            .points
            .iter()
            .zip(&of_exemplars)
            .map(|(point, attributes)| {
                let exemplars = point.exemplars.iter().zip(attributes);
                exemplars
                    .map(|(exemplar, attributes)| exemplar.lend(attributes))
                    .collect()
            })
            .collect();
        let points = self.points.iter().zip(attributes.iter().zip(&exemplars));
        let numbers: Vec<_> = points
            .clone()
            .map(|(point, (attributes, exemplars))| NumberPoint {
                attributes,
                start_unix_nanos: point.times.0,
                time_unix_nanos: point.times.1,
                value: point.value,
                exemplars,
            })
            .collect();
        let histograms: Vec<_> = points
            .map(|(point, (attributes, exemplars))| HistogramPoint {
                attributes,
                start_unix_nanos: point.times.0,
                time_unix_nanos: point.times.1,
                count: point.count,
                sum: point.sum,
                bounds: &point.bounds,
                counts: &point.counts,
                min: point.min,
                max: point.max,
                exemplars,
            })
            .collect();
        let metric = Metric {
            name: &self.name,
            description: &self.description,
            unit: &self.unit,
            data: match self.kind {
                Kind::Gauge => Data::Gauge(&numbers),
                Kind::Sum(temporality, is_monotonic) => Data::Sum {
                    points: &numbers,
                    temporality,
                    is_monotonic,
                },
                Kind::Histogram(temporality) => Data::Histogram {
                    points: &histograms,
                    temporality,
                },
            },
        };
        let mut out = b"before".to_vec();
        let points = append_metric(&mut out, &metric);
        (out.strip_prefix(b"before").unwrap().to_vec(), points)
    }

    fn expected(&self) -> proto::Metric {
        let numbers = || {
            self.points
                .iter()
                .map(OwnedPoint::expected_number)
                .collect()
        };
        let data = match self.kind {
            Kind::Gauge => metric::Data::Gauge(proto::Gauge {
                data_points: numbers(),
            }),
            Kind::Sum(temporality, is_monotonic) => metric::Data::Sum(proto::Sum {
                data_points: numbers(),
                aggregation_temporality: temporality as i32,
                is_monotonic,
            }),
            Kind::Histogram(temporality) => metric::Data::Histogram(proto::Histogram {
                data_points: self
                    .points
                    .iter()
                    .map(OwnedPoint::expected_histogram)
                    .collect(),
                aggregation_temporality: temporality as i32,
            }),
        };
        proto::Metric {
            name: self.name.clone(),
            description: self.description.clone(),
            unit: self.unit.clone(),
            metadata: Vec::new(),
            data: Some(data),
        }
    }
}

impl OwnedPoint {
    fn lend_exemplars(&self) -> Vec<Lent<'_>> {
        let exemplars = self.exemplars.iter();
        exemplars
            .map(|exemplar| Lent::new(&exemplar.attributes))
            .collect()
    }

    fn expected_exemplars(&self) -> Vec<proto::Exemplar> {
        self.exemplars.iter().map(OwnedExemplar::expected).collect()
    }

    fn expected_number(&self) -> proto::NumberDataPoint {
        proto::NumberDataPoint {
            attributes: expected(&self.attributes),
            start_time_unix_nano: self.times.0,
            time_unix_nano: self.times.1,
            exemplars: self.expected_exemplars(),
            flags: 0,
            value: Some(match self.value {
                Number::Int(number) => number_data_point::Value::AsInt(number),
                Number::Double(number) => number_data_point::Value::AsDouble(number),
            }),
        }
    }

    fn expected_histogram(&self) -> proto::HistogramDataPoint {
        proto::HistogramDataPoint {
            attributes: expected(&self.attributes),
            start_time_unix_nano: self.times.0,
            time_unix_nano: self.times.1,
            count: self.count,
            sum: self.sum,
            bucket_counts: self.counts.clone(),
            explicit_bounds: self.bounds.clone(),
            exemplars: self.expected_exemplars(),
            flags: 0,
            min: self.min,
            max: self.max,
        }
    }
}

impl OwnedExemplar {
    fn lend<'a>(&self, attributes: &'a [otlp::Attribute<'a>]) -> Exemplar<'a> {
        Exemplar {
            time_unix_nanos: self.time,
            value: self.value,
            trace_id: self.ids.0,
            span_id: self.ids.1,
            attributes,
        }
    }

    /// Ids that are all zero are none.
    fn expected(&self) -> proto::Exemplar {
        let id = |id: &[u8]| match id.iter().all(|byte| *byte == 0) {
            true => Vec::new(),
            false => id.to_vec(),
        };
        proto::Exemplar {
            filtered_attributes: expected(&self.attributes),
            time_unix_nano: self.time,
            span_id: id(&self.ids.1),
            trace_id: id(&self.ids.0),
            value: Some(match self.value {
                Number::Int(number) => exemplar::Value::AsInt(number),
                Number::Double(number) => exemplar::Value::AsDouble(number),
            }),
        }
    }
}

pub(crate) fn any_metric() -> impl Strategy<Value = OwnedMetric> {
    let temporality = || select(&[Temporality::Delta, Temporality::Cumulative][..]);
    let kind = prop_oneof![
        Just(Kind::Gauge),
        (temporality(), any::<bool>()).prop_map(|(temporality, is)| Kind::Sum(temporality, is)),
        temporality().prop_map(Kind::Histogram),
    ];
    let points = vec(any_point(), 0..4);
    (
        ("[a-z.]{0,40}", ".{0,60}", "[a-zA-Z{}]{0,10}"),
        kind,
        points,
    )
        .prop_map(|((name, description, unit), kind, points)| OwnedMetric {
            name,
            description,
            unit,
            kind,
            points,
        })
}

fn any_point() -> impl Strategy<Value = OwnedPoint> {
    let ids = prop_oneof![any::<([u8; 16], [u8; 8])>(), Just(([0; 16], [0; 8]))];
    let exemplar = (any::<u64>(), any_number(), ids, pairs());
    let exemplar = exemplar.prop_map(|(time, value, ids, attributes)| OwnedExemplar {
        time,
        value,
        ids,
        attributes,
    });
    let numbers = (any_number(), any::<u64>(), option::of(number()));
    let buckets = (vec(number(), 0..20), vec(any::<u64>(), 0..20));
    let limits = (option::of(number()), option::of(number()));
    let point = (
        pairs(),
        any::<(u64, u64)>(),
        vec(exemplar, 0..3),
        numbers,
        buckets,
        limits,
    );
    point.prop_map(
        |(attributes, times, exemplars, (value, count, sum), (bounds, counts), (min, max))| {
            OwnedPoint {
                attributes,
                times,
                value,
                exemplars,
                count,
                sum,
                bounds,
                counts,
                min,
                max,
            }
        },
    )
}

fn any_number() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::Int),
        number().prop_map(Number::Double),
    ]
}

proptest! {
    #[test]
    fn any_metric_is_decoded_as_it_was(metric in any_metric()) {
        let (bytes, points) = metric.encode();
        let scope = proto::ScopeMetrics::decode(&bytes[..]).unwrap();
        assert_same(&scope.metrics, &vec![metric.expected()]);
        prop_assert_eq!(points as usize, metric.points.len());
        let counted = count_items(Signal::Metrics, &request(Signal::Metrics, &bytes));
        prop_assert_eq!(counted, Ok(u64::from(points)));
    }
}

/// Byte for byte what `prost` writes: fields in order, lengths as short as they can be, nothing that is its default.
#[test]
fn the_bytes_are_those_of_another_encoder() {
    let exemplar = |value| OwnedExemplar {
        time: 9,
        value,
        ids: ([1; 16], [2; 8]),
        attributes: Vec::new(),
    };
    let point = OwnedPoint {
        attributes: Vec::new(),
        times: (1, 2),
        value: Number::Int(-3),
        exemplars: vec![exemplar(Number::Int(0)), exemplar(Number::Double(-0.0))],
        count: 4,
        sum: Some(0.0),
        bounds: vec![0.5, 1.0],
        counts: vec![1, 0, 3],
        min: Some(0.0),
        max: None,
    };
    let idle = OwnedPoint {
        times: (0, 0),
        value: Number::Double(0.0),
        exemplars: Vec::new(),
        count: 0,
        sum: None,
        bounds: Vec::new(),
        counts: Vec::new(),
        ..point.clone()
    };
    for kind in [
        Kind::Gauge,
        Kind::Sum(Temporality::Delta, false),
        Kind::Sum(Temporality::Cumulative, true),
        Kind::Histogram(Temporality::Cumulative),
    ] {
        for (name, points) in [
            ("", vec![]),
            ("a", vec![idle.clone()]),
            ("http.server.request.duration", vec![point.clone(); 200]),
        ] {
            let metric = OwnedMetric {
                name: name.to_owned(),
                description: name.to_uppercase(),
                unit: name.to_owned(),
                kind,
                points,
            };
            let scope = proto::ScopeMetrics {
                metrics: vec![metric.expected()],
                ..proto::ScopeMetrics::default()
            };
            assert_eq!(metric.encode().0, scope.encode_to_vec(), "{kind:?} {name}");
        }
    }
}
