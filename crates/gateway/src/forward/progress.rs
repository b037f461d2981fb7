//! What the two directions of one try tell each other. Both run in one task, so cells do.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// How far a try got.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// A byte of the request was taken by the kernel, or by the session that encrypts it.
    pub(super) sent_any: Cell<bool>,
    /// Body bytes went that are not kept: the request cannot be sent again.
    pub(super) pumped: Cell<bool>,
    /// The whole request was sent.
    pub(super) upload_done: Cell<bool>,
    /// The upstream said 100, or the client was told to go on without it.
    pub(super) continued: Cell<bool>,
    /// A byte of the final response went to the client.
    pub(super) response_begun: Cell<bool>,
    /// The client has a part of an interim or final response, and not all of it.
    pub(super) amid_write: Cell<bool>,
    /// How long the client was waited for: time that no upstream is charged with.
    pub(super) client_waited: Cell<Duration>,
    /// When the request was sent.
    pub(super) sent_at: Cell<Option<Instant>>,
    /// When the final response head was read.
    pub(super) answered_at: Cell<Option<Instant>>,
    /// What was waited for until its deadline.
    pub(super) expired: Cell<Option<&'static str>>,
    /// What the upload waits for at most until when.
    pub(super) upload_due: Cell<Option<Due>>,
    /// What the download waits for at most until when.
    pub(super) download_due: Cell<Option<Due>>,
}

/// A deadline and what it means when it passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) at: Instant,
    pub(super) expiry: Expiry,
}

/// What took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// The response head.
    ResponseHead,
    /// The client's body bytes.
    RequestBody,
    /// The upstream's taking of the request.
    UpstreamWrite,
    /// The upstream's body bytes.
    ResponseBody,
    /// The client's taking of the response.
    ClientWrite,
}

impl Expiry {
    /// A bounded label for metrics.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::ResponseHead => "response_head",
            Self::RequestBody => "request_body",
            Self::UpstreamWrite => "upstream_write",
            Self::ResponseBody => "response_body",
            Self::ClientWrite => "client_write",
        }
    }
}

impl Progress {
    /// The nearer deadline. While the client owes body bytes the upstream owes no answer, and the time the client took
    /// is added to the upstream's.
    pub(super) fn due(&self) -> Option<Due> {
        let down = self.download_due.get().map(|due| match due.expiry {
            Expiry::ResponseHead => Due {
                at: due.at + self.client_waited.get(),
                ..due
            },
            Expiry::RequestBody
            | Expiry::UpstreamWrite
            | Expiry::ResponseBody
            | Expiry::ClientWrite => due,
        });
        match (self.upload_due.get(), down) {
            (Some(up), Some(down)) => {
                let client_owes =
                    up.expiry == Expiry::RequestBody && down.expiry == Expiry::ResponseHead;
                Some(if client_owes || up.at < down.at {
                    up
                } else {
                    down
                })
            }
            (due, None) | (None, due) => due,
        }
    }

    /// Request sent to response head received.
    pub(super) fn response_time(&self) -> Option<Duration> {
        Some(
            self.answered_at
                .get()?
                .saturating_duration_since(self.sent_at.get()?),
        )
    }
}
