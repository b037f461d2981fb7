//! The text formats: Prometheus 0.0.4 and OpenMetrics 1.0. No timestamps on points, no `_created` lines (M-1).

use std::fmt::Write as _;

use super::exemplar::Sample;
use super::exposition::{Exposition, SCOPE_NAME, SCOPE_VERSION, ScopeLabels};
use super::family::Family;
use super::format::Format;
use super::histogram::{BOUNDS, Snapshot};
use super::labels::{Labels, Quotes, push_escaped};
use super::rows::{Sorted, Value};
use crate::ascii::Ascii;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A piece is handed over when it is this long: it stays in the processor's caches until it is sent.
const PIECE_BYTES: usize = 32 * 1024;
/// What a piece may be longer: a series of a histogram with exemplars and long labels.
const PIECE_ROOM: usize = 16 * 1024;

/// The text of a sheet, piece by piece: whoever sends it needs not hold all of it, and can let others run in between.
///
/// Pieces end where a series ends and have some 32 KiB; only a single series that is larger makes a larger one.
#[derive(Debug)]
pub struct Pieces {
    page: Page,
    families: std::vec::IntoIter<Sorted>,
    /// What is left of the family under way.
    rows: std::vec::IntoIter<(Labels, Value)>,
    family: Option<&'static Family>,
    is_over: bool,
}

impl Pieces {
    pub(crate) fn new(families: Vec<Sorted>, target: Option<&str>, exposition: Exposition) -> Self {
        let mut page = Page::new(exposition);
        if let Some(labels) = target {
            page.target(labels);
        }
        Self {
            page,
            families: families.into_iter(),
            rows: Vec::new().into_iter(),
            family: None,
            is_over: false,
        }
    }

    /// Writes one series, or the beginning of the next family, or the end of the page.
    fn step(&mut self) {
        if let (Some(family), Some((labels, value))) = (self.family, self.rows.next()) {
            self.page.row(family, &labels, &value);
        } else if let Some(next) = self.families.next() {
            if !next.rows.is_empty() {
                self.page.head(&next);
            }
            self.family = Some(next.family);
            self.rows = next.rows.into_iter();
        } else {
            self.is_over = true;
            if self.page.format == Format::OpenMetrics {
                self.page.text.push_str("# EOF\n");
            }
        }
    }
}

impl Iterator for Pieces {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        while self.page.text.len() < PIECE_BYTES && !self.is_over {
            self.step();
        }
        let room = String::with_capacity(PIECE_BYTES + PIECE_ROOM);
        let piece = std::mem::replace(&mut self.page.text, room);
        (!piece.is_empty()).then_some(piece)
    }
}

#[derive(Debug)]
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
            text: String::with_capacity(PIECE_BYTES + PIECE_ROOM),
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

    fn head(&mut self, rows: &Sorted) {
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
        self.text.push_str(Ascii::number(count).as_str());
    }

    fn seconds(&mut self, nanos: u64) {
        let (whole, rest) = (nanos / NANOS_PER_SECOND, nanos % NANOS_PER_SECOND);
        self.count(whole);
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
