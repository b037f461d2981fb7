//! Which text format a scraper wants.

/// A text format of metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4.
    #[default]
    Prometheus,
    /// OpenMetrics text 1.0.
    OpenMetrics,
}

/// How well an answer suits: quality in thousandths first, then how exactly it was named.
type Rank = (u16, u8);

impl Format {
    /// Picks by an Accept header (RFC 9110 12.5.1). Whoever names neither format, or nothing, gets Prometheus 0.0.4:
    /// a scraper is better served by that than by 406.
    pub fn negotiate(accept: &str) -> Self {
        let prometheus = rank(accept, "text", "plain", "0.0.4");
        let open = rank(accept, "application", "openmetrics-text", "1.0.0");
        if open.0 > 0 && open > prometheus {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    /// The Content-Type of the rendered text.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The most exact range that covers the type decides its quality.
fn rank(accept: &str, kind: &str, subtype: &str, version: &str) -> Rank {
    accept
        .split(',')
        .filter_map(|range| rank_by(range, kind, subtype, version))
        .max_by_key(|(quality, exactness)| (*exactness, *quality))
        .unwrap_or((0, 0))
}

fn rank_by(range: &str, kind: &str, subtype: &str, version: &str) -> Option<Rank> {
    let mut parts = range.split(';').map(str::trim);
    let (range_kind, range_subtype) = parts.next()?.split_once('/')?;
    let same = |pattern: &str, text: &str| pattern.eq_ignore_ascii_case(text);
    let mut exactness = match (range_kind, range_subtype) {
        ("*", "*") => 1,
        (range_kind, "*") if same(range_kind, kind) => 2,
        (range_kind, range_subtype) if same(range_kind, kind) && same(range_subtype, subtype) => 3,
        _ => return None,
    };
    let mut quality = 1000;
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim().trim_matches('"');
        if same(name.trim(), "q") {
            quality = parse_quality(value)?;
        } else if same(name.trim(), "version") {
            if value != version {
                return None;
            }
            exactness = 4;
        }
    }
    Some((quality, exactness))
}

/// `0`, `0.5`, `1.000`, in thousandths.
fn parse_quality(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths = fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(3)
        .fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(1000),
        _ => None,
    }
}
