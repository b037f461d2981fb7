//! What each worker counts about requests.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use foldhash::fast::RandomState;
use message::{MethodKind, Version};

use super::family::{Family, Kind};
use super::histogram::Histogram;
use super::labels::Labels;
use super::sheet::{Sheet, Value};

static DURATION: Family = Family {
    name: "http_server_request_duration_seconds",
    help: "Duration of HTTP server requests.",
    unit: Some("seconds"),
    kind: Kind::Histogram,
};
static ACTIVE: Family = Family {
    name: "http_server_active_requests",
    help: "Number of HTTP server requests in flight.",
    unit: None,
    kind: Kind::Gauge,
};
static SERIES_OVERFLOW: Family = Family {
    name: "tidegate_metrics_series_overflow_total",
    help: "Requests counted in the overflow series because the worker's bound on series was reached.",
    unit: None,
    kind: Kind::Counter,
};
static ROUTES_OVERFLOW: Family = Family {
    name: "tidegate_metrics_routes_overflow_total",
    help: "Route names that got the overflow label because the worker's bound on names was reached.",
    unit: None,
    kind: Kind::Counter,
};

const OVERFLOW: &str = "_OVERFLOW";
const METHODS: usize = MethodKind::ALL.len();

/// How much [`RequestMetrics`] may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Names of routes (default 20,000). They stay known over reloads, so that a label means the same route for good.
    pub routes_max: u32,
    /// Different (route, method, status, version) (default 25,000); about 400 bytes each, and as much work
    /// per scrape as a quarter of a request.
    pub series_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            routes_max: 20_000,
            series_max: 25_000,
        }
    }
}

/// A route's name, interned: costs nothing to copy. Valid only with the [`RequestMetrics`] that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteLabel(u32);

impl RouteLabel {
    /// No route matched: the series has no `http_route`.
    pub const UNMATCHED: Self = Self(0);
    const OVERFLOW: Self = Self(1);
    const FIRST: u32 = 2;
}

/// `url.scheme` as the client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// A plain listener.
    Http,
    /// A listener with TLS.
    Https,
}

impl Scheme {
    const ALL: [Self; 2] = [Self::Http, Self::Https];

    fn label(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The request figures of one worker. Not shared between threads, so that counting is a plain addition.
#[derive(Debug, Default)]
pub struct RequestMetrics {
    bounds: Bounds,
    routes: RefCell<Routes>,
    routes_overflow: Cell<u64>,
    series: RefCell<HashMap<u64, Box<Series>, RandomState>>,
    overflow: Histogram,
    active: Rc<ActiveCells>,
}

/// Route names both ways; a label's place in `names` is its number less [`RouteLabel::FIRST`].
#[derive(Debug, Default)]
struct Routes {
    labels: HashMap<Rc<str>, RouteLabel, RandomState>,
    names: Vec<Rc<str>>,
}

#[derive(Debug)]
struct Series {
    labels: Labels,
    durations: Histogram,
}

type ActiveCells = [[Cell<u64>; METHODS]; Scheme::ALL.len()];

impl RequestMetrics {
    /// With nothing counted.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            ..Self::default()
        }
    }

    /// Interns a route's name; done when a plan is taken into use, not per request. Beyond the bound every new name
    /// gets the label `_OVERFLOW` and is counted.
    pub fn label(&self, route: &str) -> RouteLabel {
        let mut routes = self.routes.borrow_mut();
        if let Some(known) = routes.labels.get(route) {
            return *known;
        }
        let next = u32::try_from(routes.names.len()).unwrap_or(u32::MAX);
        if next >= self.bounds.routes_max {
            self.routes_overflow.set(self.routes_overflow.get() + 1);
            return RouteLabel::OVERFLOW;
        }
        let label = RouteLabel(next.saturating_add(RouteLabel::FIRST));
        let name: Rc<str> = route.into();
        routes.names.push(Rc::clone(&name));
        routes.labels.insert(name, label);
        label
    }

    /// Counts a request as in flight until the returned value is dropped, cancellation and panics included.
    pub fn started(&self, method: MethodKind, scheme: Scheme) -> Active {
        let active = Active {
            cells: Rc::clone(&self.active),
            method,
            scheme,
        };
        active.change(|count| count + 1);
        active
    }

    /// Counts a finished request; `status` 0 means that nothing was sent. Allocates when the combination is new.
    pub fn finished(
        &self,
        route: RouteLabel,
        method: MethodKind,
        status: u16,
        version: Version,
        elapsed: Duration,
    ) {
        let key = pack(route, method, status, version);
        if let Some(series) = self.series.borrow().get(&key) {
            series.durations.observe(elapsed);
            return;
        }
        if self.series.borrow().len() >= self.bounds.series_max {
            self.overflow.observe(elapsed);
            return;
        }
        let series = Series {
            labels: self.labels(route, method, status, version),
            durations: Histogram::new(),
        };
        series.durations.observe(elapsed);
        self.series.borrow_mut().insert(key, Box::new(series));
    }

    /// Requests in flight.
    pub fn active(&self) -> u64 {
        self.active.iter().flatten().map(Cell::get).sum()
    }

    /// Copies every figure: about 150 bytes and no formatting per series, so that a scrape holds up the worker little.
    pub fn collect(&self, sheet: &mut Sheet) {
        for series in self.series.borrow().values() {
            let value = Value::Buckets(series.durations.snapshot());
            sheet.push(&DURATION, Kind::Histogram, series.labels.clone(), value);
        }
        if self.overflow.count() > 0 {
            sheet.histogram(&DURATION, &[("http_route", OVERFLOW)], &self.overflow);
        }
        sheet.counter(&SERIES_OVERFLOW, &[], self.overflow.count());
        sheet.counter(&ROUTES_OVERFLOW, &[], self.routes_overflow.get());
        self.collect_active(sheet);
    }

    fn collect_active(&self, sheet: &mut Sheet) {
        for (scheme, methods) in Scheme::ALL.iter().zip(self.active.iter()) {
            for (method, count) in MethodKind::ALL.iter().zip(methods) {
                // A thread has far fewer than 2^32 requests in flight.
                let level = f64::from(u32::try_from(count.get()).unwrap_or(u32::MAX));
                let labels = [
                    ("http_request_method", method.label()),
                    ("url_scheme", scheme.label()),
                ];
                sheet.gauge(&ACTIVE, &labels, level);
            }
        }
    }

    fn labels(
        &self,
        route: RouteLabel,
        method: MethodKind,
        status: u16,
        version: Version,
    ) -> Labels {
        let routes = self.routes.borrow();
        let name = match route {
            RouteLabel::UNMATCHED => None,
            RouteLabel::OVERFLOW => Some(OVERFLOW),
            RouteLabel(number) => number
                .checked_sub(RouteLabel::FIRST)
                .and_then(|at| routes.names.get(usize::try_from(at).ok()?))
                .map(|name| &**name),
        };
        let status_text = status.to_string();
        let mut pairs = Vec::with_capacity(4);
        pairs.push(("http_request_method", method.label()));
        if status > 0 {
            pairs.push(("http_response_status_code", status_text.as_str()));
        }
        pairs.extend(name.map(|name| ("http_route", name)));
        pairs.push(("network_protocol_version", version.number()));
        Labels::new(&pairs)
    }
}

/// Route, status, method and version in disjoint bits.
fn pack(route: RouteLabel, method: MethodKind, status: u16, version: Version) -> u64 {
    let version = match version {
        Version::Http10 => 0,
        Version::Http11 => 1,
    };
    u64::from(route.0) << 32 | u64::from(status) << 16 | (method as u64) << 8 | version
}

/// A request in flight. Dropping it takes it off `http_server_active_requests`.
#[derive(Debug)]
#[must_use = "dropping it ends the request"]
pub struct Active {
    cells: Rc<ActiveCells>,
    method: MethodKind,
    scheme: Scheme,
}

impl Active {
    fn change(&self, next: impl Fn(u64) -> u64) {
        let cell = self
            .cells
            .get(self.scheme as usize)
            .and_then(|methods| methods.get(self.method as usize));
        if let Some(cell) = cell {
            cell.set(next(cell.get()));
        }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.change(|count| count.saturating_sub(1));
    }
}
