//! Log records.

use crate::attribute::{Attribute, Value, append_attributes, append_value};
use crate::wire::{append_bytes, append_flags, append_nanos, append_nested, append_str};

/// `ScopeLogs.log_records`.
const LOG_RECORD: u8 = 0x12;

/// Fields of `LogRecord`.
const TIME: u8 = 0x09;
const SEVERITY_NUMBER: u8 = 0x10;
const SEVERITY_TEXT: u8 = 0x1a;
const BODY: u8 = 0x2a;
const ATTRIBUTES: u8 = 0x32;
const FLAGS: u8 = 0x45;
const TRACE_ID: u8 = 0x4a;
const SPAN_ID: u8 = 0x52;
const OBSERVED_TIME: u8 = 0x59;
const EVENT_NAME: u8 = 0x62;

/// One log record, borrowed from whoever writes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogRecord<'a> {
    /// When it happened, in nanoseconds since 1970; 0: unknown.
    pub time_unix_nanos: u64,
    /// When it was noticed, in nanoseconds since 1970.
    pub observed_unix_nanos: u64,
    /// How severe it is.
    pub severity: Severity,
    /// The severity as the source calls it; may be empty.
    pub severity_text: &'a str,
    /// What it says.
    pub body: Value<'a>,
    /// With unique keys.
    pub attributes: &'a [Attribute<'a>],
    /// Not all zero.
    pub trace_id: Option<[u8; 16]>,
    /// Not all zero; only with a trace id.
    pub span_id: Option<[u8; 8]>,
    /// Bits 0 to 7: the W3C flags. No others.
    pub flags: u32,
    /// What kind of event it is; empty when it is none.
    pub event_name: &'a str,
}

/// How severe a log record is: 1 to 24 by construction, in six ranges of four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Severity(u8);

impl Severity {
    /// The least of the range.
    pub const TRACE: Self = Self(1);
    /// The least of the range.
    pub const DEBUG: Self = Self(5);
    /// The least of the range.
    pub const INFO: Self = Self(9);
    /// The least of the range.
    pub const WARN: Self = Self(13);
    /// The least of the range.
    pub const ERROR: Self = Self(17);
    /// The least of the range.
    pub const FATAL: Self = Self(21);

    /// `None` beyond 1 to 24.
    pub fn new(number: u8) -> Option<Self> {
        matches!(number, 1..=24).then_some(Self(number))
    }

    /// 1 to 24.
    pub fn number(self) -> u8 {
        self.0
    }
}

/// Appends the record as one item of an [`Envelope`](crate::Envelope): tag, length and message of one element of
/// `ScopeLogs.log_records`. Allocates nothing but the growth of `out`.
pub fn append_log_record(out: &mut Vec<u8>, record: &LogRecord<'_>) {
    append_nested::<2>(out, LOG_RECORD, |out| {
        append_nanos(out, TIME, record.time_unix_nanos);
        out.extend_from_slice(&[SEVERITY_NUMBER, record.severity.number()]);
        append_str(out, SEVERITY_TEXT, record.severity_text);
        append_value(out, BODY, record.body);
        append_attributes(out, ATTRIBUTES, record.attributes);
        append_flags(out, FLAGS, record.flags);
        if let Some(trace_id) = record.trace_id {
            append_bytes(out, TRACE_ID, &trace_id);
        }
        if let Some(span_id) = record.span_id {
            append_bytes(out, SPAN_ID, &span_id);
        }
        append_nanos(out, OBSERVED_TIME, record.observed_unix_nanos);
        append_str(out, EVENT_NAME, record.event_name);
    });
}
