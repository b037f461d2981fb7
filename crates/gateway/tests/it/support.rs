//! Routes and requests as tests write them.

use gateway::plan::{MatchPlan, PathMatch, RespondPlan, RoutePlan, TargetPlan};
use h1::{HeadLimits, HeadReader};
use message::{RequestHead, StatusCode};

const LIMITS: HeadLimits = HeadLimits {
    bytes: 32 << 10,
    fields: 100,
    target: 8 << 10,
};

pub(crate) fn route(matches: MatchPlan) -> RoutePlan {
    RoutePlan {
        name: "r".into(),
        matches,
        filters: Vec::new(),
        target: TargetPlan::Respond(RespondPlan {
            status: StatusCode::OK,
            body: Box::default(),
            headers: Vec::new(),
        }),
    }
}

/// A path as it is written here: a trailing `*` marks a prefix, braces a template.
pub(crate) fn path(text: &str) -> PathMatch {
    match text.strip_suffix('*') {
        Some("/") => PathMatch::Prefix("/".into()),
        Some(prefix) => PathMatch::Prefix(prefix.trim_end_matches('/').into()),
        None if text.contains('{') => PathMatch::Template(text.into()),
        None => PathMatch::Exact(text.into()),
    }
}

/// A head as the data path hands it to the router.
#[track_caller]
pub(crate) fn request(
    method: &str,
    host: &str,
    target: &str,
    fields: &[(&str, &str)],
) -> RequestHead {
    let mut raw = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
    for (name, value) in fields {
        raw.push_str(&format!("{name}: {value}\r\n"));
    }
    raw.push_str("\r\n");
    let mut head = RequestHead::default();
    let read = HeadReader::default().request(raw.as_bytes(), LIMITS, &mut head);
    assert_eq!(read, Ok(Some(raw.len())), "{raw}");
    head
}
