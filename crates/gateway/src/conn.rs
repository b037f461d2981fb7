//! One client connection.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use base::{Buffer, BufferPool};
use net::{Stream, Timer};
use rustls::HandshakeKind;
use tls::{Acceptor, Peer};

use crate::listener::{Admission, Listener};
use crate::worker::Worker;

/// Bytes a buffer begins with; most messages fit.
pub(crate) const BUFFER_BYTES: usize = 16 << 10;
/// How long a closing connection is read on, so that the client gets the response and no reset.
const LINGER: Duration = Duration::from_secs(2);
/// How many bytes it is read on.
const LINGER_BYTES: usize = 1 << 20;

/// One client connection, idle or not: kept small, ten thousand of them may wait.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) stream: Stream,
    pub(crate) timer: Timer,
    pub(crate) listener: Rc<Listener>,
    pub(crate) peer: SocketAddr,
    /// Who that is, once hands are shaken; `None` on a plain connection.
    pub(crate) tls: Option<Box<Peer>>,
    /// When it was accepted, or its last exchange ended.
    pub(crate) touched: Cell<Instant>,
    /// Requests begun on it.
    pub(crate) requests: Cell<u32>,
    /// Lets another connection in when this one ends.
    pub(crate) _admission: Admission,
}

/// What a wait for the client ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// There are bytes.
    Bytes,
    /// The client closed, or the connection broke.
    End,
    /// The deadline passed.
    Expired,
}

/// How hands were shaken, or not: a word of a bounded set.
pub(crate) type Greeting = &'static str;

impl Conn {
    /// Shakes hands, within `handshake_timeout`. Dropping the future leaves the connection unusable.
    ///
    /// # Errors
    /// Why there is nobody to talk to.
    pub(crate) async fn greet(&mut self, acceptor: &Acceptor) -> Result<Greeting, Greeting> {
        let patience = self.listener.plan().limits.handshake_timeout;
        self.timer.arm(Instant::now() + patience);
        let shaken = {
            let mut shaking = std::pin::pin!(self.stream.handshake());
            std::future::poll_fn(|cx| match shaking.as_mut().poll(cx) {
                Poll::Ready(shaken) => Poll::Ready(shaken),
                Poll::Pending => {
                    let expired = self.timer.poll_expired(cx);
                    expired.map(|()| Err(io::ErrorKind::TimedOut.into()))
                }
            })
            .await
        };
        shaken.map_err(|error| handshake_fault(&error))?;
        let session = self.stream.with_session(|session| match session {
            rustls::Connection::Server(session) => {
                let is_resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
                Some((acceptor.peer(session), is_resumed))
            }
            rustls::Connection::Client(_) => None,
        });
        let (peer, is_resumed) = session.flatten().ok_or("protocol")?;
        self.tls = Some(Box::new(peer.map_err(|_| "client_certificate")?));
        self.touched.set(Instant::now());
        Ok(if is_resumed { "resumed" } else { "full" })
    }

    /// Waits for the first bytes of the next request with nothing held, and reads them. While the worker drains, only
    /// what has come is read.
    pub(crate) async fn idle(&self, worker: &Worker, input: &mut Buffer) -> Heard {
        if !worker.draining.get() {
            let plan = self.listener.plan();
            let patience = match self.requests.get() {
                0 => plan.limits.head_timeout,
                _ => plan.limits.idle_timeout,
            };
            drop(plan);
            self.timer.arm_idle(self.touched.get() + patience);
            let heard = self.read(&worker.buffers, input).await;
            if heard == Heard::Expired && !worker.draining.get() {
                worker.stats.timed_out("idle");
                return heard;
            }
            if heard != Heard::Expired {
                return heard;
            }
        }
        // The runtime hears from the kernel before it comes back here.
        tokio::task::yield_now().await;
        std::future::poll_fn(|cx| {
            let heard = self.poll_read(cx, &worker.buffers, input);
            Poll::Ready(match heard {
                Poll::Ready(heard) => heard,
                Poll::Pending => Heard::Expired,
            })
        })
        .await
    }

    /// Reads once, until the armed deadline.
    pub(crate) async fn read(&self, buffers: &BufferPool, input: &mut Buffer) -> Heard {
        std::future::poll_fn(|cx| match self.poll_read(cx, buffers, input) {
            Poll::Ready(heard) => Poll::Ready(heard),
            Poll::Pending => self.timer.poll_expired(cx).map(|()| Heard::Expired),
        })
        .await
    }

    fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buffers: &BufferPool,
        input: &mut Buffer,
    ) -> Poll<Heard> {
        poll_read_lent(&self.stream, cx, buffers, input, BUFFER_BYTES).map(|read| match read {
            Ok(0) | Err(_) => Heard::End,
            Ok(_) => Heard::Bytes,
        })
    }

    /// Writes all, or fails when the client takes nothing for `write_timeout`.
    pub(crate) async fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let patience = self.listener.plan().limits.write_timeout;
        let mut rest = bytes;
        while !rest.is_empty() {
            self.timer.arm(Instant::now() + patience);
            let written = std::future::poll_fn(|cx| {
                if let Poll::Ready(written) = self.stream.poll_write(cx, rest) {
                    return Poll::Ready(written);
                }
                self.timer
                    .poll_expired(cx)
                    .map(|()| Err(io::ErrorKind::TimedOut.into()))
            })
            .await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            rest = rest.get(written..).unwrap_or_default();
        }
        let mut is_armed = false;
        std::future::poll_fn(|cx| {
            if let Poll::Ready(flushed) = self.stream.poll_flush(cx) {
                return Poll::Ready(flushed);
            }
            if !is_armed {
                is_armed = true;
                self.timer.arm(Instant::now() + patience);
            }
            self.timer
                .poll_expired(cx)
                .map(|()| Err(io::ErrorKind::TimedOut.into()))
        })
        .await
    }

    /// Says goodbye: no more bytes come from us, and what the client still sends is read and dropped for a moment,
    /// because closing over unread bytes would reset the connection and could take the response with it (RFC 9112 9.6).
    pub(crate) async fn linger(&self, buffers: &BufferPool) {
        self.stream.shutdown_write();
        self.timer.arm(Instant::now() + LINGER);
        let mut dropped = Buffer::default();
        let mut total = 0;
        while total < LINGER_BYTES && self.read(buffers, &mut dropped).await == Heard::Bytes {
            total += dropped.len();
            dropped.clear();
        }
    }
}

/// Who is to blame is not told to the client beyond its alert; what it was is counted.
fn handshake_fault(error: &io::Error) -> Greeting {
    let fault = error.get_ref().and_then(|inner| inner.downcast_ref());
    match (fault, error.kind()) {
        (Some(rustls::Error::NoCertificatesPresented), _) => "client_certificate",
        (Some(rustls::Error::InvalidCertificate(_)), _) => "client_certificate",
        (Some(rustls::Error::NoApplicationProtocol), _) => "alpn",
        (Some(rustls::Error::PeerIncompatible(_)), _) => "incompatible",
        (Some(rustls::Error::AlertReceived(_)), _) => "refused_by_client",
        (Some(_), _) => "protocol",
        (None, io::ErrorKind::TimedOut) => "timeout",
        (None, _) => "client_gone",
    }
}

/// Reads once into a buffer that is borrowed for as long as it holds bytes: while there is nothing to read, an empty
/// one is in the pool, so that a thousand requests that wait for their answer do not hold a thousand buffers. A buffer
/// that grew beyond the pool's size is kept until its message ends.
pub(crate) fn poll_read_lent(
    stream: &Stream,
    cx: &mut Context<'_>,
    buffers: &BufferPool,
    buffer: &mut Buffer,
    room: usize,
) -> Poll<io::Result<usize>> {
    buffers.lend(buffer);
    let read = stream.poll_read(cx, buffer, room);
    if !matches!(read, Poll::Ready(Ok(1..))) && room <= BUFFER_BYTES {
        buffers.reclaim(buffer);
    }
    read
}
