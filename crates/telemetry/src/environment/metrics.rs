//! How metrics are collected and sent.

use std::time::Duration;

use super::reader::{Choice, Reader};
use crate::metrics::ExemplarFilter;
use crate::plan::OtlpTemporality;

const PROMETHEUS_PORT_DEFAULT: u16 = 9_464;

/// How metrics are collected and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// `OTEL_METRIC_EXPORT_INTERVAL`: between the starts of two exports; at least 1 ms, default 60 s.
    pub export_interval: Duration,
    /// `OTEL_METRIC_EXPORT_TIMEOUT`: the longest wait for one export; default 30 s, [`super::NO_LIMIT`] for 0.
    pub export_timeout: Duration,
    /// `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`; default cumulative.
    pub temporality: OtlpTemporality,
    /// `OTEL_METRICS_EXEMPLAR_FILTER`; default `trace_based`.
    pub exemplar_filter: ExemplarFilter,
    /// `OTEL_EXPORTER_PROMETHEUS_HOST`: the name or address to listen on, not checked; default `localhost`.
    pub prometheus_host: Box<str>,
    /// `OTEL_EXPORTER_PROMETHEUS_PORT`: 1 to 65535, default 9464.
    pub prometheus_port: u16,
}

const TEMPORALITIES: Choice<OtlpTemporality> = Choice {
    words: &[
        ("cumulative", OtlpTemporality::Cumulative),
        ("delta", OtlpTemporality::Delta),
        ("lowmemory", OtlpTemporality::LowMemory),
    ],
    unsupported: &[],
};

const FILTERS: Choice<ExemplarFilter> = Choice {
    words: &[
        ("always_on", ExemplarFilter::AlwaysOn),
        ("always_off", ExemplarFilter::AlwaysOff),
        ("trace_based", ExemplarFilter::TraceBased),
    ],
    unsupported: &[],
};

impl Metrics {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            export_interval: reader
                .duration("OTEL_METRIC_EXPORT_INTERVAL", 1)
                .unwrap_or(Duration::from_secs(60)),
            export_timeout: reader
                .timeout("OTEL_METRIC_EXPORT_TIMEOUT")
                .unwrap_or(Duration::from_secs(30)),
            temporality: reader
                .choice(
                    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
                    &TEMPORALITIES,
                )
                .unwrap_or(OtlpTemporality::Cumulative),
            exemplar_filter: reader
                .choice("OTEL_METRICS_EXEMPLAR_FILTER", &FILTERS)
                .unwrap_or(ExemplarFilter::TraceBased),
            prometheus_host: reader
                .text("OTEL_EXPORTER_PROMETHEUS_HOST")
                .map_or("localhost".into(), Into::into),
            prometheus_port: reader
                .whole("OTEL_EXPORTER_PROMETHEUS_PORT", 1..=u16::MAX.into())
                .and_then(|port| u16::try_from(port).ok())
                .unwrap_or(PROMETHEUS_PORT_DEFAULT),
        }
    }
}
