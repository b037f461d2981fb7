//! `telemetry:`.

mod otlp;
mod sampling;

use std::path::PathBuf;

use message::{FieldKind, FieldName};
use propagation::Format;
use telemetry::plan::{
    AccessLogField, AccessLogFormat, AccessLogPlan, AccessLogTarget, OtlpPlan, SamplingPlan,
    TelemetryPlan,
};

use super::headers::{EDITED_NAME, carries_secret};
use super::word::{FIELD_NAME, SHORT_TEXT};
use crate::error::{ErrorKind, Fault};
use crate::kind::{
    Choices, Kind, Lower, Nature, OrWord, Parsed, Refusal, choices, list, lowered, map, object,
};
use crate::object::{object, optional, or};
use crate::reader::Reader;
use crate::yaml::{Node, Place};

use sampling::SamplingConfig;

object! {
    /// What Tidegate tells about itself.
    "telemetry": TelemetryConfig => {
        /// Names this gateway in metrics, spans and log records; at most 255 bytes. Absent: `OTEL_SERVICE_NAME`, else
        /// `tidegate`.
        service_name: optional(&SERVICE_NAME),
        /// Further attributes of the resource, beside those in `OTEL_RESOURCE_ATTRIBUTES`.
        resource: or(map("attributes", &ATTRIBUTE_NAME, &SERVICE_NAME, 0, 64), Vec::new()),
        /// One line per request; absent: no access log.
        access_log: optional(lowered::<AccessLogConfig>()),
        /// Query parameters whose values are recorded nowhere, beside `sig`, `Signature`, `AWSAccessKeyId` and those that
        /// sign requests to Amazon and Google; compared with case.
        redact_query: or(list("names", &SHORT_TEXT, 0, 64).unique(), Vec::new()),
        /// Fields that carry the context of a trace, in the order they are looked at; all are written. Absent:
        /// `OTEL_PROPAGATORS`, else `tracecontext` and `baggage`. An empty list lets them pass untouched.
        propagators: optional(list("propagators", PROPAGATOR, 0, 5).unique()),
        /// A response field that carries the trace id; absent: none.
        trace_response_header: optional(&EDITED_NAME),
        /// Request fields that spans record; never those that carry credentials.
        capture_request_headers: or(list("names", (&FIELD_NAME).checked(is_no_secret), 0, 16).unique(), Vec::new()),
        /// Which requests are recorded; absent: `OTEL_TRACES_SAMPLER`, else all.
        sampling: optional(lowered::<SamplingConfig>()),
        /// Where telemetry is sent; absent: where the `OTEL_*` variables say, else nowhere.
        otlp: optional(object::<OtlpPlan>()),
    }
}

/// Telemetry as written.
pub(super) struct TelemetryConfig {
    service_name: Option<Box<str>>,
    resource: Vec<(Box<str>, Box<str>)>,
    access_log: Option<AccessLogPlan>,
    redact_query: Vec<Box<str>>,
    propagators: Option<Vec<Format>>,
    trace_response_header: Option<FieldName>,
    capture_request_headers: Vec<FieldName>,
    sampling: Option<SamplingPlan>,
    otlp: Option<OtlpPlan>,
}

/// The access log as written.
pub(super) struct AccessLogConfig {
    format: LineFormat,
    fields: Option<Vec<AccessLogField>>,
    path: AccessLogTarget,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LineFormat {
    Json,
    Combined,
}

object! {
    /// The access log: one line per request.
    "access_log": AccessLogConfig => {
        /// `json` is one object per line; `combined` is the format of Apache and nginx.
        format: or(FORMAT, LineFormat::Json),
        /// The fields of a JSON line in their order; absent: all of them.
        fields: optional(list("fields", FIELD, 1, 64).unique()),
        /// `stdout`, or a file that is appended to and opened again on SIGHUP, or `none`. Where `otlp` sends `logs`, each
        /// line is a log record there as well, with the same fields; with `none` there only.
        path: or(target(), AccessLogTarget::Stdout),
    }
}

const PROPAGATOR: Choices<Format> = choices(
    &[
        ("tracecontext", Format::TraceContext),
        ("baggage", Format::Baggage),
        ("b3", Format::B3),
        ("b3multi", Format::B3Multi),
        ("jaeger", Format::Jaeger),
    ],
    &[],
);

const FORMAT: Choices<LineFormat> = choices(
    &[
        ("json", LineFormat::Json),
        ("combined", LineFormat::Combined),
    ],
    &[],
);

const FIELD: Choices<AccessLogField> = choices(&AccessLogField::ALL, &[]);

static SERVICE_NAME: Parsed<Box<str>> = Parsed {
    name: "text",
    expected: "a text of 1 to 255 bytes without control characters",
    pattern: "",
    parse: |text| {
        if (1..=255).contains(&text.len()) && !text.chars().any(char::is_control) {
            Ok(text.into())
        } else {
            Err(Refusal::default())
        }
    },
    show: |name| name.to_string(),
    nature: Nature::Plain,
};

static ATTRIBUTE_NAME: Parsed<Box<str>> = Parsed {
    name: "attribute name",
    expected: "an attribute name such as deployment.environment.name",
    pattern: "^[a-z][a-z0-9_.-]{0,254}$",
    parse: |text| {
        let fine = text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.len() <= 255
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b));
        if fine {
            Ok(text.into())
        } else {
            Err(Refusal::default())
        }
    },
    show: |name| name.to_string(),
    nature: Nature::Plain,
};

pub(super) static FILE: Parsed<PathBuf> = Parsed {
    name: "file",
    expected: "the path of a file",
    pattern: "^.{1,4096}$",
    parse: |text| {
        if (1..=4096).contains(&text.len()) && !text.ends_with('/') && !text.contains('\0') {
            Ok(text.into())
        } else {
            Err(Refusal::default())
        }
    },
    show: |path| path.to_string_lossy().into_owned(),
    nature: Nature::Plain,
};

fn target() -> impl Kind<Value = AccessLogTarget> {
    OrWord {
        words: &[
            ("stdout", AccessLogTarget::Stdout),
            ("none", AccessLogTarget::Nowhere),
        ],
        kind: &FILE,
        wrap: AccessLogTarget::File,
        unwrap: |target| match target {
            AccessLogTarget::Nowhere | AccessLogTarget::Stdout => None,
            AccessLogTarget::File(path) => Some(path),
        },
    }
}

impl Lower for AccessLogConfig {
    type Plan = AccessLogPlan;

    fn lower(self, reader: &mut Reader<'_>, place: Place) -> Option<AccessLogPlan> {
        let format = match (self.format, self.fields) {
            (LineFormat::Json, None) => AccessLogFormat::default(),
            (LineFormat::Json, Some(fields)) => AccessLogFormat::Json(fields),
            (LineFormat::Combined, None) => AccessLogFormat::Combined,
            (LineFormat::Combined, Some(_)) => {
                let expected = "no `fields` with the format `combined`, which has its own";
                let fault = Fault::new(ErrorKind::Conflict, expected, "both");
                return reader.refuse(place, fault);
            }
        };
        Some(AccessLogPlan {
            format,
            target: self.path,
            redact_query: Vec::new(),
        })
    }

    fn raise(plan: &AccessLogPlan) -> Self {
        let (format, fields) = match &plan.format {
            AccessLogFormat::Json(fields) => (LineFormat::Json, Some(fields.clone())),
            AccessLogFormat::Combined => (LineFormat::Combined, None),
        };
        Self {
            format,
            fields,
            path: plan.target.clone(),
        }
    }
}

/// Spans go to other machines; what opens doors stays.
fn is_no_secret(reader: &mut Reader<'_>, node: &Node<'_>, name: &FieldName) -> bool {
    if !carries_secret(name) && name.kind() != FieldKind::SetCookie {
        return true;
    }
    let expected = "a field that carries no credentials";
    let found = format!("`{}`", name.as_str());
    let fault = Fault::new(ErrorKind::Value, expected, found);
    reader.refuse::<()>(node.place, fault).is_some()
}

impl Lower for TelemetryConfig {
    type Plan = TelemetryPlan;

    fn lower(self, _: &mut Reader<'_>, _: Place) -> Option<TelemetryPlan> {
        Some(TelemetryPlan {
            access_log: self.access_log.map(|log| AccessLogPlan {
                redact_query: self.redact_query.clone(),
                ..log
            }),
            service_name: self.service_name,
            resource: self.resource,
            redact_query: self.redact_query,
            propagators: self.propagators,
            trace_response_header: self.trace_response_header,
            capture_request_headers: self.capture_request_headers,
            sampling: self.sampling,
            otlp: self.otlp,
        })
    }

    fn raise(plan: &TelemetryPlan) -> Self {
        let plan = plan.clone();
        Self {
            service_name: plan.service_name,
            resource: plan.resource,
            access_log: plan.access_log,
            redact_query: plan.redact_query,
            propagators: plan.propagators,
            trace_response_header: plan.trace_response_header,
            capture_request_headers: plan.capture_request_headers,
            sampling: plan.sampling,
            otlp: plan.otlp,
        }
    }
}
