//! Every variable is read, and what it says arrives somewhere.

use std::cell::RefCell;
use std::collections::BTreeSet;

use telemetry::environment::{Effect, Environment};

use super::{check, read};

/// Each variable but those of [`OTLP`], with a value other than its default.
const VARIABLES: [(&str, &str); 35] = [
    ("OTEL_SDK_DISABLED", "true"),
    ("OTEL_SERVICE_NAME", "shop"),
    (
        "OTEL_RESOURCE_ATTRIBUTES",
        "deployment.environment.name=test",
    ),
    ("OTEL_LOG_LEVEL", "debug"),
    ("OTEL_PROPAGATORS", "b3"),
    ("OTEL_TRACES_SAMPLER", "always_on"),
    ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
    ("OTEL_TRACES_EXPORTER", "otlp"),
    ("OTEL_METRICS_EXPORTER", "otlp"),
    ("OTEL_LOGS_EXPORTER", "none"),
    ("OTEL_BSP_SCHEDULE_DELAY", "1"),
    ("OTEL_BSP_EXPORT_TIMEOUT", "1"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "9"),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1"),
    ("OTEL_BLRP_SCHEDULE_DELAY", "1"),
    ("OTEL_BLRP_EXPORT_TIMEOUT", "1"),
    ("OTEL_BLRP_MAX_QUEUE_SIZE", "9"),
    ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "1"),
    ("OTEL_METRIC_EXPORT_INTERVAL", "1"),
    ("OTEL_METRIC_EXPORT_TIMEOUT", "1"),
    ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta"),
    ("OTEL_METRICS_EXEMPLAR_FILTER", "always_on"),
    ("OTEL_EXPORTER_PROMETHEUS_HOST", "0.0.0.0"),
    ("OTEL_EXPORTER_PROMETHEUS_PORT", "1"),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", "1"),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "1"),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1"),
    ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "1"),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", "1"),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", "1"),
    ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "1"),
    ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "1"),
    ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "1"),
    ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "1"),
    ("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "GET,PURGE"),
];

/// Ends of the names of OTLP's variables, with a value other than the default.
const OTLP: [(&str, &str); 9] = [
    ("ENDPOINT", "http://c:1"),
    ("PROTOCOL", "http/json"),
    ("HEADERS", "a=b"),
    ("COMPRESSION", "gzip"),
    ("TIMEOUT", "1"),
    ("CERTIFICATE", "ca.pem"),
    ("CLIENT_KEY", "key.pem"),
    ("CLIENT_CERTIFICATE", "cert.pem"),
    ("INSECURE", "true"),
];

/// Without which a variable has no meaning.
fn companions(name: &str) -> &'static [(&'static str, &'static str)] {
    if name == "OTEL_TRACES_SAMPLER_ARG" {
        &[("OTEL_TRACES_SAMPLER", "traceidratio")]
    } else if name.ends_with("_INSECURE") {
        &[
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "c:1"),
        ]
    } else {
        &[]
    }
}

fn all() -> Vec<(String, &'static str)> {
    let mut all: Vec<_> = VARIABLES
        .iter()
        .map(|(name, value)| ((*name).to_owned(), *value))
        .collect();
    for signal in ["", "TRACES_", "METRICS_", "LOGS_"] {
        for (end, value) in OTLP {
            all.push((format!("OTEL_EXPORTER_OTLP_{signal}{end}"), value));
        }
    }
    all
}

#[test]
fn every_variable_is_asked_for_and_no_other() {
    let asked = RefCell::new(BTreeSet::new());
    let nothing = Environment::read(&|name| {
        asked.borrow_mut().insert(name.to_owned());
        None
    });
    assert_eq!(nothing, (Environment::default(), Vec::new()));
    let mut expected: BTreeSet<String> = all().into_iter().map(|(name, _)| name).collect();
    expected.insert("OTEL_CONFIG_FILE".to_owned());
    expected.insert("OTEL_SEMCONV_STABILITY_OPT_IN".to_owned());
    assert_eq!(asked.into_inner(), expected);
}

#[test]
fn every_variable_counts() {
    for (name, value) in all() {
        let without = companions(&name);
        let with = [without, &[(&*name, value)]].concat();
        let (environment, warnings) = read(&with);
        assert_ne!(environment, read(without).0, "{name}");
        assert_eq!(warnings, [], "{name}");
    }
}

#[test]
fn empty_is_not_set() {
    let all = all();
    let empty: Vec<_> = all.iter().map(|(name, _)| (&**name, "")).collect();
    assert_eq!(read(&empty), (Environment::default(), Vec::new()));
    let special = [
        ("OTEL_CONFIG_FILE", ""),
        ("OTEL_SEMCONV_STABILITY_OPT_IN", ""),
    ];
    assert_eq!(read(&special), (Environment::default(), Vec::new()));
}

#[test]
fn a_configuration_file_replaces_every_other_variable() {
    let all = all();
    let mut variables: Vec<_> = all.iter().map(|(name, value)| (&**name, *value)).collect();
    variables.push(("OTEL_SEMCONV_STABILITY_OPT_IN", "http/dup"));
    variables.push(("OTEL_CONFIG_FILE", "/etc/otel.yaml"));
    let (environment, warnings) = read(&variables);
    let expected = Environment {
        config_file: Some("/etc/otel.yaml".into()),
        ..Environment::default()
    };
    assert_eq!(environment, expected);
    let found: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "OTEL_CONFIG_FILE: expected no declarative configuration file, since such files are not read here, found \
             `/etc/otel.yaml`; all other OTEL_ variables are ignored"
        ]
    );
}

#[test]
fn the_opt_in_to_new_names_is_noted() {
    for words in ["http", "http/dup", "rpc,database"] {
        let variable = "OTEL_SEMCONV_STABILITY_OPT_IN";
        check(
            &[(variable, words)],
            Clone::clone,
            Environment::default(),
            &[(variable, Effect::Ignored)],
        );
    }
}

#[test]
fn defaults_are_those_of_the_specification() {
    let (environment, warnings) = read(&[]);
    assert_eq!(warnings, []);
    let expected = "\
Environment { config_file: None, is_sdk_disabled: false, service_name: None, resource: [], log_level: None, \
propagators: [TraceContext, Baggage], sampler: ParentBased(AlwaysOn), exporters: PerSignal { traces: None, metrics: None, logs: None }, \
otlp: PerSignal { \
traces: Otlp { endpoint: \"http://localhost:4318/v1/traces\", other_endpoint: \"http://localhost:4317\", is_endpoint_set: false, protocol: HttpProtobuf, \
headers: [], compression: None, timeout: 10s, certificate: None, client_key: None, client_certificate: None, \
insecure: true }, \
metrics: Otlp { endpoint: \"http://localhost:4318/v1/metrics\", other_endpoint: \"http://localhost:4317\", is_endpoint_set: false, protocol: HttpProtobuf, \
headers: [], compression: None, timeout: 10s, certificate: None, client_key: None, client_certificate: None, \
insecure: true }, \
logs: Otlp { endpoint: \"http://localhost:4318/v1/logs\", other_endpoint: \"http://localhost:4317\", is_endpoint_set: false, protocol: HttpProtobuf, \
headers: [], compression: None, timeout: 10s, certificate: None, client_key: None, client_certificate: None, \
insecure: true } }, \
span_batch: Batch { schedule_delay: 5s, export_timeout: 30s, queue_max: 2048, batch_max: 512, said: Said { queue_max: None, batch_max: None } }, \
log_record_batch: Batch { schedule_delay: 1s, export_timeout: 30s, queue_max: 2048, batch_max: 512, said: Said { queue_max: None, batch_max: None } }, \
metrics: Metrics { export_interval: 60s, export_timeout: 30s, temporality: Cumulative, exemplar_filter: TraceBased, \
prometheus_host: \"localhost\", prometheus_port: 9464 }, \
span_limits: SpanLimits { attribute_count: 128, attribute_value_length: None, event_count: 128, link_count: 128, \
event_attribute_count: 128, link_attribute_count: 128 }, \
log_record_limits: LogRecordLimits { attribute_count: 128, attribute_value_length: None }, known_methods: None }";
    assert_eq!(format!("{environment:?}"), expected);
}
