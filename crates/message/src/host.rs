//! Authorities (`host:port`) and the host patterns that routes match.

use std::io::Write as _;
use std::net::Ipv6Addr;
use std::num::NonZeroU16;

/// A port other than 0.
pub type Port = NonZeroU16;

/// A checked `host[:port]`: where its host ends, and its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The host is this many bytes from the start, a trailing dot left out.
    pub host_len: usize,
    /// The port, if it names one.
    pub port: Option<Port>,
}

/// Bytes that are no `host[:port]` (GW-20; RFC 9110 4.2.3, 7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// No host.
    #[error("expected a host, found none")]
    Empty,
    /// A byte that no host has, or not there: userinfo, a path, a list, raw non-ASCII, a dot behind no label.
    #[error("expected a host name or address, found the byte {found:#04x}")]
    ForbiddenByte {
        /// The byte.
        found: u8,
    },
    /// Brackets without an IPv6 address.
    #[error("expected an IPv6 address in brackets")]
    MalformedIpv6,
    /// Not 1 to 65535.
    #[error("expected a port from 1 to 65535")]
    MalformedPort,
}

impl Authority {
    /// Reads an authority without userinfo.
    ///
    /// # Errors
    /// [`AuthorityError`] names the first fault.
    pub fn parse(bytes: &[u8]) -> Result<Self, AuthorityError> {
        let (mut host_len, port) = if bytes.first() == Some(&b'[') {
            let close = bytes
                .iter()
                .position(|b| *b == b']')
                .ok_or(AuthorityError::MalformedIpv6)?;
            bracketed_address(&bytes[..=close]).ok_or(AuthorityError::MalformedIpv6)?;
            (close + 1, &bytes[close + 1..])
        } else {
            let end = bytes.iter().position(|b| *b == b':').unwrap_or(bytes.len());
            check_name(&bytes[..end])?;
            (end, &bytes[end..])
        };
        let port = match port {
            [] | [b':'] => None,
            [b':', digits @ ..] => Some(parse_port(digits)?),
            [found, ..] => return Err(AuthorityError::ForbiddenByte { found: *found }),
        };
        if bytes[..host_len].ends_with(b".") {
            host_len -= 1;
        }
        if host_len == 0 {
            return Err(AuthorityError::Empty);
        }
        Ok(Self { host_len, port })
    }
}

/// Appends the one form of an authority that is forwarded (GW-24): lower case, no trailing dot, no port 80.
///
/// # Errors
/// [`AuthorityError`] when it is no host with an optional port; `out` is then as it was.
pub fn normalise_authority(text: &[u8], out: &mut Vec<u8>) -> Result<(), AuthorityError> {
    let authority = Authority::parse(text)?;
    let host = &text[..authority.host_len];
    // Writing to a vector does not fail.
    match bracketed_address(host) {
        Some(address) => drop(write!(out, "[{address}]")),
        None => out.extend(host.iter().map(u8::to_ascii_lowercase)),
    }
    if let Some(port) = authority.port.filter(|port| port.get() != 80) {
        drop(write!(out, ":{port}"));
    }
    Ok(())
}

/// Checks a registered name or IPv4 address. Every dot ends a label: `a..` would keep a dot where `a.` keeps none.
fn check_name(name: &[u8]) -> Result<(), AuthorityError> {
    let mut before = b'.';
    for byte in name {
        if !is_host_byte(*byte) || *byte == b'.' && before == b'.' && name != b"." {
            return Err(AuthorityError::ForbiddenByte { found: *byte });
        }
        before = *byte;
    }
    Ok(())
}

/// The address of a checked host in brackets: addresses have many spellings, and one is matched and forwarded (GW-24).
pub(crate) fn bracketed_address(host: &[u8]) -> Option<Ipv6Addr> {
    let inside = host.strip_prefix(b"[")?.strip_suffix(b"]")?;
    std::str::from_utf8(inside).ok()?.parse().ok()
}

fn parse_port(digits: &[u8]) -> Result<Port, AuthorityError> {
    let mut port = 0u16;
    for digit in digits {
        let value = digit
            .checked_sub(b'0')
            .filter(|v| *v < 10)
            .ok_or(AuthorityError::MalformedPort)?;
        port = port
            .checked_mul(10)
            .and_then(|port| port.checked_add(u16::from(value)))
            .ok_or(AuthorityError::MalformedPort)?;
    }
    Port::new(port).ok_or(AuthorityError::MalformedPort)
}

/// Letters, digits and `-._~`: what registered names are made of once they are A-labels (GW-24).
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Which hosts a route takes. Both forms are in lower case, without a port and without a trailing dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// `api.example.com`
    Exact(Box<str>),
    /// `*.example.org`: the suffix `.example.org`, behind at least one label.
    Wildcard(Box<str>),
}

/// A text that is no host pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostPatternError {
    /// A star anywhere but as the first label of a name.
    #[error("expected `*` only as the whole first label, as in `*.example.org`, found `{found}`")]
    MisplacedStar {
        /// The text.
        found: Box<str>,
    },
    /// Not a host.
    #[error("expected a host such as api.example.com without a port, found `{found}`: {fault}")]
    NotAHost {
        /// The text.
        found: Box<str>,
        /// Why.
        fault: AuthorityError,
    },
    /// A port.
    #[error("expected a host without a port, found `{found}`")]
    HasPort {
        /// The text.
        found: Box<str>,
    },
}

impl HostPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`HostPatternError`] for anything that is neither a host nor `*.` and a host.
    pub fn parse(text: &str) -> Result<Self, HostPatternError> {
        let (wildcard, host) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if host.contains('*') || wildcard && host.starts_with('[') {
            return Err(HostPatternError::MisplacedStar { found: text.into() });
        }
        let authority =
            Authority::parse(host.as_bytes()).map_err(|fault| HostPatternError::NotAHost {
                found: text.into(),
                fault,
            })?;
        if authority.port.is_some() || host.ends_with(':') {
            return Err(HostPatternError::HasPort { found: text.into() });
        }
        let host = host.get(..authority.host_len).unwrap_or_default();
        let lower = match bracketed_address(host.as_bytes()) {
            Some(address) => format!("[{address}]"),
            None => host.to_ascii_lowercase(),
        };
        Ok(if wildcard {
            Self::Wildcard(format!(".{lower}").into())
        } else {
            Self::Exact(lower.into())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gw_20_and_24_authorities() {
        let port = |n| Port::new(n);
        for (text, host_len, expected_port) in [
            ("example.com", 11, None),
            ("example.com:8080", 11, port(8080)),
            ("example.com.:80", 11, port(80)),
            ("example.com:", 11, None),
            ("[::1]:9", 5, port(9)),
            ("127.0.0.1", 9, None),
            ("a_b", 3, None),
        ] {
            let expected = Ok(Authority {
                host_len,
                port: expected_port,
            });
            assert_eq!(Authority::parse(text.as_bytes()), expected, "{text}");
        }
        for text in [
            "",
            ":80",
            ".",
            "user@example.com",
            "a/b",
            "a?b",
            "a#b",
            "a,b",
            "a b",
            "a\\b",
            "é.example",
            "[::1",
            "[zz]",
            "[::1]x",
            "a:0",
            "a:65536",
            "a:8o",
            "a:+80",
            "a:80:80",
            "a%2fb",
            "a..",
            "..",
            ".a",
            "a..b",
            "[::1].",
            "[fe80::1%25eth0]",
            "[v1.a]",
        ] {
            assert!(Authority::parse(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn gw_24_authorities_have_one_form() {
        for (text, expected) in [
            ("API.example.com.:80", "api.example.com"),
            ("a:", "a"),
            ("a:0443", "a:443"),
            ("[2001:DB8:0::1]:81", "[2001:db8::1]:81"),
        ] {
            let mut out = b"host: ".to_vec();
            assert_eq!(normalise_authority(text.as_bytes(), &mut out), Ok(()));
            assert_eq!(out.escape_ascii().to_string(), format!("host: {expected}"));
        }
        let mut out = Vec::new();
        assert!(normalise_authority(b"a@b", &mut out).is_err() && out.is_empty());
    }

    #[test]
    fn patterns_are_hosts_or_stars_before_hosts() {
        assert_eq!(
            HostPattern::parse("API.example.com."),
            Ok(HostPattern::Exact("api.example.com".into()))
        );
        assert_eq!(
            HostPattern::parse("*.example.org"),
            Ok(HostPattern::Wildcard(".example.org".into()))
        );
        assert_eq!(
            HostPattern::parse("[2001:DB8:0::1]"),
            Ok(HostPattern::Exact("[2001:db8::1]".into()))
        );
        for text in [
            "", "*", "a.*.b", "*a.b", "a:80", "a b", "*.", "*..", "*..a", "*.[::1]", "[::1]:",
        ] {
            assert!(HostPattern::parse(text).is_err(), "{text:?}");
        }
    }
}
