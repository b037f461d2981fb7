//! Where OTLP is sent (specification, OTLP exporter, endpoint URLs).

use message::Authority;

/// How an endpoint that was written is used.
#[derive(Clone, Copy, Debug)]
pub(super) enum Use {
    /// For gRPC; a bare `host:port` is used without TLS only if that is asked for.
    Grpc { is_insecure: bool },
    /// For HTTP, as the base of the URL: this path is appended.
    HttpBase { appended: &'static str },
    /// For HTTP, as the URL.
    HttpUrl,
}

/// An endpoint that can be used.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// With scheme `http` or `https`; without a path for gRPC and with one for HTTP.
    pub(super) url: String,
    /// Whether the scheme is `http`.
    pub(super) is_insecure: bool,
    /// What was expected where a part of the text was left out.
    pub(super) left_out: Vec<&'static str>,
}

/// The parts of a URL; its fragment is never sent (RFC 3986 3.5) and is not among them.
struct Parts<'a> {
    scheme: Option<&'a str>,
    authority: &'a str,
    path: &'a str,
    query: Option<&'a str>,
}

impl Endpoint {
    /// Reads `http://host:port/path?query`, for gRPC `host:port` too; the error is what was expected.
    pub(super) fn parse(text: &str, used: Use) -> Result<Self, &'static str> {
        let expected = match used {
            Use::Grpc { .. } => "http://host:port, https://host:port or host:port",
            Use::HttpBase { .. } | Use::HttpUrl => "a URL such as http://host:4318",
        };
        if !text.bytes().all(is_url_byte) {
            return Err(expected);
        }
        let parts = Parts::of(text);
        let is_insecure = parts.is_insecure(used).ok_or(expected)?;
        let (user, host) = match parts.authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, parts.authority),
        };
        Authority::parse(host.as_bytes()).map_err(|_| expected)?;
        let mut left_out = Vec::new();
        if user.is_some() {
            left_out.push("a URL without user and password, for which there are headers");
        }
        let scheme = if is_insecure { "http" } else { "https" };
        // An empty port is the scheme's port (RFC 3986 3.2.3).
        let host = host.strip_suffix(':').unwrap_or(host);
        let mut url = format!("{scheme}://{host}");
        match used {
            Use::Grpc { .. } => {
                if !matches!(parts.path, "" | "/") || parts.query.is_some() {
                    left_out.push("a URL without a path, since the methods of gRPC have their own");
                }
            }
            Use::HttpBase { appended } => parts.push_target(&mut url, appended),
            Use::HttpUrl => parts.push_target(&mut url, ""),
        }
        Ok(Self {
            url,
            is_insecure,
            left_out,
        })
    }
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let (scheme, rest) = split_scheme(text);
        let rest = rest.split('#').next().unwrap_or_default();
        let (before, query) = match rest.split_once('?') {
            Some((before, query)) => (before, Some(query)),
            None => (rest, None),
        };
        let slash = before.find('/').unwrap_or(before.len());
        let (authority, path) = before.split_at_checked(slash).unwrap_or((before, ""));
        Self {
            scheme,
            authority,
            path,
            query,
        }
    }

    /// `None` for a scheme that cannot be used, and for a bare `host:port` with anything behind it: `unix:/path` would
    /// otherwise be a host.
    fn is_insecure(&self, used: Use) -> Option<bool> {
        match (self.scheme, used) {
            (Some(scheme), _) if scheme.eq_ignore_ascii_case("http") => Some(true),
            (Some(scheme), _) if scheme.eq_ignore_ascii_case("https") => Some(false),
            (None, Use::Grpc { is_insecure }) => {
                (self.path.is_empty() && self.query.is_none()).then_some(is_insecure)
            }
            (Some(_), _) | (None, Use::HttpBase { .. } | Use::HttpUrl) => None,
        }
    }

    /// Writes path and query with `appended` at the end of the path, behind one slash.
    fn push_target(&self, url: &mut String, appended: &str) {
        url.push_str(self.path);
        let is_open = !appended.is_empty() && !self.path.ends_with('/');
        if self.path.is_empty() || is_open {
            url.push('/');
        }
        url.push_str(appended);
        if let Some(query) = self.query {
            url.push('?');
            url.push_str(query);
        }
    }
}

/// The text as it may be shown: without user and password, and without what follows
/// the path, where keys are found as well.
pub(super) fn redacted(text: &str) -> String {
    let (scheme, rest) = split_scheme(text);
    let (user, rest) = match rest.rsplit_once('@') {
        Some((_, rest)) => ("REDACTED:REDACTED@", rest),
        None => ("", rest),
    };
    let (rest, query) = match rest.split_once(['?', '#']) {
        Some((rest, _)) => (rest, "?REDACTED"),
        None => (rest, ""),
    };
    let (scheme, separator) = scheme.map_or(("", ""), |scheme| (scheme, "://"));
    format!("{scheme}{separator}{user}{rest}{query}")
}

fn split_scheme(text: &str) -> (Option<&str>, &str) {
    match text.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(is_scheme_byte) => (Some(scheme), rest),
        _ => (None, text),
    }
}

fn is_scheme_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// What RFC 3986 has a place for; everything else is percent-encoded in a URL.
fn is_url_byte(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(
            byte,
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'
        )
}
