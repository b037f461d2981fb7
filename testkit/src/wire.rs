//! One TCP connection with deadlines, read message by message. Both the raw client and the raw origin stand on it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_linger;

use crate::http::{Body, Framing, Head, parse_field};

/// Most bytes of a head or of a chunk line that are read before they count as endless.
const BLOCK_MAX: usize = 2 << 20;

/// Why a message could not be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Nothing more came in time.
    #[error("expected {expected} within {limit:?}, found {found:?} so far")]
    TimedOut {
        /// What was being read.
        expected: &'static str,
        /// The deadline.
        limit: Duration,
        /// The bytes not yet consumed.
        found: String,
    },
    /// The peer closed in the middle.
    #[error("expected {expected}, found the end of the stream behind {found:?}")]
    Closed {
        /// What was being read.
        expected: &'static str,
        /// The bytes not yet consumed.
        found: String,
    },
    /// The bytes break the protocol.
    #[error("expected {expected}, found {found}")]
    Malformed {
        /// What was being read.
        expected: &'static str,
        /// What is wrong.
        found: String,
    },
    /// The connection broke.
    #[error("expected {expected}, the connection broke")]
    Io {
        /// What was being read.
        expected: &'static str,
        /// How.
        source: io::Error,
    },
}

/// Called with every piece of bytes that came in.
pub(crate) type Observer = Box<dyn FnMut(&[u8]) + Send>;

pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
    limit: Duration,
    observer: Option<Observer>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, limit: Duration, observer: Option<Observer>) -> Self {
        // Small pieces are written on purpose; they must leave as written.
        stream.set_nodelay(true).ok();
        Self {
            stream,
            unread: Vec::new(),
            limit,
            observer,
        }
    }

    pub(crate) fn connect(addr: SocketAddr, limit: Duration) -> io::Result<Self> {
        Ok(Self::new(
            TcpStream::connect_timeout(&addr, limit)?,
            limit,
            None,
        ))
    }

    pub(crate) fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.set_write_timeout(Some(self.limit))?;
        self.stream.write_all(bytes)
    }

    /// Closes with a RST: the peer's next read fails instead of ending.
    pub(crate) fn reset(self) {
        set_socket_linger(&self.stream, Some(Duration::ZERO)).ok();
    }

    pub(crate) fn shutdown_write(&self) {
        self.stream.shutdown(Shutdown::Write).ok();
    }

    /// Bytes that came but belong to no message read so far.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.unread
    }

    /// Reads a head; `None` when the stream ended before its first byte.
    pub(crate) fn read_head(&mut self) -> Result<Option<Head>, WireError> {
        const EXPECTED: &str = "a message head";
        let deadline = Instant::now() + self.limit;
        loop {
            if let Some(end) = find(&self.unread, b"\r\n\r\n") {
                let block: Vec<u8> = self.unread.drain(..end + 4).collect();
                return match Head::parse(&block[..end]) {
                    Ok(head) => Ok(Some(head)),
                    Err(found) => Err(WireError::Malformed {
                        expected: EXPECTED,
                        found,
                    }),
                };
            }
            if !self.fill(EXPECTED, deadline)? {
                return if self.unread.is_empty() {
                    Ok(None)
                } else {
                    Err(self.closed(EXPECTED))
                };
            }
        }
    }

    pub(crate) fn read_body(&mut self, framing: Framing) -> Result<Body, WireError> {
        let deadline = Instant::now() + self.limit;
        match framing {
            Framing::None => Ok(Body::default()),
            Framing::Length(length) => Ok(Body {
                bytes: self.take("a body of its length", length, deadline)?,
                ..Body::default()
            }),
            Framing::Chunked => self.read_chunked(deadline),
            Framing::UntilClose => {
                while self.fill("a body until the end", deadline)? {}
                Ok(Body {
                    bytes: std::mem::take(&mut self.unread),
                    ..Body::default()
                })
            }
        }
    }

    fn read_chunked(&mut self, deadline: Instant) -> Result<Body, WireError> {
        let mut body = Body::default();
        loop {
            let line = self.read_line("a chunk size", deadline)?;
            let digits = line.split(';').next().unwrap_or_default();
            let is_hex = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
            let size = usize::from_str_radix(digits, 16).ok().filter(|_| is_hex);
            let Some(size) = size else {
                return Err(WireError::Malformed {
                    expected: "a chunk size",
                    found: format!("{line:?}"),
                });
            };
            if size == 0 {
                break;
            }
            body.chunks.push(size);
            body.bytes
                .extend(self.take("the data of a chunk", size, deadline)?);
            let end = self.take("CRLF behind a chunk", 2, deadline)?;
            if end != b"\r\n" {
                return Err(WireError::Malformed {
                    expected: "CRLF behind a chunk",
                    found: format!("{:?}", String::from_utf8_lossy(&end)),
                });
            }
        }
        loop {
            let line = self.read_line("a trailer or the end of the trailers", deadline)?;
            if line.is_empty() {
                return Ok(body);
            }
            let trailer = parse_field(&line).map_err(|found| WireError::Malformed {
                expected: "a trailer",
                found,
            })?;
            body.trailers.push(trailer);
        }
    }

    fn read_line(
        &mut self,
        expected: &'static str,
        deadline: Instant,
    ) -> Result<String, WireError> {
        loop {
            if let Some(end) = find(&self.unread, b"\n") {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return match line.strip_suffix(b"\r\n") {
                    Some(line) => Ok(line.iter().copied().map(char::from).collect()),
                    None => Err(WireError::Malformed {
                        expected,
                        found: "a line that ends in a bare LF".to_owned(),
                    }),
                };
            }
            if !self.fill(expected, deadline)? {
                return Err(self.closed(expected));
            }
        }
    }

    /// The next `length` bytes.
    pub(crate) fn take(
        &mut self,
        expected: &'static str,
        length: usize,
        deadline: Instant,
    ) -> Result<Vec<u8>, WireError> {
        while self.unread.len() < length {
            if !self.fill(expected, deadline)? {
                return Err(self.closed(expected));
            }
        }
        Ok(self.unread.drain(..length).collect())
    }

    /// Everything until the peer ends the stream or resets it.
    pub(crate) fn read_to_end(&mut self) -> Result<Vec<u8>, WireError> {
        let deadline = Instant::now() + self.limit;
        loop {
            match self.fill("the end of the stream", deadline) {
                Ok(true) => {}
                Ok(false) => return Ok(std::mem::take(&mut self.unread)),
                Err(WireError::Io { source, .. }) if is_reset(&source) => {
                    return Ok(std::mem::take(&mut self.unread));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads once; `false` at the end of the stream.
    pub(crate) fn fill(
        &mut self,
        expected: &'static str,
        deadline: Instant,
    ) -> Result<bool, WireError> {
        let timed_out = |wire: &Self| WireError::TimedOut {
            expected,
            limit: wire.limit,
            found: shown(&wire.unread),
        };
        if self.unread.len() > BLOCK_MAX && expected == "a message head" {
            return Err(WireError::Malformed {
                expected,
                found: format!("{} bytes without an end", self.unread.len()),
            });
        }
        let mut piece = vec![0; 64 << 10];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(timed_out(self));
            }
            self.stream
                .set_read_timeout(Some(left))
                .map_err(|source| WireError::Io { expected, source })?;
            match self.stream.read(&mut piece) {
                Ok(0) => return Ok(false),
                Ok(count) => {
                    let piece = &piece[..count];
                    if let Some(observer) = &mut self.observer {
                        observer(piece);
                    }
                    self.unread.extend_from_slice(piece);
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
                {
                    return Err(timed_out(self));
                }
                Err(source) => return Err(WireError::Io { expected, source }),
            }
        }
    }

    fn closed(&self, expected: &'static str) -> WireError {
        WireError::Closed {
            expected,
            found: shown(&self.unread),
        }
    }
}

pub(crate) fn is_reset(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

/// The first bytes, readable.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(500)];
    let text = head.escape_ascii().to_string();
    if head.len() < bytes.len() {
        format!("{text}… ({} bytes)", bytes.len())
    } else {
        text
    }
}
