//! Requests in flight.

use std::cell::Cell;
use std::rc::Rc;

use super::family::{Family, Instrument, Kind};
use super::method::MethodLabel;
use super::scheme::Scheme;
use super::sheet::Sheet;

static ACTIVE: Family = Family::new(Instrument {
    name: "http.server.active_requests",
    unit: "{request}",
    description: "Number of HTTP server requests in flight.",
    kind: Kind::UpDownCounter,
});

/// How many requests of each scheme and method are in flight.
#[derive(Debug, Default)]
pub(crate) struct Actives(Rc<Cells>);

type Cells = [[InFlight; MethodLabel::COUNT]; Scheme::ALL.len()];

/// Requests in flight of one method and scheme.
#[derive(Debug, Default)]
struct InFlight {
    count: Cell<u64>,
    /// Set by the first: before that there is nothing to tell.
    method: Cell<Option<MethodLabel>>,
}

/// A request in flight. Dropping it takes it off `http_server_active_requests`.
#[derive(Debug)]
#[must_use = "dropping it ends the request"]
pub struct Active {
    cells: Rc<Cells>,
    method: MethodLabel,
    scheme: Scheme,
}

impl Actives {
    pub(crate) fn start(&self, method: MethodLabel, scheme: Scheme) -> Active {
        let active = Active {
            cells: Rc::clone(&self.0),
            method,
            scheme,
        };
        active.change(|count| count + 1);
        active
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.iter().flatten().map(|of| of.count.get()).sum()
    }

    pub(crate) fn collect(&self, sheet: &mut Sheet) {
        for (scheme, methods) in Scheme::ALL.iter().zip(self.0.iter()) {
            for InFlight { count, method } in methods {
                let Some(method) = method.get() else {
                    continue;
                };
                // A thread has far fewer than 2^32 requests in flight.
                let level = f64::from(u32::try_from(count.get()).unwrap_or(u32::MAX));
                let labels = [
                    ("http.request.method", method.text()),
                    ("url.scheme", scheme.label()),
                ];
                sheet.gauge(&ACTIVE, &labels, level);
            }
        }
    }
}

impl Active {
    fn change(&self, next: impl Fn(u64) -> u64) {
        let cell = self
            .cells
            .get(self.scheme as usize)
            .and_then(|methods| methods.get(usize::from(self.method.number())));
        if let Some(cell) = cell {
            cell.count.set(next(cell.count.get()));
            cell.method.set(Some(self.method));
        }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.change(|count| count.saturating_sub(1));
    }
}
