//! Bounds, and that no value does harm.

use message::FieldValue;
use proptest::prelude::*;
use telemetry::environment::{Effect, Environment};

use super::{check, read};

const VALUE_MAX: usize = 64 << 10;

#[test]
fn longer_values_are_refused() {
    let longest = "x".repeat(VALUE_MAX);
    let longer = "x".repeat(VALUE_MAX + 1);
    let name = |found: &Environment| found.service_name.as_ref().map(|name| name.len());
    check(
        &[("OTEL_SERVICE_NAME", &longest)],
        name,
        Some(VALUE_MAX),
        &[],
    );
    for variable in [
        "OTEL_SERVICE_NAME",
        "OTEL_RESOURCE_ATTRIBUTES",
        "OTEL_SDK_DISABLED",
        "OTEL_PROPAGATORS",
        "OTEL_CONFIG_FILE",
        "OTEL_TRACES_EXPORTER",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE",
        "OTEL_EXPORTER_PROMETHEUS_HOST",
        "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS",
    ] {
        let (environment, warnings) = read(&[(variable, &longer)]);
        assert_eq!(environment, Environment::default(), "{variable}");
        let text = format!("{variable}: expected at most 65536 bytes, found 65537 bytes; ignored");
        let found: Vec<_> = warnings.iter().map(ToString::to_string).collect();
        assert_eq!(found, [text]);
    }
}

fn list(count: usize) -> String {
    let members: Vec<_> = (0..count).map(|at| format!("k{at}=v")).collect();
    members.join(",")
}

#[test]
fn lists_have_at_most_1024_members() {
    let (most, more) = (list(1_024), list(1_025));

    let resource = |found: &Environment| found.resource.len();
    let variable = "OTEL_RESOURCE_ATTRIBUTES";
    check(&[(variable, &most)], resource, 1_024, &[]);
    check(
        &[(variable, &more)],
        resource,
        0,
        &[(variable, Effect::Ignored)],
    );

    let headers = |found: &Environment| found.otlp.traces.headers.len();
    let variable = "OTEL_EXPORTER_OTLP_HEADERS";
    check(&[(variable, &most)], headers, 1_024, &[]);
    check(
        &[(variable, &more)],
        headers,
        1_024,
        &[(variable, Effect::RestIgnored)],
    );

    let more = more.replace("=v", "");
    let methods = |found: &Environment| found.known_methods.map(|known| known.names().count());
    let variable = "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS";
    check(
        &[(variable, &more)],
        methods,
        Some(16),
        &[(variable, Effect::RestIgnored); 2],
    );
    let all: Vec<String> = (0..16).map(|number| format!("M{number}")).collect();
    let all = format!("GET,{}", all.join(","));
    check(&[(variable, &all)], methods, Some(17), &[]);
}

#[test]
fn warnings_are_bounded() {
    let faults = "x ,".repeat(VALUE_MAX / 3);
    let (_, warnings) = read(&[("OTEL_EXPORTER_OTLP_HEADERS", &faults)]);
    // One for each member that is looked at and one for the rest.
    assert_eq!(warnings.len(), 1_025);
    let (_, warnings) = read(&[("OTEL_TRACES_EXPORTER", &faults)]);
    assert_eq!(warnings.len(), 2);
}

/// Text of the kind such values are made of.
fn value() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        prop::sample::select(vec![
            ",",
            "=",
            "%",
            "%2",
            "%41",
            "%0a",
            ";",
            " ",
            "\t",
            "\n",
            "http://",
            "https://",
            "://",
            "host",
            ":4317",
            "/",
            "?",
            "#",
            "@",
            "[::1]",
            "grpc",
            "none",
            "true",
            "otlp",
            "-",
            "1",
            "0",
            "2147483647",
            "99999999999",
            "service.name",
            "é",
            "\u{202e}",
        ])
        .prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn whatever_the_values_are_the_result_is_sound(values in prop::collection::vec(value(), 1..8)) {
        // Each variable has one of the values, by its name; that of the file would hide the others.
        let (environment, warnings) = Environment::read(&|name| {
            let at = name.bytes().map(usize::from).sum::<usize>() % values.len();
            values.get(at).filter(|_| name != "OTEL_CONFIG_FILE").cloned()
        });
        let otlp = &environment.otlp;
        for otlp in [&otlp.traces, &otlp.metrics, &otlp.logs] {
            let scheme = if otlp.insecure { "http://" } else { "https://" };
            let rest = otlp.endpoint.strip_prefix(scheme);
            prop_assert!(rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')));
            prop_assert!(otlp.endpoint.bytes().all(|byte| byte.is_ascii_graphic()));
            for (_, value) in &otlp.headers {
                prop_assert!(FieldValue::new(value.expose()).is_ok());
            }
        }
        for batch in [environment.span_batch, environment.log_record_batch] {
            prop_assert!(1 <= batch.batch_max && batch.batch_max <= batch.queue_max);
        }
        prop_assert!(environment.resource.iter().all(|(key, _)| !key.is_empty() && &**key != "service.name"));
        for warning in warnings {
            let text = warning.to_string();
            prop_assert!(!text.contains(char::is_control), "{}", text);
            prop_assert!(!text.contains('\u{202e}'), "{}", text);
        }
    }
}
