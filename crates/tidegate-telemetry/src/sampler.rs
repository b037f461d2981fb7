//! Whether a trace is recorded, decided where it begins (`OTEL_TRACES_SAMPLER`), and how that is passed on.

use std::sync::Arc;

use propagation::trace_state::{self, Edit};
use propagation::{Flags, Incoming, Threshold};
use telemetry::environment::{RootSampler, Sampler as Given};

use crate::context::{Context, Ids, new_span_id, new_trace_id};

/// The sampler of a service. Decides by consistent probability: a trace is kept when the last 56 bits of its id, or the
/// `rv` of its trace state, are not below the threshold, which goes on as `ot=th:…`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sampler {
    follows_parent: bool,
    threshold: Threshold,
}

impl Sampler {
    pub(crate) fn new(given: Given) -> Self {
        let (follows_parent, root) = match given {
            Given::Root(root) => (false, root),
            Given::ParentBased(root) => (true, root),
        };
        Self {
            follows_parent,
            threshold: match root {
                RootSampler::AlwaysOn => Threshold::ALWAYS,
                RootSampler::AlwaysOff => Threshold::NEVER,
                RootSampler::TraceIdRatio(ratio) => Threshold::from_probability(ratio),
            },
        }
    }

    /// The context of the span that serves what came in, or of one that begins a trace.
    pub(crate) fn begin(&self, incoming: &Incoming) -> Context {
        let parent = incoming.parent.as_ref();
        let trace_id = parent.map_or_else(new_trace_id, |parent| parent.trace_id);
        let flags = parent.map_or(Flags::default().with_random(true), |parent| parent.flags);
        // A caller that may not decide may not ask for more than a decision either.
        let is_debug = self.follows_parent && parent.is_some_and(|parent| parent.debug);
        let is_decided = self.follows_parent && parent.is_some_and(|parent| !parent.deferred);
        let came = &incoming.trace_state;
        let randomness = trace_state::randomness(came).unwrap_or_else(|| trace_id.randomness());
        let (flags, threshold) = if is_decided || is_debug {
            // What was decided stands; a threshold that contradicts it would falsify counts.
            let told = trace_state::threshold(came);
            let told = told.filter(|told| !flags.is_sampled() || told.keeps(randomness));
            (flags, told)
        } else {
            let is_kept = self.threshold.keeps(randomness);
            let threshold = is_kept.then_some(self.threshold);
            (flags.with_sampled(is_kept), threshold)
        };
        let mut state = Vec::new();
        match trace_state::set_threshold(came, threshold, &mut state) {
            // A list that cannot be edited goes on as it came.
            Edit::Made | Edit::Refused => {}
        }
        Context {
            ids: Some(Ids {
                trace_id,
                span_id: new_span_id(),
                flags,
                is_debug,
            }),
            state: state.into(),
            baggage: incoming.baggage.as_slice().into(),
        }
    }

    /// The context of a span below another of this process. The decision was made for the whole trace: every sampler
    /// there is would make it again.
    pub(crate) fn below(&self, parent: Option<&Context>) -> Context {
        match parent.and_then(|parent| Some((parent, parent.ids?))) {
            Some((parent, ids)) => parent.child(Ids {
                span_id: new_span_id(),
                ..ids
            }),
            None => {
                let mut context = self.begin(&Incoming::default());
                if let Some(parent) = parent {
                    context.baggage = Arc::clone(&parent.baggage);
                }
                context
            }
        }
    }
}

/// What came in, as it goes on where nothing is recorded.
pub(crate) fn passed_through(incoming: &Incoming) -> Context {
    Context {
        ids: incoming.parent.map(|parent| Ids {
            trace_id: parent.trace_id,
            span_id: parent.span_id,
            flags: parent.flags,
            is_debug: parent.debug,
        }),
        state: incoming.trace_state.as_slice().into(),
        baggage: incoming.baggage.as_slice().into(),
    }
}
