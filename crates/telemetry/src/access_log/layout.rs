//! The two forms of a line.

use base::{HttpDate, Rfc3339};

use super::digits::{put_addr, put_ip, put_millis, put_number};
use super::escape::{HEX, hex, put_combined, put_json};
use super::line::{Fit, Line};
use super::record::{AccessRecord, Rooms};
use crate::plan::{AccessLogField, AccessLogFormat, AccessLogPlan};

/// How lines are written, prepared.
#[derive(Debug)]
pub(crate) struct Layout {
    form: Form,
    /// Query parameters whose values are not written, beside those everyone knows.
    redact_query: Box<[Box<str>]>,
}

#[derive(Debug)]
enum Form {
    /// Each field with what stands before its value: `{"time":` or `,"status":`.
    Json(Vec<(Box<[u8]>, AccessLogField)>),
    Combined,
}

impl Layout {
    pub(crate) fn new(plan: &AccessLogPlan) -> Self {
        let form = match &plan.format {
            AccessLogFormat::Combined => Form::Combined,
            AccessLogFormat::Json(fields) => Form::Json(
                fields
                    .iter()
                    .enumerate()
                    .map(|(at, field)| (key(at, *field), *field))
                    .collect(),
            ),
        };
        Self {
            form,
            redact_query: plan.redact_query.clone().into(),
        }
    }

    /// Appends a line if the buffer has room for it. `rooms` is for what is put together.
    pub(crate) fn write(
        &self,
        buffer: &mut Vec<u8>,
        record: &AccessRecord<'_>,
        rooms: &mut Rooms,
    ) -> Fit {
        let mut line = Line::begin(buffer);
        let record = &record.redacted(&self.redact_query, rooms);
        match &self.form {
            Form::Json(fields) => {
                for (key, field) in fields {
                    line.put(key);
                    put_field(&mut line, *field, record);
                }
                line.put(b"}\n");
            }
            Form::Combined => put_combined_line(&mut line, record),
        }
        line.end()
    }
}

/// Field names are plain words and need no escaping.
fn key(at: usize, field: AccessLogField) -> Box<[u8]> {
    let opening = if at == 0 { "{\"" } else { ",\"" };
    [opening, field.name(), "\":"].concat().into_bytes().into()
}

/// A value; what there is not is `null`, so that every line has every field. One arm per field.
fn put_field(line: &mut Line<'_>, field: AccessLogField, record: &AccessRecord<'_>) {
    match field {
        AccessLogField::Time => {
            line.put(b"\"");
            line.put(Rfc3339::new(record.time).as_bytes());
            line.put(b"\"");
        }
        AccessLogField::ClientIp => {
            line.put(b"\"");
            put_ip(line, record.client_ip);
            line.put(b"\"");
        }
        AccessLogField::Method => put_json(line, record.method),
        AccessLogField::Host => put_json(line, record.host),
        AccessLogField::Path => put_json(line, record.path),
        AccessLogField::Query => put_or_null(line, record.query, put_json),
        AccessLogField::Protocol => put_word(line, record.protocol.label()),
        AccessLogField::Status => put_number(line, record.status),
        AccessLogField::BytesIn => put_number(line, record.bytes_in),
        AccessLogField::BytesOut => put_number(line, record.bytes_out),
        AccessLogField::DurationMs => put_millis(line, record.duration),
        AccessLogField::UpstreamMs => put_or_null(line, record.upstream_duration, put_millis),
        AccessLogField::Route => put_json(line, record.route.as_bytes()),
        AccessLogField::Upstream => {
            put_or_null(line, record.upstream_name.map(str::as_bytes), put_json);
        }
        AccessLogField::Endpoint => put_or_null(line, record.endpoint, |line, addr| {
            line.put(b"\"");
            put_addr(line, addr);
            line.put(b"\"");
        }),
        AccessLogField::Tries => put_number(line, record.tries),
        AccessLogField::RequestId => put_json(line, record.request_id),
        AccessLogField::UserAgent => put_or_null(line, record.user_agent, put_json),
        AccessLogField::Referer => put_or_null(line, record.referer, put_json),
        AccessLogField::End => put_word(line, record.end.label()),
        AccessLogField::TraceId => put_or_null(line, record.trace_id, put_hex),
        AccessLogField::SpanId => put_or_null(line, record.span_id, put_hex),
        AccessLogField::Listener => put_json(line, record.listener.as_bytes()),
    }
}

fn put_hex<const N: usize>(line: &mut Line<'_>, bytes: [u8; N]) {
    line.put(b"\"");
    for byte in bytes {
        line.put(&hex(byte, HEX));
    }
    line.put(b"\"");
}

/// One of our own words, which need no escaping.
fn put_word(line: &mut Line<'_>, word: &str) {
    line.put(b"\"");
    line.put_text(word);
    line.put(b"\"");
}

fn put_or_null<'l, T>(line: &mut Line<'l>, value: Option<T>, put: impl Fn(&mut Line<'l>, T)) {
    match value {
        Some(value) => put(line, value),
        None => line.put(b"null"),
    }
}

/// `IP - - [06/Nov/1994:08:49:37 +0000] "GET /path?query HTTP/1.1" 200 5 "referer" "user agent"`.
fn put_combined_line(line: &mut Line<'_>, record: &AccessRecord<'_>) {
    put_ip(line, record.client_ip);
    line.put(b" - - [");
    put_combined_time(line, &HttpDate::new(record.time));
    line.put(b"] \"");
    put_combined(line, record.method);
    line.put(b" ");
    put_combined(line, record.path);
    if let Some(query) = record.query {
        line.put(b"?");
        put_combined(line, query);
    }
    line.put(b" ");
    line.put_text(record.protocol.label());
    line.put(b"\" ");
    put_number(line, record.status);
    line.put(b" ");
    put_number(line, record.bytes_out);
    for text in [record.referer, record.user_agent] {
        line.put(b" \"");
        put_combined(line, text.unwrap_or(b"-"));
        line.put(b"\"");
    }
    line.put(b"\n");
}

/// The pieces of `Sun, 06 Nov 1994 08:49:37 GMT` in the order of the combined format.
fn put_combined_time(line: &mut Line<'_>, date: &HttpDate) {
    for (range, after) in [(5..7, b"/"), (8..11, b"/"), (12..16, b":"), (17..25, b" ")] {
        line.put(date.as_bytes().get(range).unwrap_or_default());
        line.put(after);
    }
    line.put(b"+0000");
}
