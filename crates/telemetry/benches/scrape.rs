//! What a counted request costs its worker, and what a scrape costs the worker and the thread that renders it: 1,000
//! routes with 5 statuses each.

use std::time::Duration;

use divan::{Bencher, black_box};
use message::{MethodKind, Version};
use telemetry::metrics::{
    Exemplar, Exposition, Format, MetricsPush, Outcome, RequestMetrics, RouteLabel, Scheme,
    ScopeLabels, Served, Sheet,
};
use telemetry::plan::OtlpTemporality;

fn main() {
    divan::main();
}

const ROUTES: usize = 1_000;
const STATUSES: [u16; 5] = [101, 200, 302, 404, 502];
const WORKERS: usize = 8;

const EXEMPLAR: Exemplar = Exemplar {
    trace_id: [7; 16],
    span_id: [9; 8],
    unix_nanos: 1_700_000_000_123_456_789,
};

/// Whether observations come with exemplars.
#[derive(Clone, Copy, Debug)]
enum Traced {
    No,
    Yes,
}

fn served(route: RouteLabel, status: u16, micros: u64, traced: Traced) -> Served {
    Served {
        route,
        method: MethodKind::Get.into(),
        scheme: Scheme::Https,
        version: Version::Http11,
        outcome: Outcome::answered(status),
        elapsed: Duration::from_micros(micros),
        exemplar: match traced {
            Traced::No => None,
            Traced::Yes => Some(EXEMPLAR),
        },
    }
}

/// Every series has observations in three buckets.
fn filled(traced: Traced) -> (RequestMetrics, Vec<RouteLabel>) {
    let metrics = RequestMetrics::default();
    let labels: Vec<_> = (0..ROUTES)
        .map(|number| metrics.label(&format!("route-{number}")))
        .collect();
    for label in &labels {
        for status in STATUSES {
            for micros in [900, 30_000, 400_000] {
                metrics.finished(&served(*label, status, micros, traced));
            }
        }
    }
    (metrics, labels)
}

fn sheet(traced: Traced) -> Sheet {
    let mut sheet = Sheet::new();
    filled(traced).0.collect(&mut sheet);
    sheet
}

#[divan::bench(args = [Traced::No, Traced::Yes])]
fn finished(bencher: Bencher<'_, '_>, traced: Traced) {
    let (metrics, labels) = filled(traced);
    let mut routes = labels.iter().cycle().step_by(7);
    bencher.bench_local(|| {
        let route = routes.next().copied().unwrap_or(RouteLabel::UNMATCHED);
        metrics.finished(black_box(&served(route, 200, 900, traced)));
    });
}

#[divan::bench]
fn finished_with_an_error(bencher: Bencher<'_, '_>) {
    let (metrics, labels) = filled(Traced::No);
    let refused = Served {
        outcome: Outcome {
            status: 502,
            error: Some("connect_failed"),
        },
        ..served(labels[0], 502, 900, Traced::No)
    };
    bencher.bench_local(|| metrics.finished(black_box(&refused)));
}

/// What the worker does for a scrape.
#[divan::bench(args = [Traced::No, Traced::Yes])]
fn collect(bencher: Bencher<'_, '_>, traced: Traced) {
    let (metrics, _) = filled(traced);
    bencher.bench_local(|| {
        let mut sheet = Sheet::new();
        metrics.collect(&mut sheet);
        sheet
    });
}

/// What the thread that renders does with the sheets of eight workers.
#[divan::bench]
fn merge_and_render(bencher: Bencher<'_, '_>) {
    bencher
        .with_inputs(|| vec![sheet(Traced::No); WORKERS])
        .bench_local_values(|sheets| {
            let mut sum = Sheet::new();
            for sheet in sheets {
                sum.merge(sheet);
            }
            sum.render(Exposition::default())
        });
}

#[divan::bench(args = [ScopeLabels::Shown, ScopeLabels::Hidden])]
fn render_prometheus(bencher: Bencher<'_, '_>, scope_labels: ScopeLabels) {
    let sheet = sheet(Traced::Yes);
    let exposition = Exposition {
        format: Format::Prometheus,
        scope_labels,
    };
    bencher.bench_local(|| sheet.render(exposition));
}

#[divan::bench]
fn render_openmetrics(bencher: Bencher<'_, '_>) {
    let sheet = sheet(Traced::Yes);
    bencher.bench_local(|| sheet.render(Format::OpenMetrics));
}

#[divan::bench(args = [OtlpTemporality::Cumulative, OtlpTemporality::Delta])]
fn push(bencher: Bencher<'_, '_>, preference: OtlpTemporality) {
    let sheet = sheet(Traced::Yes);
    let mut push = MetricsPush::new(preference, 1);
    let mut out = Vec::new();
    bencher.bench_local(|| {
        out.clear();
        push.append_otlp(&sheet, 2, &mut out)
    });
}
