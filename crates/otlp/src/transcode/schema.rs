//! The messages of export requests (opentelemetry-proto 1.11): numbers, JSON names and kinds of their fields. What belongs
//! to profiles only (`string_value_strindex`, `key_strindex`) is left out.

use Kind::{
    Bool, Bytes, Double, Enum, Fixed32, Fixed64, Id, Int64, Sfixed64, Sint32, Str, Uint32, Uint64,
};

use crate::signal::Signal;

/// Fields of the largest message.
pub(super) const FIELDS_MAX: usize = 16;

/// A message: at most [`FIELDS_MAX`] fields, at most one oneof.
pub(super) struct Message {
    pub(super) fields: &'static [FieldRule],
}

/// A field that is known.
pub(super) struct FieldRule {
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) place: Place,
}

/// How often a field stands in a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Once: the last of several scalars counts, several messages are merged.
    One,
    /// Once, and not along with another of this place.
    OneOf,
    /// Any number of times; numbers may be packed.
    Many,
}

/// The type of a field, which says how it stands on the wire and in JSON.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Message(&'static Message),
    Str,
    /// Base64 in JSON.
    Bytes,
    /// Of a trace or a span: hex in JSON (OT-36).
    Id,
    Bool,
    /// A number in JSON (OT-37).
    Enum,
    Uint32,
    Sint32,
    /// A string in JSON, like all integers of 64 bits (OT-40).
    Int64,
    Uint64,
    Fixed32,
    Fixed64,
    Sfixed64,
    Double,
}

/// The `Export…ServiceRequest` of a signal.
pub(super) fn request(signal: Signal) -> &'static Message {
    match signal {
        Signal::Traces => &TRACES,
        Signal::Metrics => &METRICS,
        Signal::Logs => &LOGS,
    }
}

const fn one(number: u32, name: &'static str, kind: Kind) -> FieldRule {
    rule(number, name, kind, Place::One)
}

const fn one_of(number: u32, name: &'static str, kind: Kind) -> FieldRule {
    rule(number, name, kind, Place::OneOf)
}

const fn many(number: u32, name: &'static str, kind: Kind) -> FieldRule {
    rule(number, name, kind, Place::Many)
}

const fn rule(number: u32, name: &'static str, kind: Kind, place: Place) -> FieldRule {
    FieldRule {
        number,
        name,
        kind,
        place,
    }
}

/// A message of its own name for each list of fields.
macro_rules! messages {
    ($($name:ident: $($field:expr),+;)+) => {
        $(static $name: Message = Message { fields: &[$($field),+] };)+
    };
}

messages! {
    TRACES: many(1, "resourceSpans", Kind::Message(&RESOURCE_SPANS));
    METRICS: many(1, "resourceMetrics", Kind::Message(&RESOURCE_METRICS));
    LOGS: many(1, "resourceLogs", Kind::Message(&RESOURCE_LOGS));

    RESOURCE_SPANS:
        one(1, "resource", Kind::Message(&RESOURCE)),
        many(2, "scopeSpans", Kind::Message(&SCOPE_SPANS)),
        one(3, "schemaUrl", Str);
    RESOURCE_METRICS:
        one(1, "resource", Kind::Message(&RESOURCE)),
        many(2, "scopeMetrics", Kind::Message(&SCOPE_METRICS)),
        one(3, "schemaUrl", Str);
    RESOURCE_LOGS:
        one(1, "resource", Kind::Message(&RESOURCE)),
        many(2, "scopeLogs", Kind::Message(&SCOPE_LOGS)),
        one(3, "schemaUrl", Str);

    SCOPE_SPANS:
        one(1, "scope", Kind::Message(&SCOPE)),
        many(2, "spans", Kind::Message(&SPAN)),
        one(3, "schemaUrl", Str);
    SCOPE_METRICS:
        one(1, "scope", Kind::Message(&SCOPE)),
        many(2, "metrics", Kind::Message(&METRIC)),
        one(3, "schemaUrl", Str);
    SCOPE_LOGS:
        one(1, "scope", Kind::Message(&SCOPE)),
        many(2, "logRecords", Kind::Message(&LOG_RECORD)),
        one(3, "schemaUrl", Str);

    RESOURCE:
        many(1, "attributes", Kind::Message(&KEY_VALUE)),
        one(2, "droppedAttributesCount", Uint32),
        many(3, "entityRefs", Kind::Message(&ENTITY_REF));
    ENTITY_REF:
        one(1, "schemaUrl", Str),
        one(2, "type", Str),
        many(3, "idKeys", Str),
        many(4, "descriptionKeys", Str);
    SCOPE:
        one(1, "name", Str),
        one(2, "version", Str),
        many(3, "attributes", Kind::Message(&KEY_VALUE)),
        one(4, "droppedAttributesCount", Uint32);

    KEY_VALUE:
        one(1, "key", Str),
        one(2, "value", Kind::Message(&ANY_VALUE));
    ANY_VALUE:
        one_of(1, "stringValue", Str),
        one_of(2, "boolValue", Bool),
        one_of(3, "intValue", Int64),
        one_of(4, "doubleValue", Double),
        one_of(5, "arrayValue", Kind::Message(&ARRAY_VALUE)),
        one_of(6, "kvlistValue", Kind::Message(&KEY_VALUE_LIST)),
        one_of(7, "bytesValue", Bytes);
    ARRAY_VALUE: many(1, "values", Kind::Message(&ANY_VALUE));
    KEY_VALUE_LIST: many(1, "values", Kind::Message(&KEY_VALUE));

    SPAN:
        one(1, "traceId", Id),
        one(2, "spanId", Id),
        one(3, "traceState", Str),
        one(4, "parentSpanId", Id),
        one(5, "name", Str),
        one(6, "kind", Enum),
        one(7, "startTimeUnixNano", Fixed64),
        one(8, "endTimeUnixNano", Fixed64),
        many(9, "attributes", Kind::Message(&KEY_VALUE)),
        one(10, "droppedAttributesCount", Uint32),
        many(11, "events", Kind::Message(&EVENT)),
        one(12, "droppedEventsCount", Uint32),
        many(13, "links", Kind::Message(&LINK)),
        one(14, "droppedLinksCount", Uint32),
        one(15, "status", Kind::Message(&STATUS)),
        one(16, "flags", Fixed32);
    EVENT:
        one(1, "timeUnixNano", Fixed64),
        one(2, "name", Str),
        many(3, "attributes", Kind::Message(&KEY_VALUE)),
        one(4, "droppedAttributesCount", Uint32);
    LINK:
        one(1, "traceId", Id),
        one(2, "spanId", Id),
        one(3, "traceState", Str),
        many(4, "attributes", Kind::Message(&KEY_VALUE)),
        one(5, "droppedAttributesCount", Uint32),
        one(6, "flags", Fixed32);
    STATUS:
        one(2, "message", Str),
        one(3, "code", Enum);

    METRIC:
        one(1, "name", Str),
        one(2, "description", Str),
        one(3, "unit", Str),
        one_of(5, "gauge", Kind::Message(&GAUGE)),
        one_of(7, "sum", Kind::Message(&SUM)),
        one_of(9, "histogram", Kind::Message(&HISTOGRAM)),
        one_of(10, "exponentialHistogram", Kind::Message(&EXPONENTIAL_HISTOGRAM)),
        one_of(11, "summary", Kind::Message(&SUMMARY)),
        many(12, "metadata", Kind::Message(&KEY_VALUE));
    GAUGE: many(1, "dataPoints", Kind::Message(&NUMBER_POINT));
    SUM:
        many(1, "dataPoints", Kind::Message(&NUMBER_POINT)),
        one(2, "aggregationTemporality", Enum),
        one(3, "isMonotonic", Bool);
    HISTOGRAM:
        many(1, "dataPoints", Kind::Message(&HISTOGRAM_POINT)),
        one(2, "aggregationTemporality", Enum);
    EXPONENTIAL_HISTOGRAM:
        many(1, "dataPoints", Kind::Message(&EXPONENTIAL_POINT)),
        one(2, "aggregationTemporality", Enum);
    SUMMARY: many(1, "dataPoints", Kind::Message(&SUMMARY_POINT));
    NUMBER_POINT:
        one(2, "startTimeUnixNano", Fixed64),
        one(3, "timeUnixNano", Fixed64),
        one_of(4, "asDouble", Double),
        many(5, "exemplars", Kind::Message(&EXEMPLAR)),
        one_of(6, "asInt", Sfixed64),
        many(7, "attributes", Kind::Message(&KEY_VALUE)),
        one(8, "flags", Uint32);
    HISTOGRAM_POINT:
        one(2, "startTimeUnixNano", Fixed64),
        one(3, "timeUnixNano", Fixed64),
        one(4, "count", Fixed64),
        one(5, "sum", Double),
        many(6, "bucketCounts", Fixed64),
        many(7, "explicitBounds", Double),
        many(8, "exemplars", Kind::Message(&EXEMPLAR)),
        many(9, "attributes", Kind::Message(&KEY_VALUE)),
        one(10, "flags", Uint32),
        one(11, "min", Double),
        one(12, "max", Double);
    EXPONENTIAL_POINT:
        many(1, "attributes", Kind::Message(&KEY_VALUE)),
        one(2, "startTimeUnixNano", Fixed64),
        one(3, "timeUnixNano", Fixed64),
        one(4, "count", Fixed64),
        one(5, "sum", Double),
        one(6, "scale", Sint32),
        one(7, "zeroCount", Fixed64),
        one(8, "positive", Kind::Message(&BUCKETS)),
        one(9, "negative", Kind::Message(&BUCKETS)),
        one(10, "flags", Uint32),
        many(11, "exemplars", Kind::Message(&EXEMPLAR)),
        one(12, "min", Double),
        one(13, "max", Double),
        one(14, "zeroThreshold", Double);
    BUCKETS:
        one(1, "offset", Sint32),
        many(2, "bucketCounts", Uint64);
    SUMMARY_POINT:
        one(2, "startTimeUnixNano", Fixed64),
        one(3, "timeUnixNano", Fixed64),
        one(4, "count", Fixed64),
        one(5, "sum", Double),
        many(6, "quantileValues", Kind::Message(&QUANTILE)),
        many(7, "attributes", Kind::Message(&KEY_VALUE)),
        one(8, "flags", Uint32);
    QUANTILE:
        one(1, "quantile", Double),
        one(2, "value", Double);
    EXEMPLAR:
        one(2, "timeUnixNano", Fixed64),
        one_of(3, "asDouble", Double),
        one(4, "spanId", Id),
        one(5, "traceId", Id),
        one_of(6, "asInt", Sfixed64),
        many(7, "filteredAttributes", Kind::Message(&KEY_VALUE));

    LOG_RECORD:
        one(1, "timeUnixNano", Fixed64),
        one(2, "severityNumber", Enum),
        one(3, "severityText", Str),
        one(5, "body", Kind::Message(&ANY_VALUE)),
        many(6, "attributes", Kind::Message(&KEY_VALUE)),
        one(7, "droppedAttributesCount", Uint32),
        one(8, "flags", Fixed32),
        one(9, "traceId", Id),
        one(10, "spanId", Id),
        one(11, "observedTimeUnixNano", Fixed64),
        one(12, "eventName", Str);
}
