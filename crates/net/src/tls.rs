//! A TLS session over a socket: rustls' state machine, driven by the reads and writes of a [`Stream`](crate::Stream).
//!
//! Knows nothing of certificates: who makes the session decides.

use std::io::{self, BufRead as _, IoSlice, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustls::Connection;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

/// Bytes that are encrypted ahead of the socket: what one write takes at most.
const WRITE_MAX: usize = 64 << 10;

/// One session, either side. Whoever polls it for reading also sends on what is encrypted and not sent yet: reader and writer
/// are one task.
#[derive(Debug)]
pub(crate) struct Session {
    rustls: Connection,
}

impl Session {
    pub(crate) fn new(mut rustls: Connection) -> Self {
        rustls.set_buffer_limit(Some(WRITE_MAX));
        Self { rustls }
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
        let mut wire = Polled { tcp, cx };
        loop {
            ready!(self.flush(&mut wire))?;
            if !self.rustls.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            if ready!(self.fill(&mut wire))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// Waits until there may be something to read.
    pub(crate) fn poll_readable(
        &mut self,
        tcp: &mut TcpStream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        match self.rustls.reader().fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.send_on(&mut Polled { tcp, cx });
                tcp.poll_read_ready(cx)
            }
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
        let mut wire = Polled { tcp, cx };
        self.send_on(&mut wire);
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
            ready!(self.fill(&mut wire))?;
        }
    }

    /// Takes what it can of both, and sends what the socket takes of it; [`Session::poll_flush`] and reads send the rest.
    /// `Pending`: nothing was taken.
    pub(crate) fn poll_write(
        &mut self,
        tcp: &mut TcpStream,
        cx: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut wire = Polled { tcp, cx };
        ready!(self.flush(&mut wire))?;
        let both = [IoSlice::new(first), IoSlice::new(second)];
        let taken = self.rustls.writer().write_vectored(&both)?;
        match self.flush(&mut wire) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(taken)),
        }
    }

    /// Waits until the socket has everything that was taken.
    pub(crate) fn poll_flush(
        &mut self,
        tcp: &mut TcpStream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.flush(&mut Polled { tcp, cx })
    }

    /// Announces the end of this side, as far as the socket takes it at once.
    pub(crate) fn announce_end(&mut self, tcp: &TcpStream) {
        self.rustls.send_close_notify();
        // A peer that does not take it sees the close.
        self.send_on(&mut Tried(tcp));
    }

    /// Whether there is nothing to read and nothing left to send: reads what the protocol itself sends in between, such as
    /// tickets. Spends nothing of the task's budget.
    pub(crate) fn is_quiet(&mut self, tcp: &TcpStream) -> bool {
        let mut wire = Tried(tcp);
        loop {
            match self.rustls.reader().fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(_) | Err(_) => return false,
            }
            match self.fill(&mut wire) {
                Poll::Pending => return !self.rustls.wants_write(),
                Poll::Ready(Ok(0) | Err(_)) => return false,
                Poll::Ready(Ok(_)) => {}
            }
        }
    }

    /// Reads from the socket once and takes in what came; 0 is the end of the stream.
    fn fill(&mut self, wire: &mut (impl Read + Write)) -> Poll<io::Result<usize>> {
        let read = match self.rustls.read_tls(wire) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            read => read?,
        };
        let processed = self.rustls.process_new_packets();
        // An alert that says why, a ticket, a new key.
        self.send_on(wire);
        processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Poll::Ready(Ok(read))
    }

    /// Sends what there is, as far as the socket takes it. That it takes nothing any more the next read or write tells.
    fn send_on(&mut self, wire: &mut impl Write) {
        if self.rustls.wants_write() {
            drop(self.flush(wire));
        }
    }

    fn flush(&mut self, wire: &mut impl Write) -> Poll<io::Result<()>> {
        while self.rustls.wants_write() {
            match self.rustls.write_tls(wire) {
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
struct Polled<'a, 'c> {
    tcp: &'a mut TcpStream,
    cx: &'a mut Context<'c>,
}

impl Read for Polled<'_, '_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(bytes);
        match Pin::new(&mut *self.tcp).poll_read(self.cx, &mut buffer) {
            Poll::Ready(read) => read.map(|()| buffer.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for Polled<'_, '_> {
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

/// The socket for a look at it: nobody is woken, and no budget can make it look as if it would block.
struct Tried<'a>(&'a TcpStream);

impl Read for Tried<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(bytes)
    }
}

impl Write for Tried<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
