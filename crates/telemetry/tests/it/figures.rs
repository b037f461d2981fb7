//! Metrics that several tests count in, and how their text is read.

use std::time::Duration;

use message::{MethodKind, Version};
use telemetry::metrics::{
    Exemplar, Exposition, Family, Format, Instrument, Kind, Outcome, RouteLabel, Scheme,
    ScopeLabels, Served, Sheet,
};

pub(crate) static LATENCY: Family = Family::new(Instrument {
    name: "test.latency",
    unit: "s",
    description: "How \"long\" it\ntook, with a \\.",
    kind: Kind::Histogram,
});
pub(crate) static EVENTS: Family = Family::new(Instrument {
    name: "test.events",
    unit: "{event}",
    description: "Events.",
    kind: Kind::Counter,
});
pub(crate) static CPU: Family = Family::new(Instrument {
    name: "test.cpu",
    unit: "s",
    description: "Time.",
    kind: Kind::ObservableCounter,
});
pub(crate) static LEVEL: Family = Family::new(Instrument {
    name: "test.level",
    unit: "{thing}",
    description: "Level.",
    kind: Kind::Gauge,
});

/// Prometheus' text without scope labels.
pub(crate) const PLAIN: Exposition = Exposition {
    format: Format::Prometheus,
    scope_labels: ScopeLabels::Hidden,
};

/// The value of a series, which is named with its labels.
#[track_caller]
pub(crate) fn value<'a>(text: &'a str, series: &str) -> &'a str {
    text.lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
        .unwrap_or_else(|| panic!("no {series} in\n{text}"))
}

/// The labels of each series of that name, in their order.
pub(crate) fn series<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let labels = |line: &'a str| {
        line.strip_prefix(name)?
            .strip_prefix('{')?
            .rsplit_once("} ")
    };
    text.lines()
        .filter_map(|line| Some(labels(line)?.0))
        .collect()
}

/// The plain text of what somebody collects. A sheet is what crosses threads.
pub(crate) fn rendered(collect: impl FnOnce(&mut Sheet)) -> String {
    let mut sheet = Sheet::new();
    collect(&mut sheet);
    std::thread::spawn(move || sheet.render(PLAIN))
        .join()
        .unwrap()
}

/// A `GET` over plain HTTP/1.1 that was answered so at once.
pub(crate) fn served(route: RouteLabel, outcome: Outcome) -> Served {
    Served {
        route,
        method: MethodKind::Get.into(),
        scheme: Scheme::Http,
        version: Version::Http11,
        outcome,
        elapsed: Duration::ZERO,
        exemplar: None,
    }
}

/// An exemplar whose ids are made of one digit each.
pub(crate) fn exemplar(trace: u8, span: u8, unix_nanos: u64) -> Exemplar {
    Exemplar {
        trace_id: [trace; 16],
        span_id: [span; 8],
        unix_nanos,
    }
}
