//! One try as spans and figures see it.

use std::rc::Rc;
use std::time::Instant;

use message::Version;
use telemetry::metrics::{self, RpcStatusCode};
use telemetry::trace::{Outcome, Recording};
use upstream::Endpoint;

use crate::exchange::{Exchange, Scratch};
use crate::refusal::Refusal;
use crate::rpc::Call;

/// A try under way.
pub(super) struct Attempt {
    pub(super) endpoint: Rc<Endpoint>,
    began: Instant,
}

impl Attempt {
    /// Begins a try, and with it a span whose id goes into the head that is about to be sent. A clock read is a part of a
    /// request's cost: the first try of a request that came in one piece begins when the request did, unless someone will
    /// look at the span.
    pub(super) fn begin(ex: &Exchange<'_>, scratch: &mut Scratch, endpoint: Rc<Endpoint>) -> Self {
        if let Some(call) = &ex.call {
            call.begin_try();
        }
        let is_first = ex.ended_attempts.get() == 0;
        let began = if is_first && ex.came_at_once && !scratch.trace.is_sampled() {
            ex.started
        } else {
            Instant::now()
        };
        scratch
            .trace
            .begin_attempt(endpoint.address, began, &mut scratch.upstream_output);
        Self { endpoint, began }
    }

    /// Ends it. Each try is ended once.
    pub(super) fn end(
        &self,
        ex: &Exchange<'_>,
        scratch: &mut Scratch,
        outcome: Outcome,
        ended: Instant,
    ) {
        ex.ended_attempts.set(ex.ended_attempts.get() + 1);
        if let Outcome::Failed(cause) = outcome {
            self.tell(&scratch.trace, cause);
        }
        let status = ex.call.as_ref().map(|call| call_status(call, outcome));
        // Of a call its caller gave up no status is known.
        let traced = match (status, outcome) {
            (Some(status), Outcome::Status(_) | Outcome::Failed(_) | Outcome::Call(_)) => {
                Outcome::Call(status)
            }
            (None, _) | (Some(_), Outcome::Open) => outcome,
        };
        scratch.trace.end_attempt(traced, ended);
        let version = match outcome {
            Outcome::Status(_) => scratch.response.version,
            Outcome::Open | Outcome::Failed(_) | Outcome::Call(_) => Version::Http11,
        };
        let tracer = ex.snapshot.tracer.as_ref();
        let exemplar = tracer
            .and_then(|tracer| tracer.attempt_exemplar(&scratch.trace, ex.worker.clock(), ended));
        let stats = &ex.worker.stats;
        let elapsed = ended.saturating_duration_since(self.began);
        stats.tries.finished(
            stats.server_label(&self.endpoint),
            ex.known_method(&scratch.head),
            figure(outcome),
            version,
            elapsed,
            exemplar,
        );
        if let Some(status) = status {
            let label = ex.snapshot.rpc_labels(ex.route).sent;
            stats.calls.sent.finished(label, status, elapsed, exemplar);
        }
    }
}

impl Attempt {
    /// For whoever asks for messages at that level: what becomes of the request is told elsewhere.
    fn tell(&self, trace: &Recording, cause: &'static str) {
        let endpoint = self.endpoint.address;
        match trace.context() {
            Some(context) => {
                let (trace_id, span_id) = (context.trace_id, context.span_id);
                tracing::debug!(cause, %endpoint, %trace_id, %span_id, "a try failed");
            }
            None => tracing::debug!(cause, %endpoint, "a try failed"),
        }
    }
}

fn figure(outcome: Outcome) -> metrics::Outcome {
    match outcome {
        Outcome::Open => metrics::Outcome::default(),
        Outcome::Status(status) => metrics::Outcome::answered(status),
        Outcome::Failed(word) => metrics::Outcome::failed(word),
        // What becomes of a call is told by its own figures.
        Outcome::Call(_) => metrics::Outcome::answered(200),
    }
}

fn call_status(call: &Call, outcome: Outcome) -> RpcStatusCode {
    match outcome {
        Outcome::Open => RpcStatusCode::Cancelled,
        Outcome::Failed(word) if word == Refusal::UpstreamTimedOut.cause() => {
            RpcStatusCode::DeadlineExceeded
        }
        Outcome::Failed(_) => RpcStatusCode::Unavailable,
        Outcome::Status(status) => call.status(status),
        Outcome::Call(status) => status,
    }
}
