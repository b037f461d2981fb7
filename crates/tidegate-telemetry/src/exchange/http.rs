//! The end of a request by the conventions for HTTP.

use std::time::Instant;

use telemetry::metrics::{Outcome, RouteLabel, Served};

use super::{Call, End, Exchange, Side};

impl Exchange {
    pub(super) fn end_http(&mut self, end: End, ended: Instant) {
        let first_error = match self.side {
            Side::Server { .. } => 500,
            Side::Client { .. } => 400,
        };
        let word = match end {
            End::Failed(word) => Some(word),
            End::Complete | End::Cancelled => None,
        };
        let outcome = Outcome {
            status: self.status,
            error: word,
        };
        if let Some(record) = self.span.record() {
            let attributes = &mut record.attributes;
            if outcome.status > 0 {
                attributes.number("http.response.status_code", outcome.status);
            }
            if outcome.status > 0 || matches!(self.side, Side::Server { .. }) {
                attributes.text("network.protocol.version", self.protocol.number());
            }
            if let Some(word) = word {
                attributes.text("error.type", word);
                record.error = Some("".into());
            } else if outcome.status >= first_error {
                attributes.text("error.type", outcome.status.to_string());
                record.error = Some("".into());
            }
        }
        self.count_http(outcome, ended);
    }

    fn count_http(&self, outcome: Outcome, ended: Instant) {
        let Call::Http { method, .. } = self.call else {
            return;
        };
        if let Side::Server { scheme, .. } = self.side {
            self.pipeline.figures.change_active(method, scheme, -1);
        }
        if !self.pipeline.counts() {
            return;
        }
        let exemplar = self.pipeline.exemplar(&self.span, ended);
        let elapsed = ended - self.span.started;
        self.pipeline.figures.count(|shard| match &self.side {
            Side::Server { scheme, route } => {
                let route = route.as_deref();
                let served = Served {
                    route: route.map_or(RouteLabel::UNMATCHED, |route| shard.served.label(route)),
                    method,
                    scheme: *scheme,
                    version: message::Version::Http11,
                    outcome,
                    elapsed,
                    exemplar,
                };
                shard.served.finished(&served, self.protocol);
            }
            Side::Client { address, port } => {
                let server = shard.sent.label(address, *port);
                shard
                    .sent
                    .finished(server, method, outcome, self.protocol, elapsed, exemplar);
            }
        });
    }
}
