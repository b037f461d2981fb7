//! How much of a span or log record is kept (specification, attribute limits).

use super::reader::{INTEGER_MAX, Reader};

const COUNT_DEFAULT: u32 = 128;

/// Limits of a span, its events and its links; counts are 0 to 2^31-1, default 128.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanLimits {
    /// `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`, or else `OTEL_ATTRIBUTE_COUNT_LIMIT`: attributes of a span.
    pub attribute_count: u32,
    /// `OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`, or else `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`: characters of a text, bytes
    /// of a byte array, 0 to 2^31-1; `None` (default) is no limit.
    pub attribute_value_length: Option<u32>,
    /// `OTEL_SPAN_EVENT_COUNT_LIMIT`: events of a span.
    pub event_count: u32,
    /// `OTEL_SPAN_LINK_COUNT_LIMIT`: links of a span.
    pub link_count: u32,
    /// `OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT`, or else `OTEL_ATTRIBUTE_COUNT_LIMIT`: attributes of an event.
    pub event_attribute_count: u32,
    /// `OTEL_LINK_ATTRIBUTE_COUNT_LIMIT`, or else `OTEL_ATTRIBUTE_COUNT_LIMIT`: attributes of a link.
    pub link_attribute_count: u32,
}

/// Limits of a log record's attributes; its body has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRecordLimits {
    /// `OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT`, or else `OTEL_ATTRIBUTE_COUNT_LIMIT`: 0 to 2^31-1, default 128.
    pub attribute_count: u32,
    /// `OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT`, or else `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`: as in [`SpanLimits`].
    pub attribute_value_length: Option<u32>,
}

impl Default for SpanLimits {
    fn default() -> Self {
        Self {
            attribute_count: COUNT_DEFAULT,
            attribute_value_length: None,
            event_count: COUNT_DEFAULT,
            link_count: COUNT_DEFAULT,
            event_attribute_count: COUNT_DEFAULT,
            link_attribute_count: COUNT_DEFAULT,
        }
    }
}

impl Default for LogRecordLimits {
    fn default() -> Self {
        Self {
            attribute_count: COUNT_DEFAULT,
            attribute_value_length: None,
        }
    }
}

/// All limits.
pub(super) struct Limits {
    pub(super) span: SpanLimits,
    pub(super) log_record: LogRecordLimits,
}

impl Limits {
    /// A limit of a kind of items wins over the one for all kinds (specification, attribute limits).
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let mut limit = |variable| reader.whole(variable, 0..=INTEGER_MAX);
        let attributes = limit("OTEL_ATTRIBUTE_COUNT_LIMIT").unwrap_or(COUNT_DEFAULT);
        let length = limit("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT");
        Self {
            span: SpanLimits {
                attribute_count: limit("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT").unwrap_or(attributes),
                attribute_value_length: limit("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT").or(length),
                event_count: limit("OTEL_SPAN_EVENT_COUNT_LIMIT").unwrap_or(COUNT_DEFAULT),
                link_count: limit("OTEL_SPAN_LINK_COUNT_LIMIT").unwrap_or(COUNT_DEFAULT),
                event_attribute_count: limit("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT")
                    .unwrap_or(attributes),
                link_attribute_count: limit("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT")
                    .unwrap_or(attributes),
            },
            log_record: LogRecordLimits {
                attribute_count: limit("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT")
                    .unwrap_or(attributes),
                attribute_value_length: limit("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT")
                    .or(length),
            },
        }
    }
}
