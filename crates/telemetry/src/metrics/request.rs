//! What each worker counts about the requests it serves: `http.server.request.duration`, and those in flight.

use std::sync::Arc;
use std::time::Duration;

use message::Version;

use super::active::{Active, Actives};
use super::bounds::Bounds;
use super::exemplar::Exemplar;
use super::family::{Family, Instrument, Kind};
use super::interned::Interned;
use super::key::Key;
use super::labels::{LabelValue, Labels};
use super::method::MethodLabel;
use super::outcome::{Errors, Outcome, Side};
use super::protocol::Protocol;
use super::scheme::Scheme;
use super::series::SeriesTable;
use super::sheet::Sheet;

static DURATION: Family = Family::new(Instrument {
    name: "http.server.request.duration",
    unit: "s",
    description: "Duration of HTTP server requests.",
    kind: Kind::Histogram,
});
static ROUTES_OVERFLOW: Family = Family::new(Instrument {
    name: "tidegate.metrics.routes_overflow",
    unit: "{name}",
    description: "Route names that got the overflow label because the worker's bound on names was reached.",
    kind: Kind::Counter,
});

const OVERFLOW: &str = "_OVERFLOW";

/// A route's name, interned: costs nothing to copy. Valid only with the [`RequestMetrics`] or [`RequestDurations`] that
/// gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteLabel(u32);

impl RouteLabel {
    /// No route matched: the series has no `http_route`.
    pub const UNMATCHED: Self = Self(0);
    const OVERFLOW: Self = Self(1);
    const FIRST: u32 = 2;
}

/// A request that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Served {
    /// `http.route`.
    pub route: RouteLabel,
    /// `http.request.method`.
    pub method: MethodLabel,
    /// `url.scheme`.
    pub scheme: Scheme,
    /// `network.protocol.version`.
    pub version: Version,
    /// `http.response.status_code`, and `error.type`: the outcome's word, else the status code from 500 up. A 4xx is the
    /// client's error: with it a word is not shown.
    pub outcome: Outcome,
    /// From the request's first byte to the response's last.
    pub elapsed: Duration,
    /// The request's span, when it is offered.
    pub exemplar: Option<Exemplar>,
}

/// The figures of one worker about requests it serves. Not shared between threads, so that counting is a plain addition.
#[derive(Debug, Default)]
pub struct RequestMetrics {
    durations: RequestDurations,
    active: Actives,
}

impl RequestMetrics {
    /// With nothing counted.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            durations: RequestDurations::new(bounds),
            active: Actives::default(),
        }
    }

    /// Interns a route's name; done when a plan is taken into use, not per request. Beyond the bound every new name
    /// gets the label `_OVERFLOW` and is counted.
    pub fn label(&self, route: &str) -> RouteLabel {
        self.durations.label(route)
    }

    /// Counts a request as in flight until the returned value is dropped, cancellation and panics included.
    pub fn started(&self, method: MethodLabel, scheme: Scheme) -> Active {
        self.active.start(method, scheme)
    }

    /// Counts a finished request. Allocates when the combination is new, and for the first exemplar of one.
    pub fn finished(&self, request: &Served) {
        self.durations.finished(request, request.version.into());
    }

    /// Requests in flight.
    pub fn active(&self) -> u64 {
        self.active.count()
    }

    /// Copies every figure without formatting any, so that a scrape holds up the worker little: about 130 bytes per
    /// series, and 70 per exemplar.
    pub fn collect(&self, sheet: &mut Sheet) {
        self.durations.collect(sheet);
        self.active.collect(sheet);
    }
}

/// The part of [`RequestMetrics`] that knows nothing of requests in flight. Can be sent to another thread, for programs
/// whose requests move between threads; they count those in flight themselves.
#[derive(Debug)]
pub struct RequestDurations {
    routes: Interned<Arc<str>>,
    errors: Errors,
    series: SeriesTable,
}

impl RequestDurations {
    /// With nothing counted.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            routes: Interned::new(bounds.names_max),
            errors: Errors::default(),
            series: SeriesTable::new(bounds.series_max),
        }
    }

    /// As [`RequestMetrics::label`].
    pub fn label(&self, route: &str) -> RouteLabel {
        let number = self.routes.number(route.into());
        number.map_or(RouteLabel::OVERFLOW, |number| {
            RouteLabel(number.saturating_add(RouteLabel::FIRST))
        })
    }

    /// As [`RequestMetrics::finished`], over a protocol that need not be one of [`Served::version`]'s.
    pub fn finished(&self, request: &Served, protocol: Protocol) {
        let (error_number, error) = self.errors.number(request.outcome.word(Side::Server));
        let key = Key {
            name: request.route.0,
            status: request.outcome.status,
            error: error_number,
            method: request.method.number(),
            version: protocol as u8,
            scheme: request.scheme as u8,
        };
        let labels = || self.labels(request, protocol, error);
        self.series
            .observe(key.pack(), request.elapsed, request.exemplar, labels);
    }

    /// As [`RequestMetrics::collect`].
    pub fn collect(&self, sheet: &mut Sheet) {
        self.series.collect(&DURATION, sheet);
        sheet.counter(&ROUTES_OVERFLOW, &[], self.routes.refused());
    }

    fn labels(&self, request: &Served, protocol: Protocol, error: Option<&'static str>) -> Labels {
        let mut pairs = vec![(
            "http.request.method",
            LabelValue::Static(request.method.text()),
        )];
        let outcome = Outcome {
            error,
            ..request.outcome
        };
        outcome.append_to(&mut pairs, Side::Server);
        pairs.extend(self.route(request.route).map(|name| ("http.route", name)));
        pairs.push((
            "network.protocol.version",
            LabelValue::Static(protocol.number()),
        ));
        pairs.push(("url.scheme", LabelValue::Static(request.scheme.label())));
        Labels::new(pairs)
    }

    fn route(&self, route: RouteLabel) -> Option<LabelValue> {
        match route {
            RouteLabel::UNMATCHED => None,
            RouteLabel::OVERFLOW => Some(LabelValue::Static(OVERFLOW)),
            RouteLabel(number) => {
                let number = number.checked_sub(RouteLabel::FIRST)?;
                self.routes.value(number).map(LabelValue::Text)
            }
        }
    }
}

impl Default for RequestDurations {
    fn default() -> Self {
        Self::new(Bounds::default())
    }
}
