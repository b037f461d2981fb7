//! The span of a try.

use message::Version;
use otlp::{Span, SpanKind, append_span};

use super::{Call, HAS_IS_REMOTE, Parts, status_of};
use crate::ascii::Ascii;
use crate::attributes::Attributes;
use crate::metrics::RpcStatusCode;
use crate::redact::append_redacted_url;
use crate::trace::recording::{Attempt, Outcome};

impl Parts<'_> {
    /// `resend`: how many tries came before. `text` is for what is put together.
    pub(super) fn append_client(
        &self,
        out: &mut Vec<u8>,
        attempt: &Attempt,
        resend: i64,
        text: &mut Vec<u8>,
    ) {
        let (finished, context) = (self.finished, &self.context);
        let endpoint = attempt.endpoint;
        let address = Ascii::ip(endpoint.ip());
        text.clear();
        text.extend_from_slice(b"http://");
        text.extend_from_slice(Ascii::socket(endpoint).as_bytes());
        let target = &self.recording.target;
        append_redacted_url(text, target, &self.plan.redact_query);
        let status_text;
        let mut attributes = self.attributes();
        let error = match finished.call {
            Some(call) => self.put_sent_call(&mut attributes, call, attempt.outcome),
            None => {
                self.put_method(&mut attributes);
                attributes.text("url.full", text);
                if resend > 0 {
                    attributes.number("http.request.resend_count", resend);
                }
                match attempt.outcome {
                    // Cancelled by its caller: no error of anyone.
                    Outcome::Open => None,
                    Outcome::Failed(word) => Some(word.as_bytes()),
                    Outcome::Call(code) => Some(code.name().as_bytes()),
                    Outcome::Status(status) => {
                        attributes.number("http.response.status_code", status.into());
                        attributes.encoded(self.prepared.version(Version::Http11));
                        status_text = Ascii::number(status);
                        (status >= 400).then_some(status_text.as_bytes())
                    }
                }
            }
        };
        attributes.text("server.address", address.as_bytes());
        attributes.number("server.port", endpoint.port().into());
        if let Some(error) = error {
            attributes.text("error.type", error);
        }
        attributes.text("network.peer.address", address.as_bytes());
        attributes.number("network.peer.port", endpoint.port().into());
        let name = match finished.call {
            Some(call) => call.name().as_bytes(),
            None => self.span_method(),
        };
        append_span(
            out,
            &Span {
                trace_id: context.trace_id.to_bytes(),
                span_id: attempt.span_id.to_bytes(),
                parent_span_id: Some(context.span_id.to_bytes()),
                trace_state: self.own_state(),
                flags: u32::from(context.flags.bits()) | HAS_IS_REMOTE,
                name: &[name],
                kind: SpanKind::Client,
                start_unix_nanos: self.clock.unix_nanos(attempt.began),
                end_unix_nanos: self
                    .clock
                    .unix_nanos(attempt.ended.unwrap_or(finished.ended)),
                attributes: attributes.filled(),
                dropped_attributes: attributes.dropped(),
                events: &[],
                dropped_events: 0,
                links: &[],
                status: status_of(error.is_some()),
            },
        );
    }
}

impl<'a> Parts<'a> {
    /// Returns `error.type`.
    fn put_sent_call(
        &self,
        attributes: &mut Attributes<'a>,
        call: Call<'a>,
        outcome: Outcome,
    ) -> Option<&'static [u8]> {
        let status = match outcome {
            Outcome::Call(status) => status,
            Outcome::Open => RpcStatusCode::Cancelled,
            Outcome::Failed(_) => RpcStatusCode::Unavailable,
            Outcome::Status(status) => RpcStatusCode::of_http(status),
        };
        self.put_call(attributes, call, status);
        // Cancelled by its caller: no error of anyone.
        let is_error = status.is_client_error() && outcome != Outcome::Open;
        is_error.then_some(status.name().as_bytes())
    }
}
