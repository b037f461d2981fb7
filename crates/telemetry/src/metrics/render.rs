//! The text formats: Prometheus 0.0.4 and OpenMetrics 1.0. No timestamps on points, no `_created` lines (M-1).

use std::fmt::Write as _;

use super::exemplar::Sample;
use super::exposition::{Exposition, SCOPE_NAME, SCOPE_VERSION, ScopeLabels};
use super::family::Family;
use super::format::Format;
use super::histogram::{BOUNDS, Snapshot};
use super::labels::{Labels, Quotes, push_escaped};
use super::rows::{Rows, Value};
use super::sheet::Sheet;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A guess at what a line of a histogram has beside name and labels: suffix, bound, punctuation and a number.
const LINE_REST: usize = 32;
/// Buckets, sum and count.
const HISTOGRAM_LINES: usize = BOUNDS.len() + 3;
/// What an exemplar adds to its line, at most.
const EXEMPLAR: usize = 128;

pub(crate) fn render(sheet: &Sheet, exposition: Exposition) -> String {
    let mut page = Page::new(exposition);
    if let Some(labels) = sheet.target_text() {
        page.target(labels);
    }
    for rows in sheet.rows_by_name() {
        let settled = rows.settled();
        let sorted = settled.sorted();
        if sorted.is_empty() {
            continue;
        }
        page.head(&settled);
        page.reserve(settled.family, &sorted);
        for (labels, value) in sorted {
            page.row(settled.family, labels, value);
        }
    }
    if exposition.format == Format::OpenMetrics {
        page.text.push_str("# EOF\n");
    }
    page.text
}

struct Page {
    text: String,
    format: Format,
    /// The labels of the scope, as they stand between braces.
    scope: String,
    /// A line as far as the lines of its series are alike.
    line: String,
}

impl Page {
    fn new(exposition: Exposition) -> Self {
        let scope = match exposition.scope_labels {
            ScopeLabels::Shown => {
                format!("otel_scope_name=\"{SCOPE_NAME}\",otel_scope_version=\"{SCOPE_VERSION}\"")
            }
            ScopeLabels::Hidden => String::new(),
        };
        Self {
            text: String::new(),
            format: exposition.format,
            scope,
            line: String::new(),
        }
    }

    /// The resource (M-6): of type info where there is that type, else a gauge.
    fn target(&mut self, labels: &str) {
        let (name, kind) = match self.format {
            Format::Prometheus => ("target_info", "gauge"),
            Format::OpenMetrics => ("target", "info"),
        };
        self.comment("HELP", name, "What these figures are of.");
        self.comment("TYPE", name, kind);
        self.text.push_str("target_info{");
        self.text.push_str(labels);
        self.text.push_str("} 1\n");
    }

    fn head(&mut self, rows: &Rows) {
        let family = rows.family;
        let (name, quotes) = match self.format {
            Format::Prometheus => (family.name(), Quotes::Plain),
            Format::OpenMetrics => (family.stem(), Quotes::Escaped),
        };
        if !rows.help_differs {
            let mut help = String::new();
            push_escaped(&mut help, family.instrument().description, quotes);
            self.comment("HELP", name, &help);
        }
        self.comment("TYPE", name, family.instrument().kind.word());
        // 0.0.4 knows no UNIT. OpenMetrics wants the name to end with it, and by its making it does.
        if let Some(unit) = family.unit_words()
            && self.format == Format::OpenMetrics
            && !rows.unit_differs
        {
            self.comment("UNIT", name, unit);
        }
    }

    /// Makes room at once: a page of many series that grew bit by bit would be copied as often.
    fn reserve(&mut self, family: &Family, rows: &[(&Labels, &Value)]) {
        let rest = family.name().len() + self.scope.len() + LINE_REST;
        let len = |(labels, value): &(&Labels, &Value)| {
            let line = labels.as_str().len() + rest;
            match value {
                Value::Count(_) | Value::Nanos(_) | Value::Level(_) => line,
                Value::Durations(snapshot) => {
                    line * HISTOGRAM_LINES + snapshot.samples.len() * EXEMPLAR
                }
            }
        };
        self.text.reserve(rows.iter().map(len).sum());
    }

    fn comment(&mut self, keyword: &str, name: &str, text: &str) {
        for part in ["# ", keyword, " ", name, " ", text, "\n"] {
            self.text.push_str(part);
        }
    }

    /// The lines of one series. Those of a counter end with `_total` in both formats.
    fn row(&mut self, family: &Family, labels: &Labels, value: &Value) {
        match value {
            Value::Count(count) => {
                self.series(family, "", labels);
                self.count(*count);
            }
            Value::Nanos(nanos) => {
                self.series(family, "", labels);
                self.seconds(*nanos);
            }
            Value::Level(level) => {
                self.series(family, "", labels);
                self.level(*level);
            }
            Value::Durations(snapshot) => {
                self.buckets(family, labels, snapshot);
                return;
            }
        }
        self.text.push('\n');
    }

    fn buckets(&mut self, family: &Family, labels: &Labels, snapshot: &Snapshot) {
        self.begin_line(family, "_bucket", labels);
        let more = if self.line.ends_with('{') { "" } else { "," };
        self.line.push_str(more);
        self.line.push_str("le=\"");
        let mut below = 0_u64;
        for (at, count) in snapshot.figures.buckets.iter().enumerate() {
            below = below.wrapping_add(*count);
            let bound = BOUNDS.get(at).map_or("+Inf", |(text, _)| *text);
            self.text.push_str(&self.line);
            self.text.push_str(bound);
            // OpenMetrics asks for canonical floats: 1.0, not 1.
            if self.format == Format::OpenMetrics && bound.bytes().all(|b| b.is_ascii_digit()) {
                self.text.push_str(".0");
            }
            self.text.push_str("\"} ");
            self.count(below);
            if self.format == Format::OpenMetrics
                && let Some(sample) = snapshot.sample(at)
            {
                self.exemplar(sample);
            }
            self.text.push('\n');
        }
        self.series(family, "_sum", labels);
        self.seconds(snapshot.figures.sum_nanos);
        self.text.push('\n');
        self.series(family, "_count", labels);
        self.count(below);
        self.text.push('\n');
    }

    /// Name and labels of a line with one value.
    fn series(&mut self, family: &Family, suffix: &str, labels: &Labels) {
        self.begin_line(family, suffix, labels);
        if self.line.ends_with('{') {
            self.line.pop();
        } else {
            self.line.push('}');
        }
        self.line.push(' ');
        self.text.push_str(&self.line);
    }

    /// Name, brace and labels, without the brace at the end.
    fn begin_line(&mut self, family: &Family, suffix: &str, labels: &Labels) {
        self.line.clear();
        for part in [family.name(), suffix, "{", labels.as_str()] {
            self.line.push_str(part);
        }
        if !labels.as_str().is_empty() && !self.scope.is_empty() {
            self.line.push(',');
        }
        self.line.push_str(&self.scope);
    }

    /// 63 characters of names and values, of 128 that there may be (M-8).
    fn exemplar(&mut self, sample: &Sample) {
        let exemplar = &sample.exemplar;
        self.text.push_str(" # {trace_id=\"");
        self.hex(&exemplar.trace_id);
        self.text.push_str("\",span_id=\"");
        self.hex(&exemplar.span_id);
        self.text.push_str("\"} ");
        self.seconds(sample.value_nanos);
        self.text.push(' ');
        self.seconds(exemplar.unix_nanos);
    }

    fn hex(&mut self, bytes: &[u8]) {
        let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
        for byte in bytes {
            self.text.push(digit(byte >> 4));
            self.text.push(digit(byte & 0xf));
        }
    }

    fn count(&mut self, count: u64) {
        self.write(format_args!("{count}"));
    }

    fn seconds(&mut self, nanos: u64) {
        let (whole, rest) = (nanos / NANOS_PER_SECOND, nanos % NANOS_PER_SECOND);
        self.write(format_args!("{whole}"));
        if rest > 0 {
            self.write(format_args!(".{rest:09}"));
            let kept = self.text.trim_end_matches('0').len();
            self.text.truncate(kept);
        }
    }

    fn level(&mut self, level: f64) {
        if level.is_nan() {
            self.text.push_str("NaN");
        } else if level.is_infinite() {
            let text = if level > 0.0 { "+Inf" } else { "-Inf" };
            self.text.push_str(text);
        } else {
            self.write(format_args!("{level}"));
        }
    }

    fn write(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.text
            .write_fmt(arguments)
            .expect("writing to a string cannot fail");
    }
}
