//! One page of metrics from the workers' sheets and the process' own figures.

use std::collections::HashSet;
use std::time::UNIX_EPOCH;

use admin::Page;
use telemetry::Meters;
use telemetry::access_log::Meter;
use telemetry::diagnostics::Diagnostics;
use telemetry::metrics::{Family, Format, Instrument, Kind, Sheet, process_sheet};
use tls::CertificateView;

static RELOADS: Family = Family::new(Instrument {
    name: "tidegate.config.reloads",
    unit: "{reload}",
    description: "Times the configuration was read again and accepted.",
    kind: Kind::Counter,
});
static RELOAD_FAILURES: Family = Family::new(Instrument {
    name: "tidegate.config.reload_failures",
    unit: "{reload}",
    description: "Times the configuration was read again and refused.",
    kind: Kind::Counter,
});
static LAST_RELOAD_FAILED: Family = Family::new(Instrument {
    name: "tidegate.config.last_reload_failed",
    unit: "",
    description: "1 while the configuration on disk is one that was refused.",
    kind: Kind::Gauge,
});

static CERTIFICATE_END: Family = Family::new(Instrument {
    name: "tidegate.tls.certificate_not_after",
    unit: "s",
    description: "When a listener's certificate ends, in seconds since 1970.",
    kind: Kind::Gauge,
});

/// Figures that no worker has.
pub(crate) struct Figures {
    pub(crate) resource: Resource,
    pub(crate) reloads: u64,
    pub(crate) reload_failures: u64,
    pub(crate) last_reload_failed: bool,
    pub(crate) access_log: Option<Meter>,
    pub(crate) diagnostics: Diagnostics,
    pub(crate) exports: Meters,
    pub(crate) certificates: Vec<CertificateView>,
}

/// Attributes of the resource.
pub(crate) type Resource = Vec<(Box<str>, Box<str>)>;

/// Everything in the format the client prefers. Counting it together takes a while, what follows is done in pieces.
pub(crate) fn render(sheets: impl Iterator<Item = Sheet>, figures: &Figures, accept: &str) -> Page {
    let sum = gather(sheets, figures);
    let format = Format::negotiate(accept);
    Page {
        content_type: format.content_type(),
        pieces: Box::new(sum.into_pieces(format)),
    }
}

/// Everything in one sheet.
pub(crate) fn gather(sheets: impl Iterator<Item = Sheet>, figures: &Figures) -> Sheet {
    let mut sum = Sheet::new();
    for sheet in sheets {
        sum.merge(sheet);
    }
    let resource: Vec<(&str, &str)> = figures
        .resource
        .iter()
        .map(|(key, value)| (&**key, &**value))
        .collect();
    sum.target(&resource);
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
    figures.diagnostics.collect(&mut sum);
    figures.exports.collect(&mut sum);
    collect_certificates(&mut sum, &figures.certificates);
    process_sheet(&mut sum);
    sum
}

/// Listeners may share a certificate: it is told once.
fn collect_certificates(sheet: &mut Sheet, certificates: &[CertificateView]) {
    let mut told = HashSet::new();
    for certificate in certificates {
        if !told.insert(&certificate.file) {
            continue;
        }
        let end = certificate.not_after.duration_since(UNIX_EPOCH);
        let file = certificate.file.to_string_lossy();
        let end = end.unwrap_or_default().as_secs_f64();
        sheet.gauge(&CERTIFICATE_END, &[("certificate", &file)], end);
    }
}
