//! Where a back end is, by the rules of the `OTEL_EXPORTER_OTLP_ENDPOINT` variables
//! (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>). Resolves nothing.

use std::fmt;

use ::http::Uri;
use otlp::Signal;

use crate::plan::Protocol;

/// An http or https URL without user name. Shown without its query, which may hold a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    scheme: Scheme,
    /// As in the URL, port included when the URL has one.
    authority: Box<str>,
    /// Without the brackets of an IPv6 address.
    host: Box<str>,
    port: u16,
    /// Path and query; begins with a slash.
    target: Box<str>,
}

/// Whether a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// It is not.
    Http,
    /// By TLS.
    Https,
}

/// A text that names no back end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// No URL at all.
    #[error("expected a URL such as {example}, found `{found}`")]
    Malformed {
        /// One that would do.
        example: &'static str,
        /// The text.
        found: Box<str>,
    },
    /// Another scheme than http and https.
    #[error("expected http or https, found `{found}`")]
    Scheme {
        /// The scheme.
        found: Box<str>,
    },
    /// A user name or password, which would be sent to no one and shown to everyone.
    #[error("expected no user name in the URL: credentials belong into headers")]
    UserInfo,
    /// gRPC decides the path itself.
    #[error("expected no path with gRPC, found `{found}`")]
    Path {
        /// The path.
        found: Box<str>,
    },
    /// A query where a signal's path is appended.
    #[error("expected no query in the URL for all signals: give each signal its own")]
    Query,
}

const HTTP_EXAMPLE: &str = "http://localhost:4318";
const GRPC_EXAMPLE: &str = "http://localhost:4317";

impl Endpoint {
    /// The URL for all signals, as in `OTEL_EXPORTER_OTLP_ENDPOINT`: `v1/traces`, `v1/metrics` or `v1/logs` is appended
    /// with HTTP. With gRPC it may lack its scheme: then it is `bare`, which is what `OTEL_EXPORTER_OTLP_INSECURE`
    /// decides.
    ///
    /// # Errors
    /// [`EndpointError`]; none shows a password.
    pub fn for_all(
        url: &str,
        protocol: Protocol,
        bare: Scheme,
        signal: Signal,
    ) -> Result<Self, EndpointError> {
        let mut endpoint = Self::parse(url, protocol, bare)?;
        match protocol {
            Protocol::Grpc => endpoint.with_method(signal),
            Protocol::HttpProtobuf | Protocol::HttpJson => {
                if endpoint.target.contains('?') {
                    return Err(EndpointError::Query);
                }
                let base = endpoint.target.trim_end_matches('/');
                endpoint.target = format!("{base}{}", signal.http_path()).into();
                Ok(endpoint)
            }
        }
    }

    /// The URL of one signal, as in `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`: with HTTP it is used as it is, without a path
    /// as `/`. With gRPC as [`Endpoint::for_all`].
    ///
    /// # Errors
    /// [`EndpointError`]; none shows a password.
    pub fn for_one(
        url: &str,
        protocol: Protocol,
        bare: Scheme,
        signal: Signal,
    ) -> Result<Self, EndpointError> {
        let endpoint = Self::parse(url, protocol, bare)?;
        match protocol {
            Protocol::Grpc => endpoint.with_method(signal),
            Protocol::HttpProtobuf | Protocol::HttpJson => Ok(endpoint),
        }
    }

    /// Where a Collector on this machine listens: `http://localhost:4317` with gRPC, `:4318` with HTTP (OT-2).
    pub fn local(protocol: Protocol, signal: Signal) -> Self {
        let (port, target) = match protocol {
            Protocol::Grpc => (4317, signal.grpc_path()),
            Protocol::HttpProtobuf | Protocol::HttpJson => (4318, signal.http_path()),
        };
        Self {
            scheme: Scheme::Http,
            authority: format!("localhost:{port}").into(),
            host: "localhost".into(),
            port,
            target: target.into(),
        }
    }

    /// Whether connections are encrypted.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// A name or an address; an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The URL's port, or 80 and 443.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query of requests.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Host and port as in the URL, for `Host` and `:authority`.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// The whole URL, query included, for the request line of HTTP/2.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}{}", self.scheme.name(), self.authority, self.target)
    }

    fn with_method(mut self, signal: Signal) -> Result<Self, EndpointError> {
        if &*self.target != "/" {
            return Err(EndpointError::Path {
                found: path_of(&self.target).into(),
            });
        }
        self.target = signal.grpc_path().into();
        Ok(self)
    }

    fn parse(url: &str, protocol: Protocol, bare: Scheme) -> Result<Self, EndpointError> {
        let (scheme, rest) = match url.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, url),
        };
        let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(authority_end);
        if authority.contains('@') {
            return Err(EndpointError::UserInfo);
        }
        let scheme = match (scheme, protocol) {
            (Some(scheme), _) => Scheme::parse(scheme)?,
            (None, Protocol::Grpc) => bare,
            (None, Protocol::HttpProtobuf | Protocol::HttpJson) => {
                return Err(malformed(url, protocol));
            }
        };
        let malformed = || malformed(url, protocol);
        let uri: Uri = format!("{}://{authority}{}", scheme.name(), slashed(target))
            .parse()
            .map_err(|_| malformed())?;
        let host = uri.host().unwrap_or_default();
        let port = match authority.get(host.len()..) {
            Some("") => scheme.default_port(),
            Some(_) => uri
                .port_u16()
                .filter(|port| *port > 0)
                .ok_or_else(malformed)?,
            None => return Err(malformed()),
        };
        let bracketless = host.trim_start_matches('[').trim_end_matches(']');
        if bracketless.is_empty() {
            return Err(malformed());
        }
        Ok(Self {
            scheme,
            authority: authority.into(),
            host: bracketless.into(),
            port,
            target: uri
                .path_and_query()
                .map_or("/", |target| target.as_str())
                .into(),
        })
    }
}

/// A target that begins with a slash: `?key=1` means `/?key=1`.
fn slashed(target: &str) -> String {
    if target.starts_with('/') {
        target.to_owned()
    } else {
        format!("/{target}")
    }
}

fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

fn malformed(url: &str, protocol: Protocol) -> EndpointError {
    EndpointError::Malformed {
        example: match protocol {
            Protocol::Grpc => GRPC_EXAMPLE,
            Protocol::HttpProtobuf | Protocol::HttpJson => HTTP_EXAMPLE,
        },
        found: path_of(url).into(),
    }
}

impl Scheme {
    fn parse(text: &str) -> Result<Self, EndpointError> {
        if text.eq_ignore_ascii_case("http") {
            Ok(Self::Http)
        } else if text.eq_ignore_ascii_case("https") {
            Ok(Self::Https)
        } else {
            Err(EndpointError::Scheme { found: text.into() })
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, path) = (self.scheme.name(), path_of(&self.target));
        write!(f, "{scheme}://{}{path}", self.authority)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}
