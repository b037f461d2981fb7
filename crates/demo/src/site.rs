//! A static site whose files are part of the program.

use std::time::SystemTime;

use base::HttpDate;
use hyper::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderName,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE,
};
use hyper::{Method, Request, StatusCode};

use crate::reply::{Reply, reply, with};

/// A file as the program holds it.
struct File {
    path: &'static str,
    content_type: &'static str,
    content: &'static [u8],
}

const FILES: [File; 4] = [
    File {
        path: "/",
        content_type: "text/html; charset=utf-8",
        content: include_bytes!("../site/index.html"),
    },
    File {
        path: "/style.css",
        content_type: "text/css; charset=utf-8",
        content: include_bytes!("../site/style.css"),
    },
    File {
        path: "/script.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_bytes!("../site/script.js"),
    },
    File {
        path: "/favicon.svg",
        content_type: "image/svg+xml",
        content: include_bytes!("../site/favicon.svg"),
    },
];

const NOT_FOUND: &[u8] = include_bytes!("../site/not-found.html");

/// The files, with what identifies this state of them.
pub(crate) struct Site {
    modified: String,
    /// In the order of [`FILES`].
    etags: [String; FILES.len()],
}

/// What a `Range` field asks for, of a file of a certain length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Range {
    Whole,
    /// From the first up to and including the last byte, both inside the file.
    Part {
        first: usize,
        last: usize,
    },
    Unsatisfiable,
}

impl Site {
    /// The files count as modified at the given time.
    pub(crate) fn new(modified: SystemTime) -> Self {
        let modified = HttpDate::new(modified);
        Self {
            modified: String::from_utf8_lossy(modified.as_bytes()).into_owned(),
            etags: FILES.map(|file| etag(file.content)),
        }
    }

    pub(crate) fn answer<B>(&self, req: &Request<B>) -> Reply {
        if req.method() != Method::GET && req.method() != Method::HEAD {
            return with(
                reply(StatusCode::METHOD_NOT_ALLOWED, ""),
                ALLOW,
                "GET, HEAD",
            );
        }
        let path = req.uri().path();
        let mut files = FILES.iter().zip(&self.etags);
        match files.find(|(file, _)| file.path == path) {
            Some((file, etag)) => self.send(file, etag, req.method(), req.headers()),
            None => {
                let reply = reply(StatusCode::NOT_FOUND, NOT_FOUND);
                with(reply, CONTENT_TYPE, "text/html; charset=utf-8")
            }
        }
    }

    fn send(&self, file: &File, etag: &str, method: &Method, fields: &HeaderMap) -> Reply {
        let reply = if self.is_known(etag, fields) {
            reply(StatusCode::NOT_MODIFIED, "")
        } else if method == Method::GET && self.may_be_in_part(etag, fields) {
            send_range(file, Range::of(fields, file.content.len()))
        } else {
            send_range(file, Range::Whole)
        };
        let reply = with(reply, ETAG, etag);
        let reply = with(reply, LAST_MODIFIED, &self.modified);
        let reply = with(reply, CACHE_CONTROL, "no-cache");
        with(reply, ACCEPT_RANGES, "bytes")
    }

    /// Whether the client has this state of the file (RFC 9110 13.2.2). A date is compared as text: clients send the
    /// one they got.
    fn is_known(&self, etag: &str, fields: &HeaderMap) -> bool {
        if fields.contains_key(IF_NONE_MATCH) {
            return fields
                .get_all(IF_NONE_MATCH)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','))
                .map(str::trim)
                .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag);
        }
        field(fields, &IF_MODIFIED_SINCE) == Some(&*self.modified)
    }

    fn may_be_in_part(&self, etag: &str, fields: &HeaderMap) -> bool {
        match field(fields, &IF_RANGE) {
            Some(condition) => condition == etag || condition == self.modified,
            None => !fields.contains_key(IF_RANGE),
        }
    }
}

fn send_range(file: &File, range: Range) -> Reply {
    let length = file.content.len();
    let reply = match range {
        Range::Whole => reply(StatusCode::OK, file.content),
        Range::Part { first, last } => {
            let part = reply(StatusCode::PARTIAL_CONTENT, &file.content[first..=last]);
            with(
                part,
                CONTENT_RANGE,
                format!("bytes {first}-{last}/{length}"),
            )
        }
        Range::Unsatisfiable => {
            let refused = reply(StatusCode::RANGE_NOT_SATISFIABLE, "");
            return with(refused, CONTENT_RANGE, format!("bytes */{length}"));
        }
    };
    with(reply, CONTENT_TYPE, file.content_type)
}

impl Range {
    /// Reads one range; several, other units and what makes no sense are the whole file, as RFC 9110 14.2 allows.
    fn of(fields: &HeaderMap, length: usize) -> Self {
        let value = field(fields, &RANGE).and_then(|value| value.strip_prefix("bytes="));
        let parts = value.and_then(|value| value.trim().split_once('-'));
        let Some((first, last)) = parts else {
            return Self::Whole;
        };
        match (position(first), position(last)) {
            (Some(first), Some(last)) if first <= last => Self::inside(first, last, length),
            (Some(first), None) if last.is_empty() => Self::inside(first, usize::MAX, length),
            (None, Some(count)) if first.is_empty() => match count {
                0 => Self::Unsatisfiable,
                _ => Self::inside(length.saturating_sub(count), usize::MAX, length),
            },
            (Some(_) | None, Some(_) | None) => Self::Whole,
        }
    }

    fn inside(first: usize, last: usize, length: usize) -> Self {
        if first >= length {
            return Self::Unsatisfiable;
        }
        Self::Part {
            first,
            last: last.min(length - 1),
        }
    }
}

/// A number of bytes; one that is too large to count is beyond the end of every file.
fn position(text: &str) -> Option<usize> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(usize::MAX))
}

/// The value of a field that came once.
fn field<'a>(fields: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = fields.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

/// A strong entity tag: FNV-1a of the content.
fn etag(content: &[u8]) -> String {
    let hash = content
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("\"{hash:016x}\"")
}
