//! The `forward` target: picks an endpoint, sends the request, tries again where that is safe.

mod attempt;
mod download;
mod progress;
mod response_body;
mod transfer;
mod upload;

use std::rc::Rc;
use std::time::{Duration, Instant};

use message::StatusCode;
use telemetry::access_log::End;
use telemetry::trace::{Detail, Note, Outcome};
use upstream::{AcquireError, Endpoint, Lease, Upstream};

use crate::exchange::{Exchange, Next, Scratch};
use crate::heads::Outbound;
use crate::plan::RetryOn;
use crate::program::{Forward, Route};
use crate::refusal::Refusal;
use crate::stats::bump;
use crate::tunnel::Tunnel;

use attempt::Attempt;
use progress::Progress;
use transfer::{Transfer, Waited, wait_guarded};

/// Request body bytes that are sent in one write with the head, and kept for another try when they are all there is.
const REPLAY_MAX: usize = 64 << 10;
/// The first pause before a try on an endpoint that failed already; doubled per try, drawn at random below (RPC 5.7).
const BACKOFF: Duration = Duration::from_millis(25);
const BACKOFF_MAX: Duration = Duration::from_millis(250);

/// How spans and metrics call a response that broke off.
const CUT: &str = "upstream_cut";

/// How one try ended.
#[derive(Debug)]
enum Ending {
    /// The client has the whole response. `reusable`: the upstream connection owes nothing.
    Complete { reusable: bool },
    /// Both sides agreed to become a tunnel.
    Switched,
    /// Nothing was sent to the client: another try may be made.
    Failed(Failure),
    /// The client's request is at fault, and nothing was sent to it yet.
    Refused(Refusal),
    /// The response broke off after its head was sent.
    Cut,
    /// The client left.
    ClientGone,
}

/// Why a try gave nothing that could be sent to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    /// No connection.
    Connect(ConnectFailure),
    /// The connection broke before the first response byte.
    NoResponse,
    /// What came was no response, or broke off in its head.
    BadResponse,
    /// No response head in time.
    TimedOut,
    /// A status that the route tries again.
    Status(StatusCode),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ConnectFailure {
    Failed,
    Handshake,
    TimedOut,
    Exhausted,
}

/// What is carried from try to try.
struct Tries<'a> {
    target: &'a Forward,
    /// When the response head must be there, whatever is tried.
    deadline: Instant,
    tried: Vec<Rc<Endpoint>>,
    left: u8,
    is_idempotent: bool,
    /// The endpoint to send to once more because a kept connection had died.
    again: Option<Rc<Endpoint>>,
    redispatched: bool,
}

/// Sends the request to an upstream and its response to the client.
///
/// # Errors
/// A [`Refusal`] as long as nothing was sent to the client.
pub(crate) async fn forward(
    ex: &mut Exchange<'_>,
    scratch: &mut Scratch,
    route: &Route,
    target: &Forward,
) -> Result<Next, Refusal> {
    let snapshot = Rc::clone(&ex.snapshot);
    let index = target.draw().ok_or(Refusal::NoEndpoint)?;
    let upstream = &snapshot.upstreams[index];
    ex.upstream = Some(index);
    write_request(ex, scratch, route, target)?;
    let mut tries = Tries::new(ex, scratch, target);
    loop {
        let endpoint = tries.pick(upstream)?;
        ex.endpoint = Some(endpoint.address);
        let due = tries.due();
        let attempt = Attempt::begin(ex, scratch, endpoint);
        let lease = match tries.acquire(ex, scratch, &attempt.endpoint, due).await {
            Waited::Done(Ok(lease)) => lease,
            Waited::Done(Err(failure)) => {
                tries
                    .after_failure(ex, scratch, &attempt, failure, &Progress::default())
                    .await?;
                continue;
            }
            Waited::ClientGone => return Ok(client_gone(ex, scratch, &attempt)),
            Waited::Expired => {
                let failure = Failure::Connect(ConnectFailure::TimedOut);
                tries
                    .after_failure(ex, scratch, &attempt, failure, &Progress::default())
                    .await?;
                continue;
            }
        };
        ex.tries += 1;
        let trace_field = snapshot.trace_field(&scratch.trace);
        let transfer = Transfer::new(ex, target, lease.stream(), due, trace_field);
        let ending = transfer
            .run(ex, scratch, route, tries.may_retry_status())
            .await;
        let progress = transfer.into_progress();
        ex.upstream_duration = progress.response_time();
        if let Some(what) = progress.expired.get() {
            let note = Note::new("timeout", Instant::now());
            scratch.trace.note(note.with("what", Detail::Word(what)));
        }
        match ending {
            Ending::Complete { reusable } => {
                let next = complete(ex, scratch, lease, reusable, &progress);
                let ended = *ex.ended.get_or_insert_with(Instant::now);
                attempt.end(ex, scratch, Outcome::Status(ex.status), ended);
                return Ok(next);
            }
            Ending::Switched => {
                let outcome = Outcome::Status(ex.status);
                attempt.end(ex, scratch, outcome, Instant::now());
                return Ok(tunnel(ex, scratch, lease, target));
            }
            Ending::Failed(failure) => {
                if tries.redispatches(&lease, failure, &progress) {
                    bump(&ex.worker.stats.redispatches);
                    let now = Instant::now();
                    attempt.end(ex, scratch, failure.outcome(), now);
                    let note = Note::new("redispatch", now);
                    let endpoint = Detail::Address(attempt.endpoint.address);
                    scratch.trace.note(note.with("endpoint", endpoint));
                    continue;
                }
                attempt.endpoint.stats.failed();
                drop(lease);
                tries
                    .after_failure(ex, scratch, &attempt, failure, &progress)
                    .await?;
            }
            Ending::Refused(refusal) => {
                attempt.end(ex, scratch, Outcome::Open, Instant::now());
                return Err(refusal);
            }
            Ending::Cut => {
                attempt.endpoint.stats.failed();
                ex.end = End::UpstreamCut;
                ex.error = Some(CUT);
                attempt.end(ex, scratch, Outcome::Failed(CUT), Instant::now());
                ex.conn.stream.reset_on_close();
                return Ok(Next::Close);
            }
            Ending::ClientGone => return Ok(client_gone(ex, scratch, &attempt)),
        }
    }
}

/// Writes head and the part of the body that is there, to be sent in one piece.
fn write_request(
    ex: &Exchange<'_>,
    scratch: &mut Scratch,
    route: &Route,
    target: &Forward,
) -> Result<(), Refusal> {
    let listener = ex.conn.listener.plan();
    let snapshot = &ex.snapshot;
    let outbound = Outbound {
        head: &scratch.head,
        asked: ex.asked,
        route,
        forward: target,
        listener: &listener,
        conn: ex.conn,
        client: ex.client,
        via: &ex.worker.via,
        tracer: snapshot.tracer.as_ref(),
    };
    scratch.upstream_output.clear();
    // Nothing is on its way to the client yet.
    let text = &mut scratch.output;
    outbound.append(&mut scratch.upstream_output, text, &mut scratch.trace)?;
    scratch.trace.keep_target(&scratch.upstream_output);
    if ex.asked.expects_continue {
        // No body goes upstream before its 100 or a wait (GW-35).
        return Ok(());
    }
    scratch
        .body
        .take(&mut scratch.input, &mut scratch.upstream_output, REPLAY_MAX)
}

fn complete(
    ex: &mut Exchange<'_>,
    scratch: &Scratch,
    lease: Lease,
    reusable: bool,
    progress: &Progress,
) -> Next {
    if ex.status >= 500 {
        lease.endpoint().stats.failed();
    }
    let uploaded = progress.upload_done.get();
    if reusable && uploaded && scratch.upstream_input.is_empty() {
        let now = Instant::now();
        ex.ended = Some(now);
        lease.release_at(now);
    }
    if !uploaded || !ex.keeps && !scratch.input.is_empty() {
        Next::Linger
    } else if ex.keeps {
        Next::KeepAlive
    } else {
        Next::Close
    }
}

fn tunnel(ex: &Exchange<'_>, scratch: &mut Scratch, lease: Lease, target: &Forward) -> Next {
    bump(&ex.worker.stats.upgrades);
    let early = std::mem::take(&mut scratch.input);
    Next::Tunnel(Box::new(Tunnel::new(lease, early, target.idle_timeout)))
}

fn client_gone(ex: &mut Exchange<'_>, scratch: &mut Scratch, attempt: &Attempt) -> Next {
    attempt.end(ex, scratch, Outcome::Open, Instant::now());
    ex.end = End::ClientGone;
    Next::Close
}

impl<'a> Tries<'a> {
    fn new(ex: &Exchange<'_>, scratch: &Scratch, target: &'a Forward) -> Self {
        Self {
            target,
            deadline: ex.started + target.timeout,
            tried: Vec::new(),
            left: target.retry.max,
            is_idempotent: scratch.head.method.is_idempotent(),
            again: None,
            redispatched: false,
        }
    }

    fn pick(&self, upstream: &Upstream) -> Result<Rc<Endpoint>, Refusal> {
        self.again
            .clone()
            .or_else(|| upstream.pick(&self.tried))
            .ok_or(Refusal::NoEndpoint)
    }

    /// When this try's response head must be there.
    fn due(&self) -> Instant {
        match self.target.try_timeout {
            Some(limit) => self.deadline.min(Instant::now() + limit),
            None => self.deadline,
        }
    }

    async fn acquire(
        &mut self,
        ex: &Exchange<'_>,
        scratch: &mut Scratch,
        endpoint: &Rc<Endpoint>,
        due: Instant,
    ) -> Waited<Result<Lease, Failure>> {
        if self.again.take().is_none()
            && let Some(lease) = endpoint.reuse(ex.started)
        {
            return Waited::Done(Ok(lease));
        }
        let connected = wait_guarded(
            ex.worker,
            ex.conn,
            &mut scratch.input,
            due,
            endpoint.connect(),
        )
        .await;
        connected.map(|connected| {
            connected.map_err(|error| {
                Failure::Connect(match &error {
                    AcquireError::Failed { .. } => ConnectFailure::Failed,
                    AcquireError::Handshake { peer, source } => {
                        tracing::warn!(%peer, %source, "an upstream was not believed");
                        ConnectFailure::Handshake
                    }
                    AcquireError::TimedOut { .. } => ConnectFailure::TimedOut,
                    AcquireError::Exhausted { .. } => ConnectFailure::Exhausted,
                })
            })
        })
    }

    /// Whether a response with a status to retry on would be tried again.
    fn may_retry_status(&self) -> bool {
        self.left > 0 && self.is_idempotent
    }

    /// A kept connection that died before the first response byte says nothing about the endpoint: the request goes
    /// once to a fresh one, if nothing was sent or sending it twice does no harm (GW-39). Not counted as a retry.
    fn redispatches(&mut self, lease: &Lease, failure: Failure, progress: &Progress) -> bool {
        let is_safe = self.is_idempotent || !progress.sent_any.get();
        let again = failure == Failure::NoResponse
            && lease.is_reused()
            && !self.redispatched
            && is_safe
            && !progress.pumped.get();
        if again {
            self.redispatched = true;
            self.again = Some(Rc::clone(lease.endpoint()));
        }
        again
    }

    /// Prepares another try, or gives up with the refusal to answer.
    async fn after_failure(
        &mut self,
        ex: &Exchange<'_>,
        scratch: &mut Scratch,
        attempt: &Attempt,
        failure: Failure,
        progress: &Progress,
    ) -> Result<(), Refusal> {
        let now = Instant::now();
        attempt.end(ex, scratch, failure.outcome(), now);
        if self.left == 0 || progress.pumped.get() || !self.retries_on(failure, progress) {
            return Err(failure.refusal());
        }
        self.left -= 1;
        bump(&ex.worker.stats.retries);
        let endpoint = &attempt.endpoint;
        let note = Note::new("retry", now)
            .with("cause", Detail::Word(failure.word()))
            .with("endpoint", Detail::Address(endpoint.address));
        scratch.trace.note(note);
        let was_tried = self.tried.iter().any(|known| Rc::ptr_eq(known, endpoint));
        self.tried.push(Rc::clone(endpoint));
        if was_tried {
            let tries = u32::from(self.target.retry.max - self.left);
            let pause = BACKOFF
                .saturating_mul(1 << tries.min(8))
                .min(BACKOFF_MAX)
                .mul_f64(fastrand::f64());
            let slept = wait_guarded(
                ex.worker,
                ex.conn,
                &mut scratch.input,
                self.deadline,
                tokio::time::sleep(pause),
            )
            .await;
            if !matches!(slept, Waited::Done(())) {
                return Err(failure.refusal());
            }
        }
        Ok(())
    }

    fn retries_on(&self, failure: Failure, progress: &Progress) -> bool {
        let is_safe = self.is_idempotent || !progress.sent_any.get();
        match failure {
            Failure::Connect(ConnectFailure::Exhausted) => false,
            Failure::Connect(_) => {
                self.target.retries_on(RetryOn::Connect) && Instant::now() < self.deadline
            }
            Failure::NoResponse => is_safe && self.target.retries_on(RetryOn::Reset),
            Failure::BadResponse => false,
            Failure::TimedOut => {
                is_safe
                    && self.target.retries_on(RetryOn::Timeout)
                    && Instant::now() < self.deadline
            }
            Failure::Status(_) => true,
        }
    }
}

impl Failure {
    /// A bounded label for spans.
    fn word(self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::Connect(_) | Self::NoResponse | Self::BadResponse | Self::TimedOut => {
                self.refusal().cause()
            }
        }
    }

    fn outcome(self) -> Outcome {
        match self {
            Self::Status(status) => Outcome::Status(status.get()),
            Self::Connect(_) | Self::NoResponse | Self::BadResponse | Self::TimedOut => {
                Outcome::Failed(self.word())
            }
        }
    }

    fn refusal(self) -> Refusal {
        match self {
            Self::Connect(ConnectFailure::Failed) => Refusal::ConnectFailed,
            Self::Connect(ConnectFailure::Handshake) => Refusal::HandshakeFailed,
            Self::Connect(ConnectFailure::TimedOut) => Refusal::ConnectTimedOut,
            Self::Connect(ConnectFailure::Exhausted) => Refusal::Exhausted,
            Self::NoResponse => Refusal::NoResponse,
            Self::BadResponse | Self::Status(_) => Refusal::BadResponse,
            Self::TimedOut => Refusal::UpstreamTimedOut,
        }
    }
}
