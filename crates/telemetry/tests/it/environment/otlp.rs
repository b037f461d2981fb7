//! Which of two variables wins: `OTEL_EXPORTER_OTLP_…` or that of a signal.

use telemetry::environment::{Effect, Environment, Otlp};

use super::check;

/// The end of the names, the general value, a signal's own, one that cannot be used and what becomes of it, and the part
/// that shows them.
struct Setting {
    end: &'static str,
    general: (&'static str, &'static str),
    own: (&'static str, &'static str),
    malformed: Option<&'static str>,
    default: &'static str,
    part: fn(&Otlp) -> String,
}

const SETTINGS: [Setting; 6] = [
    Setting {
        end: "PROTOCOL",
        general: ("http/json", "HttpJson"),
        own: ("grpc", "Grpc"),
        malformed: Some("http"),
        default: "HttpProtobuf",
        part: |otlp| format!("{:?}", otlp.protocol),
    },
    Setting {
        end: "COMPRESSION",
        general: ("gzip", "Some(Gzip)"),
        own: ("none", "Some(None)"),
        malformed: Some("br"),
        default: "None",
        part: |otlp| format!("{:?}", otlp.compression),
    },
    Setting {
        end: "TIMEOUT",
        general: ("1", "1ms"),
        own: ("2", "2ms"),
        malformed: Some("-2"),
        default: "10s",
        part: |otlp| format!("{:?}", otlp.timeout),
    },
    Setting {
        end: "CERTIFICATE",
        general: ("a.pem", "Some(\"a.pem\")"),
        own: ("b.pem", "Some(\"b.pem\")"),
        malformed: None,
        default: "None",
        part: |otlp| format!("{:?}", otlp.certificate),
    },
    Setting {
        end: "CLIENT_KEY",
        general: ("a.pem", "Some(\"a.pem\")"),
        own: ("b.pem", "Some(\"b.pem\")"),
        malformed: None,
        default: "None",
        part: |otlp| format!("{:?}", otlp.client_key),
    },
    Setting {
        end: "CLIENT_CERTIFICATE",
        general: ("a.pem", "Some(\"a.pem\")"),
        own: ("b.pem", "Some(\"b.pem\")"),
        malformed: None,
        default: "None",
        part: |otlp| format!("{:?}", otlp.client_certificate),
    },
];

type Signal = (&'static str, fn(&Environment) -> &Otlp);

const SIGNALS: [Signal; 3] = [
    ("TRACES", |found| &found.otlp.traces),
    ("METRICS", |found| &found.otlp.metrics),
    ("LOGS", |found| &found.otlp.logs),
];

#[test]
fn the_variable_of_a_signal_wins() {
    for setting in &SETTINGS {
        let general = format!("OTEL_EXPORTER_OTLP_{}", setting.end);
        for (signal, otlp) in SIGNALS {
            let own = format!("OTEL_EXPORTER_OTLP_{signal}_{}", setting.end);
            let part = |found: &Environment| (setting.part)(otlp(found));
            let (general_value, general_expected) = setting.general;
            let (own_value, own_expected) = setting.own;
            for (general_value, own_value, expected) in [
                ("", "", setting.default),
                (general_value, "", general_expected),
                ("", own_value, own_expected),
                (general_value, own_value, own_expected),
            ] {
                let variables = [(&*general, general_value), (&*own, own_value)];
                check(&variables, part, expected.to_owned(), &[]);
            }
            if let Some(malformed) = setting.malformed {
                let variables = [(&*general, general_value), (&*own, malformed)];
                let warned = [(&*own, Effect::Ignored)];
                check(&variables, part, general_expected.to_owned(), &warned);
                let variables = [(&*general, malformed)];
                let warned = [(&*general, Effect::Ignored)];
                check(&variables, part, setting.default.to_owned(), &warned);
            }
        }
    }
}

#[test]
fn the_variable_of_a_signal_is_for_that_signal() {
    for setting in &SETTINGS {
        for (signal, _) in SIGNALS {
            let own = format!("OTEL_EXPORTER_OTLP_{signal}_{}", setting.end);
            for (other, otlp) in SIGNALS {
                let expected = match other == signal {
                    true => setting.own.1,
                    false => setting.default,
                };
                let part = |found: &Environment| (setting.part)(otlp(found));
                check(&[(&own, setting.own.0)], part, expected.to_owned(), &[]);
            }
        }
    }
}
