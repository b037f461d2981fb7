//! Headers that the plan adds to every request.

use base::Secret;
use http::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue};

/// What every request says about its sender, unless the plan names another.
const AGENT: &str = concat!(
    "tidegate/",
    env!("CARGO_PKG_VERSION"),
    " OTel-OTLP-Exporter-Rust/",
    env!("CARGO_PKG_VERSION")
);
/// What frames a request is not for the plan to say.
const RESERVED: &[HeaderName] = &[
    CONNECTION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    EXPECT,
    HOST,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];
/// gRPC's own, and those of connections.
const RESERVED_PREFIXES: &[&str] = &["grpc-", "proxy-", "keep-alive"];

/// A header of the plan that cannot be sent. Shows no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Not a name.
    #[error("expected a header name, found `{found}`")]
    Name {
        /// The text.
        found: Box<str>,
    },
    /// A name that the protocol needs itself.
    #[error("expected another header than `{name}`, which the protocol sets itself")]
    Reserved {
        /// The name.
        name: Box<str>,
    },
    /// Line breaks or other bytes that a value may not hold.
    #[error("header `{name}`: expected a value without control characters")]
    Value {
        /// The name.
        name: Box<str>,
    },
}

/// Whether a header of that name, in any case, is one that the protocol needs itself: a plan that has it is refused.
pub fn is_reserved_header(name: &str) -> bool {
    HeaderName::from_bytes(name.as_bytes()).is_ok_and(|name| is_reserved(&name))
}

fn is_reserved(name: &HeaderName) -> bool {
    let mut prefixes = RESERVED_PREFIXES.iter();
    prefixes.any(|prefix| name.as_str().starts_with(prefix)) || RESERVED.contains(name)
}

/// The plan's headers, and the user agent.
pub(crate) fn build(plan: &[(Box<str>, Secret)]) -> Result<HeaderMap, HeaderError> {
    let mut headers = HeaderMap::with_capacity(plan.len() + 8);
    for (name, value) in plan {
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderError::Name {
            found: name.clone(),
        })?;
        if is_reserved(&parsed) {
            return Err(HeaderError::Reserved { name: name.clone() });
        }
        let mut value = HeaderValue::from_bytes(value.expose().as_bytes())
            .map_err(|_| HeaderError::Value { name: name.clone() })?;
        // Not shown by `Debug`, and kept out of the tables of HPACK.
        value.set_sensitive(true);
        headers.append(parsed, value);
    }
    headers
        .entry(USER_AGENT)
        .or_insert(HeaderValue::from_static(AGENT));
    Ok(headers)
}
