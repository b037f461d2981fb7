//! One try as spans and figures see it.

use std::rc::Rc;
use std::time::Instant;

use message::Version;
use telemetry::metrics;
use telemetry::trace::{Outcome, Recording};
use upstream::Endpoint;

use crate::exchange::{Exchange, Scratch};

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
        scratch.trace.end_attempt(outcome, ended);
        let version = match outcome {
            Outcome::Status(_) => scratch.response.version,
            Outcome::Open | Outcome::Failed(_) => Version::Http11,
        };
        let tracer = ex.snapshot.tracer.as_ref();
        let exemplar = tracer
            .and_then(|tracer| tracer.attempt_exemplar(&scratch.trace, ex.worker.clock(), ended));
        let stats = &ex.worker.stats;
        stats.tries.finished(
            stats.server_label(&self.endpoint),
            scratch.head.method,
            figure(outcome),
            version,
            ended.saturating_duration_since(self.began),
            exemplar,
        );
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
    }
}
