//! One request and its response over HTTP/1.1. [`exchange`] reads top to bottom in the order of the phases.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use base::{Buffer, BufferPool};
use h1::{Framing, HeadLimits, HeadReader};
use message::{FieldKind, RequestHead, ResponseHead, Version};
use telemetry::access_log::{AccessRecord, End};
use telemetry::metrics::{
    Exemplar, MethodLabel, Outcome, RouteLabel, RpcStatusCode, Scheme, Served,
};
use telemetry::trace::{Finished, Recording, Subject};

use crate::body::RequestBody;
use crate::check::{Asked, Hop, cap_ranges, check_request, count_hop};
use crate::conn::{Conn, Heard};
use crate::forward::forward;
use crate::forwarding::{Client, remove_claims};
use crate::heads::{Persistence, edit_fields};
use crate::local;
use crate::plan::LimitsPlan;
use crate::program::{Route, Target};
use crate::refusal::Refusal;
use crate::router::RouteIndex;
use crate::rpc::Call;
use crate::snapshot::Snapshot;
use crate::stats::{add, bump};
use crate::text::{Values, append_text, shrink};
use crate::tunnel::Tunnel;
use crate::worker::Worker;

/// Memory one side of an exchange may keep between requests.
const KEPT_BYTES: usize = 64 << 10;

/// What an exchange works in. Lent to connections while they have a request; nothing in it outlives one.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// From the client, not yet understood.
    pub(crate) input: Buffer,
    /// To the client.
    pub(crate) output: Vec<u8>,
    pub(crate) head: RequestHead,
    /// The head before it was edited.
    pub(crate) before: RequestHead,
    pub(crate) body: RequestBody,
    /// From the upstream, not yet understood.
    pub(crate) upstream_input: Buffer,
    /// To the upstream.
    pub(crate) upstream_output: Vec<u8>,
    pub(crate) response: ResponseHead,
    /// For text that is put together for a response of the gateway's own.
    pub(crate) text: Vec<u8>,
    /// The request's trace.
    pub(crate) trace: Recording,
}

/// What becomes of the connection.
#[derive(Debug)]
pub(crate) enum Next {
    /// It waits for another request.
    KeepAlive,
    /// It is closed.
    Close,
    /// It is closed once the client had time to read the response.
    Linger,
    /// It becomes a byte tunnel.
    Tunnel(Box<Tunnel>),
}

/// When a head was there.
#[derive(Clone, Copy, Debug)]
struct Begun {
    /// When its first byte was looked at.
    at: Instant,
    /// Whether the rest of it was not waited for.
    at_once: bool,
}

/// What is known of the exchange under way.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) conn: &'a Conn,
    pub(crate) started: Instant,
    /// Whether the whole head was there when the first byte was looked at.
    pub(crate) came_at_once: bool,
    /// Whether there is a head: of a request that cannot be read nothing is known, its method neither.
    is_read: bool,
    pub(crate) snapshot: Rc<Snapshot>,
    pub(crate) route: Option<RouteIndex>,
    pub(crate) asked: Asked,
    pub(crate) client: Client,
    /// Whether the response said that the connection is kept.
    pub(crate) keeps: bool,
    pub(crate) status: u16,
    pub(crate) bytes_out: u64,
    pub(crate) upstream: Option<usize>,
    pub(crate) endpoint: Option<std::net::SocketAddr>,
    pub(crate) upstream_duration: Option<Duration>,
    pub(crate) tries: u32,
    /// Set when it is a gRPC call.
    pub(crate) call: Option<Call>,
    /// Tries that ended, those without a connection included.
    pub(crate) ended_attempts: Cell<u32>,
    /// When the response was complete, if the clock was read then.
    pub(crate) ended: Option<Instant>,
    pub(crate) end: End,
    /// What went wrong on the server's side or between: a word of a bounded set.
    pub(crate) error: Option<&'static str>,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self {
            input: Buffer::default(),
            output: Vec::new(),
            head: RequestHead::default(),
            before: RequestHead::default(),
            body: RequestBody::new(Framing::None, 0),
            upstream_input: Buffer::default(),
            upstream_output: Vec::new(),
            response: ResponseHead::default(),
            text: Vec::new(),
            trace: Recording::default(),
        }
    }

    /// Gives back the buffers that hold nothing.
    pub(crate) fn release(&mut self, buffers: &BufferPool) {
        buffers.reclaim(&mut self.upstream_input);
        buffers.reclaim(&mut self.input);
    }

    /// Makes it ready for another exchange, without the memory a large message took.
    fn reset(&mut self, buffers: &BufferPool) {
        shrink(&mut self.output, KEPT_BYTES);
        shrink(&mut self.text, KEPT_BYTES);
        shrink(&mut self.upstream_output, KEPT_BYTES);
        self.upstream_input.clear();
        self.trace.clear();
        self.body = RequestBody::new(Framing::None, 0);
        self.release(buffers);
    }
}

impl Drop for Scratch {
    /// The panic hook tells what broke; this tells which request was served.
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(context) = self.trace.context()
        {
            let (trace_id, span_id) = (context.trace_id, context.span_id);
            tracing::error!(%trace_id, %span_id, "a fault of the program ended this request");
        }
    }
}

/// Serves one request: head → check → snapshot and route → request filters → target (which sends response head, through
/// the response filters, and body) → finish.
///
/// Dropping the future closes both connections; the client then sees a broken message, never a clean end.
pub(crate) async fn exchange(worker: &Worker, conn: &Conn, scratch: &mut Scratch) -> Next {
    scratch.reset(&worker.buffers);
    let plan = conn.listener.plan();
    let head = read_head(
        worker,
        conn,
        &plan.limits,
        &mut scratch.input,
        &mut scratch.head,
    )
    .await;
    let Some(begun) = head.transpose() else {
        return Next::Close;
    };
    conn.requests.set(conn.requests.get() + 1);
    let mut ex = Exchange::new(worker, conn, begun.as_ref().ok());
    if begun.is_err() {
        // Nothing in the head can be relied on.
        scratch.head.clear();
    }
    ex.client = Client::of(conn, &scratch.head.fields, &plan);
    let active = worker
        .stats
        .requests
        .started(ex.known_method(&scratch.head), ex.client.scheme);
    if let Some(tracer) = &ex.snapshot.tracer {
        tracer.begin(&scratch.head.fields, &mut scratch.trace);
        if let Some(authority) = ex.client.authority(&scratch.head.fields, &plan) {
            scratch.trace.keep_authority(authority);
        }
    }
    let answered = match begun {
        Ok(_) => answer(&mut ex, scratch).await,
        Err(refusal) => Err(refusal),
    };
    let next = match answered {
        Ok(next) => next,
        Err(refusal) => local::refuse(&mut ex, scratch, &refusal).await,
    };
    drop(active);
    ex.finish(scratch);
    next
}

/// Everything between the head and the finish.
async fn answer(ex: &mut Exchange<'_>, scratch: &mut Scratch) -> Result<Next, Refusal> {
    let listener = ex.conn.listener.plan();
    let head = &mut scratch.head;
    let checked = check_request(head, &listener, &ex.worker.via);
    if !ex.client.is_reported {
        remove_claims(&mut head.fields);
    }
    ex.asked = checked?;
    if cap_ranges(&mut head.fields) {
        bump(&ex.worker.stats.ranges_dropped);
    }
    ex.call = Call::of(&head.fields);
    scratch.body = RequestBody::new(ex.asked.framing, listener.limits.body_max);
    if count_hop(head)? == Hop::Last {
        return Ok(local::answer_here(ex, scratch).await);
    }
    check_tenancy(ex.conn, ex.client, head)?;
    #[cfg(feature = "faults")]
    crate::faults::strike(&head.fields, crate::faults::Place::Check);
    ex.route = ex.snapshot.program.router.find(head);
    let snapshot = Rc::clone(&ex.snapshot);
    ex.decide_trace(&scratch.head, &mut scratch.trace);
    let (head, before) = (&mut scratch.head, &mut scratch.before);
    let route = snapshot.route(ex.route.ok_or(Refusal::NoRoute)?);
    for edits in &route.request_edits {
        // Values are taken from the head as it came: an edit does not see another's result.
        before.clone_from(head);
        let values = Values {
            head: before,
            client_ip: ex.client.ip,
            template: route.template.as_ref(),
        };
        edit_fields(
            &mut head.fields,
            edits,
            &mut scratch.upstream_output,
            |out, text| append_text(out, text, values),
        );
    }
    match &route.target {
        Target::Forward(target) => forward(ex, scratch, route, target).await,
        Target::Respond(respond) => Ok(local::respond(ex, scratch, route, respond).await),
        Target::Redirect(redirect) => Ok(local::redirect(ex, scratch, route, redirect).await),
    }
}

/// A connection is for the hosts of the certificate it was begun with (GW-25; RFC 9110 7.4), unless it is a trusted proxy's,
/// which speaks for others.
fn check_tenancy(conn: &Conn, client: Client, head: &RequestHead) -> Result<(), Refusal> {
    let is_covered = match &conn.tls {
        Some(peer) => head.host().is_empty() || peer.covers(without_brackets(head.host())),
        None => true,
    };
    if is_covered || client.is_reported {
        Ok(())
    } else {
        Err(Refusal::Misdirected)
    }
}

/// The address in an IPv6 host (RFC 3986 3.2.2); any other host as it is.
fn without_brackets(host: &[u8]) -> &[u8] {
    let inside = host
        .strip_prefix(b"[")
        .and_then(|rest| rest.strip_suffix(b"]"));
    inside.unwrap_or(host)
}

/// Reads a head. `Ok(None)`: the client closed before one was complete.
async fn read_head(
    worker: &Worker,
    conn: &Conn,
    limits: &LimitsPlan,
    input: &mut Buffer,
    head: &mut RequestHead,
) -> Result<Option<Begun>, Refusal> {
    let bounds = HeadLimits {
        bytes: limits.head_max as usize,
        fields: usize::from(limits.headers_max),
        target: limits.uri_max as usize,
    };
    let started = Instant::now();
    let mut reader = HeadReader::default();
    let mut reads = 0_u32;
    loop {
        if !input.is_empty()
            && let Some(len) = reader.request(input.filled(), bounds, head)?
        {
            input.consume(len);
            return Ok(Some(Begun {
                at: started,
                at_once: reads <= 1,
            }));
        }
        if reads == 0 {
            conn.timer.arm(started + limits.head_timeout);
        }
        reads += 1;
        match conn.read(&worker.buffers, input).await {
            Heard::Bytes => {}
            Heard::End => return Ok(None),
            Heard::Expired => return Err(Refusal::SlowHead),
        }
    }
}

impl<'a> Exchange<'a> {
    /// `begun`: `None` when the head was none.
    fn new(worker: &'a Worker, conn: &'a Conn, begun: Option<&Begun>) -> Self {
        Self {
            worker,
            conn,
            started: begun.map_or_else(Instant::now, |begun| begun.at),
            came_at_once: begun.is_some_and(|begun| begun.at_once),
            is_read: begun.is_some(),
            snapshot: worker.snapshot(),
            route: None,
            asked: Asked {
                framing: Framing::None,
                keep_alive: false,
                expects_continue: false,
                websocket: false,
                te_trailers: false,
            },
            client: Client::direct(conn),
            keeps: false,
            status: 0,
            bytes_out: 0,
            upstream: None,
            endpoint: None,
            upstream_duration: None,
            tries: 0,
            call: None,
            ended_attempts: Cell::new(0),
            ended: None,
            end: End::Complete,
            error: None,
        }
    }

    /// Decides whether the request is recorded, once what rules look at is known.
    fn decide_trace(&self, head: &RequestHead, trace: &mut Recording) {
        if let Some(tracer) = &self.snapshot.tracer {
            let subject = Subject {
                route: self.route.map(|route| route as usize),
                host: head.host(),
                path: head.path(),
                fields: &head.fields,
            };
            tracer.decide(subject, trace);
        }
    }

    /// How the connection goes on after this response, as far as is known when its head is written.
    pub(crate) fn persistence(&self, version: Version) -> Persistence {
        let limit = self.conn.listener.plan().limits.requests_per_connection_max;
        let keeps = self.asked.keep_alive
            && self.conn.requests.get() < limit
            && !self.worker.draining.get();
        match (keeps, version) {
            (false, _) => Persistence::Close,
            (true, Version::Http11) => Persistence::Keep,
            (true, Version::Http10) => Persistence::KeepSaid,
        }
    }

    /// Counts and logs the exchange. The only place that does.
    fn finish(&self, scratch: &mut Scratch) {
        let ended = self.ended.unwrap_or_else(Instant::now);
        let exemplar = self.finish_trace(scratch, ended);
        let head = &scratch.head;
        let elapsed = ended.saturating_duration_since(self.started);
        self.conn.touched.set(ended);
        let label = self.route.map_or(RouteLabel::UNMATCHED, |route| {
            self.snapshot.labels[route as usize]
        });
        let stats = &self.worker.stats;
        stats.requests.finished(&Served {
            route: label,
            method: self.known_method(head),
            scheme: self.client.scheme,
            version: head.version,
            outcome: Outcome {
                status: self.status,
                // Who was answered nothing may have left, or run out of time.
                error: self
                    .error
                    .or_else(|| (self.status == 0).then_some(self.end.label())),
            },
            elapsed,
            exemplar,
        });
        if self.call.is_some() {
            let label = self.snapshot.rpc_labels(self.route).served;
            let status = self.call_status();
            stats
                .calls
                .served
                .finished(label, status, elapsed, exemplar);
        }
        add(&stats.body_bytes_in, scratch.body.received);
        add(&stats.body_bytes_out, self.bytes_out);
        match self.end {
            End::ClientGone => bump(&stats.client_gone),
            End::UpstreamCut => bump(&stats.upstream_cut),
            End::Complete | End::Timeout | End::Refused => {}
        }
        let lines = self.worker.access_log.borrow();
        let export = self.worker.export.borrow();
        if lines.is_some() || export.access.is_some() {
            let record = self.record(scratch, elapsed);
            if let Some(sink) = &*lines {
                sink.record(&record);
            }
            if let Some(sink) = &export.access {
                sink.record(&record);
            }
        }
    }

    /// What this client is told of TLS: over a plain connection nothing (RFC 6797 7.2).
    pub(crate) fn hsts<'r>(&self, route: &'r Route) -> Option<&'r str> {
        let is_secure = self.client.scheme == Scheme::Https;
        route.hsts.as_deref().filter(|_| is_secure)
    }

    /// As metrics call it.
    pub(crate) fn known_method(&self, head: &RequestHead) -> MethodLabel {
        if !self.is_read {
            return MethodLabel::OTHER;
        }
        let known = &self.snapshot.program.known_methods;
        known.label(head.method, head.method_text())
    }

    /// How a gRPC call ended for the client.
    fn call_status(&self) -> RpcStatusCode {
        match (&self.call, self.end) {
            (_, End::ClientGone) => RpcStatusCode::Cancelled,
            (Some(call), End::Complete) => call.status(self.status),
            (_, End::UpstreamCut) => RpcStatusCode::Unavailable,
            (_, End::Timeout) => RpcStatusCode::DeadlineExceeded,
            (Some(_), End::Refused) | (None, End::Complete | End::Refused) => {
                RpcStatusCode::of_http(self.status)
            }
        }
    }

    /// Hands the request's spans over, if they are kept. What of it may stand beside a figure.
    fn finish_trace(&self, scratch: &mut Scratch, ended: Instant) -> Option<Exemplar> {
        let tracer = self.snapshot.tracer.as_ref()?;
        if !scratch.trace.is_decided() {
            self.decide_trace(&scratch.head, &mut scratch.trace);
        }
        let finished = Finished {
            started: self.started,
            ended,
            head: &scratch.head,
            method: self.known_method(&scratch.head),
            scheme: self.client.scheme,
            route: self.route.map(|route| route as usize),
            client_ip: self.client.ip,
            peer: self.conn.peer,
            status: self.status,
            error: self.error,
            call: self.call.as_ref().map(|_| telemetry::trace::Call {
                method: self
                    .route
                    .and_then(|route| self.snapshot.route(route).rpc_method.as_deref()),
                status: self.call_status(),
            }),
        };
        let export = self.worker.export.borrow();
        tracer.finish(
            &mut scratch.trace,
            &finished,
            self.worker.clock(),
            export.spans.as_ref(),
        )
    }

    fn record<'r>(&'r self, scratch: &'r Scratch, elapsed: Duration) -> AccessRecord<'r> {
        let head = &scratch.head;
        AccessRecord {
            time: SystemTime::now() - elapsed,
            client_ip: self.client.ip,
            method: head.method_text(),
            method_label: self.known_method(head),
            host: head.host(),
            path: head.path(),
            query: head.query(),
            protocol: head.version,
            status: self.status,
            bytes_in: scratch.body.received,
            bytes_out: self.bytes_out,
            duration: elapsed,
            upstream_duration: self.upstream_duration,
            route: self
                .route
                .map_or("", |route| &self.snapshot.route(route).name),
            upstream_name: self
                .upstream
                .map(|upstream| &*self.snapshot.program.upstreams[upstream].name),
            endpoint: self.endpoint,
            tries: self.tries,
            request_id: head.fields.first(FieldKind::XRequestId).unwrap_or_default(),
            user_agent: head.fields.first(FieldKind::UserAgent),
            referer: head.fields.first(FieldKind::Referer),
            end: self.end,
            trace_id: scratch
                .trace
                .context()
                .map(|context| context.trace_id.to_bytes()),
            span_id: scratch
                .trace
                .context()
                .map(|context| context.span_id.to_bytes()),
            listener: &self.conn.listener.name,
        }
    }
}
