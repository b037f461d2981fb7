//! Who may ask what: the token, and what keeps foreign web pages out.

use base::Secret;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, ORIGIN};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use std::net::IpAddr;

use crate::reply::Refusal;

/// The authority that was asked for. Without a token only the address protects this API, and a browser on the same
/// machine reaches it: there the host must be one that no foreign name server can answer for.
pub(crate) fn check_host(head: &Parts, token: Option<&Secret>) -> Result<(), Refusal> {
    let host = match sole(&head.headers, &HOST).map_err(|Several| Refusal::BadHost)? {
        Some(text) => Some(parse_authority(text)?),
        // HTTP/1.0 has none, and no browser speaks it.
        None if head.version == hyper::Version::HTTP_10 => None,
        None => return Err(Refusal::BadHost),
    };
    let named = [host.as_ref(), head.uri.authority()];
    if token.is_none() && !named.into_iter().flatten().all(is_local) {
        return Err(Refusal::ForeignHost);
    }
    Ok(())
}

/// RFC 6750 2.1.
pub(crate) fn check_token(head: &Parts, token: Option<&Secret>) -> Result<(), Refusal> {
    let Some(token) = token else { return Ok(()) };
    let presented = match sole(&head.headers, &AUTHORIZATION) {
        Ok(text) => text.unwrap_or_default(),
        Err(Several) => return Err(Refusal::Unauthorized),
    };
    let bearer = match presented.split_at_checked("Bearer ".len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"Bearer ") => rest,
        Some(_) | None => return Err(Refusal::Unauthorized),
    };
    if token.matches(bearer.trim_ascii()) {
        Ok(())
    } else {
        Err(Refusal::Unauthorized)
    }
}

/// A browser names the origin of the page that sends a POST; programs name none.
pub(crate) fn check_origin(head: &Parts) -> Result<(), Refusal> {
    let (origin, host) = match (sole(&head.headers, &ORIGIN), sole(&head.headers, &HOST)) {
        (Ok(None), _) => return Ok(()),
        (Ok(Some(origin)), Ok(Some(host))) => (origin, host),
        (Ok(Some(_)), Ok(None) | Err(Several)) | (Err(Several), _) => {
            return Err(Refusal::ForeignOrigin);
        }
    };
    let same = [&b"http://"[..], b"https://"]
        .into_iter()
        .filter_map(|scheme| origin.strip_prefix(scheme))
        .any(|authority| authority.eq_ignore_ascii_case(host));
    if same {
        Ok(())
    } else {
        Err(Refusal::ForeignOrigin)
    }
}

/// A field that may stand once stands more than once.
struct Several;

fn sole<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, Several> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(|value| value.as_bytes());
    match values.next() {
        None => Ok(first),
        Some(_) => Err(Several),
    }
}

fn parse_authority(text: &[u8]) -> Result<Authority, Refusal> {
    Authority::try_from(text)
        .ok()
        .filter(|authority| !authority.as_str().contains('@'))
        .ok_or(Refusal::BadHost)
}

fn is_local(authority: &Authority) -> bool {
    let host = authority.host();
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}
