//! Paths that routes match, in normal form.

use std::borrow::Cow;

use gateway::plan::PathMatch;
use gateway::router::PathTemplate;
use message::{EncodedOctet, EncodedSlash, PathPolicy, normalise_path};

use crate::kind::{Nature, Parsed, Refusal};

/// Longest path of a route, in bytes.
const PATH_MAX: usize = 4 << 10;

/// `/hello`, `/products/{id}`, `/files/{*rest}`.
pub(super) static PATH: Parsed<PathMatch> = Parsed {
    name: "path",
    expected: "a path such as /hello, /products/{id} or /files/{*rest}",
    pattern: "^/",
    parse: parse_path,
    show: |path| match path {
        PathMatch::Exact(path) | PathMatch::Template(path) | PathMatch::Prefix(path) => {
            path.to_string()
        }
    },
    nature: Nature::Plain,
};

/// `/v2`: whole segments.
pub(super) static PREFIX: Parsed<Box<str>> = Parsed {
    name: "path",
    expected: "a path such as /v2, without `/` at its end",
    pattern: "^/",
    parse: parse_prefix,
    show: |prefix| prefix.to_string(),
    nature: Nature::Plain,
};

fn parse_path(text: &str) -> Result<PathMatch, Refusal> {
    if !text.contains(['{', '}']) {
        check_normal(text)?;
        return Ok(PathMatch::Exact(text.into()));
    }
    PathTemplate::parse(text).map_err(Refusal::of)?;
    check_normal(text)?;
    Ok(PathMatch::Template(text.into()))
}

fn parse_prefix(text: &str) -> Result<Box<str>, Refusal> {
    if text.contains(['{', '}']) {
        return Err(Refusal::expected("a path without variables")
            .and_hint("variables belong to `path`, as in `/v2/{*rest}`"));
    }
    check_normal(text)?;
    match text.strip_suffix('/') {
        Some(shorter) if !shorter.is_empty() => {
            Err(Refusal::hint(format!("did you mean `{shorter}`?")))
        }
        Some(_) | None => Ok(text.into()),
    }
}

/// Requests are matched in normal form, so that a path in another form would never match. What is refused by default
/// is allowed here, since a listener may keep it.
fn check_normal(text: &str) -> Result<(), Refusal> {
    if !text.starts_with('/') {
        return Err(Refusal::expected("a path that begins with `/`"));
    }
    if text.len() > PATH_MAX {
        return Err(Refusal::expected(format!(
            "a path of at most {PATH_MAX} bytes"
        )));
    }
    let policy = PathPolicy {
        encoded_slash: EncodedSlash::Keep,
        encoded_backslash: EncodedOctet::Keep,
        encoded_nul: EncodedOctet::Keep,
        ..PathPolicy::default()
    };
    let plain = without_params(text);
    let mut normal = Vec::with_capacity(plain.len());
    normalise_path(plain.as_bytes(), policy, &mut normal).map_err(Refusal::of)?;
    if normal == plain.as_bytes() {
        return Ok(());
    }
    let normal = with_params(text, String::from_utf8_lossy(&normal).into_owned());
    let expected = "a path in normal form, in which requests are matched";
    Err(Refusal::expected(expected).and_hint(format!("did you mean `{normal}`?")))
}

/// A text that is normal in place of each variable, whose braces are not.
fn stand_in(at: usize) -> String {
    format!("~{at}~")
}

fn without_params(text: &str) -> Cow<'_, str> {
    if !text.contains('{') {
        return Cow::Borrowed(text);
    }
    let segments = text.split('/').enumerate();
    let plain = segments.map(|(at, segment)| match segment.starts_with('{') {
        true => stand_in(at),
        false => segment.to_owned(),
    });
    Cow::Owned(plain.collect::<Vec<_>>().join("/"))
}

fn with_params(text: &str, normal: String) -> String {
    let segments = text.split('/').enumerate();
    segments
        .filter(|(_, segment)| segment.starts_with('{'))
        .fold(normal, |normal, (at, segment)| {
            normal.replace(&stand_in(at), segment)
        })
}
