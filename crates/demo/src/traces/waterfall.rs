//! A trace as a waterfall: which span stands under which, and from where to where its bar goes.

use super::id::SpanId;
use super::span::Span;
use super::store::Trace;

/// No bar is thinner, in per cent.
const WIDTH_MIN: f64 = 0.2;

/// The spans of a trace from top to bottom. Clocks of different machines differ, and parents may be missing or go round in
/// a circle: every span has exactly one row in any case.
pub(super) struct Waterfall<'a> {
    pub(super) rows: Vec<Row<'a>>,
    /// The earliest start. A time of zero is none.
    pub(super) start_unix_nanos: u64,
    /// From the earliest start to the latest end.
    pub(super) duration_nanos: u64,
}

pub(super) struct Row<'a> {
    pub(super) span: &'a Span,
    /// 0 for what stands under nothing.
    pub(super) depth: usize,
    /// It has a parent, which has not been received or goes round in a circle with it.
    pub(super) is_orphan: bool,
}

/// A part of the whole width, both in per cent of it; never beyond it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bar {
    pub(super) left: f64,
    pub(super) width: f64,
}

impl<'a> Waterfall<'a> {
    pub(super) fn of(trace: &'a Trace) -> Self {
        let spans = &trace.spans;
        let starts = spans.iter().map(|span| span.start_unix_nanos);
        let start = starts.filter(|time| *time > 0).min().unwrap_or(0);
        let times = spans
            .iter()
            .flat_map(|span| [span.start_unix_nanos, span.end_unix_nanos]);
        let end = times.max().unwrap_or(start);
        Self {
            rows: rows(spans),
            start_unix_nanos: start,
            duration_nanos: end.saturating_sub(start),
        }
    }

    /// The span that the trace is named after: the topmost that has no parent, else the topmost.
    pub(super) fn root(&self) -> Option<&'a Span> {
        let mut rows = self.rows.iter().map(|row| row.span);
        let topmost = rows.clone().next();
        rows.find(|span| span.parent.is_none()).or(topmost)
    }

    pub(super) fn failed_spans(&self) -> usize {
        let failed = self.rows.iter().filter(|row| row.span.has_failed());
        failed.count()
    }

    pub(super) fn bar(&self, span: &Span) -> Bar {
        let left = self.percent(span.start_unix_nanos.saturating_sub(self.start_unix_nanos));
        let left = left.min(100.0 - WIDTH_MIN);
        let width = self.percent(span.duration_nanos());
        Bar {
            left,
            width: width.clamp(WIDTH_MIN, 100.0 - left),
        }
    }

    /// Where a moment stands, in per cent.
    pub(super) fn place(&self, unix_nanos: u64) -> f64 {
        self.percent(unix_nanos.saturating_sub(self.start_unix_nanos))
    }

    fn percent(&self, nanos: u64) -> f64 {
        if self.duration_nanos == 0 {
            return 0.0;
        }
        (nanos as f64 / self.duration_nanos as f64 * 100.0).min(100.0)
    }
}

fn rows(spans: &[Span]) -> Vec<Row<'_>> {
    let mut by_start: Vec<&Span> = spans.iter().collect();
    by_start.sort_by_key(|span| (span.start_unix_nanos, span.id));
    let is_known = |id: SpanId| spans.iter().any(|span| span.id == id);
    let (children, tops): (Vec<&Span>, Vec<&Span>) = by_start
        .into_iter()
        .partition(|span| span.parent.is_some_and(is_known));
    let mut tree = Tree {
        rows: Vec::with_capacity(spans.len()),
        children,
    };
    for top in tops {
        tree.place(top);
    }
    // What is left goes round in circles, each of which is opened at its earliest span.
    while let Some(first) = tree.children.first().copied() {
        tree.children.remove(0);
        tree.place(first);
    }
    tree.rows
}

struct Tree<'a> {
    rows: Vec<Row<'a>>,
    /// Those that have no row yet, the earliest first.
    children: Vec<&'a Span>,
}

impl<'a> Tree<'a> {
    /// Gives rows to a span that stands under nothing, and to all that stand under it.
    fn place(&mut self, top: &'a Span) {
        let mut waiting = vec![(top, 0)];
        while let Some((span, depth)) = waiting.pop() {
            self.rows.push(Row {
                span,
                depth,
                is_orphan: depth == 0 && span.parent.is_some(),
            });
            let is_below = |child: &&Span| child.parent == Some(span.id);
            let (below, others) = self.children.drain(..).partition(is_below);
            self.children = others;
            let below: Vec<&Span> = below;
            // The earliest is to be taken first.
            waiting.extend(below.into_iter().rev().map(|span| (span, depth + 1)));
        }
    }
}
