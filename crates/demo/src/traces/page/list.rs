//! The list of the last traces.

use std::fmt;

use otlp::read::StatusCode;

use super::super::store::{Store, Trace};
use super::super::text::{Escaped, Nanos, time};
use super::super::waterfall::Waterfall;

pub(super) struct List<'a>(pub(super) &'a Store);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.0.counts;
        writeln!(f, "<h1>Traces</h1>")?;
        write!(
            f,
            "<p class=\"quiet\">{} spans received",
            counts.received_spans
        )?;
        for (count, what) in [
            (counts.dropped_traces, "older traces dropped"),
            (counts.dropped_spans, "spans beyond the bound dropped"),
            (counts.invalid_spans, "spans without valid ids dropped"),
            (counts.refused_requests, "requests refused"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        f.write_str(". The same as <a href=\"traces.json\">data</a>.</p>\n")?;
        let traces = self.0.latest();
        if traces.len() == 0 {
            return f.write_str("<p>No traces yet. Send a request through the gateway.</p>\n");
        }
        f.write_str(
            "<table class=\"traces\">\n<tr><th>Time (UTC)<th>Name<th>Service<th>Status<th>Duration<th>Spans\n",
        )?;
        for trace in traces {
            write_row(f, trace)?;
        }
        f.write_str("</table>\n")
    }
}

fn write_row(f: &mut fmt::Formatter<'_>, trace: &Trace) -> fmt::Result {
    let waterfall = Waterfall::of(trace);
    let Some(root) = waterfall.root() else {
        return Ok(());
    };
    let started = time(waterfall.start_unix_nanos);
    write!(
        f,
        "<tr><td><time>{started}</time><td><a href=\"traces/{}\">{}</a><td>{}<td",
        trace.id,
        Escaped(or_unnamed(&root.name)),
        Escaped(&root.service),
    )?;
    if root.has_failed() {
        f.write_str(" class=\"failed\"")?;
    }
    f.write_str(">")?;
    match root.status_code() {
        Some(code) if root.status == StatusCode::Unset => write!(f, "{code}")?,
        Some(code) => write!(f, "{code} {}", root.status_label())?,
        None => f.write_str(root.status_label())?,
    }
    writeln!(
        f,
        "<td class=\"number\">{}<td class=\"number\">{}{}",
        Nanos(waterfall.duration_nanos),
        waterfall.rows.len(),
        Failed(waterfall.failed_spans()),
    )
}

/// A link needs something to click on.
pub(super) fn or_unnamed(name: &str) -> &str {
    if name.trim().is_empty() {
        "(no name)"
    } else {
        name
    }
}

/// How many spans failed, if any did.
pub(super) struct Failed(pub(super) usize);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            count => write!(f, ", <span class=\"failed\">{count} failed</span>"),
        }
    }
}
