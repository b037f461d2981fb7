//! A TLS session over a socket: rustls' state machine, driven by the reads and writes of a [`Stream`](crate::Stream).
//!
//! Knows nothing of certificates: who makes the session decides.

use std::io::{self, BufRead as _, IoSlice, Read, Write};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use rustls::Connection;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

/// Bytes that are encrypted ahead of the socket: what one write takes at most.
const WRITE_MAX: usize = 64 << 10;

/// One session, either side.
#[derive(Debug)]
pub(crate) struct Session {
    rustls: Connection,
    /// Bytes of the caller's that are encrypted and not all sent yet: its next write is about these.
    taken: usize,
}

impl Session {
    pub(crate) fn new(mut rustls: Connection) -> Self {
        rustls.set_buffer_limit(Some(WRITE_MAX));
        Self { rustls, taken: 0 }
    }

    pub(crate) fn rustls(&self) -> &Connection {
        &self.rustls
    }

    /// Shakes hands, to the end of this side's part.
    pub(crate) fn poll_handshake(
        &mut self,
        tcp: &mut TcpStream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_flush(tcp, cx))?;
            if !self.rustls.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            if ready!(self.poll_fill(tcp, cx))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// Waits until there may be something to read.
    pub(crate) fn poll_readable(
        &mut self,
        tcp: &TcpStream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        match self.rustls.reader().fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => tcp.poll_read_ready(cx),
            // What it is the read tells.
            Ok(_) | Err(_) => Poll::Ready(Ok(())),
        }
    }

    /// Appends at most `room` bytes of plain text; 0 is the end that the peer announced. An end without announcement is an
    /// error: what came before it may be cut (RFC 8446 6.1).
    pub(crate) fn poll_read(
        &mut self,
        tcp: &mut TcpStream,
        cx: &mut Context<'_>,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut reader = self.rustls.reader();
            match reader.fill_buf() {
                Ok(bytes) => {
                    let len = bytes.len().min(room);
                    out.extend_from_slice(bytes.get(..len).unwrap_or_default());
                    reader.consume(len);
                    return Poll::Ready(Ok(len));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            ready!(self.poll_fill(tcp, cx))?;
        }
    }

    /// Takes what it can of both and sends it. `Pending` means that bytes were taken and are not all sent: the next call
    /// has to be with the same bytes, and tells how many of them were taken.
    pub(crate) fn poll_write(
        &mut self,
        tcp: &mut TcpStream,
        cx: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.taken == 0 {
            ready!(self.poll_flush(tcp, cx))?;
            let both = [IoSlice::new(first), IoSlice::new(second)];
            self.taken = self.rustls.writer().write_vectored(&both)?;
        }
        ready!(self.poll_flush(tcp, cx))?;
        Poll::Ready(Ok(mem::take(&mut self.taken)))
    }

    /// Announces the end of this side, as far as the socket takes it at once.
    pub(crate) fn announce_end(&mut self, tcp: &mut TcpStream) {
        self.rustls.send_close_notify();
        let mut cx = Context::from_waker(Waker::noop());
        // A peer that does not take it sees the close.
        drop(self.poll_flush(tcp, &mut cx));
    }

    /// Whether there is nothing to read: reads what the protocol itself sends in between, such as tickets.
    pub(crate) fn is_quiet(&mut self, tcp: &mut TcpStream) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            match self.rustls.reader().fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(_) | Err(_) => return false,
            }
            match self.poll_fill(tcp, &mut cx) {
                Poll::Pending => return true,
                Poll::Ready(Ok(0) | Err(_)) => return false,
                Poll::Ready(Ok(_)) => {}
            }
        }
    }

    /// Reads from the socket once and takes in what came; 0 is the end of the stream.
    fn poll_fill(&mut self, tcp: &mut TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let read = match self.rustls.read_tls(&mut Wire { tcp, cx }) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            read => read?,
        };
        let processed = self.rustls.process_new_packets();
        if self.rustls.wants_write() {
            // An alert that says why, a ticket, a new key: sent as far as the socket takes it, the rest with the next write.
            drop(self.poll_flush(tcp, &mut Context::from_waker(Waker::noop())));
        }
        processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Poll::Ready(Ok(read))
    }

    fn poll_flush(&mut self, tcp: &mut TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.rustls.wants_write() {
            match self.rustls.write_tls(&mut Wire { tcp, cx }) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// The socket as rustls reads and writes it. Where it would block, the task is woken when it no longer does.
struct Wire<'a, 'c> {
    tcp: &'a mut TcpStream,
    cx: &'a mut Context<'c>,
}

impl Read for Wire<'_, '_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(bytes);
        match Pin::new(&mut *self.tcp).poll_read(self.cx, &mut buffer) {
            Poll::Ready(read) => read.map(|()| buffer.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for Wire<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match Pin::new(&mut *self.tcp).poll_write(self.cx, bytes) {
            Poll::Ready(written) => written,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match Pin::new(&mut *self.tcp).poll_write_vectored(self.cx, pieces) {
            Poll::Ready(written) => written,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
