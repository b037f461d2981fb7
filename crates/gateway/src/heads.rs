//! Writes the heads that leave the gateway: the request to the upstream, the response to the client.

use std::net::SocketAddr;

use h1::{
    Framing, append_decimal, append_field, append_request_line, append_request_line_with,
    append_status_line,
};
use message::{
    FieldKind, Fields, RequestHead, ResponseHead, StatusCode, list_elements, normalise_authority,
    normalise_path,
};

use telemetry::trace::{Recording, Tracer};

use crate::check::Asked;
use crate::conn::Conn;
use crate::forwarding::{Client, append_forwarding, append_host};
use crate::plan::{HeaderEditsPlan, ListenerPlan};
use crate::program::{Forward, Rewrite, Route};
use crate::refusal::Refusal;
use crate::text::{Values, append_socket, append_text};

/// What a request head is written from.
pub(crate) struct Outbound<'a> {
    pub(crate) head: &'a RequestHead,
    pub(crate) asked: Asked,
    pub(crate) route: &'a Route,
    pub(crate) forward: &'a Forward,
    pub(crate) listener: &'a ListenerPlan,
    pub(crate) conn: &'a Conn,
    pub(crate) client: Client,
    /// This gateway's name in Via.
    pub(crate) via: &'a [u8],
    /// Writes the trace's fields, where requests are traced.
    pub(crate) tracer: Option<&'a Tracer>,
}

impl Outbound<'_> {
    fn values(&self) -> Values<'_> {
        Values {
            head: self.head,
            client_ip: self.client.ip,
            template: self.route.template.as_ref(),
        }
    }

    /// Appends the whole head. Hop-by-hop fields are left out and written anew for this hop (GW-28, GW-29). `text` is
    /// what templates are filled in.
    ///
    /// # Errors
    /// [`Refusal::BadRewrite`] when a rewritten path or host has no form every origin reads alike.
    pub(crate) fn append(
        &self,
        out: &mut Vec<u8>,
        text: &mut Vec<u8>,
        trace: &mut Recording,
    ) -> Result<(), Refusal> {
        let head = self.head;
        match &self.forward.rewrite_path {
            // `*` is no path: it asks about the server.
            Some(rewrite) if head.path() != b"*" => {
                self.append_rewritten_line(out, text, rewrite)?
            }
            Some(_) | None => {
                append_request_line(out, head.method_text(), head.path(), head.query())
            }
        }
        self.append_host_line(out, text)?;
        for field in head.fields.iter() {
            let is_traced = || {
                self.tracer
                    .is_some_and(|tracer| tracer.owns(field.kind, field.name))
            };
            // What a trusted proxy says of its client's certificate gives way to the certificate that was seen here.
            let is_replaced = field.kind == FieldKind::XClientCert && self.shows_certificate();
            if !Self::is_left_out(field.kind) && !is_replaced && !is_traced() {
                append_field(out, field.name, field.value);
            }
        }
        append_forwarding(out, head, self.conn, self.listener);
        if let Some(tracer) = self.tracer {
            tracer.append_context(trace, out);
        }
        out.extend_from_slice(b"via: ");
        for value in head.fields.all(FieldKind::Via) {
            out.extend_from_slice(value);
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(head.version.number().as_bytes());
        out.push(b' ');
        out.extend_from_slice(self.via);
        out.extend_from_slice(b"\r\n");
        self.append_connection_fields(out);
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn shows_certificate(&self) -> bool {
        let peer = self.conn.tls.as_ref();
        peer.is_some_and(|peer| peer.client.is_some())
    }

    /// Fields that are not copied: those of the client's connection, those written anew.
    fn is_left_out(kind: FieldKind) -> bool {
        kind.is_hop_by_hop()
            || matches!(
                kind,
                FieldKind::Host
                    | FieldKind::ContentLength
                    | FieldKind::Via
                    | FieldKind::Expect
                    | FieldKind::Forwarded
                    | FieldKind::XForwardedFor
                    | FieldKind::XForwardedHost
                    | FieldKind::XForwardedProto
            )
    }

    fn append_rewritten_line(
        &self,
        out: &mut Vec<u8>,
        text: &mut Vec<u8>,
        rewrite: &Rewrite,
    ) -> Result<(), Refusal> {
        let head = self.head;
        text.clear();
        match rewrite {
            Rewrite::Whole(path) => append_text(text, path, self.values()),
            Rewrite::Prefix { matched, to } => {
                text.extend_from_slice(to.as_bytes());
                text.extend_from_slice(head.path().get(*matched..).unwrap_or_default());
                if text.first() != Some(&b'/') {
                    text.insert(0, b'/');
                }
            }
        }
        append_request_line_with(out, head.method_text(), head.query(), |out| {
            normalise_path(text, self.listener.paths, out)
        })
        .map_err(|_| Refusal::BadRewrite)
    }

    fn append_host_line(&self, out: &mut Vec<u8>, text: &mut Vec<u8>) -> Result<(), Refusal> {
        out.extend_from_slice(b"host: ");
        match &self.forward.rewrite_host {
            // What variables stand for is checked like a client's Host (GW-20).
            Some(host) => {
                text.clear();
                append_text(text, host, self.values());
                normalise_authority(text, out).map_err(|_| Refusal::BadRewrite)?;
            }
            // An HTTP/1.0 client named no host, an HTTP/1.1 upstream must be told one: the address it asked.
            None if self.head.host().is_empty() => append_socket(out, self.asked_address()),
            None => append_host(out, self.head),
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// The address the client connected to: the listener's may name all addresses, or leave the port to the kernel.
    fn asked_address(&self) -> SocketAddr {
        match self.conn.stream.local_addr() {
            Ok(address) => SocketAddr::new(address.ip().to_canonical(), address.port()),
            Err(_) => self.listener.address,
        }
    }

    fn append_connection_fields(&self, out: &mut Vec<u8>) {
        match self.asked.framing {
            Framing::None | Framing::UntilClose => {}
            Framing::Length(length) => append_length(out, length),
            Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        }
        if self.asked.expects_continue {
            out.extend_from_slice(b"expect: 100-continue\r\n");
        }
        if self.asked.te_trailers {
            out.extend_from_slice(b"te: trailers\r\nconnection: te\r\n");
        }
        if self.asked.websocket && self.forward.websocket {
            out.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\n");
        }
    }
}

fn append_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"content-length: ");
    append_decimal(out, length);
    out.extend_from_slice(b"\r\n");
}

/// Applies a route's edits to a field list: remove, set, add.
pub(crate) fn edit_fields(
    fields: &mut Fields,
    edits: &HeaderEditsPlan,
    value: &mut Vec<u8>,
    mut text: impl FnMut(&mut Vec<u8>, &crate::plan::TextTemplate),
) {
    for name in &edits.remove {
        fields.remove(name.as_str().as_bytes());
    }
    for (name, template) in &edits.set {
        value.clear();
        text(value, template);
        fields.set(name.as_str().as_bytes(), value.trim_ascii());
    }
    for (name, template) in &edits.add {
        value.clear();
        text(value, template);
        fields.append(name.as_str().as_bytes(), value.trim_ascii());
    }
}

/// How the response's connection goes on, as far as its head says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// HTTP/1.1, kept: nothing to say.
    Keep,
    /// HTTP/1.0, kept: must be said.
    KeepSaid,
    /// Closed after this response.
    Close,
}

/// How the body that follows the head is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyLine {
    /// No body, and no field that speaks of one (1xx, 204).
    Nothing,
    /// No body, but what the upstream said of its length stays (HEAD, 304).
    Declared(Option<u64>),
    /// `content-length`.
    Length(u64),
    /// `transfer-encoding: chunked`.
    Chunked,
    /// Ends when the connection closes.
    UntilClose,
}

/// Removes the fields that an upstream's Connection names, before filters write theirs (GW-28).
pub(crate) fn remove_nominated(fields: &mut Fields) {
    let is_option = |value: &[u8]| {
        value.eq_ignore_ascii_case(b"keep-alive") || value.eq_ignore_ascii_case(b"close")
    };
    if fields.all(FieldKind::Connection).all(is_option) {
        // No Connection, or one that names no field: nearly every response.
        return;
    }
    let nominated: Vec<Box<[u8]>> = fields
        .all(FieldKind::Connection)
        .flat_map(list_elements)
        .filter(|token| {
            // `close` and `keep-alive` are options; fields of the connection are left out in any case.
            let kind = FieldKind::of(token);
            !token.eq_ignore_ascii_case(b"close")
                && !kind.is_hop_by_hop()
                && !kind.is_protected_from_nomination()
        })
        .map(Box::from)
        .collect();
    if !nominated.is_empty() {
        fields.remove_where(|field| {
            nominated
                .iter()
                .any(|name| name.eq_ignore_ascii_case(field.name))
        });
    }
}

/// RFC 6797 6.1.
pub(crate) const HSTS: &[u8] = b"strict-transport-security";

/// What the gateway adds to a forwarded response head; nothing to an interim one.
#[derive(Clone, Copy, Default)]
pub(crate) struct Marks<'a> {
    /// Unless the upstream sent one.
    pub(crate) request_id: &'a [u8],
    /// Unless the upstream sent one.
    pub(crate) date: &'a [u8],
    /// `Strict-Transport-Security`, unless the upstream sent one.
    pub(crate) hsts: Option<&'a str>,
    /// A field with the trace's id, in place of what the upstream sent under that name.
    pub(crate) trace: Option<(&'a str, [u8; 32])>,
}

impl Marks<'_> {
    fn replaces(&self, name: &[u8]) -> bool {
        self.trace
            .is_some_and(|(own, _)| own.as_bytes().eq_ignore_ascii_case(name))
    }
}

/// Appends a forwarded response head. Hop-by-hop fields are left out; `Date` is added only when absent (GW-46).
pub(crate) fn append_response_head(
    out: &mut Vec<u8>,
    head: &ResponseHead,
    body: BodyLine,
    persistence: Persistence,
    marks: Marks<'_>,
) {
    append_status_line(out, head.status);
    let (mut has_date, mut has_id) = (false, false);
    let mut hsts = marks.hsts;
    for field in head.fields.iter() {
        let is_framing = field.kind == FieldKind::ContentLength;
        if field.kind.is_hop_by_hop() || is_framing || marks.replaces(field.name) {
            continue;
        }
        has_date |= field.kind == FieldKind::Date;
        has_id |= field.kind == FieldKind::XRequestId;
        if hsts.is_some() && field.name.eq_ignore_ascii_case(HSTS) {
            hsts = None;
        }
        append_field(out, field.name, field.value);
    }
    if let Some(hsts) = hsts {
        append_field(out, HSTS, hsts.as_bytes());
    }
    if !has_date && !head.status.is_interim() {
        append_field(out, b"date", marks.date);
    }
    if !has_id && !marks.request_id.is_empty() {
        append_field(out, b"x-request-id", marks.request_id);
    }
    if let Some((name, id)) = &marks.trace {
        append_field(out, name.as_bytes(), id);
    }
    append_body_line(out, body);
    append_persistence(out, persistence);
    out.extend_from_slice(b"\r\n");
}

fn append_body_line(out: &mut Vec<u8>, body: BodyLine) {
    match body {
        BodyLine::Nothing | BodyLine::Declared(None) | BodyLine::UntilClose => {}
        BodyLine::Length(length) | BodyLine::Declared(Some(length)) => append_length(out, length),
        BodyLine::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
}

fn append_persistence(out: &mut Vec<u8>, persistence: Persistence) {
    match persistence {
        Persistence::Keep => {}
        Persistence::KeepSaid => out.extend_from_slice(b"connection: keep-alive\r\n"),
        Persistence::Close => out.extend_from_slice(b"connection: close\r\n"),
    }
}

/// Appends the head of `101 Switching Protocols`.
pub(crate) fn append_switching_head(out: &mut Vec<u8>, head: &ResponseHead) {
    append_status_line(out, StatusCode::SWITCHING_PROTOCOLS);
    for field in head.fields.iter() {
        if !field.kind.is_hop_by_hop() && field.kind != FieldKind::ContentLength {
            append_field(out, field.name, field.value);
        }
    }
    out.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\n\r\n");
}

/// A response that the gateway makes itself.
pub(crate) struct LocalHead<'a> {
    pub(crate) status: StatusCode,
    pub(crate) fields: &'a Fields,
    pub(crate) body_len: usize,
    pub(crate) persistence: Persistence,
    pub(crate) date: &'a [u8],
}

impl LocalHead<'_> {
    /// Appends the whole head.
    pub(crate) fn append(&self, out: &mut Vec<u8>) {
        append_status_line(out, self.status);
        for field in self.fields.iter() {
            append_field(out, field.name, field.value);
        }
        append_field(out, b"date", self.date);
        if !self.status.is_bodiless() {
            append_length(out, self.body_len as u64);
        }
        append_persistence(out, self.persistence);
        out.extend_from_slice(b"\r\n");
    }
}
