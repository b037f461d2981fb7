//! A strict reader of OpenMetrics text, for what this crate writes: no timestamps, no exemplars, no summaries.
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>

use std::collections::HashSet;

/// Panics at the first rule that is broken.
#[track_caller]
pub(crate) fn check(text: &str) {
    let body = text
        .strip_suffix("# EOF\n")
        .expect("ends with # EOF and a newline");
    let mut reader = Reader::default();
    for line in body.lines() {
        match line.strip_prefix("# ") {
            Some(comment) => reader.comment(comment),
            None => reader.sample(line),
        }
    }
    reader.end_series();
}

#[derive(Default)]
struct Reader {
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
            assert!(self.families.insert(name.into()), "{name} is in two pieces");
            self.name = name.into();
            self.kind.clear();
            self.keywords.clear();
            self.samples = 0;
        }
        assert_eq!(self.samples, 0, "{comment}: after samples");
        assert!(self.keywords.insert(keyword.into()), "{comment}: twice");
        match keyword {
            "TYPE" => {
                assert!(
                    ["counter", "gauge", "histogram"].contains(&text),
                    "{comment}"
                );
                assert!(
                    !(text == "counter" && name.ends_with("_total")),
                    "{comment}"
                );
                self.kind = text.into();
            }
            "UNIT" => assert!(name.ends_with(&format!("_{text}")), "{comment}"),
            "HELP" => check_escapes(text),
            other => panic!("unknown comment {other}"),
        }
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
        match (self.kind.as_str(), suffix) {
            ("counter", "_total") => assert!(number >= 0.0, "{line}"),
            ("gauge", "") => {}
            ("histogram", _) => self.histogram(suffix, &labels, number),
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
                assert!(
                    bound == "+Inf" || bound.contains('.'),
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
