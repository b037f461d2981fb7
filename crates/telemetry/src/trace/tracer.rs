//! Takes the context of a request, decides whether it is recorded, passes the context on, and ends with its spans.

use std::sync::Arc;
use std::time::{Duration, Instant};

use message::{FieldKind, Fields};
use propagation::trace_state::{self, Edit};
use propagation::{Carrier, Field, Flags, Outgoing, Threshold, extract, inject};

use super::clock::Anchor;
use super::ids;
use super::recording::{Context, Recording};
use super::sampler::{Sampler, Subject};
use super::spans::{Finished, Prepared};
use crate::ItemSink;
use crate::metrics::Exemplar;
use crate::plan::{ParentRule, TracingPlan};

/// How a program traces: immutable, shared by all workers.
#[derive(Debug)]
pub struct Tracing {
    plan: TracingPlan,
    routes: Box<[Box<str>]>,
    prepared: Prepared,
    workers: u32,
}

/// One worker's way to trace for one program.
#[derive(Debug)]
pub struct Tracer {
    shared: Arc<Tracing>,
    sampler: Sampler,
}

/// A route as spans and rules call it.
#[derive(Clone, Copy, Debug)]
pub struct RouteNames<'a> {
    /// As rules name it.
    pub name: &'a str,
    /// `http.route`.
    pub label: &'a str,
}

impl Tracing {
    /// For routes in the order of the plan, on so many workers.
    pub fn new(plan: TracingPlan, routes: &[RouteNames<'_>], workers: usize) -> Self {
        let labels: Vec<&str> = routes.iter().map(|route| route.label).collect();
        Self {
            prepared: Prepared::new(&plan, &labels),
            routes: routes.iter().map(|route| route.name.into()).collect(),
            workers: u32::try_from(workers).unwrap_or(u32::MAX),
            plan,
        }
    }

    /// What it was made from.
    pub fn plan(&self) -> &TracingPlan {
        &self.plan
    }
}

impl Tracer {
    /// For one worker.
    pub fn new(shared: Arc<Tracing>) -> Self {
        let names: Vec<&str> = shared.routes.iter().map(|name| &**name).collect();
        Self {
            sampler: Sampler::new(&shared.plan.sampling, &names, shared.workers),
            shared,
        }
    }

    /// The response field that carries the trace id.
    pub fn response_header(&self) -> Option<&str> {
        self.shared
            .plan
            .response_header
            .as_ref()
            .map(|name| name.as_str())
    }

    /// Takes the context out of a request's fields; a request without one begins a trace.
    pub fn begin(&self, fields: &Fields, recording: &mut Recording) {
        extract(
            &self.shared.plan.propagators,
            &Carried(fields),
            &mut recording.incoming,
        );
        let parent = recording.incoming.parent.as_ref();
        recording.context = Some(Context {
            // An id made here is random in all its bits.
            trace_id: parent.map_or_else(ids::trace_id, |parent| parent.trace_id),
            span_id: ids::span_id(),
            parent: parent.map(|parent| parent.span_id),
            flags: parent.map_or(Flags::default().with_random(true), |parent| parent.flags),
            is_debug: parent.is_some_and(|parent| parent.debug),
            is_decided_before: parent.is_some_and(|parent| !parent.deferred),
            is_decided: false,
        });
        recording.state.clear();
    }

    /// Decides whether the request is recorded, and how that is passed on.
    pub fn decide(&self, subject: Subject<'_>, recording: &mut Recording) {
        let Some(context) = &mut recording.context else {
            return;
        };
        context.is_decided = true;
        let state = &recording.incoming.trace_state;
        let draw = self.sampler.draw(subject);
        let may_follow =
            self.shared.plan.sampling.parent == ParentRule::Follow && !draw.overrides_parent;
        let follows = may_follow && (context.is_decided_before || context.is_debug);
        // A client that may not decide may not ask for more than a decision either.
        context.is_debug &= may_follow;
        let randomness =
            trace_state::randomness(state).unwrap_or_else(|| context.trace_id.randomness());
        if follows {
            // What was decided stands, with the threshold that says how; one that says otherwise would falsify counts.
            let told = trace_state::threshold(state);
            let told = told.filter(|told| !context.flags.is_sampled() || told.keeps(randomness));
            pass_on(state, told, &mut recording.state);
            return;
        }
        let is_kept = draw.threshold.keeps(randomness);
        context.flags = context.flags.with_sampled(is_kept);
        let threshold = is_kept.then_some(draw.threshold);
        pass_on(state, threshold, &mut recording.state);
    }

    /// Appends the fields that carry the context to a head that goes upstream, and notes where the sending span's id
    /// stands, for [`Recording::begin_attempt`] to fill in.
    pub fn append_context(&self, recording: &mut Recording, out: &mut Vec<u8>) {
        let Some(context) = &recording.context else {
            return;
        };
        let outgoing = Outgoing {
            trace_id: context.trace_id,
            span_id: context.span_id,
            flags: context.flags,
            trace_state: &recording.state,
            baggage: &recording.incoming.baggage,
            debug: context.is_debug,
        };
        let mut places = [None; 3];
        inject(&self.shared.plan.propagators, &outgoing, |name, value| {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            let [traceparent, b3, b3_multi] = &mut places;
            match name {
                "traceparent" => *traceparent = Some(out.len() + 36),
                "b3" => *b3 = Some(out.len() + 33),
                "x-b3-spanid" => *b3_multi = Some(out.len()),
                _ => {}
            }
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        });
        recording.places = places;
    }

    /// Whether the field carries a context in one of the ways this gateway speaks: it is written anew, not copied.
    pub fn owns(&self, kind: FieldKind, name: &[u8]) -> bool {
        kind.is_propagation() && self.shared.plan.propagators.owns(name)
    }

    /// Whether the spans of a request that ended are kept: it was drawn, or it failed or was slow where such requests
    /// are always recorded.
    pub fn keeps(&self, recording: &Recording, finished: &Finished<'_>) -> bool {
        let sampling = &self.shared.plan.sampling;
        let is_slow =
            |limit: Duration| finished.ended.saturating_duration_since(finished.started) > limit;
        recording.context.is_some_and(|context| {
            context.flags.is_sampled()
                || sampling.always_errors && finished.is_error()
                || sampling.slow_over.is_some_and(is_slow)
        })
    }

    /// Ends a request: its spans go to the sink if they are kept. What of it may stand beside a figure.
    pub fn finish(
        &self,
        recording: &mut Recording,
        finished: &Finished<'_>,
        clock: Anchor,
        sink: Option<&ItemSink>,
    ) -> Option<Exemplar> {
        let is_kept = self.keeps(recording, finished);
        let plan = &self.shared.plan;
        if is_kept && let Some(sink) = sink {
            sink.record(recording.spans(), |out| {
                self.shared
                    .prepared
                    .append(out, plan, clock, recording, finished);
            });
        }
        let context = recording.context?;
        plan.exemplars.offers(is_kept).then(|| Exemplar {
            trace_id: context.trace_id.to_bytes(),
            span_id: context.span_id.to_bytes(),
            unix_nanos: clock.unix_nanos(finished.ended),
        })
    }

    /// What of the try that ended last may stand beside a figure. Whether the spans of a request that was not drawn are
    /// kept shows only when it ends: its tries offer nothing.
    pub fn attempt_exemplar(
        &self,
        recording: &Recording,
        clock: Anchor,
        ended: Instant,
    ) -> Option<Exemplar> {
        let context = recording.context?;
        let span_id = recording.attempts.last()?.span_id;
        let is_offered = self.shared.plan.exemplars.offers(recording.is_sampled());
        is_offered.then(|| Exemplar {
            trace_id: context.trace_id.to_bytes(),
            span_id: span_id.to_bytes(),
            unix_nanos: clock.unix_nanos(ended),
        })
    }

    /// Lets adaptive shares follow the traffic; called about once a second.
    pub fn adapt(&self, elapsed: Duration) {
        self.sampler.adapt(elapsed);
    }
}

/// The list with this threshold; one that cannot be edited is passed on as it was.
fn pass_on(list: &[u8], threshold: Option<Threshold>, out: &mut Vec<u8>) {
    match trace_state::set_threshold(list, threshold, out) {
        Edit::Made => {}
        // What a client sends is no news to whoever runs a gateway, unless they look for it.
        Edit::Refused => {
            tracing::debug!(
                "expected an `ot` of at most 256 characters in tracestate that can be edited, found another; left as it was"
            );
        }
    }
}

/// A field list as propagation reads it.
struct Carried<'a>(&'a Fields);

impl Carrier for Carried<'_> {
    fn values(&self, field: Field) -> impl Iterator<Item = &[u8]> {
        let kind = match field {
            Field::TraceParent => FieldKind::Traceparent,
            Field::TraceState => FieldKind::Tracestate,
            Field::Baggage => FieldKind::Baggage,
            Field::B3 => FieldKind::B3,
            Field::UberTraceId => FieldKind::Uber,
            Field::B3TraceId
            | Field::B3SpanId
            | Field::B3ParentSpanId
            | Field::B3Sampled
            | Field::B3Flags => FieldKind::XB3,
        };
        let name = field.name().as_bytes();
        self.0
            .iter()
            .filter(move |found| {
                // Some kinds stand for several names.
                found.kind == kind && found.name.eq_ignore_ascii_case(name)
            })
            .map(|found| found.value)
    }

    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|field| (field.name, field.value))
    }
}
