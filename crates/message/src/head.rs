//! Request and response heads.

use std::io::Write as _;

use crate::fields::Fields;
use crate::host::{Authority, AuthorityError, Port, bracketed_address};
use crate::method::MethodKind;
use crate::path::{PathError, PathPolicy, is_normal_path, normalise_path};
use crate::status::StatusCode;

/// A range of bytes in the buffer of a [`Fields`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// A range; heads are at most 1 MiB, so offsets beyond 32 bits cannot be meant and make an empty range.
    pub fn new(start: usize, end: usize) -> Self {
        match (u32::try_from(start), u32::try_from(end)) {
            (Ok(start), Ok(end)) if start <= end => Self { start, end },
            _ => Self::default(),
        }
    }

    /// Whether it holds no bytes.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Its first `len` bytes.
    #[must_use]
    pub fn prefix(self, len: usize) -> Self {
        let len = u32::try_from(len)
            .unwrap_or(u32::MAX)
            .min(self.end - self.start);
        Self {
            start: self.start,
            end: self.start + len,
        }
    }

    pub(crate) fn of(self, arena: &[u8]) -> &[u8] {
        arena
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

/// The version a peer speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    #[default]
    Http11,
}

impl Version {
    /// As in a request line.
    pub fn label(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        }
    }

    /// The number alone, as in `Via` and `network.protocol.version`.
    pub fn number(self) -> &'static str {
        match self {
            Self::Http10 => "1.0",
            Self::Http11 => "1.1",
        }
    }
}

/// The head of a request. Reused from message to message. A protocol's parser fills it, [`RequestHead::normalise_path`]
/// and [`RequestHead::normalise_host`] make it safe to match, and the same bytes are forwarded.
#[derive(Debug, Default)]
pub struct RequestHead {
    /// Every field in the order received.
    pub fields: Fields,
    /// What kind of method.
    pub method: MethodKind,
    /// What the client speaks.
    pub version: Version,
    method_text: Span,
    path: Span,
    query: Option<Span>,
    authority: Option<Span>,
    host: Span,
    port: Option<Port>,
    /// The path as received while its normal form is written: both would live in one buffer. Kept for its room.
    scratch: Vec<u8>,
}

impl Clone for RequestHead {
    fn clone(&self) -> Self {
        let mut copy = Self::default();
        copy.clone_from(self);
        copy
    }

    /// Into the room there is.
    fn clone_from(&mut self, source: &Self) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clone_from(&source.fields);
        *self = Self {
            fields,
            scratch: std::mem::take(&mut self.scratch),
            ..*source
        };
    }
}

impl RequestHead {
    /// Empties it and keeps the room.
    pub fn clear(&mut self) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Self {
            fields,
            scratch: std::mem::take(&mut self.scratch),
            ..Self::default()
        };
    }

    /// Fills the request line from spans of `fields`. `authority` is the authority the client asks: of an absolute
    /// target or of the Host field; `None` when an HTTP/1.0 client named none.
    pub fn set_line(
        &mut self,
        method: Span,
        path: Span,
        query: Option<Span>,
        authority: Option<Span>,
        version: Version,
    ) {
        self.method = MethodKind::of(self.fields.bytes(method));
        self.version = version;
        (self.method_text, self.path, self.query, self.authority) =
            (method, path, query, authority);
    }

    /// Puts the path into the one form that is matched and forwarded (GW-26).
    ///
    /// # Errors
    /// [`PathError`] when it has no form that every origin reads alike under `policy`.
    pub fn normalise_path(&mut self, policy: PathPolicy) -> Result<(), PathError> {
        let raw = self.fields.bytes(self.path);
        if raw == b"*" || is_normal_path(raw, policy) {
            return Ok(());
        }
        self.scratch.clear();
        self.scratch.extend_from_slice(raw);
        self.path = self
            .fields
            .store_with(|arena| normalise_path(&self.scratch, policy, arena))?;
        Ok(())
    }

    /// Checks the authority and puts the host into the one form that is matched and forwarded (GW-20, GW-24).
    ///
    /// # Errors
    /// [`AuthorityError`] when it is no host with an optional port.
    pub fn normalise_host(&mut self) -> Result<(), AuthorityError> {
        let Some(span) = self.authority else {
            return Ok(());
        };
        let authority = Authority::parse(self.fields.bytes(span))?;
        self.port = authority.port.filter(|port| port.get() != 80);
        self.host = span.prefix(authority.host_len);
        if let Some(address) = bracketed_address(self.host()) {
            self.host = self.fields.store_with(|arena| {
                // Writing to a vector does not fail.
                write!(arena, "[{address}]").map_err(|_| AuthorityError::MalformedIpv6)
            })?;
        } else if self.host().iter().any(u8::is_ascii_uppercase) {
            let received = self.host;
            self.host = self.fields.store_with(|arena| {
                let start = arena.len();
                arena.extend_from_within(received.start as usize..received.end as usize);
                arena[start..].make_ascii_lowercase();
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The method token.
    pub fn method_text(&self) -> &[u8] {
        self.fields.bytes(self.method_text)
    }

    /// The path: begins with `/`, or is `*`. As received until [`RequestHead::normalise_path`].
    pub fn path(&self) -> &[u8] {
        self.fields.bytes(self.path)
    }

    /// The query without its `?`.
    pub fn query(&self) -> Option<&[u8]> {
        self.query.map(|query| self.fields.bytes(query))
    }

    /// The authority as received.
    pub fn authority(&self) -> Option<&[u8]> {
        self.authority.map(|authority| self.fields.bytes(authority))
    }

    /// Host and port as one text, when the client wrote them in the form they are matched and forwarded in; nearly
    /// every client does.
    pub fn normal_authority(&self) -> Option<&[u8]> {
        let authority = self.authority?;
        let text = self.fields.bytes(authority);
        let is_host_as_received = self.host.start == authority.start;
        let is_normal = match text.get(self.host().len()..)? {
            [] => true,
            [b':', b'1'..=b'9', ..] => self.port.is_some(),
            _ => false,
        };
        (is_host_as_received && is_normal).then_some(text)
    }

    /// The host: lower case, no port, no trailing dot, IPv6 in brackets; empty when the client named none.
    pub fn host(&self) -> &[u8] {
        self.fields.bytes(self.host)
    }

    /// The port when it is not the scheme's own.
    pub fn port(&self) -> Option<Port> {
        self.port
    }
}

/// The head of a response. Reused from message to message.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// Every field in the order received.
    pub fields: Fields,
    /// The status.
    pub status: StatusCode,
    /// What the upstream speaks.
    pub version: Version,
}

impl Default for ResponseHead {
    fn default() -> Self {
        Self {
            fields: Fields::default(),
            status: StatusCode::OK,
            version: Version::Http11,
        }
    }
}

impl ResponseHead {
    /// Empties it and keeps the room.
    pub fn clear(&mut self) {
        self.fields.clear();
        (self.status, self.version) = (StatusCode::OK, Version::Http11);
    }
}
