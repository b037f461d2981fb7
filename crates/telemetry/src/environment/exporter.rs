//! `OTEL_{TRACES,METRICS,LOGS}_EXPORTER`.

use super::reader::{Choice, Reader};
use super::{Effect, PerSignal, Warning};

/// Where telemetry goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exporter {
    /// `otlp`: to a receiver of OTLP.
    Otlp,
    /// `console`: to standard output.
    Console,
    /// `prometheus`: to whoever scrapes; metrics only.
    Prometheus,
}

/// A word of such a list; `None` is `none`.
type Word = Option<Exporter>;

/// `zipkin` is deprecated, `otlp/stdout` under development, and `logging` not for new implementations.
const TRACES: Choice<Word> = Choice {
    words: &[
        ("otlp", Some(Exporter::Otlp)),
        ("console", Some(Exporter::Console)),
        ("none", None),
    ],
    unsupported: &["zipkin", "otlp/stdout", "logging"],
};
const METRICS: Choice<Word> = Choice {
    words: &[
        ("otlp", Some(Exporter::Otlp)),
        ("console", Some(Exporter::Console)),
        ("prometheus", Some(Exporter::Prometheus)),
        ("none", None),
    ],
    unsupported: &["otlp/stdout", "logging"],
};
const LOGS: Choice<Word> = Choice {
    words: TRACES.words,
    unsupported: METRICS.unsupported,
};

pub(super) fn read(reader: &mut Reader<'_>) -> PerSignal<Option<Vec<Exporter>>> {
    PerSignal {
        traces: read_one(reader, "OTEL_TRACES_EXPORTER", &TRACES),
        metrics: read_one(reader, "OTEL_METRICS_EXPORTER", &METRICS),
        logs: read_one(reader, "OTEL_LOGS_EXPORTER", &LOGS),
    }
}

/// `none` wins over what stands beside it: that nothing is sent by mistake weighs more.
fn read_one(
    reader: &mut Reader<'_>,
    variable: &'static str,
    choice: &Choice<Word>,
) -> Option<Vec<Exporter>> {
    let words = reader.choices(variable, choice)?;
    let mut exporters = Vec::new();
    for exporter in words.iter().flatten() {
        if !exporters.contains(exporter) {
            exporters.push(*exporter);
        }
    }
    if !words.contains(&None) {
        return Some(exporters);
    }
    if !exporters.is_empty() {
        let (expected, found) = ("`none` alone", "`none` beside others");
        reader.warn(Warning::about(
            variable,
            expected,
            found,
            Effect::RestIgnored,
        ));
    }
    Some(Vec::new())
}
