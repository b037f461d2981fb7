//! One connection's byte stream, usable from both directions of one task at once.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use base::Buffer;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

/// A connected byte stream. Methods take `&self` so that a reader and a writer of the same task can share it; it is
/// never borrowed across an await. The narrow seam behind which TLS, or another way of doing I/O, fits.
#[derive(Debug)]
pub struct Stream {
    tcp: RefCell<TcpStream>,
}

impl Stream {
    /// Takes a connected socket.
    pub fn new(tcp: TcpStream) -> Self {
        Self {
            tcp: RefCell::new(tcp),
        }
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

    /// This end.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.borrow().local_addr()
    }

    /// Waits until there is something to read: bytes, the end, or an error. No system call, no buffer.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp.borrow().poll_read_ready(cx)
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
        tokio_util::io::poll_read_buf(Pin::new(&mut *tcp), cx, buffer.appender(room))
    }

    /// Writes once.
    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.tcp.borrow_mut()).poll_write(cx, bytes)
    }

    /// Writes from two places in one system call.
    pub fn poll_write_two(
        &self,
        cx: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
    ) -> Poll<io::Result<usize>> {
        match (first, second) {
            (first, []) => self.poll_write(cx, first),
            ([], second) => self.poll_write(cx, second),
            (first, second) => Pin::new(&mut *self.tcp.borrow_mut())
                .poll_write_vectored(cx, &[IoSlice::new(first), IoSlice::new(second)]),
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
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Says that nothing more will be written (half-close).
    pub fn shutdown_write(&self) {
        // A peer that is gone already is told nothing more; there is nothing to do about it.
        let mut cx = Context::from_waker(Waker::noop());
        drop(Pin::new(&mut *self.tcp.borrow_mut()).poll_shutdown(&mut cx));
    }

    /// Makes the close that follows a reset, so that the peer sees a broken message and no clean end (GW-9).
    pub fn reset_on_close(&self) {
        // Without it the peer sees a clean close: less exact, still no reason to keep the socket.
        drop(socket2::SockRef::from(&*self.tcp.borrow()).set_linger(Some(Duration::ZERO)));
    }

    /// Whether an idle connection may carry another request: nothing to read. Bytes, an end or an error while idle
    /// mean that it is closed or owes something (GW-11). Asks the cached readiness first: a system call only on suspicion, as after a
    /// read that filled its buffer. Spends nothing of the task's budget, which could make it look quiet.
    pub fn is_quiet(&self) -> bool {
        let tcp = self.tcp.borrow();
        matches!(tcp.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}
