//! One trace: a row for each span, which opens to what is known of it.

use std::fmt;

use serde_json::{Map, Value};

use super::super::span::{Event, Span};
use super::super::store::Trace;
use super::super::text::{Escaped, Nanos, time};
use super::super::waterfall::{Row, Waterfall};
use super::list::{Failed, or_unnamed};

/// Rows that stand deeper are not moved further to the right.
const DEPTH_MAX: usize = 8;

const LEGEND: &str = "<p class=\"legend\" aria-hidden=\"true\"><span class=\"server\">server</span>\
    <span class=\"client\">client</span><span class=\"internal\">internal</span>\
    <span class=\"producer\">producer</span><span class=\"consumer\">consumer</span>\
    <span class=\"unspecified\">unspecified</span><span class=\"error\">error</span></p>\n";

pub(super) struct Page<'a> {
    trace: &'a Trace,
    waterfall: Waterfall<'a>,
}

impl<'a> Page<'a> {
    pub(super) fn of(trace: &'a Trace) -> Self {
        Self {
            trace,
            waterfall: Waterfall::of(trace),
        }
    }

    pub(super) fn title(&self) -> &'a str {
        let root = self.waterfall.root();
        root.map_or("", |root| or_unnamed(&root.name))
    }

    fn write_facts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace, waterfall } = self;
        write!(
            f,
            "<dl class=\"facts\">\n<div><dt>Start<dd><time>{}</time></div>\n\
             <div><dt>Duration<dd class=\"number\">{}</div>\n<div><dt>Spans<dd>{}{}",
            time(waterfall.start_unix_nanos),
            Nanos(waterfall.duration_nanos),
            trace.spans.len(),
            Failed(waterfall.failed_spans()),
        )?;
        if trace.dropped_spans > 0 {
            write!(f, ", {} more dropped", trace.dropped_spans)?;
        }
        writeln!(
            f,
            "</div>\n<div><dt>Trace<dd><code>{}</code></div>\n</dl>",
            trace.id
        )
    }

    fn write_axis(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "<div class=\"axis\" aria-hidden=\"true\"><span></span><span class=\"ticks\">",
        )?;
        let duration = self.waterfall.duration_nanos;
        for quarter in 0..=4 {
            write!(f, "<span>{}</span>", Nanos(duration / 4 * quarter))?;
        }
        f.write_str("</span><span></span></div>\n")
    }

    fn write_row(&self, f: &mut fmt::Formatter<'_>, row: &Row<'_>) -> fmt::Result {
        let span = row.span;
        let bar = self.waterfall.bar(span);
        write!(
            f,
            "<li class=\"{}{}\"><details><summary class=\"d{}\"><span class=\"name\">{}</span>\
             <svg class=\"bar\" role=\"img\" aria-label=\"{} {}\">\
             <rect x=\"{:.2}%\" y=\"3\" width=\"{:.2}%\" height=\"12\" rx=\"2\"/>",
            span.kind_label(),
            if span.has_failed() { " error" } else { "" },
            row.depth.min(DEPTH_MAX),
            Escaped(or_unnamed(&span.name)),
            span.kind_label(),
            span.status_label(),
            bar.left,
            bar.width,
        )?;
        for event in &span.events {
            let place = self.waterfall.place(event.time_unix_nanos);
            write!(
                f,
                "<line x1=\"{place:.2}%\" x2=\"{place:.2}%\" y1=\"1\" y2=\"17\"/>"
            )?;
        }
        writeln!(
            f,
            "</svg><span class=\"number\">{}</span></summary>\n<div class=\"inside\">",
            Nanos(span.duration_nanos())
        )?;
        self.write_inside(f, row)?;
        f.write_str("</div></details>\n")
    }

    fn write_inside(&self, f: &mut fmt::Formatter<'_>, row: &Row<'_>) -> fmt::Result {
        let span = row.span;
        f.write_str("<table>\n")?;
        write_fact(f, "Kind", span.kind_label())?;
        write_fact(f, "Status", span.status_label())?;
        write_fact(f, "Status message", &span.status_message)?;
        write_fact(f, "Service", &span.service)?;
        write_fact(f, "Scope", &span.scope)?;
        write_fact(f, "Start", &time(span.start_unix_nanos))?;
        write_fact(f, "Starts after", &self.offset(span.start_unix_nanos))?;
        if span.end_unix_nanos < span.start_unix_nanos {
            write_fact(
                f,
                "End",
                "before the start, so that the duration is not known",
            )?;
        }
        write_fact(f, "Span", &span.id.to_string())?;
        write_fact(f, "Parent", &parent(row))?;
        f.write_str("</table>\n")?;
        write_attributes(f, &span.attributes, span.dropped_attributes)?;
        self.write_events(f, span)
    }

    fn write_events(&self, f: &mut fmt::Formatter<'_>, span: &Span) -> fmt::Result {
        for event in &span.events {
            self.write_event(f, event)?;
        }
        write_dropped(f, span.dropped_events, "events")
    }

    fn write_event(&self, f: &mut fmt::Formatter<'_>, event: &Event) -> fmt::Result {
        writeln!(
            f,
            "<h2><span class=\"name\">{}</span> <span class=\"quiet\">after {}</span></h2>",
            Escaped(or_unnamed(&event.name)),
            self.offset(event.time_unix_nanos)
        )?;
        write_attributes(f, &event.attributes, event.dropped_attributes)
    }

    /// How long after the start of the trace.
    fn offset(&self, unix_nanos: u64) -> String {
        let start = self.waterfall.start_unix_nanos;
        Nanos(unix_nanos.saturating_sub(start)).to_string()
    }
}

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<p><a href=\"../\">All traces</a></p>\n")?;
        writeln!(f, "<h1>{}</h1>", Escaped(self.title()))?;
        self.write_facts(f)?;
        f.write_str(LEGEND)?;
        self.write_axis(f)?;
        f.write_str("<ol class=\"waterfall\">\n")?;
        for row in &self.waterfall.rows {
            self.write_row(f, row)?;
        }
        f.write_str("</ol>\n")
    }
}

fn parent(row: &Row<'_>) -> String {
    match row.span.parent {
        None => String::new(),
        Some(parent) if row.is_orphan => format!("{parent}, which is not shown above"),
        Some(parent) => parent.to_string(),
    }
}

/// A line that is left out when there is nothing to tell.
fn write_fact(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    if value.is_empty() {
        return Ok(());
    }
    writeln!(f, "<tr><th>{name}<td>{}", Escaped(value))
}

fn write_attributes(
    f: &mut fmt::Formatter<'_>,
    attributes: &Map<String, Value>,
    dropped: u64,
) -> fmt::Result {
    if !attributes.is_empty() {
        f.write_str("<table>\n")?;
        for (key, value) in attributes {
            let as_json;
            let text = match value {
                Value::String(text) => text,
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_) => {
                    as_json = value.to_string();
                    &as_json
                }
            };
            writeln!(
                f,
                "<tr><th><code>{}</code><td>{}",
                Escaped(key),
                Escaped(text)
            )?;
        }
        f.write_str("</table>\n")?;
    }
    write_dropped(f, dropped, "attributes")
}

fn write_dropped(f: &mut fmt::Formatter<'_>, count: u64, what: &str) -> fmt::Result {
    if count == 0 {
        return Ok(());
    }
    writeln!(f, "<p class=\"quiet\">{count} more {what} dropped</p>")
}
