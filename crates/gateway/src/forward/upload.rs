//! The request's way up: what is at hand in one write, then the rest of the body as it comes.

use std::future::{pending, poll_fn};
use std::task::Poll;
use std::time::{Duration, Instant};

use base::Buffer;

use super::Ending;
use super::download::CONTINUE;
use super::progress::{Due, Expiry};
use super::transfer::{Transfer, poll_client_gone};
use crate::body::RequestBody;
use crate::conn::{BUFFER_BYTES, poll_read_lent};

/// How long an upstream may take to say 100 before the client is told to go on (GW-35).
const CONTINUE_WAIT: Duration = Duration::from_secs(1);
/// The largest step in which a body is moved.
const STEP_MAX: usize = 256 << 10;

impl Transfer<'_> {
    /// Sends the request; then watches for the client to leave. Ends only with a reason to end the try: a complete
    /// upload is told through [`super::progress::Progress`].
    pub(super) async fn upload(
        &self,
        lead: &mut Vec<u8>,
        input: &mut Buffer,
        body: &mut RequestBody,
    ) -> Ending {
        let mut sound = self.write_upstream(lead).await;
        self.progress.sent_at.set(self.now());
        if !body.is_done() {
            if self.asked.expects_continue && sound && !self.wait_continue().await {
                // Its body is not asked for.
                poll_fn(|cx| poll_client_gone(self.worker, self.conn, input, cx)).await;
                return Ending::ClientGone;
            }
            let mut pace = Pace::default();
            while sound && !body.is_done() {
                self.progress.pumped.set(true);
                lead.clear();
                if input.is_empty() && !self.read_request_body(input, body, &mut pace).await {
                    return Ending::ClientGone;
                }
                if let Some(count) = body.verbatim(input.len()) {
                    sound = self.write_upstream(&input.filled()[..count]).await;
                    body.sent_verbatim(count);
                    input.consume(count);
                    continue;
                }
                if let Err(refusal) = body.take(input, lead, STEP_MAX) {
                    return Ending::Refused(refusal);
                }
                sound = self.write_upstream(lead).await;
            }
        }
        if !sound {
            // The upstream may have answered before it stopped listening: the download tells.
            return pending().await;
        }
        self.progress.upload_done.set(true);
        poll_fn(|cx| poll_client_gone(self.worker, self.conn, input, cx)).await;
        Ending::ClientGone
    }

    /// Waits for the upstream's 100, at most [`CONTINUE_WAIT`], then tells the client to go on. `false`: the client has
    /// a final response instead.
    async fn wait_continue(&self) -> bool {
        let mut wait = std::pin::pin!(tokio::time::sleep(CONTINUE_WAIT));
        let waited_in_vain = poll_fn(|cx| {
            if self.progress.continued.get() {
                return Poll::Ready(false);
            }
            wait.as_mut().poll(cx).map(|()| true)
        })
        .await;
        if waited_in_vain && !self.progress.response_begun.get() {
            self.progress.continued.set(true);
            self.say_continue().await;
        }
        self.progress.continued.get()
    }

    /// Tells the client to go on, in one write or not at all: the download writes to the same socket. A client whose
    /// socket takes no 25 bytes has not read what it was sent; it goes on by itself.
    async fn say_continue(&self) {
        if self.progress.amid_write.get() {
            return;
        }
        poll_fn(|cx| {
            if let Poll::Ready(Ok(1..25)) = self.conn.stream.poll_write(cx, CONTINUE) {
                self.conn.stream.reset_on_close();
                self.conn.stream.shutdown_write();
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Reads body bytes from the client. `false`: it left.
    async fn read_request_body(
        &self,
        input: &mut Buffer,
        body: &RequestBody,
        pace: &mut Pace,
    ) -> bool {
        let limits = &self.listener.limits;
        let room = pace.room();
        let mut since = None;
        let read = poll_fn(|cx| {
            let poll = poll_read_lent(&self.conn.stream, cx, &self.worker.buffers, input, room);
            if poll.is_pending() && since.is_none() {
                let now = Instant::now();
                since = Some(now);
                // What the client has earned by sending, less what it was waited for (Apache calls it MinRate).
                let earned =
                    Duration::from_secs(body.received / u64::from(limits.body_rate_min.max(1)));
                let at = now
                    + (limits.body_timeout + earned)
                        .saturating_sub(self.progress.client_waited.get());
                self.progress.upload_due.set(Some(Due {
                    at,
                    expiry: Expiry::RequestBody,
                }));
            }
            poll
        })
        .await;
        if let Some(since) = since {
            let waited = &self.progress.client_waited;
            waited.set(waited.get() + since.elapsed());
            self.progress.upload_due.set(None);
        }
        match read {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                pace.read(count, room);
                true
            }
        }
    }
}

/// How a body comes in: steps grow while reads fill them.
#[derive(Debug)]
pub(super) struct Pace {
    step: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { step: BUFFER_BYTES }
    }
}

impl Pace {
    /// How much to read at once.
    pub(super) fn room(&self) -> usize {
        self.step
    }

    /// Notes a read; one that filled its room makes the next larger.
    pub(super) fn read(&mut self, count: usize, room: usize) {
        if count >= room {
            self.step = (2 * self.step).min(STEP_MAX);
        }
    }
}
