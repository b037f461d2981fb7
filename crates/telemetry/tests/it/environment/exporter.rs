//! `OTEL_{TRACES,METRICS,LOGS}_EXPORTER` (exporter selection).

use telemetry::environment::{Effect, Environment, Exporter};

use super::check;

type Part = fn(&Environment) -> Option<Vec<Exporter>>;

const TRACES: (&str, Part) = ("OTEL_TRACES_EXPORTER", |found| {
    found.exporters.traces.clone()
});
const METRICS: (&str, Part) = ("OTEL_METRICS_EXPORTER", |found| {
    found.exporters.metrics.clone()
});
const LOGS: (&str, Part) = ("OTEL_LOGS_EXPORTER", |found| found.exporters.logs.clone());

#[test]
fn lists_of_exporters() {
    use Effect::{MemberSkipped, RestIgnored, Unsupported};
    use Exporter::{Console, Otlp, Prometheus};
    for (signal, value, expected, effects) in [
        (TRACES, "", None, vec![]),
        (TRACES, ",", None, vec![]),
        (TRACES, "otlp", Some(vec![Otlp]), vec![]),
        (
            TRACES,
            " console ,OTLP,console",
            Some(vec![Console, Otlp]),
            vec![],
        ),
        (TRACES, "none", Some(vec![]), vec![]),
        (TRACES, "none,none", Some(vec![]), vec![]),
        (TRACES, "otlp,none", Some(vec![]), vec![RestIgnored]),
        (TRACES, "none,nonesuch", Some(vec![]), vec![MemberSkipped]),
        (TRACES, "zipkin", None, vec![Unsupported]),
        (
            TRACES,
            "zipkin,console",
            Some(vec![Console]),
            vec![Unsupported],
        ),
        (TRACES, "otlp/stdout", None, vec![Unsupported]),
        (TRACES, "logging", None, vec![Unsupported]),
        (
            TRACES,
            "prometheus,otlp",
            Some(vec![Otlp]),
            vec![MemberSkipped],
        ),
        (TRACES, "otlp;console", None, vec![MemberSkipped]),
        (
            METRICS,
            "prometheus,otlp",
            Some(vec![Prometheus, Otlp]),
            vec![],
        ),
        (METRICS, "none", Some(vec![]), vec![]),
        (METRICS, "zipkin", None, vec![MemberSkipped]),
        (
            METRICS,
            "otlp/stdout,console",
            Some(vec![Console]),
            vec![Unsupported],
        ),
        (LOGS, "otlp,console", Some(vec![Otlp, Console]), vec![]),
        (LOGS, "none", Some(vec![]), vec![]),
        (LOGS, "prometheus", None, vec![MemberSkipped]),
        (LOGS, "zipkin", None, vec![MemberSkipped]),
        (LOGS, "logging", None, vec![Unsupported]),
    ] {
        let (variable, part) = signal;
        let warned: Vec<_> = effects
            .into_iter()
            .map(|effect| (variable, effect))
            .collect();
        check(&[(variable, value)], part, expected, &warned);
    }
}

/// The specification's default fills what is not said, and nothing else.
#[test]
fn a_default_is_taken_where_nothing_is_said() {
    use telemetry::environment::{Environment, Exporter};
    let var = |name: &str| match name {
        "OTEL_METRICS_EXPORTER" => Some("none".to_owned()),
        "OTEL_LOGS_EXPORTER" => Some("console".to_owned()),
        _ => None,
    };
    let (environment, _) = Environment::read(&var);
    let environment = environment.with_exporter_unless_said(Exporter::Otlp);
    assert_eq!(environment.exporters.traces, Some(vec![Exporter::Otlp]));
    assert_eq!(environment.exporters.metrics, Some(vec![]));
    assert_eq!(environment.exporters.logs, Some(vec![Exporter::Console]));
}
