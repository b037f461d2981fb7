//! What warnings say: they are read by people.

use super::{Variables, read};

#[track_caller]
fn check_texts(variables: Variables<'_>, expected: &[&str]) {
    let (_, warnings) = read(variables);
    let found: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
}

#[test]
fn texts_say_variable_expected_found_and_effect() {
    for (variable, value, expected) in [
        (
            "OTEL_SDK_DISABLED",
            "yes",
            "OTEL_SDK_DISABLED: expected `true` or `false`, found `yes`; taken as false",
        ),
        (
            "OTEL_BSP_MAX_QUEUE_SIZE",
            "0",
            "OTEL_BSP_MAX_QUEUE_SIZE: expected a whole number from 1 to 2147483647, found `0`; ignored",
        ),
        (
            "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
            "4096",
            "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: expected at most the 2048 of OTEL_BLRP_MAX_QUEUE_SIZE, found `4096`; ignored",
        ),
        (
            "OTEL_EXPORTER_OTLP_TIMEOUT",
            "10s",
            "OTEL_EXPORTER_OTLP_TIMEOUT: expected whole milliseconds from 0 to 2147483647, found `10s`; ignored",
        ),
        (
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "HTTP",
            "OTEL_EXPORTER_OTLP_PROTOCOL: expected one of `grpc`, `http/protobuf`, `http/json`, found `HTTP`; ignored",
        ),
        (
            "OTEL_TRACES_EXPORTER",
            "Zipkin",
            "OTEL_TRACES_EXPORTER: expected one of `otlp`, `console`, `none`, found `Zipkin`; known but not supported \
             here, ignored",
        ),
        (
            "OTEL_TRACES_EXPORTER",
            "otlp,none",
            "OTEL_TRACES_EXPORTER: expected `none` alone, found `none` beside others; the rest is ignored",
        ),
        (
            "OTEL_TRACES_SAMPLER_ARG",
            "0.5",
            "OTEL_TRACES_SAMPLER_ARG: expected OTEL_TRACES_SAMPLER to be set beside it, found `0.5`; ignored",
        ),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "a=b,team",
            "OTEL_RESOURCE_ATTRIBUTES: expected a list of key=value, percent-encoded, found `team`; ignored",
        ),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "x-api-key=%",
            "OTEL_EXPORTER_OTLP_HEADERS: expected a percent-encoded value of at most 8192 bytes without properties, found \
             something else under `x-api-key`; this member is skipped",
        ),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "x-api-key",
            "OTEL_EXPORTER_OTLP_HEADERS: expected name=value, the name of a header as it is and its value percent-encoded, \
             found something else as member 1; this member is skipped",
        ),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "localhost:4318",
            "OTEL_EXPORTER_OTLP_ENDPOINT: expected a URL such as http://host:4318, found `localhost:4318`; ignored",
        ),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "https://me:pw@c/a?key=1",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: expected a URL without user and password, for which there are headers, \
             found `https://REDACTED:REDACTED@c/a?REDACTED`; that part is not used",
        ),
        (
            "OTEL_SEMCONV_STABILITY_OPT_IN",
            "http/dup",
            "OTEL_SEMCONV_STABILITY_OPT_IN: expected it not to be set, since only the new names are emitted, found \
             `http/dup`; ignored",
        ),
        (
            "OTEL_PROPAGATORS",
            "b3,w3c",
            "OTEL_PROPAGATORS: expected tracecontext, baggage, b3, b3multi, jaeger or none, found `w3c`; this member is \
             skipped",
        ),
        (
            "OTEL_PROPAGATORS",
            "xray",
            "OTEL_PROPAGATORS: expected tracecontext, baggage, b3, b3multi, jaeger or none, found `xray`; known but not \
             supported here, ignored",
        ),
        (
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
            "content-type=x",
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS: expected another header than those that the protocol sets itself, found \
             something else under `content-type`; this member is skipped",
        ),
        (
            "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS",
            "GET,a b",
            "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS: expected names of methods, which are letters, digits and \
             !#$%&'*+-.^_`|~, found `a b`; this member is skipped",
        ),
    ] {
        check_texts(&[(variable, value)], &[expected]);
    }
    check_texts(
        &[
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317/v1"),
        ],
        &[
            "OTEL_EXPORTER_OTLP_ENDPOINT: expected a URL without a path, since the methods of gRPC have their own, found \
             `http://c:4317/v1`; that part is not used",
        ],
    );
}

#[test]
fn values_are_shown_on_one_line_and_cut() {
    let variable = "OTEL_LOG_LEVEL";
    for (value, shown) in [
        ("a\nb\r\t\u{1b}[31m", "`a\\nb\\r\\t\\u{1b}[31m`".to_owned()),
        ("\u{202e}x", "`\\u{202e}x`".to_owned()),
        ("it's \"é\\\"", "`it's \"é\\\"`".to_owned()),
        (&"é".repeat(128), format!("`{}`", "é".repeat(128))),
        (&"é".repeat(129), format!("`{}…`", "é".repeat(128))),
    ] {
        let (_, warnings) = read(&[(variable, value)]);
        let found: Vec<_> = warnings
            .iter()
            .map(|warning| warning.found.to_string())
            .collect();
        assert_eq!(found, [shown]);
    }
}
