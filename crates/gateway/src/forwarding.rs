//! Who asked: the client's address behind trusted proxies, and the fields that tell the upstream (GW-32; RFC 7239).

use std::net::{IpAddr, SocketAddr};

use h1::append_field;
use message::{FieldKind, Fields, RequestHead};

use crate::plan::{ForwardedHeaders, ListenerPlan};
use crate::text::append_ip;

/// `X-Forwarded-For` fields that are looked at, the last ones.
const LISTS_MAX: usize = 16;

/// Reads the address in one element of a list.
type ReadAddress = fn(&[u8]) -> Option<IpAddr>;

/// Who the peer says it speaks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    /// The client's address: the peer's own, or what trusted proxies report.
    pub(crate) ip: IpAddr,
    /// Whether the peer is a trusted proxy, so that its forwarding fields are kept and extended.
    pub(crate) is_reported: bool,
}

impl Client {
    /// Walks what proxies reported from right to left, over trusted proxies, to the first address that is none: the
    /// `Forwarded` fields where the listener speaks only those, `X-Forwarded-For` otherwise.
    pub(crate) fn of(peer: SocketAddr, fields: &Fields, listener: &ListenerPlan) -> Self {
        let peer = peer.ip().to_canonical();
        let trusted = &listener.trusted_proxies;
        let is_trusted = |address: IpAddr| trusted.iter().any(|range| range.contains(address));
        if trusted.is_empty() || !is_trusted(peer) {
            return Self {
                ip: peer,
                is_reported: false,
            };
        }
        let (kind, read): (FieldKind, ReadAddress) = match listener.forwarded_headers {
            ForwardedHeaders::Forwarded => (FieldKind::Forwarded, forwarded_for),
            ForwardedHeaders::XForwarded | ForwardedHeaders::Both | ForwardedHeaders::Off => {
                (FieldKind::XForwardedFor, parse_address)
            }
        };
        let mut ip = peer;
        // Several fields are one list; its end is nearest to us.
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
        for entry in lists[..count]
            .iter()
            .rev()
            .flat_map(|list| list.rsplit(|b| *b == b','))
        {
            let Some(address) = read(entry.trim_ascii()) else {
                break;
            };
            ip = address;
            if !is_trusted(address) {
                break;
            }
        }
        Self {
            ip,
            is_reported: true,
        }
    }
}

/// The address of the `for` parameter of one `Forwarded` element (RFC 7239 4); `None` for hidden and unknown ones.
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    element.split(|b| *b == b';').find_map(|pair| {
        let pair = pair.trim_ascii();
        let (name, value) = pair.split_at_checked(4)?;
        if !name.eq_ignore_ascii_case(b"for=") {
            return None;
        }
        let value = value.strip_prefix(b"\"").unwrap_or(value);
        parse_address(value.strip_suffix(b"\"").unwrap_or(value))
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
    peer: SocketAddr,
    listener: &ListenerPlan,
) {
    let peer = peer.ip().to_canonical();
    let (x_forwarded, forwarded) = match listener.forwarded_headers {
        ForwardedHeaders::XForwarded => (true, false),
        ForwardedHeaders::Forwarded => (false, true),
        ForwardedHeaders::Both => (true, true),
        ForwardedHeaders::Off => (false, false),
    };
    if x_forwarded {
        append_x_forwarded(out, head, peer);
    }
    if forwarded {
        append_forwarded(out, head, peer);
    }
}

fn append_x_forwarded(out: &mut Vec<u8>, head: &RequestHead, peer: IpAddr) {
    out.extend_from_slice(b"x-forwarded-for: ");
    append_list(out, &head.fields, FieldKind::XForwardedFor);
    append_ip(out, peer);
    out.extend_from_slice(b"\r\n");
    let proto = head.fields.first(FieldKind::XForwardedProto);
    append_field(out, b"x-forwarded-proto", proto.unwrap_or(b"http"));
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
fn append_forwarded(out: &mut Vec<u8>, head: &RequestHead, peer: IpAddr) {
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
    out.extend_from_slice(b";proto=http\r\n");
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
