//! A connection that became a byte tunnel: WebSockets after their 101 (GW-33). The bytes are not looked at.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use base::Buffer;
use net::Stream;
use upstream::Lease;

use crate::conn::{BUFFER_BYTES, Conn};
use crate::worker::Worker;

/// Both ends of a tunnel to be, and what the client sent early.
#[derive(Debug)]
pub(crate) struct Tunnel {
    lease: Lease,
    up: Direction,
    down: Direction,
    idle_timeout: Duration,
}

/// One way of a tunnel.
#[derive(Debug, Default)]
struct Direction {
    held: Buffer,
    ended: bool,
    told: bool,
}

impl Tunnel {
    pub(crate) fn new(lease: Lease, early: Buffer, idle_timeout: Duration) -> Self {
        let up = Direction {
            held: early,
            ..Direction::default()
        };
        Self {
            lease,
            up,
            down: Direction::default(),
            idle_timeout,
        }
    }

    /// Carries bytes both ways until both sides ended, one broke, or nothing moved for the idle time; a drain
    /// lets it live for the grace time. An end on one side is passed on and the other way stays open.
    pub(crate) async fn run(mut self, worker: &Worker, conn: &Conn) {
        let (client, upstream) = (&conn.stream, self.lease.stream());
        conn.timer.arm(Instant::now() + self.idle_timeout);
        poll_fn(|cx| {
            let mut moved = 0;
            let up = self.up.poll(cx, worker, client, upstream, &mut moved);
            let down = self.down.poll(cx, worker, upstream, client, &mut moved);
            match (up, down) {
                (Poll::Ready(Err(_)), _)
                | (_, Poll::Ready(Err(_)))
                | (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => {
                    return Poll::Ready(());
                }
                (Poll::Pending | Poll::Ready(Ok(())), Poll::Pending | Poll::Ready(Ok(()))) => {}
            }
            if moved > 0 {
                conn.timer.arm(Instant::now() + self.idle_timeout);
            }
            let expired = conn.timer.poll_expired(cx);
            if expired.is_ready() {
                worker.stats.timed_out("tunnel_idle");
            }
            expired
        })
        .await;
    }
}

impl Direction {
    /// Moves what there is. A buffer is held only while bytes are in flight: an idle tunnel holds none.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        worker: &Worker,
        from: &Stream,
        to: &Stream,
        moved: &mut usize,
    ) -> Poll<io::Result<()>> {
        // Bounded, so that one busy tunnel does not keep the worker from the others.
        for _ in 0..16 {
            while !self.held.is_empty() {
                match ready!(to.poll_write(cx, self.held.filled()))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    count => {
                        self.held.consume(count);
                        *moved += count;
                    }
                }
            }
            // Nobody else waits for it while the other way stands still.
            ready!(to.poll_flush(cx))?;
            if self.held.room() > 0 {
                worker.buffers.give(std::mem::take(&mut self.held));
            }
            if self.ended {
                if !self.told {
                    self.told = true;
                    to.shutdown_write();
                }
                return Poll::Ready(Ok(()));
            }
            ready!(from.poll_readable(cx))?;
            self.held = worker.buffers.take();
            match from.poll_read(cx, &mut self.held, BUFFER_BYTES) {
                Poll::Pending => {
                    worker.buffers.give(std::mem::take(&mut self.held));
                    return Poll::Pending;
                }
                Poll::Ready(read) => self.ended = read? == 0,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
