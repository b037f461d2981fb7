//! A strict reader of both text formats, for what this crate writes: no timestamps on points, no summaries.
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::collections::HashSet;

use telemetry::metrics::Format;

/// Panics at the first rule that is broken.
#[track_caller]
pub(crate) fn check(text: &str, format: Format) {
    let body = match format {
        Format::Prometheus => text,
        // M-8
        Format::OpenMetrics => text
            .strip_suffix("# EOF\n")
            .expect("ends with # EOF and a newline"),
    };
    let mut reader = Reader {
        format,
        families: HashSet::new(),
        series: HashSet::new(),
        name: String::new(),
        kind: String::new(),
        keywords: HashSet::new(),
        samples: 0,
        open: None,
    };
    for line in body.lines() {
        match line.strip_prefix("# ") {
            Some(comment) => reader.comment(comment),
            None => reader.line(line),
        }
    }
    reader.end_series();
}

struct Reader {
    format: Format,
    families: HashSet<String>,
    series: HashSet<String>,
    name: String,
    kind: String,
    keywords: HashSet<String>,
    samples: usize,
    /// Of the histogram series being read: its labels, the bounds and counts so far, its count.
    open: Option<(String, Vec<(f64, f64)>)>,
}

impl Reader {
    fn comment(&mut self, comment: &str) {
        let mut words = comment.splitn(3, ' ');
        let (keyword, name) = (words.next().unwrap(), words.next().unwrap());
        let text = words.next().expect("a comment has three parts");
        if name != self.name {
            self.end_series();
            assert!(is_name(name), "{name}");
            // M-4
            assert!(self.families.insert(name.into()), "{name} is in two pieces");
            self.name = name.into();
            self.kind.clear();
            self.keywords.clear();
            self.samples = 0;
        }
        assert_eq!(self.samples, 0, "{comment}: after samples");
        assert!(self.keywords.insert(keyword.into()), "{comment}: twice");
        match (keyword, self.format) {
            ("TYPE", _) => self.kind_line(text),
            ("UNIT", Format::OpenMetrics) => {
                assert!(name.ends_with(&format!("_{text}")), "{comment}");
            }
            ("HELP", Format::OpenMetrics) => check_escapes(text),
            ("HELP", Format::Prometheus) => {}
            (other, _) => panic!("unknown comment {other}"),
        }
    }

    fn kind_line(&mut self, kind: &str) {
        let known: &[&str] = match self.format {
            Format::Prometheus => &["counter", "gauge", "histogram"],
            Format::OpenMetrics => &["counter", "gauge", "histogram", "info"],
        };
        assert!(known.contains(&kind), "{kind}");
        let is_total = self.name.ends_with("_total");
        assert_eq!(
            is_total,
            kind == "counter" && self.format == Format::Prometheus,
            "{}",
            self.name
        );
        self.kind = kind.into();
    }

    fn line(&mut self, line: &str) {
        let Some((sample, exemplar)) = line.split_once(" # ") else {
            return self.sample(line);
        };
        // M-8
        assert_eq!(self.format, Format::OpenMetrics, "{line}");
        assert!(sample.contains("_bucket{"), "{line}");
        let (labels, rest) = exemplar
            .strip_prefix('{')
            .and_then(|rest| rest.split_once("} "))
            .expect("labels of an exemplar");
        let labels = parse_labels(labels);
        let letters: usize = labels
            .iter()
            .map(|(name, value)| name.chars().count() + value.chars().count())
            .sum();
        assert!(letters <= 128, "{line}");
        let names: Vec<&str> = labels.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["trace_id", "span_id"], "{line}");
        let (value, time) = rest.split_once(' ').expect("a value and a time");
        assert!(parse_number(value) >= 0.0 && parse_number(time) >= 0.0);
        self.sample(sample);
    }

    fn sample(&mut self, line: &str) {
        self.samples += 1;
        let (series, number) = line.rsplit_once(' ').expect("a value after a space");
        assert!(self.series.insert(series.into()), "{series}: twice");
        let number = parse_number(number);
        let (name, labels) = match series.split_once('{') {
            None => (series, Vec::new()),
            Some((name, rest)) => (name, parse_labels(rest.strip_suffix('}').expect("a brace"))),
        };
        let suffix = name
            .strip_prefix(&self.name)
            .expect("belongs to the family before it");
        match (self.kind.as_str(), suffix, self.format) {
            ("counter", "_total", Format::OpenMetrics) | ("counter", "", Format::Prometheus) => {
                assert!(number >= 0.0, "{line}");
            }
            ("gauge", "", _) => {}
            ("info", "_info", Format::OpenMetrics) => assert_eq!(number, 1.0, "{line}"),
            ("histogram", _, _) => self.histogram(suffix, &labels, number),
            _ => panic!("{line}: not of a {}", self.kind),
        }
    }

    fn histogram(&mut self, suffix: &str, labels: &[(String, String)], number: f64) {
        let others: Vec<_> = labels.iter().filter(|(name, _)| name != "le").collect();
        let key = format!("{others:?}");
        if self.open.as_ref().is_some_and(|(open, _)| *open != key) {
            self.end_series();
        }
        let (_, buckets) = self.open.get_or_insert_with(|| (key, Vec::new()));
        match suffix {
            "_bucket" => {
                let (_, bound) = labels.iter().find(|(name, _)| name == "le").expect("le");
                let is_whole = bound.bytes().all(|b| b.is_ascii_digit());
                assert!(
                    self.format == Format::Prometheus || !is_whole,
                    "{bound} is no canonical float"
                );
                let bound = parse_number(bound);
                if let Some((before, count)) = buckets.last() {
                    assert!(bound > *before && number >= *count, "buckets grow");
                }
                buckets.push((bound, number));
            }
            "_sum" => assert!(number >= 0.0),
            "_count" => assert_eq!(buckets.last(), Some(&(f64::INFINITY, number))),
            other => panic!("{other} of a histogram"),
        }
    }

    fn end_series(&mut self) {
        if let Some((key, buckets)) = self.open.take() {
            let last = buckets.last().map(|(bound, _)| *bound);
            assert_eq!(last, Some(f64::INFINITY), "{key} has no +Inf");
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn parse_number(text: &str) -> f64 {
    match text {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        "NaN" => f64::NAN,
        digits => {
            assert!(
                digits.bytes().all(|b| b"0123456789.e+-".contains(&b)),
                "{digits}"
            );
            digits.parse().unwrap()
        }
    }
}

/// Backslashes stand only before `n`, `"` and themselves; quotes do not stand bare.
fn check_escapes(text: &str) {
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        assert_ne!(letter, '"', "a bare quote in {text}");
        if letter == '\\' {
            assert!(matches!(letters.next(), Some('n' | '"' | '\\')), "{text}");
        }
    }
}

fn parse_labels(text: &str) -> Vec<(String, String)> {
    let mut labels: Vec<(String, String)> = Vec::new();
    let mut rest = text;
    loop {
        let (name, after) = rest.split_once("=\"").expect("a quoted value");
        assert!(is_name(name), "{name}");
        assert!(
            labels.iter().all(|(known, _)| known != name),
            "{name}: twice"
        );
        let mut escaped = false;
        let end = after
            .find(|letter| {
                let ends = letter == '"' && !escaped;
                escaped = letter == '\\' && !escaped;
                ends
            })
            .expect("a closing quote");
        let (value, after) = after.split_at(end);
        check_escapes(value);
        labels.push((name.into(), value.into()));
        match after.strip_prefix('"').expect("the closing quote") {
            "" => return labels,
            more => rest = more.strip_prefix(',').expect("a comma"),
        }
    }
}
