//! `telemetry:`.

use std::path::PathBuf;

use telemetry::plan::{
    AccessLogField, AccessLogFormat, AccessLogPlan, AccessLogTarget, TelemetryPlan,
};

use crate::error::{ErrorKind, Fault};
use crate::kind::{Choices, Kind, Lower, Nature, OrWord, Parsed, Refusal, choices, list, lowered};
use crate::object::{object, optional, or};
use crate::reader::Reader;
use crate::yaml::Place;

object! {
    /// What Tidegate tells about itself.
    "telemetry": TelemetryPlan, d = TelemetryPlan::default() => {
        /// Names this gateway in metrics; at most 255 bytes.
        service_name: or(&SERVICE_NAME, d.service_name.clone()),
        /// One line per request; absent: no access log.
        access_log: optional(lowered::<AccessLogConfig>()),
    }
    later: ["otlp", "sampling"];
}

/// The access log as written.
pub(super) struct AccessLogConfig {
    format: Format,
    fields: Option<Vec<AccessLogField>>,
    path: AccessLogTarget,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Combined,
}

object! {
    /// The access log: one line per request.
    "access_log": AccessLogConfig => {
        /// `json` is one object per line; `combined` is the format of Apache and nginx.
        format: or(FORMAT, Format::Json),
        /// The fields of a JSON line in their order; absent: all of them.
        fields: optional(list("fields", FIELD, 1, 64).unique()),
        /// `stdout`, or a file that is appended to and opened again on SIGHUP.
        path: or(target(), AccessLogTarget::Stdout),
    }
}

const FORMAT: Choices<Format> = choices(
    &[("json", Format::Json), ("combined", Format::Combined)],
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

static FILE: Parsed<PathBuf> = Parsed {
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
        words: &[("stdout", AccessLogTarget::Stdout)],
        kind: &FILE,
        wrap: AccessLogTarget::File,
        unwrap: |target| match target {
            AccessLogTarget::Stdout => None,
            AccessLogTarget::File(path) => Some(path),
        },
    }
}

impl Lower for AccessLogConfig {
    type Plan = AccessLogPlan;

    fn lower(self, reader: &mut Reader<'_>, place: Place) -> Option<AccessLogPlan> {
        let format = match (self.format, self.fields) {
            (Format::Json, None) => AccessLogFormat::default(),
            (Format::Json, Some(fields)) => AccessLogFormat::Json(fields),
            (Format::Combined, None) => AccessLogFormat::Combined,
            (Format::Combined, Some(_)) => {
                let expected = "no `fields` with the format `combined`, which has its own";
                let fault = Fault::new(ErrorKind::Conflict, expected, "both");
                return reader.refuse(place, fault);
            }
        };
        Some(AccessLogPlan {
            format,
            target: self.path,
        })
    }

    fn raise(plan: &AccessLogPlan) -> Self {
        let (format, fields) = match &plan.format {
            AccessLogFormat::Json(fields) => (Format::Json, Some(fields.clone())),
            AccessLogFormat::Combined => (Format::Combined, None),
        };
        Self {
            format,
            fields,
            path: plan.target.clone(),
        }
    }
}
