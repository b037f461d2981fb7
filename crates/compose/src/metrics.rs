//! One page of metrics from the workers' sheets and the process' own figures.

use admin::Page;
use telemetry::access_log::Meter;
use telemetry::metrics::{Family, Format, Kind, Sheet, process_sheet};

static TARGET_INFO: Family = Family {
    name: "target_info",
    help: "Always 1; the labels tell which gateway this is.",
    unit: None,
    kind: Kind::Gauge,
};
static RELOADS: Family = Family {
    name: "tidegate_config_reloads_total",
    help: "Times the configuration was read again and accepted.",
    unit: None,
    kind: Kind::Counter,
};
static RELOAD_FAILURES: Family = Family {
    name: "tidegate_config_reload_failures_total",
    help: "Times the configuration was read again and refused.",
    unit: None,
    kind: Kind::Counter,
};
static LAST_RELOAD_FAILED: Family = Family {
    name: "tidegate_config_last_reload_failed",
    help: "1 while the configuration on disk is one that was refused.",
    unit: None,
    kind: Kind::Gauge,
};

/// Figures that no worker has.
pub(crate) struct Figures {
    pub(crate) service_name: Box<str>,
    pub(crate) reloads: u64,
    pub(crate) reload_failures: u64,
    pub(crate) last_reload_failed: bool,
    pub(crate) access_log: Option<Meter>,
}

/// Renders everything in the format the client prefers.
pub(crate) fn render(sheets: impl Iterator<Item = Sheet>, figures: &Figures, accept: &str) -> Page {
    let mut sum = Sheet::new();
    for sheet in sheets {
        sum.merge(sheet);
    }
    sum.gauge(
        &TARGET_INFO,
        &[("service_name", &figures.service_name)],
        1.0,
    );
    sum.counter(&RELOADS, &[], figures.reloads);
    sum.counter(&RELOAD_FAILURES, &[], figures.reload_failures);
    sum.gauge(
        &LAST_RELOAD_FAILED,
        &[],
        f64::from(u8::from(figures.last_reload_failed)),
    );
    if let Some(meter) = &figures.access_log {
        meter.collect(&mut sum);
    }
    process_sheet(&mut sum);
    let format = Format::negotiate(accept);
    Page {
        content_type: format.content_type(),
        text: sum.render(format),
    }
}
