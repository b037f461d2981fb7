//! The span of a request.

use std::num::NonZeroU16;

use otlp::{Attribute, Span, SpanKind, Value, append_span_with};
use propagation::SpanId;

use super::captured::Captured;
use crate::trace::recording::Rooms;

use super::{Call, HAS_IS_REMOTE, IS_REMOTE, Parts, status_of};
use crate::ascii::Ascii;
use crate::attributes::{Attributes, bare};
use crate::redact::redacted_query;

/// Text that attributes borrow.
struct Texts<'a> {
    client: Ascii,
    peer: Ascii,
    status: Ascii,
    query: Option<&'a [u8]>,
}

impl Parts<'_> {
    /// `rooms` are for what is put together.
    pub(super) fn append_server(&self, out: &mut Vec<u8>, rooms: &mut Rooms) {
        let (finished, context) = (self.finished, &self.context);
        let query = finished.head.query();
        let texts = Texts {
            client: Ascii::ip(finished.client_ip),
            peer: Ascii::ip(finished.peer.ip()),
            status: Ascii::number(finished.status),
            query: query
                .map(|query| redacted_query(query, &self.plan.redact_query, &mut rooms.text)),
        };
        let captures = !self.prepared.captured.is_empty();
        let captured = captures.then(|| Captured::of(self.plan, finished.head, &mut rooms.referer));
        let mut attributes = self.attributes();
        match finished.call {
            Some(call) => self.put_served_call(&mut attributes, call),
            None => self.put_request(&mut attributes, &texts),
        }
        attributes.text("client.address", texts.client.as_bytes());
        self.put_addresses(&mut attributes, &texts);
        let lists = captured.iter().flat_map(Captured::lists);
        for (key, values) in self.prepared.captured.iter().zip(lists) {
            if !values.is_empty() {
                attributes.put(Attribute::Pair(key, Value::Strs(values)));
            }
        }
        let route = self.route();
        let name: [&[u8]; 3] = match (finished.call, route) {
            (Some(call), _) => [call.name().as_bytes(), b"", b""],
            (None, Some(route)) => [self.span_method(), b" ", route.label.as_bytes()],
            (None, None) => [self.span_method(), b"", b""],
        };
        let (notes, dropped_events) = self.events();
        let flags = u32::from(context.flags.bits()) | HAS_IS_REMOTE | IS_REMOTE;
        let span = Span {
            trace_id: context.trace_id.to_bytes(),
            span_id: context.span_id.to_bytes(),
            parent_span_id: context.parent.map(SpanId::to_bytes),
            trace_state: self.own_state(),
            flags,
            name: &name,
            kind: SpanKind::Server,
            start_unix_nanos: self.clock.unix_nanos(finished.started),
            end_unix_nanos: self.clock.unix_nanos(finished.ended),
            attributes: attributes.filled(),
            dropped_attributes: attributes.dropped(),
            events: &[],
            dropped_events,
            links: &[],
            status: status_of(finished.is_error()),
        };
        append_span_with(out, &span, |out| {
            for note in notes {
                self.append_note(out, note);
            }
        });
    }

    fn route(&self) -> Option<&super::RouteText> {
        self.prepared.routes.get(self.finished.route?)
    }
}

impl<'a> Parts<'a> {
    /// HTTP, in the order of what matters most: a limit cuts off the end.
    fn put_request<'t: 'a>(&self, attributes: &mut Attributes<'a>, texts: &'t Texts<'a>) {
        let (finished, head) = (self.finished, self.finished.head);
        self.put_method(attributes);
        attributes.encoded(&self.prepared.schemes[finished.scheme as usize]);
        attributes.text("url.path", head.path());
        if finished.status > 0 {
            attributes.number("http.response.status_code", finished.status.into());
        }
        if let Some(route) = finished.route.and_then(|at| self.prepared.routes.get(at)) {
            attributes.encoded(&route.attribute);
        }
        if finished.is_error() {
            let status = texts.status.as_bytes();
            let kind = finished.error.map_or(status, str::as_bytes);
            attributes.text("error.type", kind);
        }
        attributes.encoded(self.prepared.version(head.version));
        if let Some(query) = texts.query {
            attributes.text("url.query", query);
        }
        if let Some(agent) = head.fields.first(message::FieldKind::UserAgent) {
            attributes.text("user_agent.original", agent);
        }
    }

    fn put_served_call(&self, attributes: &mut Attributes<'a>, call: Call<'a>) {
        self.put_call(attributes, call, call.status);
        if call.status.is_server_error() {
            attributes.text("error.type", call.status.name().as_bytes());
        }
    }

    fn put_addresses<'t: 'a>(&self, attributes: &mut Attributes<'a>, texts: &'t Texts<'a>) {
        let head = self.finished.head;
        attributes.text("network.peer.address", texts.peer.as_bytes());
        attributes.number("network.peer.port", self.finished.peer.port().into());
        let (host, port) = match &*self.recording.authority {
            [] => (bare(head.host()), head.port().map(NonZeroU16::get)),
            reported => split_authority(reported),
        };
        if !host.is_empty() {
            attributes.text("server.address", host);
            if let Some(port) = port {
                attributes.number("server.port", port.into());
            }
        }
    }
}

/// A name or an address without its brackets, and a port, as a proxy reports them.
fn split_authority(authority: &[u8]) -> (&[u8], Option<u16>) {
    let at = authority.iter().rposition(|byte| *byte == b':');
    let (host, port) = match at.and_then(|at| authority.split_at_checked(at)) {
        Some((host, port)) => match std::str::from_utf8(port).ok().and_then(parse_port) {
            Some(port) => (host, Some(port)),
            None => (authority, None),
        },
        None => (authority, None),
    };
    (bare(host), port)
}

/// Behind its colon.
fn parse_port(text: &str) -> Option<u16> {
    let digits = text.strip_prefix(':')?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}
