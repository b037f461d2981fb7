//! Metrics: gauges, sums and explicit-bounds histograms with their exemplars.

use crate::attribute::{Attribute, append_attributes};
use crate::wire::{
    append_bytes, append_fixed64, append_head, append_nanos, append_nested, append_number,
    append_str,
};

/// `ScopeMetrics.metrics`.
const METRIC: u8 = 0x12;

/// Fields of `Metric`.
const NAME: u8 = 0x0a;
const DESCRIPTION: u8 = 0x12;
const UNIT: u8 = 0x1a;
const GAUGE: u8 = 0x2a;
const SUM: u8 = 0x3a;
const HISTOGRAM: u8 = 0x4a;

/// Fields of each kind of data.
const POINT: u8 = 0x0a;
const TEMPORALITY: u8 = 0x10;
const IS_MONOTONIC: u8 = 0x18;

/// Fields that the kinds of points have in common.
const POINT_START: u8 = 0x11;
const POINT_TIME: u8 = 0x19;

/// One metric with its data points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric<'a> {
    /// As the conventions have it, with dots.
    pub name: &'a str,
    /// What it measures; may be empty.
    pub description: &'a str,
    /// In UCUM, `s` or `By`; may be empty.
    pub unit: &'a str,
    /// Its kind and its points.
    pub data: Data<'a>,
}

/// The kind of a metric and its points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Data<'a> {
    /// Values at a time.
    Gauge(&'a [NumberPoint<'a>]),
    /// Values that add up.
    Sum {
        /// One per set of attributes.
        points: &'a [NumberPoint<'a>],
        /// Since when they add up.
        temporality: Temporality,
        /// Whether they only grow.
        is_monotonic: bool,
    },
    /// Distributions over explicit bounds.
    Histogram {
        /// One per set of attributes.
        points: &'a [HistogramPoint<'a>],
        /// Since when they are counted.
        temporality: Temporality,
    },
}

/// From when on the values of a point count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temporality {
    /// Since the point before.
    Delta = 1,
    /// Since a start that stays.
    Cumulative = 2,
}

/// A measured number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Double(f64),
}

/// The value of a gauge or a sum for one set of attributes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberPoint<'a> {
    /// With unique keys.
    pub attributes: &'a [Attribute<'a>],
    /// Nanoseconds since 1970; 0: unknown, as it is for gauges.
    pub start_unix_nanos: u64,
    /// Nanoseconds since 1970.
    pub time_unix_nanos: u64,
    /// The value.
    pub value: Number,
    /// Measurements with their traces.
    pub exemplars: &'a [Exemplar<'a>],
}

/// A distribution for one set of attributes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HistogramPoint<'a> {
    /// With unique keys.
    pub attributes: &'a [Attribute<'a>],
    /// Nanoseconds since 1970; 0: unknown.
    pub start_unix_nanos: u64,
    /// Nanoseconds since 1970.
    pub time_unix_nanos: u64,
    /// Measurements: the sum of `counts` when there are some.
    pub count: u64,
    /// Of all measurements; `None` when some could be negative.
    pub sum: Option<f64>,
    /// Upper bounds, inclusive, ascending; the last bucket, without a bound, is not among them.
    pub bounds: &'a [f64],
    /// One more than there are bounds, or none at all.
    pub counts: &'a [u64],
    /// Smallest measurement.
    pub min: Option<f64>,
    /// Largest measurement.
    pub max: Option<f64>,
    /// Measurements with their traces.
    pub exemplars: &'a [Exemplar<'a>],
}

/// One measurement and the span it was taken in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exemplar<'a> {
    /// Nanoseconds since 1970.
    pub time_unix_nanos: u64,
    /// What was measured.
    pub value: Number,
    /// All zero: none, which is left out.
    pub trace_id: [u8; 16],
    /// All zero: none, which is left out.
    pub span_id: [u8; 8],
    /// Attributes that the point does not have.
    pub attributes: &'a [Attribute<'a>],
}

/// Appends the metric as one item of an [`Envelope`](crate::Envelope): tag, length and message of one element of
/// `ScopeMetrics.metrics`. Returns how many data points it has. Allocates nothing but the growth of `out`.
pub fn append_metric(out: &mut Vec<u8>, metric: &Metric<'_>) -> u32 {
    append_nested::<2>(out, METRIC, |out| {
        append_str(out, NAME, metric.name);
        append_str(out, DESCRIPTION, metric.description);
        append_str(out, UNIT, metric.unit);
        append_data(out, &metric.data);
    });
    let points = match metric.data {
        Data::Gauge(points) | Data::Sum { points, .. } => points.len(),
        Data::Histogram { points, .. } => points.len(),
    };
    u32::try_from(points).unwrap_or(u32::MAX)
}

fn append_data(out: &mut Vec<u8>, data: &Data<'_>) {
    match *data {
        Data::Gauge(points) => append_nested::<2>(out, GAUGE, |out| append_numbers(out, points)),
        Data::Sum {
            points,
            temporality,
            is_monotonic,
        } => append_nested::<2>(out, SUM, |out| {
            append_numbers(out, points);
            out.extend_from_slice(&[TEMPORALITY, temporality as u8]);
            append_number(out, IS_MONOTONIC, is_monotonic.into());
        }),
        Data::Histogram {
            points,
            temporality,
        } => append_nested::<2>(out, HISTOGRAM, |out| {
            for point in points {
                append_nested::<2>(out, POINT, |out| append_histogram_point(out, point));
            }
            out.extend_from_slice(&[TEMPORALITY, temporality as u8]);
        }),
    }
}

fn append_numbers(out: &mut Vec<u8>, points: &[NumberPoint<'_>]) {
    for point in points {
        append_nested::<1>(out, POINT, |out| append_number_point(out, point));
    }
}

/// `NumberDataPoint`; field 1 is reserved.
fn append_number_point(out: &mut Vec<u8>, point: &NumberPoint<'_>) {
    append_nanos(out, POINT_START, point.start_unix_nanos);
    append_nanos(out, POINT_TIME, point.time_unix_nanos);
    match point.value {
        Number::Double(value) => append_fixed64(out, 0x21, value.to_le_bytes()),
        Number::Int(value) => append_fixed64(out, 0x31, value.to_le_bytes()),
    }
    append_exemplars(out, 0x2a, point.exemplars);
    append_attributes(out, 0x3a, point.attributes);
}

/// `HistogramDataPoint`; field 1 is reserved.
fn append_histogram_point(out: &mut Vec<u8>, point: &HistogramPoint<'_>) {
    append_nanos(out, POINT_START, point.start_unix_nanos);
    append_nanos(out, POINT_TIME, point.time_unix_nanos);
    append_nanos(out, 0x21, point.count);
    append_double(out, 0x29, point.sum);
    append_packed(out, 0x32, point.counts, |count| count.to_le_bytes());
    append_packed(out, 0x3a, point.bounds, |bound| bound.to_le_bytes());
    append_exemplars(out, 0x42, point.exemplars);
    append_attributes(out, 0x4a, point.attributes);
    append_double(out, 0x59, point.min);
    append_double(out, 0x61, point.max);
}

/// An optional `double`: 0 is a value like any other.
fn append_double(out: &mut Vec<u8>, tag: u8, value: Option<f64>) {
    if let Some(value) = value {
        append_fixed64(out, tag, value.to_le_bytes());
    }
}

fn append_packed<T>(out: &mut Vec<u8>, tag: u8, values: &[T], bytes: impl Fn(&T) -> [u8; 8]) {
    if values.is_empty() {
        return;
    }
    append_head(out, tag, values.len() * 8);
    for value in values {
        out.extend_from_slice(&bytes(value));
    }
}

fn append_exemplars(out: &mut Vec<u8>, tag: u8, exemplars: &[Exemplar<'_>]) {
    for exemplar in exemplars {
        append_nested::<1>(out, tag, |out| append_exemplar(out, exemplar));
    }
}

/// `Exemplar`; field 1 is reserved.
fn append_exemplar(out: &mut Vec<u8>, exemplar: &Exemplar<'_>) {
    append_nanos(out, 0x11, exemplar.time_unix_nanos);
    match exemplar.value {
        Number::Double(value) => append_fixed64(out, 0x19, value.to_le_bytes()),
        Number::Int(value) => append_fixed64(out, 0x31, value.to_le_bytes()),
    }
    if exemplar.span_id != [0; 8] {
        append_bytes(out, 0x22, &exemplar.span_id);
    }
    if exemplar.trace_id != [0; 16] {
        append_bytes(out, 0x2a, &exemplar.trace_id);
    }
    append_attributes(out, 0x3a, exemplar.attributes);
}
