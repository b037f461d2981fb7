//! Request methods (RFC 9110 9).

use crate::field::is_token;

/// Which method, as far as a proxy treats methods differently. Case-sensitive: `get` is `Other`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MethodKind {
    /// `GET`
    #[default]
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `DELETE`
    Delete,
    /// `CONNECT`
    Connect,
    /// `OPTIONS`
    Options,
    /// `TRACE`
    Trace,
    /// `PATCH` (RFC 5789)
    Patch,
    /// Any other token.
    Other,
}

impl MethodKind {
    /// Every kind, `Other` last; a kind's place here is `kind as usize`.
    pub const ALL: [Self; 10] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Delete,
        Self::Connect,
        Self::Options,
        Self::Trace,
        Self::Patch,
        Self::Other,
    ];

    /// Classifies a method token.
    pub fn of(text: &[u8]) -> Self {
        match text {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"CONNECT" => Self::Connect,
            b"OPTIONS" => Self::Options,
            b"TRACE" => Self::Trace,
            b"PATCH" => Self::Patch,
            _ => Self::Other,
        }
    }

    /// The token, `_OTHER` for an unknown one: what metrics label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Patch => "PATCH",
            Self::Other => "_OTHER",
        }
    }

    /// Whether sending it twice does what sending it once does (RFC 9110 9.2.2).
    pub fn is_idempotent(self) -> bool {
        match self {
            Self::Get | Self::Head | Self::Put | Self::Delete | Self::Options | Self::Trace => true,
            Self::Post | Self::Connect | Self::Patch | Self::Other => false,
        }
    }
}

/// A method as a route's match names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method(Box<str>);

/// A text that is no method.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a method such as GET, a token in upper case, found `{found}`")]
pub struct MethodError {
    /// The text.
    pub found: Box<str>,
}

impl Method {
    /// Takes a token without lower-case letters: methods are case-sensitive, and `get` in a file is a slip.
    ///
    /// # Errors
    /// [`MethodError`] for anything else.
    pub fn new(text: &str) -> Result<Self, MethodError> {
        if is_token(text.as_bytes()) && !text.bytes().any(|b| b.is_ascii_lowercase()) {
            Ok(Self(text.into()))
        } else {
            Err(MethodError { found: text.into() })
        }
    }

    /// The token.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
