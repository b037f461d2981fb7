//! What the exporters count about themselves, so that nothing is lost unseen.

use export::{Dropped, Meter};
use otlp::Signal;
use telemetry::metrics::{Family, Instrument, Kind, Sheet};

macro_rules! families {
    ($($name:ident = $kind:ident $text:literal, $about:literal;)*) => {
        $(static $name: Family = Family::new(Instrument {
            name: $text,
            unit: "{item}",
            description: $about,
            kind: Kind::$kind,
        });)*
    };
}

// The names that the gateway has for the same figures.
families! {
    EXPORTED = Counter "tidegate.export.items_exported", "Spans, data points and log records that the receiver took.";
    REJECTED = Counter "tidegate.export.items_rejected", "Items that the receiver refused while it took others of the same request.";
    DROPPED = Counter "tidegate.export.items_dropped", "Items that were lost, by cause.";
    QUEUE = Gauge "tidegate.export.queue_items", "Items that wait to be sent.";
}

pub(crate) fn collect(meters: &[(Signal, Meter)], sheet: &mut Sheet) {
    for (signal, meter) in meters {
        let counts = meter.counts();
        let signal = signal.word();
        let labels = [("signal", signal)];
        sheet.counter(&EXPORTED, &labels, counts.items_exported);
        sheet.counter(&REJECTED, &labels, counts.items_rejected);
        for (cause, count) in by_cause(&counts.items_dropped) {
            sheet.counter(&DROPPED, &[("signal", signal), ("cause", cause)], count);
        }
        // Queues are far from 2^52.
        sheet.gauge(&QUEUE, &labels, counts.queue_items as f64);
    }
}

fn by_cause(dropped: &Dropped) -> [(&'static str, u64); 5] {
    [
        ("queue_full", dropped.queue_full),
        ("rejected", dropped.rejected),
        ("retries_exhausted", dropped.retries_exhausted),
        ("shutdown", dropped.shutdown),
        ("too_large", dropped.too_large),
    ]
}
