//! The text formats: Prometheus 0.0.4 and OpenMetrics 1.0.

use std::fmt::Write as _;

use super::family::{Family, Kind};
use super::format::Format;
use super::histogram::{BOUNDS, Snapshot};
use super::labels::{Labels, Quotes, push_escaped};
use super::sheet::{Rows, Value};

const NANOS_PER_SECOND: u128 = 1_000_000_000;

pub(crate) fn render<'a>(families: impl Iterator<Item = &'a Rows>, format: Format) -> String {
    let mut page = Page {
        text: String::new(),
        format,
    };
    for rows in families.filter(|rows| !rows.rows.is_empty()) {
        let mut sorted = Rows {
            family: rows.family,
            rows: rows.rows.clone(),
        };
        sorted.compact();
        page.head(sorted.family);
        for (labels, value) in &sorted.rows {
            page.row(sorted.family, labels, value);
        }
    }
    if format == Format::OpenMetrics {
        page.text.push_str("# EOF\n");
    }
    page.text
}

struct Page {
    text: String,
    format: Format,
}

impl Page {
    fn head(&mut self, family: &Family) {
        let (name, quotes) = match self.format {
            Format::Prometheus => (family.name, Quotes::Plain),
            Format::OpenMetrics => (family.stem(), Quotes::Escaped),
        };
        self.comment("HELP", name);
        push_escaped(&mut self.text, family.help, quotes);
        self.comment("\n# TYPE", name);
        self.text.push_str(family.kind.word());
        // OpenMetrics wants the name to end with its unit; 0.0.4 knows no UNIT.
        if self.format == Format::OpenMetrics
            && let Some(unit) = family.unit
            && name
                .strip_suffix(unit)
                .is_some_and(|rest| rest.ends_with('_'))
        {
            self.comment("\n# UNIT", name);
            self.text.push_str(unit);
        }
        self.text.push('\n');
    }

    fn comment(&mut self, keyword: &str, name: &str) {
        if !keyword.starts_with('\n') {
            self.text.push_str("# ");
        }
        self.text.push_str(keyword);
        self.text.push(' ');
        self.text.push_str(name);
        self.text.push(' ');
    }

    fn row(&mut self, family: &Family, labels: &Labels, value: &Value) {
        let suffix = match (family.kind, self.format) {
            (Kind::Counter, Format::OpenMetrics) => "_total",
            (Kind::Counter, Format::Prometheus)
            | (Kind::Gauge | Kind::Histogram, Format::Prometheus | Format::OpenMetrics) => "",
        };
        let name = match self.format {
            Format::Prometheus => family.name,
            Format::OpenMetrics => family.stem(),
        };
        match value {
            Value::Count(count) => {
                self.series(name, suffix, labels, None);
                self.count(*count);
            }
            Value::Nanos(nanos) => {
                self.series(name, suffix, labels, None);
                self.seconds(*nanos);
            }
            Value::Gauge(level) => {
                self.series(name, suffix, labels, None);
                self.level(*level);
            }
            Value::Buckets(snapshot) => self.buckets(name, labels, snapshot),
        }
    }

    fn buckets(&mut self, name: &str, labels: &Labels, snapshot: &Snapshot) {
        let mut below = 0_u64;
        for (at, count) in snapshot.buckets.iter().enumerate() {
            below = below.wrapping_add(*count);
            let bound = BOUNDS.get(at).map_or("+Inf", |(text, _)| *text);
            self.series(name, "_bucket", labels, Some(bound));
            self.count(below);
        }
        self.series(name, "_sum", labels, None);
        self.seconds(u128::from(snapshot.sum_nanos));
        self.series(name, "_count", labels, None);
        self.count(below);
    }

    fn series(&mut self, name: &str, suffix: &str, labels: &Labels, bound: Option<&str>) {
        self.text.push_str(name);
        self.text.push_str(suffix);
        let labels = labels.as_str();
        if !labels.is_empty() || bound.is_some() {
            self.text.push('{');
            self.text.push_str(labels);
            if let Some(bound) = bound {
                self.text
                    .push_str(if labels.is_empty() { "le=\"" } else { ",le=\"" });
                self.text.push_str(bound);
                // OpenMetrics asks for canonical floats: 1.0, not 1.
                if self.format == Format::OpenMetrics && bound.bytes().all(|b| b.is_ascii_digit()) {
                    self.text.push_str(".0");
                }
                self.text.push('"');
            }
            self.text.push('}');
        }
        self.text.push(' ');
    }

    fn count(&mut self, count: u64) {
        self.write(format_args!("{count}\n"));
    }

    fn seconds(&mut self, nanos: u128) {
        let (whole, rest) = (nanos / NANOS_PER_SECOND, nanos % NANOS_PER_SECOND);
        self.write(format_args!("{whole}.{rest:09}"));
        let kept = self.text.trim_end_matches('0').len();
        self.text.truncate(kept);
        if self.text.ends_with('.') {
            self.text.pop();
        }
        self.text.push('\n');
    }

    fn level(&mut self, level: f64) {
        if level.is_nan() {
            self.text.push_str("NaN\n");
        } else if level.is_infinite() {
            self.text
                .push_str(if level > 0.0 { "+Inf\n" } else { "-Inf\n" });
        } else {
            self.write(format_args!("{level}\n"));
        }
    }

    fn write(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.text
            .write_fmt(arguments)
            .expect("writing to a string cannot fail");
    }
}
