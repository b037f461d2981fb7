//! The response's way down: interim responses, the head, the body.

use std::future::poll_fn;

use base::Buffer;
use h1::{HeadLimits, HeadReader, ResponseContext, response_framing};
use message::{FieldKind, RequestHead, ResponseHead, StatusCode, Version, list_elements};

use super::progress::{Due, Expiry};
use super::response_body::ResponseBody;
use super::transfer::Transfer;
use super::upload::Pace;
use super::{Ending, Failure};
use crate::conn::{BUFFER_BYTES, poll_read_lent};
use crate::exchange::Exchange;
use crate::heads::{
    BodyLine, Marks, Persistence, append_response_head, append_switching_head, edit_fields,
    remove_nominated,
};
use crate::program::Route;
use crate::text::{Values, append_text};

/// Tells a client to send the body it announced.
pub(super) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// Interim responses of one try; an upstream that sends more has lost its way (GW-36).
const INTERIM_MAX: u32 = 32;
/// Bounds of a response head: an upstream is trusted no further than a client.
const HEAD_LIMITS: HeadLimits = HeadLimits {
    bytes: 64 << 10,
    fields: 128,
    target: 0,
};
/// Body bytes up to this many are copied behind the head; more go from where they are.
const COPY_MAX: usize = 4 << 10;

impl Transfer<'_> {
    /// Reads the response and sends it to the client.
    #[expect(
        clippy::too_many_arguments,
        reason = "the disjoint parts of one scratch, which the upload shares"
    )]
    pub(super) async fn download(
        &self,
        ex: &mut Exchange<'_>,
        request: &RequestHead,
        route: &Route,
        may_retry_status: bool,
        input: &mut Buffer,
        response: &mut ResponseHead,
        output: &mut Vec<u8>,
    ) -> Ending {
        input.clear();
        if let Err(ending) = self.final_head(request, input, response, output).await {
            return ending;
        }
        #[cfg(feature = "faults")]
        crate::faults::strike(&request.fields, crate::faults::Place::Response);
        if may_retry_status
            && !self.progress.pumped.get()
            && self.target.retries_status(response.status)
        {
            return Ending::Failed(Failure::Status(response.status));
        }
        if let Some(call) = &ex.call {
            call.hear(&response.fields);
        }
        let context = ResponseContext {
            method: request.method,
            status: response.status,
            version: response.version,
        };
        let Ok(framing) = response_framing(&response.fields, context) else {
            return Ending::Failed(Failure::BadResponse);
        };
        let Ok((body, line)) = ResponseBody::new(framing, response, request.version) else {
            return Ending::Failed(Failure::BadResponse);
        };
        let reusable = keeps_alive(response) && !body.ends_with_connection();
        let is_stream = reusable && !body.ends_in(input.filled());
        let persistence = if line == BodyLine::UntilClose
            || self.leaves_the_request(response.status, is_stream)
        {
            Persistence::Close
        } else {
            ex.persistence(request.version)
        };
        ex.keeps = persistence != Persistence::Close;
        ex.status = response.status.get();
        let values = Values {
            head: request,
            client_ip: ex.client.ip,
            template: route.template.as_ref(),
        };
        for edits in &route.response_edits {
            edit_fields(&mut response.fields, edits, output, |out, text| {
                append_text(out, text, values)
            });
        }
        output.clear();
        let id = request
            .fields
            .first(FieldKind::XRequestId)
            .unwrap_or_default();
        append_response_head(
            output,
            response,
            line,
            persistence,
            Marks {
                request_id: id,
                date: ex.worker.date().as_bytes(),
                trace: self.trace_field,
                hsts: ex.hsts(route),
            },
        );
        self.progress.response_begun.set(true);
        match self.send_body(ex, body, input, output).await {
            Ok(()) => Ending::Complete { reusable },
            Err(ending) => ending,
        }
    }

    /// Whether a response overtakes its request and leaves the rest of that body to no one (RFC 9110 10.1.1), which costs
    /// the connection. A success that goes on for a while, on a connection that is kept, most likely comes of the body
    /// as it is read: the two may end in order.
    fn leaves_the_request(&self, status: StatusCode, is_stream: bool) -> bool {
        let is_body_asked_for = !self.asked.expects_continue || self.progress.continued.get();
        let is_success = (200..300).contains(&status.get());
        !(self.progress.upload_done.get() || is_body_asked_for && is_success && is_stream)
    }

    /// Reads heads up to the final one; forwards the interim ones. `Err(Switched)`: it was 101.
    async fn final_head(
        &self,
        request: &RequestHead,
        input: &mut Buffer,
        response: &mut ResponseHead,
        output: &mut Vec<u8>,
    ) -> Result<(), Ending> {
        for _ in 0..=INTERIM_MAX {
            self.read_head(input, response).await?;
            if !response.status.is_interim() {
                self.progress.answered_at.set(self.now());
                return Ok(());
            }
            output.clear();
            match response.status {
                StatusCode::SWITCHING_PROTOCOLS => {
                    self.progress.answered_at.set(self.now());
                    return Err(self.switch(input, response, output).await);
                }
                StatusCode::CONTINUE
                    if !self.asked.expects_continue || self.progress.continued.get() => {}
                StatusCode::CONTINUE => {
                    self.progress.continued.set(true);
                    self.write_client(CONTINUE, b"").await?;
                }
                _ if request.version == Version::Http10 => {}
                _ => {
                    append_response_head(
                        output,
                        response,
                        BodyLine::Nothing,
                        Persistence::Keep,
                        Marks::default(),
                    );
                    self.write_client(output, b"").await?;
                }
            }
        }
        Err(Ending::Failed(Failure::BadResponse))
    }

    async fn read_head(
        &self,
        input: &mut Buffer,
        response: &mut ResponseHead,
    ) -> Result<(), Ending> {
        let mut reader = HeadReader::default();
        self.progress.download_due.set(Some(Due {
            at: self.head_due,
            expiry: Expiry::ResponseHead,
        }));
        loop {
            if !input.is_empty() {
                if !self.progress.sent_any.get() {
                    // It cannot answer what was not sent: a kept connection that spoke unasked (GW-11).
                    return Err(Ending::Failed(Failure::NoResponse));
                }
                match reader.response(input.filled(), HEAD_LIMITS, response) {
                    Ok(Some(len)) => {
                        input.consume(len);
                        self.progress.download_due.set(None);
                        remove_nominated(&mut response.fields);
                        return Ok(());
                    }
                    Ok(None) => {}
                    Err(_) => return Err(Ending::Failed(Failure::BadResponse)),
                }
            }
            let read = poll_fn(|cx| {
                poll_read_lent(self.upstream, cx, &self.worker.buffers, input, BUFFER_BYTES)
            })
            .await;
            if matches!(read, Ok(0) | Err(_)) {
                return Err(Ending::Failed(if input.is_empty() {
                    Failure::NoResponse
                } else {
                    Failure::BadResponse
                }));
            }
        }
    }

    /// Forwards 101 if it is what the client asked for; the tunnel begins with the bytes behind it.
    async fn switch(
        &self,
        input: &mut Buffer,
        response: &ResponseHead,
        output: &mut Vec<u8>,
    ) -> Ending {
        let is_websocket = response
            .fields
            .all(FieldKind::Upgrade)
            .flat_map(list_elements)
            .any(|token| token.eq_ignore_ascii_case(b"websocket"));
        if !(self.asked.websocket && self.target.websocket && is_websocket) {
            return Ending::Failed(Failure::BadResponse);
        }
        append_switching_head(output, response);
        self.progress.response_begun.set(true);
        match self.write_client(output, input.filled()).await {
            Ok(()) => {
                input.clear();
                Ending::Switched
            }
            Err(ending) => ending,
        }
    }

    /// Sends the head in `output` and the body behind it, in as few writes as the bytes at hand allow.
    async fn send_body(
        &self,
        ex: &mut Exchange<'_>,
        mut body: ResponseBody,
        input: &mut Buffer,
        output: &mut Vec<u8>,
    ) -> Result<(), Ending> {
        let mut pace = Pace::default();
        loop {
            if let Some(count) = body.verbatim(input.len()) {
                let bytes = &input.filled()[..count];
                if count <= COPY_MAX {
                    output.extend_from_slice(bytes);
                    self.write_client(output, b"").await?;
                } else {
                    self.write_client(output, bytes).await?;
                }
                body.sent_verbatim(count);
                input.consume(count);
                ex.bytes_out += count as u64;
            } else {
                ex.bytes_out += body.take(input, output).map_err(|_| Ending::Cut)?;
                self.write_client(output, b"").await?;
            }
            output.clear();
            if body.is_done() {
                if let (Some(call), Some(trailers)) = (&ex.call, body.trailers()) {
                    call.hear(trailers);
                }
                return Ok(());
            }
            let room = pace.room();
            match self.read_body(input, room).await {
                Ok(0) if body.close(output) => return self.write_client(output, b"").await,
                Ok(0) | Err(_) => return Err(Ending::Cut),
                Ok(count) => pace.read(count, room),
            }
        }
    }
}

/// Whether the upstream keeps its connection open after this response.
fn keeps_alive(response: &ResponseHead) -> bool {
    let says = |wanted: &[u8]| {
        response.fields.all(FieldKind::Connection).any(|value| {
            value.eq_ignore_ascii_case(wanted)
                || list_elements(value).any(|token| token.eq_ignore_ascii_case(wanted))
        })
    };
    match response.version {
        Version::Http11 => !says(b"close"),
        Version::Http10 => says(b"keep-alive") && !says(b"close"),
    }
}
