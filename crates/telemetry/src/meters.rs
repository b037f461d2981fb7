//! Counts of the exporters as metrics.

use export::{BreakerState, ConsoleQueue, Counts, Dropped, Meter};
use otlp::Signal;

use crate::metrics::{Family, Instrument, Kind, Sheet};

macro_rules! families {
    ($($name:ident = $kind:ident $text:literal, $unit:literal, $about:literal;)*) => {
        $(static $name: Family = Family::new(Instrument {
            name: $text,
            unit: $unit,
            description: $about,
            kind: Kind::$kind,
        });)*
    };
}

families! {
    EXPORTED = Counter "tidegate.export.items_exported", "{item}", "Spans, data points and log records that the receiver took.";
    REJECTED = Counter "tidegate.export.items_rejected", "{item}", "Items that the receiver refused while it took others of the same request.";
    DROPPED = Counter "tidegate.export.items_dropped", "{item}", "Items that were lost, by cause.";
    REQUESTS = Counter "tidegate.export.requests", "{request}", "Requests to the receiver, repeated ones included.";
    FAILED = Counter "tidegate.export.requests_failed", "{request}", "Requests that the receiver did not take.";
    RETRIES = Counter "tidegate.export.retries", "{request}", "Requests sent again after a failure.";
    QUEUE_BYTES = Gauge "tidegate.export.queue", "By", "Memory that holds items until they are sent.";
    QUEUE_ITEMS = Gauge "tidegate.export.queue_items", "{item}", "Items that wait to be sent.";
    REQUEST_TIME = Counter "tidegate.export.request_time", "s", "Time that requests to the receiver took.";
    BREAKER_OPEN = Gauge "tidegate.export.breaker_open", "", "1 while the receiver is left alone because it failed.";
}

/// Exporters of the past that may still be sending; those before them have ended.
const PAST_MAX: usize = 24;

/// Counts of the exporters; outlive them.
#[derive(Clone, Debug, Default)]
pub struct Meters {
    otlp: Vec<(Signal, Meter)>,
    console: Vec<(Signal, ConsoleQueue)>,
    /// Of exporters that were replaced, the oldest first.
    past: Vec<(Signal, Meter)>,
    /// What is left of those before them.
    ended: Vec<(Signal, Counts)>,
}

impl Meters {
    /// Shows what goes over OTLP.
    pub fn add(&mut self, signal: Signal, meter: Meter) {
        self.otlp.push((signal, meter));
    }

    /// Shows what is lost on the way to standard output.
    pub fn add_console(&mut self, signal: Signal, queue: ConsoleQueue) {
        self.console.push((signal, queue));
    }

    /// Goes on from what others counted: a reload that sends elsewhere begins no count again.
    #[must_use]
    pub fn after(mut self, before: Self) -> Self {
        self.ended = before.ended;
        self.past = before.past;
        self.past.extend(before.otlp);
        let over = self.past.len().saturating_sub(PAST_MAX);
        for (signal, meter) in self.past.drain(..over) {
            self.ended.push((signal, meter.counts()));
        }
        self
    }

    /// All that was counted of a signal; `None` when it never went anywhere.
    fn counts(&self, signal: Signal) -> Option<Counts> {
        let now = self.otlp.iter().map(|(of, meter)| (of, meter.counts()));
        let past = self.past.iter().map(|(of, meter)| (of, meter.counts()));
        let ended = self.ended.iter().map(|(of, counts)| (of, *counts));
        let all = now.chain(past).chain(ended);
        all.filter(|(of, _)| **of == signal)
            .map(|(_, counts)| counts)
            .reduce(|mut sum, counts| {
                sum += counts;
                sum
            })
    }

    /// Puts the counts into a sheet.
    pub fn collect(&self, sheet: &mut Sheet) {
        for (signal, queue) in &self.console {
            let labels = [("signal", signal.word()), ("cause", "console")];
            sheet.counter(&DROPPED, &labels, queue.counts().items_dropped);
        }
        for signal in Signal::ALL {
            let Some(counts) = self.counts(signal) else {
                continue;
            };
            let signal = signal.word();
            let labels = [("signal", signal)];
            sheet.counter(&EXPORTED, &labels, counts.items_exported);
            sheet.counter(&REJECTED, &labels, counts.items_rejected);
            for (cause, count) in by_cause(&counts.items_dropped) {
                sheet.counter(&DROPPED, &[("signal", signal), ("cause", cause)], count);
            }
            sheet.counter(&REQUESTS, &labels, counts.requests);
            sheet.counter(&FAILED, &labels, counts.requests_failed);
            sheet.counter(&RETRIES, &labels, counts.retries);
            sheet.counter_seconds(&REQUEST_TIME, &labels, counts.request_time);
            // Queues are far from 2^52.
            sheet.gauge(&QUEUE_BYTES, &labels, counts.queue_bytes as f64);
            sheet.gauge(&QUEUE_ITEMS, &labels, counts.queue_items as f64);
            let is_open = counts.breaker != BreakerState::Closed;
            sheet.gauge(&BREAKER_OPEN, &labels, f64::from(u8::from(is_open)));
        }
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
