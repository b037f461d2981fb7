//! Ports that take no connection: one that refuses, one that never answers.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};

/// A port that refuses connections and that no one else gets: it is bound, and no one listens. Free again when dropped.
#[derive(Debug)]
pub struct ClosedPort {
    addr: SocketAddr,
    _socket: OwnedFd,
}

/// A port whose queue of connections is full: to whoever connects nothing happens. Free again when dropped.
#[derive(Debug)]
pub struct FullPort {
    addr: SocketAddr,
    _socket: OwnedFd,
    _queued: Vec<TcpStream>,
}

impl ClosedPort {
    /// Takes a free port.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    #[expect(clippy::new_without_default, reason = "it takes a port")]
    pub fn new() -> Self {
        let (addr, socket) = bound();
        Self {
            addr,
            _socket: socket,
        }
    }

    /// Where nobody listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl FullPort {
    /// Takes a free port and fills its queue until a connection attempt is left unanswered.
    ///
    /// # Panics
    /// When there is no port, or the queue takes ever more.
    #[track_caller]
    #[expect(clippy::new_without_default, reason = "it takes a port")]
    pub fn new() -> Self {
        let (addr, socket) = bound();
        listen(&socket, 0).expect("a bound socket listens");
        let mut queued = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&addr, Duration::from_millis(100)) {
            queued.push(stream);
            assert!(queued.len() < 64, "a queue of length 0 fills up");
        }
        Self {
            addr,
            _socket: socket,
            _queued: queued,
        }
    }

    /// Where nobody answers.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

#[track_caller]
fn bound() -> (SocketAddr, OwnedFd) {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let addr = getsockname(&socket).expect("a bound socket has an address");
    let addr = SocketAddrV4::try_from(addr).expect("an IPv4 address");
    (addr.into(), socket)
}
