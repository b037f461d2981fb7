//! Pages: what all of them have in common.

mod list;
mod trace;

use std::fmt;

use hyper::StatusCode;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};

use super::store::{Store, Trace};
use super::text::Escaped;
use crate::reply::{Reply, reply, with};

const STYLE: &str = include_str!("../../viewer/style.css");

/// Nothing is loaded and nothing runs; the style is named by its hash, which a test compares.
const POLICY: &str = "default-src 'none'; style-src 'sha256-am6AZ2s0AALEtJNvh9haCo3B1+EUiXAcpLBNt8BzHoM='; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// The last traces, in a page that loads itself again every five seconds.
pub(super) fn list(store: &Store) -> Reply {
    html(
        StatusCode::OK,
        &Page {
            title: "Traces",
            head: "<meta http-equiv=\"refresh\" content=\"5\">\n",
            body: list::List(store),
        },
    )
}

/// One trace as a waterfall.
pub(super) fn trace(trace: &Trace) -> Reply {
    let page = trace::Page::of(trace);
    html(
        StatusCode::OK,
        &Page {
            title: page.title(),
            head: "",
            body: &page,
        },
    )
}

pub(super) fn not_found(why: &'static str) -> Reply {
    html(
        StatusCode::NOT_FOUND,
        &Page {
            title: "Not found",
            head: "",
            body: format_args!(
                "<h1>Not found</h1>\n<p>{why} <a href=\"/\">To the traces</a></p>\n"
            ),
        },
    )
}

/// A whole page around a body that is HTML already.
struct Page<'a, B> {
    /// Any text.
    title: &'a str,
    /// More of the head, as HTML.
    head: &'static str,
    body: B,
}

impl<B: fmt::Display> fmt::Display for Page<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { title, head, body } = self;
        write!(
            f,
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n{head}\
             <title>{} - Tidegate demo</title>\n<style>{STYLE}</style>\n{body}</html>\n",
            Escaped(title)
        )
    }
}

fn html<B: fmt::Display>(status: StatusCode, page: &Page<'_, B>) -> Reply {
    let page = reply(status, page.to_string());
    let page = with(page, CONTENT_TYPE, "text/html; charset=utf-8");
    let page = with(page, CONTENT_SECURITY_POLICY, POLICY);
    let page = with(page, X_CONTENT_TYPE_OPTIONS, "nosniff");
    let page = with(page, REFERRER_POLICY, "no-referrer");
    with(page, CACHE_CONTROL, "no-store")
}
