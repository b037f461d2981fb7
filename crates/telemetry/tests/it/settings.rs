//! What configuration and environment say together.

use std::collections::HashMap;
use std::time::Duration;

use message::FieldName;
use propagation::{Format, Formats};
use telemetry::environment::Environment;
use telemetry::plan::{
    OtlpCompression, OtlpPlan, OtlpProtocol, OtlpTemporality, ParentRule, RatePlan, SamplingPlan,
    Signal, TelemetryPlan,
};
use telemetry::settings::Settings;

fn settings(plan: &TelemetryPlan, variables: &[(&str, &str)]) -> Settings {
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    let (environment, warnings) =
        Environment::read(&|name| variables.get(name).map(|value| (*value).to_owned()));
    assert_eq!(warnings, []);
    Settings::of(plan, &environment)
}

fn sending(otlp: OtlpPlan) -> TelemetryPlan {
    TelemetryPlan {
        otlp: Some(otlp),
        ..TelemetryPlan::default()
    }
}

#[test]
fn nothing_is_sent_unless_someone_says_where() {
    let quiet = settings(&TelemetryPlan::default(), &[]);
    assert_eq!(
        (quiet.traces, quiet.metrics, quiet.logs),
        (None, None, None)
    );
    assert_eq!(quiet.tracing, None);
    // Which signals go somewhere, by the configuration and by the environment.
    let file = || sending(OtlpPlan::default());
    let only = |signal| {
        sending(OtlpPlan {
            signals: Some(vec![signal]),
            ..OtlpPlan::default()
        })
    };
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
    for (plan, variables, expected) in [
        (file(), &[][..], [true, true, false]),
        (only(Signal::Logs), &[], [false, false, true]),
        (TelemetryPlan::default(), &[endpoint], [true, true, true]),
        (
            TelemetryPlan::default(),
            &[endpoint, ("OTEL_LOGS_EXPORTER", "none")],
            [true, true, false],
        ),
        (
            TelemetryPlan::default(),
            &[("OTEL_TRACES_EXPORTER", "otlp")],
            [true, false, false],
        ),
        (
            TelemetryPlan::default(),
            &[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://collector/m")],
            [false, true, false],
        ),
        // The configuration counts more than the environment.
        (
            file(),
            &[endpoint, ("OTEL_TRACES_EXPORTER", "none")],
            [true, true, false],
        ),
        (
            file(),
            &[("OTEL_SDK_DISABLED", "true")],
            [false, false, false],
        ),
    ] {
        let found = settings(&plan, variables);
        let sent = [&found.traces, &found.metrics, &found.logs].map(Option::is_some);
        assert_eq!(sent, expected, "{plan:?} {variables:?}");
        assert_eq!(
            found.tracing.is_some(),
            expected[0],
            "{plan:?} {variables:?}"
        );
    }
}

#[test]
fn endpoints_follow_protocols_and_the_particular_wins() {
    let to = |endpoint: &str, protocol| {
        sending(OtlpPlan {
            endpoint: Some(endpoint.into()),
            protocol,
            ..OtlpPlan::default()
        })
    };
    let grpc = Some(OtlpProtocol::Grpc);
    let plan = TelemetryPlan::default;
    for (plan, variables, expected) in [
        (to("http://c:4317", grpc), &[][..], "http://c:4317"),
        (to("http://c:4317/", grpc), &[], "http://c:4317"),
        (to("http://c:4318", None), &[], "http://c:4318/v1/traces"),
        (
            to("http://c:4318/otlp/", None),
            &[],
            "http://c:4318/otlp/v1/traces",
        ),
        (
            sending(OtlpPlan::default()),
            &[],
            "http://localhost:4318/v1/traces",
        ),
        (
            sending(OtlpPlan {
                protocol: grpc,
                ..OtlpPlan::default()
            }),
            &[],
            "http://localhost:4317",
        ),
        (
            sending(OtlpPlan {
                protocol: Some(OtlpProtocol::HttpJson),
                ..OtlpPlan::default()
            }),
            &[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
            "http://localhost:4318/v1/traces",
        ),
        // The protocol of the file, the endpoint of the environment.
        (
            sending(OtlpPlan {
                protocol: grpc,
                ..OtlpPlan::default()
            }),
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317")],
            "http://c:4317",
        ),
        (
            sending(OtlpPlan {
                protocol: Some(OtlpProtocol::HttpProtobuf),
                ..OtlpPlan::default()
            }),
            &[
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"),
            ],
            "http://c:4318/v1/traces",
        ),
        (
            plan(),
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://e:1")],
            "http://e:1/v1/traces",
        ),
        (
            plan(),
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://e:1"),
                ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t:2/own"),
            ],
            "http://t:2/own",
        ),
        (
            to("http://c:4318", None),
            &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t:2/own")],
            "http://c:4318/v1/traces",
        ),
    ] {
        let found = settings(&plan, variables).traces.expect("a destination");
        assert_eq!(found.endpoint, expected, "{plan:?} {variables:?}");
    }
}

#[test]
fn what_the_configuration_leaves_open_the_environment_says() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://e:1"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "5000"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta"),
        ("OTEL_SERVICE_NAME", "from-env"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=1,b=2,telemetry.sdk.name=x"),
        ("OTEL_PROPAGATORS", "b3"),
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
    ];
    let found = settings(&TelemetryPlan::default(), &variables);
    let traces = found.traces.clone().expect("a destination");
    assert_eq!(traces.timeout, Duration::from_millis(1500));
    assert_eq!(traces.compression, OtlpCompression::Gzip);
    assert_eq!(traces.headers.len(), 1);
    assert_eq!(found.metrics_interval, Duration::from_secs(5));
    assert_eq!(found.temporality, OtlpTemporality::Delta);
    assert_eq!(found.service_name(), "from-env");
    let has = |found: &Settings, key: &str| {
        let mut values = found.resource.iter().filter(|(known, _)| **known == *key);
        let value = values.next().map(|(_, value)| value.to_string());
        assert!(values.next().is_none(), "{key} twice");
        value
    };
    assert_eq!(has(&found, "b").as_deref(), Some("2"));
    // What this program is, nobody else says.
    assert_eq!(
        has(&found, "telemetry.sdk.name").as_deref(),
        Some("tidegate")
    );
    let tracing = found.tracing.clone().expect("traced");
    assert_eq!(
        tracing.propagators,
        [Format::B3].into_iter().collect::<Formats>()
    );
    assert_eq!(tracing.sampling.rate, RatePlan::Ratio(0.25));
    assert_eq!(tracing.sampling.parent, ParentRule::Ignore);
    assert!(!tracing.sampling.always_errors);

    let plan = TelemetryPlan {
        service_name: Some("from-file".into()),
        resource: vec![("b".into(), "3".into())],
        propagators: Some(vec![Format::TraceContext]),
        sampling: Some(SamplingPlan::default()),
        ..sending(OtlpPlan {
            timeout: Some(Duration::from_secs(2)),
            compression: Some(OtlpCompression::Zstd),
            headers: Some(vec![(
                FieldName::new("x-own").unwrap(),
                base::Secret::new("s"),
            )]),
            metrics_interval: Some(Duration::from_secs(7)),
            temporality: Some(OtlpTemporality::Cumulative),
            ..OtlpPlan::default()
        })
    };
    let found = settings(&plan, &variables);
    let traces = found.traces.clone().expect("a destination");
    assert_eq!(traces.endpoint, "http://e:1/v1/traces");
    assert_eq!(traces.timeout, Duration::from_secs(2));
    assert_eq!(traces.compression, OtlpCompression::Zstd);
    assert_eq!(traces.headers[0].0.as_str(), "x-own");
    assert_eq!(found.metrics_interval, Duration::from_secs(7));
    assert_eq!(found.temporality, OtlpTemporality::Cumulative);
    assert_eq!(found.service_name(), "from-file");
    assert_eq!(has(&found, "b").as_deref(), Some("3"));
    assert_eq!(has(&found, "a").as_deref(), Some("1"));
    let tracing = found.tracing.expect("traced");
    assert_eq!(
        tracing.propagators,
        [Format::TraceContext].into_iter().collect::<Formats>()
    );
    assert_eq!(tracing.sampling, SamplingPlan::default());
}

/// P-4, P-9: without a reason to trace, contexts are left alone; with one, they are carried on even if nothing is sent.
#[test]
fn tracing_needs_a_reason() {
    let with = |change: fn(&mut TelemetryPlan)| {
        let mut plan = TelemetryPlan::default();
        change(&mut plan);
        plan
    };
    for (plan, variables, is_traced) in [
        (TelemetryPlan::default(), &[][..], false),
        (
            with(|plan| plan.sampling = Some(SamplingPlan::default())),
            &[],
            true,
        ),
        (
            with(|plan| plan.propagators = Some(vec![Format::B3])),
            &[],
            true,
        ),
        (with(|plan| plan.propagators = Some(vec![])), &[], false),
        (
            with(|plan| plan.trace_response_header = FieldName::new("x-trace").ok()),
            &[],
            true,
        ),
        (
            with(|plan| plan.sampling = Some(SamplingPlan::default())),
            &[("OTEL_PROPAGATORS", "none")],
            false,
        ),
        (
            with(|plan| plan.sampling = Some(SamplingPlan::default())),
            &[("OTEL_SDK_DISABLED", "true")],
            false,
        ),
    ] {
        let found = settings(&plan, variables);
        assert_eq!(found.tracing.is_some(), is_traced, "{plan:?} {variables:?}");
    }
}

/// Whoever bounds the queue alone means requests that fit into it, or they would never be full.
#[test]
fn a_bounded_queue_bounds_requests() {
    for (variables, expected) in [
        (&[][..], (8_192, u64::MAX)),
        (&[("OTEL_BSP_MAX_QUEUE_SIZE", "2048")], (512, 2_048)),
        (&[("OTEL_BSP_MAX_QUEUE_SIZE", "100")], (100, 100)),
        (
            &[("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1000")],
            (1_000, u64::MAX),
        ),
    ] {
        let found = settings(&sending(OtlpPlan::default()), variables);
        let plan = found.traces.unwrap().export_plan(Signal::Traces).unwrap();
        let sizes = (plan.batch_items_max, plan.queue_items_max);
        assert_eq!(sizes, expected, "{variables:?}");
    }
}
