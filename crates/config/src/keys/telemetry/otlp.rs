//! `telemetry.otlp:`.

use base::Secret;
use telemetry::plan::{
    OtlpCompression, OtlpPlan, OtlpProtocol, OtlpTemporality, OtlpTlsPlan, Signal,
};

use super::FILE;
use crate::keys::headers::EDITED_NAME;
use crate::kind::{Choices, Nature, Parsed, Refusal, choices, duration, list, map, object};
use crate::object::{object, optional, or};

object! {
    /// Where Tidegate sends its spans, metrics and log records. What is absent comes from the `OTEL_EXPORTER_OTLP_*`
    /// variables; what stands here counts more than they do.
    "otlp": OtlpPlan => {
        /// The receiver, such as `http://localhost:4317`; `https` for TLS. Over HTTP `v1/traces` and so on is appended.
        endpoint: optional(&ENDPOINT),
        /// How requests are written.
        protocol: optional(PROTOCOL),
        /// How bodies are compressed.
        compression: optional(COMPRESSION),
        /// Sent with each request; take secrets from the environment: `${OTLP_TOKEN}`.
        headers: optional(map("fields", &EDITED_NAME, &HEADER_VALUE, 0, 64)),
        /// The longest wait for one request.
        timeout: optional(duration("1ms", "10m")),
        /// How long spans and log records wait for others to be sent with; absent: `OTEL_BSP_SCHEDULE_DELAY` and
        /// `OTEL_BLRP_SCHEDULE_DELAY`, else 5 s and 1 s.
        delay: optional(duration("10ms", "1m")),
        /// Certificates, for `https`.
        tls: or(object::<OtlpTlsPlan>(), OtlpTlsPlan::default()),
        /// What is sent; absent: traces and metrics.
        signals: optional(list("signals", SIGNAL, 1, 3).unique()),
        /// How often metrics are sent.
        metrics_interval: optional(duration("1s", "1h")),
        /// What counters and histograms count from: the start of the process, or the report before.
        temporality: optional(TEMPORALITY),
    }
}

object! {
    /// Certificates and keys as files in PEM form.
    "otlp_tls": OtlpTlsPlan => {
        /// What the receiver's certificate is checked against; absent: the certificates of the system.
        ca: optional(&FILE),
        /// Tidegate's own certificate, for receivers that ask for one.
        certificate: optional(&FILE),
        /// The key to it.
        key: optional(&FILE),
    }
}

static ENDPOINT: Parsed<Box<str>> = Parsed {
    name: "URL",
    expected: "a URL such as http://localhost:4317",
    pattern: "^https?://[^\\s/?#]+[^\\s?#]*$",
    parse: |text| {
        let rest = text
            .strip_prefix("http://")
            .or_else(|| text.strip_prefix("https://"));
        match rest {
            Some(rest) if is_endpoint(rest) && text.len() <= 4096 => Ok(text.into()),
            Some(_) => Err(Refusal::default()),
            None => Err(Refusal::hint("it begins with http:// or https://")),
        }
    },
    show: |url| url.to_string(),
    nature: Nature::Plain,
};

/// Credentials belong into `headers`, which are not shown.
fn is_endpoint(rest: &str) -> bool {
    !rest.is_empty()
        && !rest.starts_with('/')
        && rest
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"?#@\\".contains(&b))
}

static HEADER_VALUE: Parsed<Secret> = Parsed {
    name: "secret",
    expected: "a field value of at most 8 KiB",
    pattern: "",
    parse: |text| match message::FieldValue::new(text) {
        Ok(_) => Ok(Secret::new(text)),
        Err(_) => Err(Refusal::default()),
    },
    show: |_| String::new(),
    nature: Nature::Secret,
};

const PROTOCOL: Choices<OtlpProtocol> = choices(
    &[
        ("grpc", OtlpProtocol::Grpc),
        ("http/protobuf", OtlpProtocol::HttpProtobuf),
        ("http/json", OtlpProtocol::HttpJson),
    ],
    &[],
);

const COMPRESSION: Choices<OtlpCompression> = choices(
    &[
        ("none", OtlpCompression::None),
        ("gzip", OtlpCompression::Gzip),
        ("zstd", OtlpCompression::Zstd),
    ],
    &[],
);

const SIGNAL: Choices<Signal> = choices(
    &[
        ("traces", Signal::Traces),
        ("metrics", Signal::Metrics),
        ("logs", Signal::Logs),
    ],
    &[],
);

const TEMPORALITY: Choices<OtlpTemporality> = choices(
    &[
        ("cumulative", OtlpTemporality::Cumulative),
        ("delta", OtlpTemporality::Delta),
        ("lowmemory", OtlpTemporality::LowMemory),
    ],
    &[],
);
