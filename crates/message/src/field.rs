//! Field names and values (RFC 9110 5).

use std::fmt;

/// The fields a proxy treats by name; every other is `Other`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the variants are the field names")]
pub enum FieldKind {
    #[default]
    Other,
    Authorization,
    B3,
    Baggage,
    Connection,
    ContentLength,
    ContentType,
    Cookie,
    Date,
    Expect,
    Forwarded,
    Host,
    KeepAlive,
    MaxForwards,
    ProxyAuthenticate,
    ProxyAuthorization,
    ProxyConnection,
    Range,
    Referer,
    Server,
    SetCookie,
    Te,
    Trailer,
    Traceparent,
    Tracestate,
    TransferEncoding,
    Uber,
    Upgrade,
    UserAgent,
    Via,
    XB3,
    XClientCert,
    XForwardedFor,
    XForwardedHost,
    XForwardedOther,
    XForwardedProto,
    XRealIp,
    XRequestId,
}

impl FieldKind {
    /// Classifies a field name of any case.
    pub fn of(name: &[u8]) -> Self {
        let is = |known: &[u8], kind: Self| {
            if same_name(name, known) {
                kind
            } else {
                Self::Other
            }
        };
        match (name.len(), name.first().map(u8::to_ascii_lowercase)) {
            (2, Some(b't')) => is(b"te", Self::Te),
            (2, Some(b'b')) => is(b"b3", Self::B3),
            (3, Some(b'v')) => is(b"via", Self::Via),
            (4, Some(b'h')) => is(b"host", Self::Host),
            (4, Some(b'd')) => is(b"date", Self::Date),
            (5, Some(b'r')) => is(b"range", Self::Range),
            (6, Some(b'c')) => is(b"cookie", Self::Cookie),
            (6, Some(b'e')) => is(b"expect", Self::Expect),
            (6, Some(b's')) => is(b"server", Self::Server),
            (7, Some(b'b')) => is(b"baggage", Self::Baggage),
            (7, Some(b'r')) => is(b"referer", Self::Referer),
            (7, Some(b't')) => is(b"trailer", Self::Trailer),
            (7, Some(b'u')) => is(b"upgrade", Self::Upgrade),
            (9, Some(b'f')) => is(b"forwarded", Self::Forwarded),
            (9, Some(b'x')) => is(b"x-real-ip", Self::XRealIp),
            (10, Some(b'c')) => is(b"connection", Self::Connection),
            (10, Some(b'k')) => is(b"keep-alive", Self::KeepAlive),
            (10, Some(b't')) => is(b"tracestate", Self::Tracestate),
            (11, Some(b't')) => is(b"traceparent", Self::Traceparent),
            (10, Some(b's')) => is(b"set-cookie", Self::SetCookie),
            (10, Some(b'u')) => is(b"user-agent", Self::UserAgent),
            (12, Some(b'c')) => is(b"content-type", Self::ContentType),
            (12, Some(b'm')) => is(b"max-forwards", Self::MaxForwards),
            (12, Some(b'x')) if same_name(name, b"x-request-id") => Self::XRequestId,
            (13, Some(b'a')) => is(b"authorization", Self::Authorization),
            (13, Some(b'u')) if same_name(name, b"uber-trace-id") => Self::Uber,
            (14, Some(b'c')) => is(b"content-length", Self::ContentLength),
            (15, Some(b'x')) if same_name(name, b"x-forwarded-for") => Self::XForwardedFor,
            (16, Some(b'p')) => is(b"proxy-connection", Self::ProxyConnection),
            (16, Some(b'x')) if same_name(name, b"x-forwarded-host") => Self::XForwardedHost,
            (17, Some(b'x')) if same_name(name, b"x-forwarded-proto") => Self::XForwardedProto,
            (17, Some(b't')) => is(b"transfer-encoding", Self::TransferEncoding),
            (18, Some(b'p')) => is(b"proxy-authenticate", Self::ProxyAuthenticate),
            (19, Some(b'p')) => is(b"proxy-authorization", Self::ProxyAuthorization),
            (8.., Some(b'u')) if starts_with(name, b"uberctx-") => Self::Uber,
            (10.., Some(b'x')) if starts_with(name, b"x-b3-") => Self::XB3,
            (12.., Some(b'x')) if starts_with(name, b"x-forwarded-") => Self::XForwardedOther,
            (14.., Some(b'x')) if is_client_cert(name) => Self::XClientCert,
            _ => Self::Other,
        }
    }

    /// Whether the field speaks of one connection only and is never forwarded (GW-28, GW-30; RFC 9110 7.6.1).
    pub fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Self::Connection
                | Self::KeepAlive
                | Self::ProxyAuthenticate
                | Self::ProxyAuthorization
                | Self::ProxyConnection
                | Self::Te
                | Self::Trailer
                | Self::TransferEncoding
                | Self::Upgrade
        )
    }

    /// Whether a client tells with it who it is, so that only a trusted peer's is believed (GW-32).
    pub fn is_forwarding(self) -> bool {
        matches!(
            self,
            Self::Forwarded
                | Self::XClientCert
                | Self::XForwardedFor
                | Self::XForwardedHost
                | Self::XForwardedOther
                | Self::XForwardedProto
                | Self::XRealIp
        )
    }

    /// Whether it may carry the context of a trace.
    pub fn is_propagation(self) -> bool {
        matches!(
            self,
            Self::B3
                | Self::Baggage
                | Self::Traceparent
                | Self::Tracestate
                | Self::Uber
                | Self::XB3
        )
    }

    /// Whether a `Connection` field may not name it: removing it would change who is asked, who asks, or where the
    /// message ends (GW-28).
    pub fn is_protected_from_nomination(self) -> bool {
        self.is_forwarding()
            || matches!(
                self,
                Self::Host
                    | Self::Authorization
                    | Self::ContentLength
                    | Self::Cookie
                    | Self::XRequestId
                    | Self::Via
            )
    }

    /// Whether it may not come in trailers: framing, routing, authentication (GW-37; RFC 9110 6.5.1).
    pub fn is_refused_in_trailers(self) -> bool {
        self.is_hop_by_hop()
            || self.is_protected_from_nomination()
            || matches!(
                self,
                Self::Expect | Self::MaxForwards | Self::ContentType | Self::SetCookie
            )
    }
}

/// With underscores too: origins that speak CGI read both alike, and this one says who somebody is.
fn is_client_cert(name: &[u8]) -> bool {
    let known = b"x-client-cert-";
    let same = |(found, known): (&u8, &u8)| {
        found.to_ascii_lowercase() == *known || (*known, *found) == (b'-', b'_')
    };
    name.len() > known.len() && name.iter().zip(known).all(same)
}

fn starts_with(name: &[u8], known: &[u8]) -> bool {
    name.get(..known.len())
        .is_some_and(|start| same_name(start, known))
}

/// Compares a token or another printable name with a known one in lower case, without a branch per byte: setting one
/// bit makes letters lower case and moves no other printable byte onto a letter or dash.
fn same_name(name: &[u8], known: &[u8]) -> bool {
    name.len() == known.len()
        && name
            .iter()
            .zip(known)
            .fold(0, |seen, (a, b)| seen | ((a | 0x20) ^ b))
            == 0
}

/// Whether the bytes are a token (RFC 9110 5.6.2): field names, methods.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes.iter().all(|b| {
            b.is_ascii_alphanumeric()
                || matches!(
                    b,
                    b'!' | b'#'
                        | b'$'
                        | b'%'
                        | b'&'
                        | b'\''
                        | b'*'
                        | b'+'
                        | b'-'
                        | b'.'
                        | b'^'
                        | b'_'
                        | b'`'
                        | b'|'
                        | b'~'
                )
        })
}

/// A field name from the configuration: a token, compared without case, kept in lower case.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FieldName(Box<str>);

/// A text that is no field name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a field name, letters, digits and any of !#$%&'*+-.^_`|~, found `{found}`")]
pub struct FieldNameError {
    /// The text.
    pub found: Box<str>,
}

impl FieldName {
    /// Takes a token of at most 256 bytes.
    ///
    /// # Errors
    /// [`FieldNameError`] for anything else.
    pub fn new(text: &str) -> Result<Self, FieldNameError> {
        if is_token(text.as_bytes()) && text.len() <= 256 {
            Ok(Self(text.to_ascii_lowercase().into()))
        } else {
            Err(FieldNameError { found: text.into() })
        }
    }

    /// In lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Which of the known fields it names.
    pub fn kind(&self) -> FieldKind {
        FieldKind::of(self.0.as_bytes())
    }
}

impl fmt::Debug for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A field value from the configuration: no control characters but tab, no space at either end (GW-15).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldValue(Box<str>);

/// A text that is no field value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a field value without control characters and without space at its ends, found {found:?}"
)]
pub struct FieldValueError {
    /// The text.
    pub found: Box<str>,
}

impl FieldValue {
    /// Takes a text of at most 8 KiB.
    ///
    /// # Errors
    /// [`FieldValueError`] for anything else.
    pub fn new(text: &str) -> Result<Self, FieldValueError> {
        let trimmed = text.trim_matches([' ', '\t']);
        if trimmed.len() == text.len()
            && text.len() <= 8 << 10
            && text.chars().all(|c| c == '\t' || !c.is_control())
        {
            Ok(Self(text.into()))
        } else {
            Err(FieldValueError { found: text.into() })
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_known_in_any_case() {
        for (name, expected) in [
            ("B3", FieldKind::B3),
            ("Baggage", FieldKind::Baggage),
            ("TraceParent", FieldKind::Traceparent),
            ("tracestate", FieldKind::Tracestate),
            ("Uber-Trace-Id", FieldKind::Uber),
            ("uberctx-user", FieldKind::Uber),
            ("X-B3-Flags", FieldKind::XB3),
            ("X-B3-SpanId", FieldKind::XB3),
            ("X-B3-TraceId", FieldKind::XB3),
            ("X-B3-Sampled", FieldKind::XB3),
            ("X-B3-ParentSpanId", FieldKind::XB3),
            ("X-Request-Id", FieldKind::XRequestId),
            ("X-Forwarded-Proto", FieldKind::XForwardedProto),
            ("X-Forwarded-Prefix", FieldKind::XForwardedOther),
            ("x-b4-spanid", FieldKind::Other),
            ("traceparents", FieldKind::Other),
            ("", FieldKind::Other),
        ] {
            assert_eq!(FieldKind::of(name.as_bytes()), expected, "{name}");
        }
    }
}
