//! What became of spans, as the gateway's own metrics tell it.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::scrape::Page;

/// How long spans wait for others before they are sent: `delay` in the configuration.
pub(super) const DELAY: Duration = Duration::from_millis(200);
/// After this every span that a worker held when the load ended was handed over and sent.
pub(super) const PAUSE: Duration = Duration::from_millis(500);
/// A receiver on the same machine that has not taken them by then does not take them.
const PATIENCE: Duration = Duration::from_secs(10);
const TRACES: &str = "signal=\"traces\"";

/// Spans that left the gateway, one way or the other.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Spans {
    /// The receiver took them.
    pub(super) exported: f64,
    /// Lost, whatever the cause, those included that the receiver refused.
    pub(super) dropped: f64,
}

impl Spans {
    /// Waits until nothing waits to be sent and two looks, a pause apart, see the same; gives up after ten seconds and says
    /// what it saw last. Looking costs CPU time of the gateway: not while that is measured.
    pub(super) fn settled(admin: SocketAddr) -> Result<Self> {
        let started = Instant::now();
        let mut last = None;
        loop {
            let page = Page::read(admin)?;
            let found = Self::of(&page);
            let waiting = page.sum("tidegate_export_queue_items", TRACES);
            let is_settled = waiting == 0.0 && last == Some(found);
            if is_settled || started.elapsed() > PATIENCE {
                return Ok(found);
            }
            last = Some(found);
            thread::sleep(PAUSE);
        }
    }

    /// What was added since `earlier`.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            exported: self.exported - earlier.exported,
            dropped: self.dropped - earlier.dropped,
        }
    }

    pub(super) fn plus(self, more: Self) -> Self {
        Self {
            exported: self.exported + more.exported,
            dropped: self.dropped + more.dropped,
        }
    }

    fn of(page: &Page) -> Self {
        let lost = ["dropped", "rejected"].map(|how| format!("tidegate_export_items_{how}_total"));
        Self {
            exported: page.sum("tidegate_export_items_exported_total", TRACES),
            dropped: lost.iter().map(|metric| page.sum(metric, TRACES)).sum(),
        }
    }
}
