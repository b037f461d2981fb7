//! Data points of one metric.

use std::borrow::Cow;

use otlp::{Attribute, Data, Exemplar, HistogramPoint, Metric, Number, NumberPoint, Temporality};

use super::exemplar::Sample;
use super::family::{Family, Kind};
use super::histogram::{BOUNDED, BOUNDS, Snapshot};
use super::labels::{LabelValue, Labels, Pair};
use super::rows::Value;

/// Points of one item: a histogram's take about 400 bytes each, and back ends take 4 MiB at once.
const POINTS_MAX: usize = 1_000;

const NANOS_PER_SECOND: f64 = 1e9;

const BOUNDS_SECONDS: [f64; BOUNDED] = {
    let mut seconds = [0.0; BOUNDED];
    let mut at = 0;
    while at < BOUNDED {
        seconds[at] = BOUNDS[at].1 as f64 / NANOS_PER_SECOND;
        at += 1;
    }
    seconds
};

/// One series' figure, as it is pushed.
pub(crate) struct Point<'a> {
    pub(crate) labels: &'a Labels,
    pub(crate) value: Cow<'a, Value>,
}

/// From when to when points count.
#[derive(Clone, Copy)]
pub(crate) struct Interval {
    pub(crate) start_unix_nanos: u64,
    pub(crate) now_unix_nanos: u64,
    pub(crate) temporality: Temporality,
}

/// Appends as many items as it takes, and returns how many points they have.
pub(crate) fn append_metrics(
    out: &mut Vec<u8>,
    family: &Family,
    interval: Interval,
    points: &[Point<'_>],
) -> u64 {
    let append = |points| u64::from(append_metric(out, family, interval, points));
    points.chunks(POINTS_MAX).map(append).sum()
}

fn append_metric(
    out: &mut Vec<u8>,
    family: &Family,
    interval: Interval,
    points: &[Point<'_>],
) -> u32 {
    let parts: Vec<_> = points
        .iter()
        .map(|point| Parts::of(point, interval))
        .collect();
    let instrument = family.instrument();
    let temporality = interval.temporality;
    let both = || points.iter().zip(&parts);
    // Of a family one of the two is empty.
    let numbers: Vec<_> = both()
        .filter_map(|(point, parts)| parts.number(point, instrument.kind, interval))
        .collect();
    let histograms: Vec<_> = both()
        .filter_map(|(point, parts)| parts.histogram(point, interval))
        .collect();
    let sum = |is_monotonic| Data::Sum {
        points: &numbers,
        temporality,
        is_monotonic,
    };
    let data = match instrument.kind {
        Kind::Counter | Kind::ObservableCounter => sum(true),
        Kind::UpDownCounter => sum(false),
        Kind::Gauge => Data::Gauge(&numbers),
        Kind::Histogram => Data::Histogram {
            points: &histograms,
            temporality,
        },
    };
    let metric = Metric {
        name: instrument.name,
        description: instrument.description,
        unit: instrument.unit,
        data,
    };
    otlp::append_metric(out, &metric)
}

/// What a point of OTLP refers to.
struct Parts<'a> {
    attributes: Vec<Attribute<'a>>,
    exemplars: Vec<Exemplar<'a>>,
}

impl<'a> Parts<'a> {
    fn of(point: &'a Point<'_>, interval: Interval) -> Self {
        let exemplars = match &*point.value {
            Value::Durations(snapshot) => exemplars(snapshot, interval),
            Value::Count(_) | Value::Nanos(_) | Value::Level(_) => Vec::new(),
        };
        Self {
            attributes: point.labels.pairs().iter().map(attribute).collect(),
            exemplars,
        }
    }

    fn number(&self, point: &Point<'_>, kind: Kind, interval: Interval) -> Option<NumberPoint<'_>> {
        let value = match (&*point.value, kind) {
            (Value::Count(count), _) => Number::Int(i64::try_from(*count).unwrap_or(i64::MAX)),
            (Value::Nanos(nanos), _) => Number::Double(seconds(*nanos)),
            (Value::Level(level), Kind::UpDownCounter) => Number::Int(whole(*level)),
            (Value::Level(level), _) => Number::Double(*level),
            (Value::Durations(_), _) => return None,
        };
        // A level is of a moment.
        let is_level = kind == Kind::Gauge;
        Some(NumberPoint {
            attributes: &self.attributes,
            start_unix_nanos: if is_level {
                0
            } else {
                interval.start_unix_nanos
            },
            time_unix_nanos: interval.now_unix_nanos,
            value,
            exemplars: &self.exemplars,
        })
    }

    fn histogram(&self, point: &'a Point<'_>, interval: Interval) -> Option<HistogramPoint<'_>> {
        let Value::Durations(snapshot) = &*point.value else {
            return None;
        };
        let figures = &snapshot.figures;
        Some(HistogramPoint {
            attributes: &self.attributes,
            start_unix_nanos: interval.start_unix_nanos,
            time_unix_nanos: interval.now_unix_nanos,
            count: figures.count(),
            sum: Some(seconds(figures.sum_nanos)),
            bounds: &BOUNDS_SECONDS,
            counts: &figures.buckets,
            min: None,
            max: None,
            exemplars: &self.exemplars,
        })
    }
}

fn attribute((key, value): &Pair) -> Attribute<'_> {
    let value = match value {
        LabelValue::Static(text) => otlp::Value::Str(text.as_bytes()),
        LabelValue::Text(text) => otlp::Value::Str(text.as_bytes()),
        LabelValue::Int(number) => otlp::Value::Int(*number),
        LabelValue::Bool(is_true) => otlp::Value::Bool(*is_true),
    };
    Attribute::Pair(key, value)
}

/// Those of the interval; of the whole time all of them.
fn exemplars(snapshot: &Snapshot, interval: Interval) -> Vec<Exemplar<'static>> {
    let is_due = |sample: &Sample| match interval.temporality {
        Temporality::Cumulative => true,
        Temporality::Delta => sample.exemplar.unix_nanos > interval.start_unix_nanos,
    };
    let samples = snapshot.samples.iter().map(|(_, sample)| sample);
    samples
        .filter(|sample| is_due(sample))
        .map(|sample| Exemplar {
            time_unix_nanos: sample.exemplar.unix_nanos,
            value: Number::Double(seconds(sample.value_nanos)),
            trace_id: sample.exemplar.trace_id,
            span_id: sample.exemplar.span_id,
            attributes: &[],
        })
        .collect()
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / NANOS_PER_SECOND
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "an UpDownCounter is a whole number far below 2^53; any other becomes the nearest there is"
)]
fn whole(level: f64) -> i64 {
    level.round() as i64
}
