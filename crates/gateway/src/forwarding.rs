//! Who asked: the client's address behind trusted proxies, and the fields that tell the upstream (GW-32; RFC 7239).

use std::net::{IpAddr, SocketAddr};

use h1::append_field;
use message::{FieldKind, Fields, RequestHead};
use telemetry::metrics::Scheme;

use crate::conn::Conn;
use crate::plan::{ForwardedHeaders, ListenerPlan};
use crate::text::append_ip;

/// Fields of a kind that are looked at, the last ones.
const LISTS_MAX: usize = 16;

/// Who the peer says it speaks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    /// The client's address: the peer's own, or what trusted proxies report.
    pub(crate) ip: IpAddr,
    /// How the client came, to us or to the first of the trusted proxies.
    pub(crate) scheme: Scheme,
    /// Whether the peer is a trusted proxy, so that its forwarding fields are kept and extended.
    pub(crate) is_reported: bool,
    /// Elements of the proxies' lists that were believed, from the right.
    believed: usize,
}

impl Client {
    /// The peer itself, as long as nothing of its head is known.
    pub(crate) fn direct(conn: &Conn) -> Self {
        Self {
            ip: conn.peer.ip().to_canonical(),
            scheme: match conn.tls {
                Some(_) => Scheme::Https,
                None => Scheme::Http,
            },
            is_reported: false,
            believed: 0,
        }
    }

    /// Walks what proxies reported from right to left, over trusted proxies, to the first address that is none: the
    /// `Forwarded` fields where the listener speaks only those, `X-Forwarded-For` otherwise.
    pub(crate) fn of(conn: &Conn, fields: &Fields, listener: &ListenerPlan) -> Self {
        let mut client = Self::direct(conn);
        let trusted = &listener.trusted_proxies;
        let is_trusted = |address: IpAddr| trusted.iter().any(|range| range.contains(address));
        if trusted.is_empty() || !is_trusted(client.ip) {
            return client;
        }
        client.is_reported = true;
        let kind = Report::of(listener);
        for element in Elements::of(fields, kind.addresses()).rightmost_first() {
            let address = match kind {
                Report::Forwarded => parameter(element, b"for").and_then(parse_address),
                Report::XForwarded => parse_address(element),
            };
            let Some(address) = address else {
                break;
            };
            client.ip = address;
            client.believed += 1;
            if !is_trusted(address) {
                break;
            }
        }
        let proto = client.reported(fields, kind, FieldKind::XForwardedProto, b"proto");
        for scheme in Scheme::ALL {
            if proto.is_some_and(|proto| proto.eq_ignore_ascii_case(scheme.label().as_bytes())) {
                client.scheme = scheme;
            }
        }
        client
    }

    /// The authority that the client asked for, where trusted proxies report one.
    pub(crate) fn authority<'f>(
        &self,
        fields: &'f Fields,
        listener: &ListenerPlan,
    ) -> Option<&'f [u8]> {
        let kind = Report::of(listener);
        let authority = self.reported(fields, kind, FieldKind::XForwardedHost, b"host")?;
        (!authority.is_empty()).then_some(authority)
    }

    /// What the proxy said that told of the client. Proxies extend the list of addresses, and some leave the others as they
    /// are: of a shorter list the first element counts.
    fn reported<'f>(
        &self,
        fields: &'f Fields,
        kind: Report,
        x_forwarded: FieldKind,
        name: &[u8],
    ) -> Option<&'f [u8]> {
        if !self.is_reported {
            return None;
        }
        let believed = self.believed.max(1);
        match kind {
            Report::Forwarded => {
                let elements = Elements::of(fields, FieldKind::Forwarded);
                let element = elements.rightmost_first().nth(believed - 1)?;
                parameter(element, name)
            }
            Report::XForwarded => {
                let elements = Elements::of(fields, x_forwarded);
                elements.rightmost_first().take(believed).last()
            }
        }
    }
}

/// In which fields a listener's proxies tell of their clients.
#[derive(Clone, Copy)]
enum Report {
    Forwarded,
    XForwarded,
}

impl Report {
    fn of(listener: &ListenerPlan) -> Self {
        match listener.forwarded_headers {
            ForwardedHeaders::Forwarded => Self::Forwarded,
            ForwardedHeaders::XForwarded | ForwardedHeaders::Both | ForwardedHeaders::Off => {
                Self::XForwarded
            }
        }
    }

    fn addresses(self) -> FieldKind {
        match self {
            Self::Forwarded => FieldKind::Forwarded,
            Self::XForwarded => FieldKind::XForwardedFor,
        }
    }
}

/// The elements of a list in one field or several, whose end is nearest to us.
struct Elements<'f> {
    lists: [&'f [u8]; LISTS_MAX],
    count: usize,
}

impl<'f> Elements<'f> {
    fn of(fields: &'f Fields, kind: FieldKind) -> Self {
        let mut lists = [&[][..]; LISTS_MAX];
        let mut count = 0;
        for value in fields.all(kind) {
            if count == LISTS_MAX {
                lists.rotate_left(1);
            } else {
                count += 1;
            }
            lists[count - 1] = value;
        }
        Self { lists, count }
    }

    fn rightmost_first(&self) -> impl Iterator<Item = &'f [u8]> {
        self.lists[..self.count]
            .iter()
            .rev()
            .flat_map(|list| list.rsplit(|b| *b == b','))
            .map(|element| element.trim_ascii())
    }
}

/// A parameter of one `Forwarded` element (RFC 7239 4), without its quotes.
fn parameter<'f>(element: &'f [u8], name: &[u8]) -> Option<&'f [u8]> {
    element.split(|b| *b == b';').find_map(|pair| {
        let pair = pair.trim_ascii();
        let (found, value) = pair.split_at_checked(name.len())?;
        let value = value.strip_prefix(b"=")?;
        if !found.eq_ignore_ascii_case(name) {
            return None;
        }
        let value = value.strip_prefix(b"\"").unwrap_or(value);
        Some(value.strip_suffix(b"\"").unwrap_or(value))
    })
}

/// Removes what a peer that is no trusted proxy says of whom it speaks for, so that neither routes nor filters see it.
pub(crate) fn remove_claims(fields: &mut Fields) {
    if fields.iter().any(|field| field.kind.is_forwarding()) {
        fields.remove_where(|field| field.kind.is_forwarding());
    }
}

/// An address, with a port or in brackets or not, as proxies write it.
fn parse_address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
        .map(|address| address.to_canonical())
}

/// Appends the fields that tell the upstream about the client. What the head says is kept and extended: a trusted proxy
/// or a filter said it (see [`remove_claims`]).
pub(crate) fn append_forwarding(
    out: &mut Vec<u8>,
    head: &RequestHead,
    conn: &Conn,
    listener: &ListenerPlan,
) {
    let Client {
        ip: peer, scheme, ..
    } = Client::direct(conn);
    let (x_forwarded, forwarded) = match listener.forwarded_headers {
        ForwardedHeaders::XForwarded => (true, false),
        ForwardedHeaders::Forwarded => (false, true),
        ForwardedHeaders::Both => (true, true),
        ForwardedHeaders::Off => (false, false),
    };
    if x_forwarded {
        append_x_forwarded(out, head, peer, scheme);
    }
    if let Some(client) = conn.tls.as_ref().and_then(|peer| peer.client.as_ref()) {
        append_field(out, b"x-client-cert-subject", client.subject.as_bytes());
        if !client.alternatives.is_empty() {
            append_field(out, b"x-client-cert-san", client.alternatives.as_bytes());
        }
    }
    if forwarded {
        append_forwarded(out, head, peer, scheme);
    }
}

fn append_x_forwarded(out: &mut Vec<u8>, head: &RequestHead, peer: IpAddr, scheme: Scheme) {
    out.extend_from_slice(b"x-forwarded-for: ");
    append_list(out, &head.fields, FieldKind::XForwardedFor);
    append_ip(out, peer);
    out.extend_from_slice(b"\r\n");
    let proto = head.fields.first(FieldKind::XForwardedProto);
    append_field(
        out,
        b"x-forwarded-proto",
        proto.unwrap_or(scheme.label().as_bytes()),
    );
    match head.fields.first(FieldKind::XForwardedHost) {
        Some(host) => append_field(out, b"x-forwarded-host", host),
        None if head.host().is_empty() => {}
        None => {
            out.extend_from_slice(b"x-forwarded-host: ");
            append_host(out, head);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// RFC 7239 4: one element for this hop, behind those a trusted proxy reported.
fn append_forwarded(out: &mut Vec<u8>, head: &RequestHead, peer: IpAddr, scheme: Scheme) {
    out.extend_from_slice(b"forwarded: ");
    append_list(out, &head.fields, FieldKind::Forwarded);
    match peer {
        IpAddr::V4(_) => {
            out.extend_from_slice(b"for=");
            append_ip(out, peer);
        }
        IpAddr::V6(_) => {
            out.extend_from_slice(b"for=\"[");
            append_ip(out, peer);
            out.extend_from_slice(b"]\"");
        }
    }
    if !head.host().is_empty() {
        out.extend_from_slice(b";host=\"");
        append_host(out, head);
        out.push(b'"');
    }
    out.extend_from_slice(b";proto=");
    out.extend_from_slice(scheme.label().as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn append_list(out: &mut Vec<u8>, fields: &Fields, kind: FieldKind) {
    for value in fields.all(kind) {
        out.extend_from_slice(value);
        out.extend_from_slice(b", ");
    }
}

/// Appends the normalised host, with the port when it is not the scheme's own.
pub(crate) fn append_host(out: &mut Vec<u8>, head: &RequestHead) {
    if let Some(authority) = head.normal_authority() {
        out.extend_from_slice(authority);
        return;
    }
    out.extend_from_slice(head.host());
    if let Some(port) = head.port() {
        out.push(b':');
        h1::append_decimal(out, u64::from(port.get()));
    }
}
