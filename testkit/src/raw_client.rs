//! A blocking HTTP/1.1 client that sends exactly the bytes it is given and reads responses strictly.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

use crate::SOON;
use crate::http::{Response, parse_status};
use crate::wire::{Wire, WireError, is_reset, shown};

/// One connection to the program under test. Every read waits at most [`SOON`], or what
/// [`RawClient::set_limit`] says. Dropping it closes the connection.
pub struct RawClient {
    wire: Wire,
}

impl RawClient {
    /// Connects.
    ///
    /// # Panics
    /// When no connection comes to be.
    #[track_caller]
    pub fn connect(addr: SocketAddr) -> Self {
        match Wire::connect(addr, SOON) {
            Ok(wire) => Self { wire },
            Err(error) => panic!("expected a connection to {addr}, found: {error}"),
        }
    }

    /// Connects, where it may be that nobody listens any more.
    pub fn try_connect(addr: SocketAddr) -> Option<Self> {
        let wire = Wire::connect(addr, SOON).ok()?;
        Some(Self { wire })
    }

    /// Connects from a loopback address of the test's choice: 127.0.0.2 is another client than 127.0.0.1.
    ///
    /// # Panics
    /// When no connection comes to be.
    #[track_caller]
    pub fn connect_from(source: Ipv4Addr, addr: SocketAddr) -> Self {
        let connected = socket(AddressFamily::INET, SocketType::STREAM, None).and_then(|socket| {
            bind(&socket, &SocketAddrV4::new(source, 0))?;
            connect(&socket, &addr)?;
            Ok(socket)
        });
        match connected {
            Ok(socket) => Self {
                wire: Wire::new(TcpStream::from(socket), SOON, None),
            },
            Err(error) => panic!("expected a connection from {source} to {addr}, found: {error}"),
        }
    }

    /// Sends one request on a connection of its own and reads the response.
    #[track_caller]
    pub fn exchange(addr: SocketAddr, request: impl AsRef<[u8]>) -> Response {
        let mut client = Self::connect(addr);
        client.send(request.as_ref());
        let method = method_of(request.as_ref());
        client.read_response_to(&method)
    }

    /// How long every later read and write may take.
    pub fn set_limit(&mut self, limit: Duration) {
        self.wire.set_limit(limit);
    }

    /// The address of this end.
    pub fn local_addr(&self) -> SocketAddr {
        self.wire
            .stream
            .local_addr()
            .expect("a connected socket has an address")
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    /// When the peer does not take them.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        if let Err(error) = self.wire.send(bytes) {
            panic!("expected to send {}, found: {error}", shown(bytes));
        }
    }

    /// Sends bytes that the peer may refuse to take because it has closed; says whether it took them.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.wire.send(bytes.as_ref()).is_ok()
    }

    /// Ends the sending direction.
    pub fn shutdown_write(&mut self) {
        self.wire.shutdown_write();
    }

    /// Closes with a RST.
    pub fn reset(self) {
        self.wire.reset();
    }

    /// Reads the final response to a request that was not HEAD, interim ones included.
    #[track_caller]
    pub fn read_response(&mut self) -> Response {
        self.read_response_to("GET")
    }

    /// Reads the final response to a request of that method.
    ///
    /// # Panics
    /// When there is no whole and well-formed one in time.
    #[track_caller]
    pub fn read_response_to(&mut self, method: &str) -> Response {
        match self.try_read_response_to(method) {
            Ok(response) => response,
            Err(error) => panic!("{error}"),
        }
    }

    /// Reads the final response to a request of that method.
    ///
    /// # Errors
    /// [`WireError`] when there is no whole and well-formed one in time.
    pub fn try_read_response_to(&mut self, method: &str) -> Result<Response, WireError> {
        let mut response = self.try_read_response_head()?;
        let framing = response
            .head
            .response_framing(response.status, method)
            .map_err(|found| WireError::Malformed {
                expected: "a body that is framed with certainty",
                found,
            })?;
        response.body = self.wire.read_body(framing)?;
        Ok(response)
    }

    /// Reads heads up to the final one (or a 101); the body stays unread.
    #[track_caller]
    pub fn read_response_head(&mut self) -> Response {
        match self.try_read_response_head() {
            Ok(response) => response,
            Err(error) => panic!("{error}"),
        }
    }

    /// As [`RawClient::read_response_head`].
    ///
    /// # Errors
    /// [`WireError`] when there is no whole and well-formed head in time.
    pub fn try_read_response_head(&mut self) -> Result<Response, WireError> {
        const EXPECTED: &str = "a response head";
        let mut response = Response::default();
        loop {
            let head = self.wire.read_head()?.ok_or(WireError::Closed {
                expected: EXPECTED,
                found: String::new(),
            })?;
            let status = parse_status(&head.start_line).map_err(|found| WireError::Malformed {
                expected: EXPECTED,
                found,
            })?;
            if status == 101 || status >= 200 {
                (response.status, response.head) = (status, head);
                return Ok(response);
            }
            response.interim.push(head);
        }
    }

    /// Reads exactly that many bytes.
    #[track_caller]
    pub fn read_bytes(&mut self, length: usize) -> Vec<u8> {
        match self.wire.take("bytes", length, Instant::now() + SOON) {
            Ok(bytes) => bytes,
            Err(error) => panic!("{error}"),
        }
    }

    /// Reads everything until the peer closes.
    #[track_caller]
    pub fn read_to_end(&mut self) -> Vec<u8> {
        match self.wire.read_to_end() {
            Ok(bytes) => bytes,
            Err(error) => panic!("{error}"),
        }
    }

    /// Waits until the peer closes, cleanly or by a RST, and sends nothing before.
    ///
    /// # Panics
    /// When it sends more or does not close.
    #[track_caller]
    pub fn expect_close(&mut self) {
        let rest = self.read_to_end();
        assert!(
            rest.is_empty(),
            "expected the end of the connection, found {}",
            shown(&rest)
        );
    }

    /// Watches that nothing comes and the connection stays open for `watch`. The one wait that takes its whole time:
    /// absence has no event.
    #[track_caller]
    pub fn expect_silence(&mut self, watch: Duration) {
        let unread = self.wire.unread();
        assert!(
            unread.is_empty(),
            "expected silence, found {}",
            shown(unread)
        );
        match self.wire.fill("silence", Instant::now() + watch) {
            Err(WireError::TimedOut { .. }) => {}
            Ok(true) => panic!("expected silence, found {}", shown(self.wire.unread())),
            Ok(false) => panic!("expected silence, found the end of the connection"),
            Err(WireError::Io { source, .. }) if is_reset(&source) => {
                panic!("expected silence, found a reset")
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn method_of(request: &[u8]) -> String {
    let end = request.iter().position(|b| *b == b' ').unwrap_or(0);
    String::from_utf8_lossy(&request[..end]).into_owned()
}
