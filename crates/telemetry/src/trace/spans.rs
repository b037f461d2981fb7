//! A finished request's spans by the conventions (OpenTelemetry semantic conventions 1.44: HTTP, stable; RPC, release
//! candidate), written straight into OTLP bytes.

mod captured;
mod client;
mod events;
mod server;

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use message::{MethodKind, RequestHead, Version};
use otlp::{Status, Value, encode_attribute};

use super::clock::Anchor;
use super::recording::{Context, Recording};
use crate::attributes::{Attributes, first_characters};
use crate::metrics::{MethodLabel, RpcStatusCode, Scheme};
use crate::plan::TracingPlan;

/// What is known of a server beyond [`Flags`](propagation::Flags): that it says whether the parent is remote.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;
/// `rpc.method` of a method that no route names.
const OTHER_METHOD: &str = "_OTHER";

/// A request that ended, borrowed from the exchange.
#[derive(Clone, Copy, Debug)]
pub struct Finished<'a> {
    /// First byte of the request.
    pub started: Instant,
    /// Last byte of the response.
    pub ended: Instant,
    /// As the client sent it, normalised.
    pub head: &'a RequestHead,
    /// As metrics call it.
    pub method: MethodLabel,
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
    /// Set when it is a gRPC call: then its spans follow the conventions for those.
    pub call: Option<Call<'a>>,
}

/// A gRPC call that ended.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// `package.Service/Method`, where the route names it; what clients send is no name.
    pub method: Option<&'a str>,
    /// What the client was told.
    pub status: RpcStatusCode,
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

/// What the spans of one request are made from.
struct Parts<'a> {
    prepared: &'a Prepared,
    plan: &'a TracingPlan,
    clock: Anchor,
    context: Context,
    recording: &'a Recording,
    finished: &'a Finished<'a>,
}

impl Finished<'_> {
    /// Whether it is an error of the server's side: 5xx, or a response that broke off; of a gRPC call, a status that a
    /// server counts as its own fault.
    pub fn is_error(&self) -> bool {
        match self.call {
            Some(call) => call.status.is_server_error(),
            None => {
                self.status >= 500 || self.error.is_some() && !(400..500).contains(&self.status)
            }
        }
    }
}

impl Prepared {
    pub(super) fn new(plan: &TracingPlan, routes: &[&str]) -> Self {
        let text = |key, value: &str| {
            let value = first_characters(value.as_bytes(), plan.limits.attribute_value_length);
            encode_attribute(key, Value::Str(value))
        };
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
        if !context.flags.is_sampled() {
            recording.leave_uncounted();
        }
        let mut rooms = std::mem::take(&mut recording.rooms);
        let parts = Parts {
            prepared: self,
            plan,
            clock,
            context,
            recording,
            finished,
        };
        parts.append_server(out, &mut rooms);
        for (resend, attempt) in (0..).zip(&parts.recording.attempts) {
            parts.append_client(out, attempt, resend, &mut rooms.text);
        }
        recording.rooms = rooms;
    }

    fn version(&self, version: Version) -> &[u8] {
        let [http10, http11] = &self.versions;
        match version {
            Version::Http10 => http10,
            Version::Http11 => http11,
        }
    }
}

impl<'a> Parts<'a> {
    fn attributes(&self) -> Attributes<'a> {
        let limits = &self.plan.limits;
        Attributes::new(limits.attribute_count, limits.attribute_value_length)
    }

    /// `http.request.method`, and what was sent where that is none we know.
    fn put_method(&self, attributes: &mut Attributes<'a>) {
        let method = self.finished.method;
        match self.prepared.methods.get(usize::from(method.number())) {
            Some(encoded) => attributes.encoded(encoded),
            None => attributes.text("http.request.method", method.text().as_bytes()),
        }
        let sent = self.finished.head.method_text();
        if method == MethodLabel::OTHER && !sent.is_empty() {
            attributes.text("http.request.method_original", sent);
        }
    }

    /// The method as a span's name has it.
    fn span_method(&self) -> &'static [u8] {
        self.finished.method.span_text().as_bytes()
    }

    fn put_call(&self, attributes: &mut Attributes<'a>, call: Call<'a>, status: RpcStatusCode) {
        attributes.text("rpc.system.name", b"grpc");
        attributes.text("rpc.method", call.name().as_bytes());
        if call.method.is_none() {
            let path = self.finished.head.path();
            let original = path.strip_prefix(b"/").unwrap_or(path);
            attributes.text("rpc.method_original", original);
        }
        attributes.text("rpc.status_code", status.name().as_bytes());
    }

    fn own_state(&self) -> &'a [u8] {
        if self.context.flags.is_sampled() {
            &self.recording.state
        } else {
            &self.recording.uncounted
        }
    }
}

impl<'a> Call<'a> {
    /// `rpc.method`, which is the span's name as well.
    fn name(self) -> &'a str {
        self.method.unwrap_or(OTHER_METHOD)
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
