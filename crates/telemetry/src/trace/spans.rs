//! A finished request's spans by the HTTP conventions (OpenTelemetry semantic conventions 1.44, stable), written
//! straight into OTLP bytes.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use message::{MethodKind, RequestHead, Version};
use otlp::{Attribute, Event, Span, SpanKind, Status, Value, append_span, encode_attribute};
use propagation::SpanId;

use super::clock::Anchor;
use super::note::{Detail, Note};
use super::recording::{Attempt, Context, Outcome, Recording};
use crate::ascii::Ascii;
use crate::attributes::Attributes;
use crate::metrics::Scheme;
use crate::plan::TracingPlan;
use crate::redact::{redacted_query, redacted_url};

/// Values of captured fields that are recorded of one request.
const CAPTURED_MAX: usize = 32;
/// What is known of a server beyond [`Flags`](propagation::Flags): that it says whether the parent is remote.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// A request that ended, borrowed from the exchange.
#[derive(Clone, Copy, Debug)]
pub struct Finished<'a> {
    /// First byte of the request.
    pub started: Instant,
    /// Last byte of the response.
    pub ended: Instant,
    /// As the client sent it, normalised.
    pub head: &'a RequestHead,
    /// As the client sees it.
    pub scheme: Scheme,
    /// The route's place in the plan.
    pub route: Option<usize>,
    /// After `trusted_proxies`.
    pub client_ip: IpAddr,
    /// Who connected.
    pub peer: SocketAddr,
    /// What the client was sent; 0 when nothing was.
    pub status: u16,
    /// Why Tidegate answered with an error, or the response broke off: a word of a bounded set.
    pub error: Option<&'static str>,
}

/// What is the same in every span, encoded beforehand.
#[derive(Debug)]
pub(super) struct Prepared {
    methods: Box<[Box<[u8]>]>,
    schemes: [Box<[u8]>; 2],
    versions: [Box<[u8]>; 2],
    routes: Box<[RouteText]>,
    captured: Box<[Box<str>]>,
}

#[derive(Debug)]
struct RouteText {
    label: Box<str>,
    attribute: Box<[u8]>,
}

impl Finished<'_> {
    /// Whether it is an error of the server's side: 5xx, or a response that broke off.
    pub fn is_error(&self) -> bool {
        self.status >= 500 || self.error.is_some() && !(400..500).contains(&self.status)
    }
}

impl Prepared {
    pub(super) fn new(plan: &TracingPlan, routes: &[&str]) -> Self {
        let text = |key, value: &str| encode_attribute(key, Value::Str(value.as_bytes()));
        Self {
            methods: MethodKind::ALL
                .iter()
                .map(|kind| text("http.request.method", kind.label()))
                .collect(),
            schemes: [Scheme::Http, Scheme::Https].map(|scheme| text("url.scheme", scheme.label())),
            versions: [Version::Http10, Version::Http11]
                .map(|version| text("network.protocol.version", version.number())),
            routes: routes
                .iter()
                .map(|label| RouteText {
                    label: (*label).into(),
                    attribute: text("http.route", label),
                })
                .collect(),
            captured: plan
                .capture_request_headers
                .iter()
                .map(|name| format!("http.request.header.{}", name.as_str()).into())
                .collect(),
        }
    }

    /// Appends the spans of a request and of its tries.
    pub(super) fn append(
        &self,
        out: &mut Vec<u8>,
        plan: &TracingPlan,
        clock: Anchor,
        recording: &mut Recording,
        finished: &Finished<'_>,
    ) {
        let Some(context) = recording.context else {
            return;
        };
        let mut text = std::mem::take(&mut recording.text);
        self.append_server(out, plan, clock, &context, recording, finished);
        for (resend, attempt) in (0..).zip(&recording.attempts) {
            self.append_client(
                out, plan, clock, &context, recording, finished, attempt, resend, &mut text,
            );
        }
        recording.text = text;
    }

    fn append_server(
        &self,
        out: &mut Vec<u8>,
        plan: &TracingPlan,
        clock: Anchor,
        context: &Context,
        recording: &Recording,
        finished: &Finished<'_>,
    ) {
        let head = finished.head;
        let mut attributes = Attributes::default();
        let client = Ascii::ip(finished.client_ip);
        let peer = Ascii::ip(finished.peer.ip());
        let status_text = Ascii::number(finished.status);
        attributes.encoded(self.method(head.method));
        if head.method == MethodKind::Other {
            attributes.text("http.request.method_original", head.method_text());
        }
        attributes.encoded(&self.schemes[finished.scheme as usize]);
        attributes.encoded(self.version(head.version));
        attributes.text("url.path", head.path());
        let query = head
            .query()
            .map(|query| redacted_query(query, &plan.redact_query));
        if let Some(query) = &query {
            attributes.text("url.query", query);
        }
        attributes.text("client.address", client.as_bytes());
        attributes.text("network.peer.address", peer.as_bytes());
        attributes.number("network.peer.port", finished.peer.port().into());
        if !head.host().is_empty() {
            attributes.text("server.address", head.host());
            if let Some(port) = head.port() {
                attributes.number("server.port", port.get().into());
            }
        }
        if let Some(agent) = head.fields.first(message::FieldKind::UserAgent) {
            attributes.text("user_agent.original", agent);
        }
        let route = finished.route.and_then(|at| self.routes.get(at));
        if let Some(route) = route {
            attributes.encoded(&route.attribute);
        }
        if finished.status > 0 {
            attributes.number("http.response.status_code", finished.status.into());
        }
        let is_error = finished.is_error();
        if is_error {
            let kind = finished.error.map_or(status_text.as_bytes(), str::as_bytes);
            attributes.text("error.type", kind);
        }
        let captured = Captured::of(plan, head);
        for (key, values) in self.captured.iter().zip(captured.lists()) {
            if !values.is_empty() {
                attributes.put(Attribute::Pair(key, Value::Strs(values)));
            }
        }
        // Nothing happened to nearly every request.
        let details: Vec<Details> = recording.notes.iter().map(Details::of).collect();
        let pairs: Vec<_> = details.iter().map(Details::attributes).collect();
        let events: Vec<Event<'_>> = recording
            .notes
            .iter()
            .zip(&pairs)
            .map(|(note, pairs)| Event {
                time_unix_nanos: clock.unix_nanos(note.at),
                name: note.name,
                attributes: pairs,
            })
            .collect();
        let name: [&[u8]; 3] = [
            span_method(head.method),
            if route.is_some() { b" " } else { b"" },
            route.map_or(b"", |route| route.label.as_bytes()),
        ];
        append_span(
            out,
            &Span {
                trace_id: context.trace_id.to_bytes(),
                span_id: context.span_id.to_bytes(),
                parent_span_id: context.parent.map(SpanId::to_bytes),
                trace_state: own_state(context, recording),
                flags: u32::from(context.flags.bits()) | HAS_IS_REMOTE | IS_REMOTE,
                name: &name,
                kind: SpanKind::Server,
                start_unix_nanos: clock.unix_nanos(finished.started),
                end_unix_nanos: clock.unix_nanos(finished.ended),
                attributes: attributes.filled(),
                dropped_attributes: attributes.dropped(),
                events: &events,
                dropped_events: recording.notes_dropped,
                links: &[],
                status: status_of(is_error),
            },
        );
    }
}

impl Prepared {
    #[expect(clippy::too_many_arguments, reason = "the parts of one finished try")]
    fn append_client(
        &self,
        out: &mut Vec<u8>,
        plan: &TracingPlan,
        clock: Anchor,
        context: &Context,
        recording: &Recording,
        finished: &Finished<'_>,
        attempt: &Attempt,
        resend: i64,
        text: &mut Vec<u8>,
    ) {
        let head = finished.head;
        let mut attributes = Attributes::default();
        let address = Ascii::ip(attempt.endpoint.ip());
        attributes.encoded(self.method(head.method));
        if head.method == MethodKind::Other {
            attributes.text("http.request.method_original", head.method_text());
        }
        attributes.text("server.address", address.as_bytes());
        attributes.number("server.port", attempt.endpoint.port().into());
        attributes.text("network.peer.address", address.as_bytes());
        attributes.number("network.peer.port", attempt.endpoint.port().into());
        text.clear();
        text.extend_from_slice(b"http://");
        text.extend_from_slice(Ascii::socket(attempt.endpoint).as_bytes());
        text.extend_from_slice(&redacted_url(&recording.target, &plan.redact_query));
        attributes.text("url.full", text);
        if resend > 0 {
            attributes.number("http.request.resend_count", resend);
        }
        let status_text;
        let error: Option<&[u8]> = match attempt.outcome {
            // Cancelled by its caller: no error of anyone.
            Outcome::Open => None,
            Outcome::Failed(word) => Some(word.as_bytes()),
            Outcome::Status(status) => {
                attributes.number("http.response.status_code", status.into());
                attributes.encoded(self.version(Version::Http11));
                status_text = Ascii::number(status);
                (status >= 400).then_some(status_text.as_bytes())
            }
        };
        if let Some(error) = error {
            attributes.text("error.type", error);
        }
        append_span(
            out,
            &Span {
                trace_id: context.trace_id.to_bytes(),
                span_id: attempt.span_id.to_bytes(),
                parent_span_id: Some(context.span_id.to_bytes()),
                trace_state: own_state(context, recording),
                flags: u32::from(context.flags.bits()) | HAS_IS_REMOTE,
                name: &[span_method(head.method)],
                kind: SpanKind::Client,
                start_unix_nanos: clock.unix_nanos(attempt.began),
                end_unix_nanos: clock.unix_nanos(attempt.ended.unwrap_or(finished.ended)),
                attributes: attributes.filled(),
                dropped_attributes: attributes.dropped(),
                events: &[],
                dropped_events: 0,
                links: &[],
                status: status_of(error.is_some()),
            },
        );
    }

    fn method(&self, kind: MethodKind) -> &[u8] {
        self.methods.get(kind as usize).map_or(&[], |text| text)
    }

    fn version(&self, version: Version) -> &[u8] {
        let [http10, http11] = &self.versions;
        match version {
            Version::Http10 => http10,
            Version::Http11 => http11,
        }
    }
}

/// The method as a span's name has it.
fn span_method(kind: MethodKind) -> &'static [u8] {
    if kind == MethodKind::Other {
        b"HTTP"
    } else {
        kind.label().as_bytes()
    }
}

/// A request that is recorded although its trace is not has no place in counts made from thresholds.
fn own_state<'a>(context: &Context, recording: &'a Recording) -> &'a [u8] {
    if context.flags.is_sampled() {
        &recording.state
    } else {
        b""
    }
}

fn status_of(is_error: bool) -> Status<'static> {
    if is_error {
        // The attributes say which.
        Status::Error("")
    } else {
        Status::Unset
    }
}

/// The values of captured fields, in the order of the plan.
struct Captured<'a> {
    values: [&'a [u8]; CAPTURED_MAX],
    ends: [usize; CAPTURED_MAX],
}

impl<'a> Captured<'a> {
    fn of(plan: &TracingPlan, head: &'a RequestHead) -> Self {
        let mut captured = Self {
            values: [b""; CAPTURED_MAX],
            ends: [0; CAPTURED_MAX],
        };
        let mut len = 0;
        for (name, end) in plan.capture_request_headers.iter().zip(&mut captured.ends) {
            // `named` borrows the name; the values are the head's.
            let fields = head.fields.iter();
            let found =
                fields.filter(|field| field.name.eq_ignore_ascii_case(name.as_str().as_bytes()));
            for (room, field) in captured.values.iter_mut().skip(len).zip(found) {
                *room = field.value;
                len += 1;
            }
            *end = len;
        }
        captured
    }

    fn lists(&self) -> impl Iterator<Item = &[&'a [u8]]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let list = self.values.get(start..*end).unwrap_or_default();
            start = *end;
            list
        })
    }
}

/// A note's attributes with the text of its addresses.
struct Details {
    note: Note,
    addresses: [Option<Ascii>; 2],
}

impl Details {
    fn of(note: &Note) -> Self {
        Self {
            addresses: note.details.map(|(_, detail)| match detail {
                Detail::Address(address) => Some(Ascii::socket(address)),
                Detail::None | Detail::Word(_) | Detail::Number(_) => None,
            }),
            note: *note,
        }
    }

    fn attributes(&self) -> Vec<Attribute<'_>> {
        let pairs = self.note.details.iter().zip(&self.addresses);
        pairs
            .filter_map(|((key, detail), address)| {
                let value = match detail {
                    Detail::None => return None,
                    Detail::Word(word) => Value::Str(word.as_bytes()),
                    Detail::Number(number) => Value::Int(*number),
                    Detail::Address(_) => Value::Str(address.as_ref()?.as_bytes()),
                };
                Some(Attribute::Pair(key, value))
            })
            .collect()
    }
}
