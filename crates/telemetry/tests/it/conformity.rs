//! Rules of the endpoint that are about a whole page: conflicts (M-4), scope labels (M-5), the target (M-6), the kinds of
//! families (M-7), and what must not be there (M-1).

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use telemetry::metrics::{
    Exposition, Family, Format, Histogram, Instrument, Kind, SCOPE_VERSION, ScopeLabels, Sheet,
};

use crate::figures::{CPU, EVENTS, LATENCY, LEVEL, PLAIN, exemplar, value};
use crate::strict;

const OPEN: Exposition = Exposition {
    format: Format::OpenMetrics,
    ..PLAIN
};

fn sheet() -> Sheet {
    let histogram = Histogram::new();
    histogram.observe_with(Duration::from_millis(7), Some(exemplar(1, 2, 3)));
    let mut sheet = Sheet::new();
    sheet.target(&[("service.name", "edge"), ("host.name", "a")]);
    sheet.histogram(&LATENCY, &[("route", "a")], &histogram);
    sheet.histogram(&LATENCY, &[], &histogram);
    sheet.counter(&EVENTS, &[], 2);
    sheet.counter_seconds(&CPU, &[], Duration::from_millis(1_250));
    sheet.gauge(&LEVEL, &[("a", "b")], 0.5);
    sheet
}

/// Names and values of each comment of that keyword.
fn comments<'a>(text: &'a str, keyword: &str) -> Vec<&'a str> {
    text.lines()
        .filter_map(|line| {
            line.strip_prefix("# ")?
                .strip_prefix(keyword)?
                .strip_prefix(' ')
        })
        .collect()
}

/// M-7, and M-6 where the type info exists.
#[test]
fn types_and_units() {
    let types = ["counter", "counter", "histogram", "gauge"];
    let plain = sheet().render(PLAIN);
    let names = [
        "test_cpu_seconds_total",
        "test_events_total",
        "test_latency_seconds",
        "test_level",
    ];
    let expected: Vec<String> = names
        .iter()
        .zip(types)
        .map(|(name, kind)| format!("{name} {kind}"))
        .collect();
    assert_eq!(comments(&plain, "TYPE")[1..], expected);
    assert_eq!(comments(&plain, "TYPE")[0], "target_info gauge");
    assert!(comments(&plain, "UNIT").is_empty());
    let open = sheet().render(OPEN);
    let names = names.map(|name| name.trim_end_matches("_total"));
    let expected: Vec<String> = names
        .iter()
        .zip(types)
        .map(|(name, kind)| format!("{name} {kind}"))
        .collect();
    assert_eq!(comments(&open, "TYPE")[1..], expected);
    assert_eq!(comments(&open, "TYPE")[0], "target info");
    assert_eq!(
        comments(&open, "UNIT"),
        ["test_cpu_seconds seconds", "test_latency_seconds seconds"]
    );
    assert_eq!(value(&open, "test_cpu_seconds_total"), "1.25");
}

/// M-1: no `_created`, and no point has a timestamp; M-8: only OpenMetrics ends with a mark.
#[test]
fn nothing_but_series_and_values() {
    for exposition in [
        PLAIN,
        OPEN,
        Exposition::default(),
        Format::OpenMetrics.into(),
    ] {
        let text = sheet().render(exposition);
        strict::check(&text, exposition.format);
        assert!(!text.contains("_created"), "{text}");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let sample = line.split(" # ").next().unwrap();
            let after_labels = sample.rsplit('}').next().unwrap();
            assert!(after_labels.trim().split(' ').count() <= 2, "{line}");
            assert!(
                !sample.contains('}') || after_labels.trim().split(' ').count() == 1,
                "{line}"
            );
        }
        let ends = text.matches("# EOF").count();
        assert_eq!(
            ends == 1,
            exposition.format == Format::OpenMetrics,
            "{text}"
        );
    }
}

/// M-5: on by default, on every series but the target's; switchable.
#[test]
fn scope_labels() {
    assert_eq!(Exposition::default().scope_labels, ScopeLabels::Shown);
    let scope = format!("otel_scope_name=\"tidegate\",otel_scope_version=\"{SCOPE_VERSION}\"");
    for format in [Format::Prometheus, Format::OpenMetrics] {
        let text = sheet().render(format);
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let is_target = line.starts_with("target_info{");
            assert_eq!(line.contains(&scope), !is_target, "{line}");
            assert!(!line.contains("otel_scope_schema_url"), "{line}");
        }
        let hidden = Exposition {
            format,
            scope_labels: ScopeLabels::Hidden,
        };
        let without: String = text
            .replace(&format!("{{{scope}}}"), "")
            .replace(&format!("{{{scope},"), "{")
            .replace(&format!(",{scope}"), "");
        assert_eq!(sheet().render(hidden), without);
    }
}

/// M-6
#[test]
fn the_target_is_there_once_or_not_at_all() {
    let mut sheet = sheet();
    let target = r#"target_info{host_name="a",service_name="edge"}"#;
    for exposition in [PLAIN, OPEN] {
        assert_eq!(value(&sheet.render(exposition), target), "1");
    }
    // Resource attributes are not labels of others.
    assert_eq!(sheet.render(PLAIN).matches("service_name").count(), 1);
    let mut other = Sheet::new();
    sheet.merge(other.clone());
    assert_eq!(value(&sheet.render(PLAIN), target), "1");
    other.target(&[("service.name", "b"), ("service_name", "c")]);
    sheet.merge(other);
    let text = sheet.render(PLAIN);
    assert_eq!(value(&text, r#"target_info{service_name="b;c"}"#), "1");
    assert_eq!(text.matches("target_info{").count(), 1);
    sheet.target(&[]);
    for exposition in [PLAIN, OPEN] {
        assert!(!sheet.render(exposition).contains("target"));
    }
}

const fn clashing(
    name: &'static str,
    kind: Kind,
    unit: &'static str,
    description: &'static str,
) -> Family {
    Family::new(Instrument {
        name,
        unit,
        description,
        kind,
    })
}

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<u8>>>);

impl io::Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// M-4: a metric of another type is left out whole, with a warning.
#[test]
fn of_two_types_the_later_is_left_out() {
    static COUNTED: Family = clashing("clash.of", Kind::Counter, "", "One.");
    static MEASURED: Family = clashing("clash.of", Kind::Gauge, "", "Another.");
    let told = Told::default();
    let writer = told.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let mut sheet = Sheet::new();
        sheet.counter(&COUNTED, &[], 2);
        sheet.gauge(&MEASURED, &[("a", "b")], 3.0);
        let mut other = Sheet::new();
        other.gauge(&MEASURED, &[], 4.0);
        sheet.merge(other);
        for exposition in [PLAIN, OPEN] {
            let text = sheet.render(exposition);
            strict::check(&text, exposition.format);
            assert_eq!(value(&text, "clash_of_total"), "2");
            assert_eq!(text.matches("\nclash_of").count(), 1, "{text}");
        }
        // A value of another kind than its family.
        let mut sheet = Sheet::new();
        sheet.counter(&MEASURED, &[], 1);
        assert_eq!(sheet.render(PLAIN), "");
    });
    let told = String::from_utf8(told.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 1, "{told}");
    assert!(
        lines[0].contains("WARN") && lines[0].contains("clash_of"),
        "{told}"
    );
}

/// M-4: when only help or unit differ, just that comment is left out.
#[test]
fn of_two_helps_or_units_none_is_said() {
    static BYTES: Family = clashing("clash", Kind::Gauge, "By", "One.");
    static HELPS: Family = clashing("clash", Kind::Gauge, "By", "Another.");
    static UNITS: Family = clashing("clash.bytes", Kind::Gauge, "", "One.");
    let gauge = |family: &'static Family, who| {
        let mut sheet = Sheet::new();
        sheet.gauge(family, &[("who", who)], 1.0);
        sheet
    };
    for (other, has_help, has_unit) in [
        (&BYTES, true, true),
        (&HELPS, false, true),
        (&UNITS, true, false),
    ] {
        let mut merged = gauge(&BYTES, "a");
        merged.merge(gauge(other, "b"));
        let mut pushed = gauge(&BYTES, "a");
        pushed.gauge(other, &[("who", "b")], 1.0);
        // What was found once stays found.
        let mut again = gauge(&BYTES, "c");
        again.merge(merged.clone());
        for sheet in [merged, pushed, again] {
            let text = sheet.render(OPEN);
            strict::check(&text, Format::OpenMetrics);
            assert_eq!(comments(&text, "TYPE"), ["clash_bytes gauge"]);
            assert_eq!(!comments(&text, "HELP").is_empty(), has_help, "{text}");
            assert_eq!(!comments(&text, "UNIT").is_empty(), has_unit, "{text}");
            assert_eq!(value(&text, "clash_bytes{who=\"b\"}"), "1");
        }
    }
}
