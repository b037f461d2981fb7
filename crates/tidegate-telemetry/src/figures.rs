//! What a service counts: requests it serves and sends, on any thread.
//!
//! The figures of [`telemetry::metrics`] belong to one thread each. Here a few of them stand behind a lock each, and a
//! thread always takes the same one. A finished request costs one lock, hardly ever contended, and one allocation for the
//! name of its route or server; a request in flight costs two atomic additions.

use std::cell::Cell;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use telemetry::metrics::{
    Bounds, ClientMetrics, Family, Instrument, Kind, MethodLabel, RequestDurations, RpcMetrics,
    RpcSide, Scheme, Sheet,
};

/// Parts of the figures, at most: more threads share them.
const SHARDS_MAX: usize = 8;
/// Bounds of each part: about 1.5 MiB per metric when every label set there can be is in use.
const BOUNDS: Bounds = Bounds {
    names_max: 1_000,
    series_max: 2_000,
};

static ACTIVE: Family = Family::new(Instrument {
    name: "http.server.active_requests",
    unit: "{request}",
    description: "Number of HTTP server requests in flight.",
    kind: Kind::UpDownCounter,
});

/// All figures of a service.
#[derive(Debug)]
pub(crate) struct Figures {
    shards: Box<[Mutex<Shard>]>,
    active: [[InFlight; MethodLabel::COUNT]; 2],
}

/// Requests in flight of one method and scheme.
#[derive(Debug, Default)]
struct InFlight {
    count: AtomicI64,
    /// Set by the first: before that there is nothing to tell.
    method: OnceLock<MethodLabel>,
}

/// The figures of some threads.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) served: RequestDurations,
    pub(crate) sent: ClientMetrics,
    pub(crate) calls_served: RpcMetrics,
    pub(crate) calls_sent: RpcMetrics,
}

thread_local! {
    static PLACE: Cell<Option<usize>> = const { Cell::new(None) };
}

impl Figures {
    pub(crate) fn new() -> Self {
        let shards = thread::available_parallelism()
            .map_or(1, usize::from)
            .min(SHARDS_MAX);
        Self {
            shards: (0..shards).map(|_| Mutex::new(Shard::new())).collect(),
            active: Default::default(),
        }
    }

    /// Counts with this thread's part.
    pub(crate) fn count(&self, count: impl FnOnce(&Shard)) {
        let place = place() % self.shards.len();
        if let Some(shard) = self.shards.get(place) {
            count(&lock(shard));
        }
    }

    /// Counts a request in flight, by 1 when it comes and by -1 when it goes.
    pub(crate) fn change_active(&self, method: MethodLabel, scheme: Scheme, by: i64) {
        let cell = self
            .active
            .get(scheme as usize)
            .and_then(|methods| methods.get(usize::from(method.number())));
        if let Some(in_flight) = cell {
            in_flight.count.fetch_add(by, Ordering::Relaxed);
            in_flight.method.get_or_init(|| method);
        }
    }

    /// Everything, merged. Holds up each part for as long as copying it takes.
    pub(crate) fn sheet(&self) -> Sheet {
        let mut sum = Sheet::new();
        for shard in &self.shards {
            let mut sheet = Sheet::new();
            lock(shard).collect(&mut sheet);
            sum.merge(sheet);
        }
        for (scheme, methods) in ["http", "https"].into_iter().zip(&self.active) {
            for InFlight { count, method } in methods {
                let Some(method) = method.get() else {
                    continue;
                };
                let labels = [
                    ("http.request.method", method.text()),
                    ("url.scheme", scheme),
                ];
                // A process has far fewer than 2^31 requests in flight.
                let level = i32::try_from(count.load(Ordering::Relaxed)).unwrap_or(i32::MAX);
                sum.gauge(&ACTIVE, &labels, level.into());
            }
        }
        sum
    }
}

impl Shard {
    fn new() -> Self {
        Self {
            served: RequestDurations::new(BOUNDS),
            sent: ClientMetrics::new(BOUNDS),
            calls_served: RpcMetrics::new(RpcSide::Server, BOUNDS),
            calls_sent: RpcMetrics::new(RpcSide::Client, BOUNDS),
        }
    }

    fn collect(&self, sheet: &mut Sheet) {
        self.served.collect(sheet);
        self.sent.collect(sheet);
        self.calls_served.collect(sheet);
        self.calls_sent.collect(sheet);
    }
}

/// A number of this thread, given in turn.
fn place() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let known = PLACE.try_with(|place| {
        let known = place
            .get()
            .unwrap_or_else(|| NEXT.fetch_add(1, Ordering::Relaxed));
        place.set(Some(known));
        known
    });
    known.unwrap_or(0)
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
