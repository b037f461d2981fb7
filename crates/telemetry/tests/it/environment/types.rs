//! Booleans, numbers, durations, timeouts and words (type-specific guidance).

use std::time::Duration;

use propagation::Format;
use telemetry::environment::{Effect, Environment, NO_LIMIT};

use super::check;

const MOST: &str = "2147483647";

#[test]
fn only_true_is_true() {
    let variable = "OTEL_SDK_DISABLED";
    for (value, expected, warned) in [
        ("true", true, false),
        ("True", true, false),
        ("TRUE", true, false),
        ("false", false, false),
        ("False", false, false),
        ("", false, false),
        ("1", false, true),
        ("0", false, true),
        ("yes", false, true),
        ("on", false, true),
        (" true", false, true),
        ("true ", false, true),
        ("truе", false, true),
    ] {
        let warnings = [(variable, Effect::False)];
        check(
            &[(variable, value)],
            |found| found.is_sdk_disabled,
            expected,
            if warned { &warnings } else { &[] },
        );
    }
}

/// A number, its smallest and largest value, and where it arrives.
type Number = (
    &'static str,
    u32,
    &'static str,
    fn(&Environment) -> Option<u32>,
);

const NUMBERS: [Number; 12] = [
    ("OTEL_BSP_MAX_QUEUE_SIZE", 1, MOST, |found| {
        Some(found.span_batch.queue_max)
    }),
    ("OTEL_BLRP_MAX_QUEUE_SIZE", 1, MOST, |found| {
        Some(found.log_record_batch.queue_max)
    }),
    ("OTEL_EXPORTER_PROMETHEUS_PORT", 1, "65535", |found| {
        Some(found.metrics.prometheus_port.into())
    }),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", 0, MOST, |found| {
        Some(found.span_limits.attribute_count)
    }),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0, MOST, |found| {
        found.span_limits.attribute_value_length
    }),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", 0, MOST, |found| {
        Some(found.span_limits.attribute_count)
    }),
    ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0, MOST, |found| {
        found.span_limits.attribute_value_length
    }),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", 0, MOST, |found| {
        Some(found.span_limits.event_count)
    }),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", 0, MOST, |found| {
        Some(found.span_limits.link_count)
    }),
    ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", 0, MOST, |found| {
        Some(found.span_limits.event_attribute_count)
    }),
    ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", 0, MOST, |found| {
        Some(found.span_limits.link_attribute_count)
    }),
    ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", 0, MOST, |found| {
        Some(found.log_record_limits.attribute_count)
    }),
];

#[test]
fn numbers_out_of_range_are_ignored() {
    for (variable, least, most, part) in NUMBERS {
        let default = part(&Environment::default());
        for value in [&least.to_string(), "7", "007", most] {
            let expected = value.parse().ok();
            check(&[(variable, value)], part, expected, &[]);
        }
        let beyond = (most.parse::<u64>().unwrap() + 1).to_string();
        let below = (i64::from(least) - 1).to_string();
        for value in [
            &beyond,
            &below,
            "-1",
            "-0",
            "1.0",
            "1e3",
            "0x10",
            "1_000",
            " 1",
            "1 ",
            "٣",
            "x",
            "∞",
            "18446744073709551617",
        ] {
            check(
                &[(variable, value)],
                part,
                default,
                &[(variable, Effect::Ignored)],
            );
        }
    }
}

/// A duration, whether it is a timeout, its smallest value in milliseconds, its default and where it arrives.
type Time = (&'static str, bool, u64, u64, fn(&Environment) -> Duration);

const TIMES: [Time; 10] = [
    ("OTEL_BSP_SCHEDULE_DELAY", false, 0, 5_000, |found| {
        found.span_batch.schedule_delay
    }),
    ("OTEL_BSP_EXPORT_TIMEOUT", true, 0, 30_000, |found| {
        found.span_batch.export_timeout
    }),
    ("OTEL_BLRP_SCHEDULE_DELAY", false, 0, 1_000, |found| {
        found.log_record_batch.schedule_delay
    }),
    ("OTEL_BLRP_EXPORT_TIMEOUT", true, 0, 30_000, |found| {
        found.log_record_batch.export_timeout
    }),
    ("OTEL_METRIC_EXPORT_INTERVAL", false, 1, 60_000, |found| {
        found.metrics.export_interval
    }),
    ("OTEL_METRIC_EXPORT_TIMEOUT", true, 0, 30_000, |found| {
        found.metrics.export_timeout
    }),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", true, 0, 10_000, |found| {
        found.otlp.traces.timeout
    }),
    (
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
        true,
        0,
        10_000,
        |found| found.otlp.traces.timeout,
    ),
    (
        "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT",
        true,
        0,
        10_000,
        |found| found.otlp.metrics.timeout,
    ),
    (
        "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT",
        true,
        0,
        10_000,
        |found| found.otlp.logs.timeout,
    ),
];

#[test]
fn durations_are_whole_milliseconds() {
    for (variable, is_timeout, least, default, part) in TIMES {
        let default = Duration::from_millis(default);
        assert_eq!(part(&Environment::default()), default, "{variable}");
        for millis in [1, 1_500, 2_147_483_647] {
            let expected = Duration::from_millis(millis);
            check(&[(variable, &millis.to_string())], part, expected, &[]);
        }
        let ignored = [(variable, Effect::Ignored)];
        match (least, is_timeout) {
            (0, true) => check(&[(variable, "0")], part, NO_LIMIT, &[]),
            (0, false) => check(&[(variable, "0")], part, Duration::ZERO, &[]),
            _ => check(&[(variable, "0")], part, default, &ignored),
        }
        for value in ["-1", "-5000", "1.5", "5s", "10 ms", "2147483648", "none"] {
            check(&[(variable, value)], part, default, &ignored);
        }
    }
    // A deadline can be computed from it.
    assert!(std::time::Instant::now().checked_add(NO_LIMIT).is_some());
}

/// A variable, its words with what they become, and where that arrives.
type Words = (
    &'static str,
    &'static [(&'static str, &'static str)],
    fn(&Environment) -> String,
);

const WORDS: [Words; 7] = [
    (
        "OTEL_LOG_LEVEL",
        &[
            ("none", "Some(Off)"),
            ("error", "Some(Error)"),
            ("warn", "Some(Warn)"),
            ("warning", "Some(Warn)"),
            ("info", "Some(Info)"),
            ("debug", "Some(Debug)"),
            ("trace", "Some(Trace)"),
            ("verbose", "Some(Trace)"),
            ("all", "Some(Trace)"),
        ],
        |found| format!("{:?}", found.log_level),
    ),
    (
        "OTEL_TRACES_SAMPLER",
        &[
            ("always_on", "Root(AlwaysOn)"),
            ("always_off", "Root(AlwaysOff)"),
            ("traceidratio", "Root(TraceIdRatio(1.0))"),
            ("parentbased_always_on", "ParentBased(AlwaysOn)"),
            ("parentbased_always_off", "ParentBased(AlwaysOff)"),
            ("parentbased_traceidratio", "ParentBased(TraceIdRatio(1.0))"),
        ],
        |found| format!("{:?}", found.sampler),
    ),
    (
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        &[
            ("cumulative", "Cumulative"),
            ("delta", "Delta"),
            ("lowmemory", "LowMemory"),
        ],
        |found| format!("{:?}", found.metrics.temporality),
    ),
    (
        "OTEL_METRICS_EXEMPLAR_FILTER",
        &[
            ("always_on", "AlwaysOn"),
            ("always_off", "AlwaysOff"),
            ("trace_based", "TraceBased"),
        ],
        |found| format!("{:?}", found.metrics.exemplar_filter),
    ),
    (
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        &[
            ("grpc", "Grpc"),
            ("http/protobuf", "HttpProtobuf"),
            ("http/json", "HttpJson"),
        ],
        |found| format!("{:?}", found.otlp.logs.protocol),
    ),
    (
        "OTEL_EXPORTER_OTLP_COMPRESSION",
        &[
            ("gzip", "Some(Gzip)"),
            ("none", "Some(None)"),
            ("zstd", "Some(Zstd)"),
        ],
        |found| format!("{:?}", found.otlp.metrics.compression),
    ),
    (
        "OTEL_TRACES_EXPORTER",
        &[
            ("otlp", "Some([Otlp])"),
            ("console", "Some([Console])"),
            ("none", "Some([])"),
        ],
        |found| format!("{:?}", found.exporters.traces),
    ),
];

#[test]
fn words_are_compared_without_case() {
    for (variable, words, part) in WORDS {
        for (word, expected) in words {
            let upper = word.to_uppercase();
            for value in [*word, &upper] {
                check(&[(variable, value)], part, (*expected).to_owned(), &[]);
            }
        }
        let default = part(&Environment::default());
        let is_list = variable.ends_with("_EXPORTER");
        let effect = if is_list {
            Effect::MemberSkipped
        } else {
            Effect::Ignored
        };
        for value in ["nonesuch", "gzip;q=1", "ınfo"] {
            check(
                &[(variable, value)],
                part,
                default.clone(),
                &[(variable, effect)],
            );
        }
    }
}

#[test]
fn a_batch_fits_its_queue() {
    for processor in ["BSP", "BLRP"] {
        let queue = format!("OTEL_{processor}_MAX_QUEUE_SIZE");
        let batch = format!("OTEL_{processor}_MAX_EXPORT_BATCH_SIZE");
        let part = |found: &Environment| {
            let batch = match processor {
                "BSP" => found.span_batch,
                _ => found.log_record_batch,
            };
            (batch.queue_max, batch.batch_max)
        };
        for (queue_size, batch_size, expected, is_warned) in [
            ("", "", (2048, 512), false),
            ("", "2048", (2048, 2048), false),
            ("", "2049", (2048, 512), true),
            ("", "0", (2048, 512), true),
            ("", "-1", (2048, 512), true),
            ("", "x", (2048, 512), true),
            ("100", "", (100, 100), false),
            ("100", "100", (100, 100), false),
            ("100", "101", (100, 100), true),
            ("1000", "1001", (1000, 512), true),
            ("1", "1", (1, 1), false),
            (MOST, MOST, (2_147_483_647, 2_147_483_647), false),
        ] {
            let warnings = [(&*batch, Effect::Ignored)];
            check(
                &[(&queue, queue_size), (&batch, batch_size)],
                part,
                expected,
                if is_warned { &warnings } else { &[] },
            );
        }
    }
}

/// Specification, attribute limits: the limit of a model, or else the general one, or else the default.
#[test]
fn general_limits_stand_in_for_absent_ones() {
    let part = |found: &Environment| {
        let (span, log) = (found.span_limits, found.log_record_limits);
        let counts = [
            span.attribute_count,
            span.event_attribute_count,
            span.link_attribute_count,
            log.attribute_count,
            span.event_count,
            span.link_count,
        ];
        (
            counts,
            span.attribute_value_length,
            log.attribute_value_length,
        )
    };
    let count = ("OTEL_ATTRIBUTE_COUNT_LIMIT", "5");
    let length = ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "50");
    let general = ([5, 5, 5, 5, 128, 128], Some(50), Some(50));
    check(&[count, length], part, general, &[]);
    let own = [
        count,
        length,
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "6"),
        ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "7"),
        ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "8"),
        ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "9"),
        ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "60"),
        ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "0"),
    ];
    check(&own, part, ([6, 7, 8, 9, 128, 128], Some(60), Some(0)), &[]);
    let malformed = [
        count,
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "-6"),
        ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "-1"),
    ];
    let warned = [
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", Effect::Ignored),
        (
            "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT",
            Effect::Ignored,
        ),
    ];
    check(
        &malformed,
        part,
        ([5, 5, 5, 5, 128, 128], None, None),
        &warned,
    );
}

#[test]
fn lists_of_words() {
    let part = |found: &Environment| {
        let words: Vec<_> = found.propagators.iter().map(Format::word).collect();
        words.join("|")
    };
    let variable = "OTEL_PROPAGATORS";
    for (value, expected, effects) in [
        ("baggage,tracecontext", "baggage|tracecontext", &[][..]),
        (" b3 ,\tB3Multi, b3", "b3|b3multi", &[]),
        ("none", "", &[]),
        ("none,b3", "", &[Effect::MemberSkipped]),
        (
            "xray,nonesuch,OTTrace",
            "tracecontext|baggage",
            &[
                Effect::Unsupported,
                Effect::MemberSkipped,
                Effect::Unsupported,
            ],
        ),
        ("b3,nonesuch", "b3", &[Effect::MemberSkipped]),
        (",, ,", "tracecontext|baggage", &[]),
    ] {
        let warned: Vec<_> = effects.iter().map(|effect| (variable, *effect)).collect();
        check(&[(variable, value)], part, expected.to_owned(), &warned);
    }

    let part = |found: &Environment| {
        let known = found.known_methods?;
        Some(known.names().collect::<Vec<_>>().join("|"))
    };
    let variable = "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS";
    for (value, expected, skipped) in [
        ("GET,get,PURGE", Some("GET|get|PURGE"), 0),
        (" GET , GET,", Some("GET"), 0),
        ("GET,a b,é", Some("GET"), 2),
        ("a/b", None, 1),
        (",", None, 0),
    ] {
        let warned = vec![(variable, Effect::MemberSkipped); skipped];
        check(
            &[(variable, value)],
            part,
            expected.map(str::to_owned),
            &warned,
        );
    }
}

#[test]
fn texts_are_taken_as_they_are() {
    let host = |found: &Environment| found.metrics.prometheus_host.clone();
    for value in ["0.0.0.0", "::1", "Gateway.internal"] {
        check(
            &[("OTEL_EXPORTER_PROMETHEUS_HOST", value)],
            host,
            value.into(),
            &[],
        );
    }
}
