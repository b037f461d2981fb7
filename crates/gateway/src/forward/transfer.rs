//! One try: the request goes up and the response comes down, at the same time, in one task.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use base::Buffer;
use net::Stream;

use super::progress::{Due, Expiry, Progress};
use super::{Ending, Failure};
use crate::check::Asked;
use crate::conn::{BUFFER_BYTES, Conn, poll_read_lent};
use crate::exchange::{Exchange, Scratch};
use crate::plan::ListenerPlan;
use crate::program::{Forward, Route};
use crate::refusal::Refusal;
use crate::worker::Worker;

/// One try on one upstream connection.
pub(super) struct Transfer<'a> {
    pub(super) worker: &'a Worker,
    pub(super) conn: &'a Conn,
    pub(super) upstream: &'a Stream,
    pub(super) target: &'a Forward,
    pub(super) listener: Rc<ListenerPlan>,
    pub(super) asked: Asked,
    /// When the response head must be there.
    pub(super) head_due: Instant,
    /// Whether anyone will look at how long the upstream took.
    pub(super) timed: bool,
    /// The response field that carries the trace id.
    pub(super) trace_field: Option<(&'a str, [u8; 32])>,
    pub(super) progress: Progress,
}

impl<'a> Transfer<'a> {
    pub(super) fn new(
        ex: &Exchange<'a>,
        target: &'a Forward,
        upstream: &'a Stream,
        head_due: Instant,
        trace_field: Option<(&'a str, [u8; 32])>,
    ) -> Self {
        Self {
            worker: ex.worker,
            conn: ex.conn,
            upstream,
            target,
            listener: ex.conn.listener.plan(),
            asked: ex.asked,
            head_due,
            timed: ex.worker.logs_requests(),
            trace_field,
            progress: Progress::default(),
        }
    }

    /// The time, if it is wanted: a clock read is a part of a request's cost.
    pub(super) fn now(&self) -> Option<Instant> {
        self.timed.then(Instant::now)
    }

    pub(super) fn into_progress(self) -> Progress {
        self.progress
    }

    /// Runs both directions until the response is complete or the try has failed. Dropping the future leaves both
    /// connections in the middle of a message: neither may be used again.
    pub(super) async fn run(
        &self,
        ex: &mut Exchange<'_>,
        scratch: &mut Scratch,
        route: &Route,
        may_retry_status: bool,
    ) -> Ending {
        let Scratch {
            input,
            output,
            head,
            before: _,
            body,
            upstream_input,
            upstream_output,
            response,
            text: _,
            trace: _,
        } = scratch;
        let mut upload = pin!(self.upload(upstream_output, input, body));
        let mut download = pin!(self.download(
            ex,
            head,
            route,
            may_retry_status,
            upstream_input,
            response,
            output
        ));
        let mut armed = None;
        poll_fn(|cx| {
            // The response first: a client that sent its request and left may still be answered.
            if let Poll::Ready(ending) = download.as_mut().poll(cx) {
                return Poll::Ready(ending);
            }
            if let Poll::Ready(ending) = upload.as_mut().poll(cx) {
                return Poll::Ready(self.unless_begun(ending));
            }
            let due = self.progress.due();
            if due != armed {
                armed = due;
                match due {
                    Some(due) => self.conn.timer.arm(due.at),
                    None => self.conn.timer.disarm(),
                }
            }
            ready!(self.conn.timer.poll_expired(cx));
            Poll::Ready(due.map_or(Ending::Cut, |due| self.expired(due.expiry)))
        })
        .await
    }

    /// Once the client has a part of the response, or of an interim one, no other can be sent: it is cut.
    fn unless_begun(&self, ending: Ending) -> Ending {
        let is_answer = matches!(ending, Ending::Refused(_) | Ending::Failed(_));
        let has_begun = self.progress.response_begun.get() || self.progress.amid_write.get();
        if is_answer && has_begun {
            Ending::Cut
        } else {
            ending
        }
    }

    fn expired(&self, expiry: Expiry) -> Ending {
        self.worker.stats.timed_out(expiry.label());
        self.progress.expired.set(Some(expiry.label()));
        self.unless_begun(match expiry {
            Expiry::ResponseHead | Expiry::UpstreamWrite => Ending::Failed(Failure::TimedOut),
            Expiry::RequestBody => Ending::Refused(Refusal::SlowBody),
            Expiry::ResponseBody => Ending::Cut,
            Expiry::ClientWrite => Ending::ClientGone,
        })
    }

    /// Writes all of `first` and `second` to the client.
    pub(super) async fn write_client(&self, first: &[u8], second: &[u8]) -> Result<(), Ending> {
        let total = first.len() + second.len();
        let mut written = 0;
        let limit = (self.listener.limits.write_timeout, Expiry::ClientWrite);
        let result = poll_fn(|cx| {
            while written < total {
                let first_left = first.get(written..).unwrap_or_default();
                let second_left = second
                    .get(written.saturating_sub(first.len())..)
                    .unwrap_or_default();
                let poll = self.conn.stream.poll_write_two(cx, first_left, second_left);
                match ready!(self.noting_due(poll, &self.progress.download_due, limit)) {
                    Ok(0) | Err(_) => return Poll::Ready(Err(Ending::ClientGone)),
                    Ok(count) => {
                        written += count;
                        self.progress.amid_write.set(written < total);
                    }
                }
            }
            let flushed = self.conn.stream.poll_flush(cx);
            let flushed = ready!(self.noting_due(flushed, &self.progress.download_due, limit));
            Poll::Ready(flushed.map_err(|_| Ending::ClientGone))
        })
        .await;
        self.progress.download_due.set(None);
        result
    }

    /// Writes all of `bytes` to the upstream. `false`: the connection broke.
    pub(super) async fn write_upstream(&self, bytes: &[u8]) -> bool {
        let mut written = 0;
        let limit = (self.target.idle_timeout, Expiry::UpstreamWrite);
        let result = poll_fn(|cx| {
            while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
                let poll = self.upstream.poll_write(cx, rest);
                match ready!(self.noting_due(poll, &self.progress.upload_due, limit)) {
                    Ok(0) | Err(_) => return Poll::Ready(false),
                    Ok(count) => {
                        self.progress.sent_any.set(true);
                        written += count;
                    }
                }
            }
            let flushed = self.upstream.poll_flush(cx);
            let flushed = ready!(self.noting_due(flushed, &self.progress.upload_due, limit));
            Poll::Ready(flushed.is_ok())
        })
        .await;
        self.progress.upload_due.set(None);
        result
    }

    /// Reads response body bytes, at most `room`.
    pub(super) async fn read_body(&self, input: &mut Buffer, room: usize) -> io::Result<usize> {
        let limit = (self.target.idle_timeout, Expiry::ResponseBody);
        let result = poll_fn(|cx| {
            let poll = poll_read_lent(self.upstream, cx, &self.worker.buffers, input, room);
            self.noting_due(poll, &self.progress.download_due, limit)
        })
        .await;
        self.progress.download_due.set(None);
        result
    }

    /// Notes a deadline the moment something has to be waited for, and reads no clock when nothing has. A wait that is
    /// looked at again keeps its deadline: what wakes it may be that very deadline, or the other direction.
    fn noting_due<T>(
        &self,
        poll: Poll<T>,
        due: &std::cell::Cell<Option<Due>>,
        (after, expiry): (Duration, Expiry),
    ) -> Poll<T> {
        match &poll {
            Poll::Pending if due.get().is_none() => due.set(Some(Due {
                at: Instant::now() + after,
                expiry,
            })),
            Poll::Pending => {}
            Poll::Ready(_) => due.set(None),
        }
        poll
    }
}

/// What a guarded wait ended with.
pub(super) enum Waited<T> {
    Done(T),
    ClientGone,
    Expired,
}

impl<T> Waited<T> {
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Waited<U> {
        match self {
            Self::Done(value) => Waited::Done(change(value)),
            Self::ClientGone => Waited::ClientGone,
            Self::Expired => Waited::Expired,
        }
    }
}

/// Waits for `work`, but not past `deadline` and not once the client left. Bytes the client sends meanwhile are kept.
pub(super) async fn wait_guarded<T>(
    worker: &Worker,
    conn: &Conn,
    input: &mut Buffer,
    deadline: Instant,
    work: impl Future<Output = T>,
) -> Waited<T> {
    let mut work = pin!(work);
    let mut armed = false;
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(Waited::Done(done));
        }
        if !armed {
            armed = true;
            conn.timer.arm(deadline);
        }
        if poll_client_gone(worker, conn, input, cx).is_ready() {
            return Poll::Ready(Waited::ClientGone);
        }
        conn.timer.poll_expired(cx).map(|()| Waited::Expired)
    })
    .await
}

/// Is ready once the client closed. Reads ahead what it sends, as much as one buffer holds; a client that sent more
/// is not watched until that is used up.
pub(super) fn poll_client_gone(
    worker: &Worker,
    conn: &Conn,
    input: &mut Buffer,
    cx: &mut Context<'_>,
) -> Poll<()> {
    while input.len() < BUFFER_BYTES {
        match ready!(poll_read_lent(
            &conn.stream,
            cx,
            &worker.buffers,
            input,
            BUFFER_BYTES
        )) {
            Ok(0) | Err(_) => return Poll::Ready(()),
            Ok(_) => {}
        }
    }
    Poll::Pending
}
