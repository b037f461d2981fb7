//! One connection's byte stream, usable from both directions of one task at once.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use base::Buffer;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

use crate::tls::Session;

/// A connected byte stream, plain or within TLS. Methods take `&self` so that a reader and a writer of the same task can
/// share it; it is never borrowed across an await. The narrow seam behind which another way of doing I/O fits.
#[derive(Debug)]
pub struct Stream {
    tcp: RefCell<TcpStream>,
    tls: Option<Box<RefCell<Session>>>,
    /// Set by [`Stream::reset_on_close`].
    is_broken: Cell<bool>,
}

/// How far a connection came.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is none: what the kernel said.
    #[error("connect failed")]
    Tcp(#[source] io::Error),
    /// Hands were not shaken; see [`Stream::handshake`].
    #[error("TLS handshake failed")]
    Tls(#[source] io::Error),
}

impl Stream {
    /// Takes a connected socket.
    pub fn new(tcp: TcpStream) -> Self {
        Self {
            tcp: RefCell::new(tcp),
            tls: None,
            is_broken: Cell::new(false),
        }
    }

    /// Takes a connected socket on which this session is to be begun; see [`Stream::handshake`].
    pub fn with_tls(tcp: TcpStream, session: rustls::Connection) -> Self {
        Self {
            tcp: RefCell::new(tcp),
            tls: Some(Box::new(RefCell::new(Session::new(session)))),
            is_broken: Cell::new(false),
        }
    }

    /// Agrees with the peer on keys and on who is who; at once on a plain stream. Dropping the future leaves the session
    /// unusable.
    ///
    /// # Errors
    /// What the kernel said, `UnexpectedEof`, or `InvalidData` with the [`rustls::Error`].
    pub async fn handshake(&self) -> io::Result<()> {
        std::future::poll_fn(|cx| match &self.tls {
            Some(tls) => {
                let mut tcp = self.tcp.borrow_mut();
                tls.borrow_mut().poll_handshake(&mut tcp, cx)
            }
            None => Poll::Ready(Ok(())),
        })
        .await
    }

    /// Whether there is TLS.
    pub fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Ends it cleanly: within TLS the end is announced, unless it was to be a reset. The socket closes when the stream is
    /// dropped.
    pub fn close(&self) {
        if let Some(tls) = self.tls.as_ref().filter(|_| !self.is_broken.get()) {
            tls.borrow_mut().announce_end(&self.tcp.borrow());
        }
    }

    /// Shows `look` the session, where there is one.
    pub fn with_session<T>(&self, look: impl FnOnce(&rustls::Connection) -> T) -> Option<T> {
        self.tls.as_ref().map(|tls| look(tls.borrow().rustls()))
    }

    /// Connects, with Nagle's algorithm off (RPC-24). Dropping the future closes the socket.
    ///
    /// # Errors
    /// What the kernel said.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        Ok(Self::new(tcp))
    }

    /// Connects like [`Stream::connect`], and shakes hands. Dropping the future closes the socket.
    ///
    /// # Errors
    /// [`ConnectError::Tcp`] or [`ConnectError::Tls`], by how far it came.
    pub async fn connect_tls(
        address: SocketAddr,
        session: rustls::Connection,
    ) -> Result<Self, ConnectError> {
        let plain = Self::connect(address).await.map_err(ConnectError::Tcp)?;
        let stream = Self::with_tls(plain.tcp.into_inner(), session);
        stream.handshake().await.map_err(ConnectError::Tls)?;
        Ok(stream)
    }

    /// This end.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.borrow().local_addr()
    }

    /// Waits until there is something to read: bytes, the end, or an error; within TLS it may turn out to be nothing for the
    /// reader. No system call, no buffer.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.tls {
            Some(tls) => {
                let mut tcp = self.tcp.borrow_mut();
                tls.borrow_mut().poll_readable(&mut tcp, cx)
            }
            None => self.tcp.borrow().poll_read_ready(cx),
        }
    }

    /// Reads once, at most `room` bytes, to the end of `buffer`; 0 is the end of the stream.
    ///
    /// A short read clears the cached readiness, so no second call is spent to hear "would block".
    pub fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut Buffer,
        room: usize,
    ) -> Poll<io::Result<usize>> {
        let mut tcp = self.tcp.borrow_mut();
        match &self.tls {
            Some(tls) => {
                let out = buffer.appender(room);
                tls.borrow_mut().poll_read(&mut tcp, cx, out, room)
            }
            None => tokio_util::io::poll_read_buf(Pin::new(&mut *tcp), cx, buffer.appender(room)),
        }
    }

    /// Writes once; `Pending`: nothing was taken. Within TLS, bytes that were taken may be on their way still: they are sent
    /// before others, by [`Stream::poll_flush`] or by whoever polls for reading.
    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut tcp = self.tcp.borrow_mut();
        match &self.tls {
            Some(tls) => tls.borrow_mut().poll_write(&mut tcp, cx, bytes, &[]),
            None => Pin::new(&mut *tcp).poll_write(cx, bytes),
        }
    }

    /// Writes from two places in one system call; as [`Stream::poll_write`].
    pub fn poll_write_two(
        &self,
        cx: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(tls) = &self.tls {
            let mut tcp = self.tcp.borrow_mut();
            return tls.borrow_mut().poll_write(&mut tcp, cx, first, second);
        }
        match (first, second) {
            (first, []) => self.poll_write(cx, first),
            ([], second) => self.poll_write(cx, second),
            (first, second) => Pin::new(&mut *self.tcp.borrow_mut())
                .poll_write_vectored(cx, &[IoSlice::new(first), IoSlice::new(second)]),
        }
    }

    /// Waits until the kernel has every byte that was taken; at once on a plain stream.
    pub fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.tls {
            Some(tls) => tls.borrow_mut().poll_flush(&mut self.tcp.borrow_mut(), cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Writes all of `bytes`. Dropping the future may leave a part written.
    ///
    /// # Errors
    /// What the kernel said; `WriteZero` when it takes nothing.
    pub async fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        let mut at = 0;
        std::future::poll_fn(|cx| {
            while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
                match ready!(self.poll_write(cx, rest))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    written => at += written,
                }
            }
            self.poll_flush(cx)
        })
        .await
    }

    /// Says that nothing more will be written (half-close).
    pub fn shutdown_write(&self) {
        // A peer that is gone already is told nothing more; there is nothing to do about it.
        let mut cx = Context::from_waker(Waker::noop());
        let mut tcp = self.tcp.borrow_mut();
        if let Some(tls) = self.tls.as_ref().filter(|_| !self.is_broken.get()) {
            tls.borrow_mut().announce_end(&tcp);
        }
        drop(Pin::new(&mut *tcp).poll_shutdown(&mut cx));
    }

    /// Makes the close that follows a reset, so that the peer sees a broken message and no clean end (GW-9).
    pub fn reset_on_close(&self) {
        self.is_broken.set(true);
        // Without it the peer sees a clean close: less exact, still no reason to keep the socket.
        drop(socket2::SockRef::from(&*self.tcp.borrow()).set_linger(Some(Duration::ZERO)));
    }

    /// Whether an idle connection may carry another request: nothing to read. Bytes, an end or an error while idle
    /// mean that it is closed or owes something (GW-11). Asks the cached readiness first: a system call only on suspicion, as after a
    /// read that filled its buffer. Spends nothing of the task's budget, which could make it look quiet.
    pub fn is_quiet(&self) -> bool {
        if let Some(tls) = &self.tls {
            return tls.borrow_mut().is_quiet(&self.tcp.borrow());
        }
        let tcp = self.tcp.borrow();
        matches!(tcp.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}
