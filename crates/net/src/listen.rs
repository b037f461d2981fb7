//! Listening sockets: one per worker on the same address, so that the kernel spreads connections (SO_REUSEPORT).
//!
//! They are bound first and listen later: the kernel spreads connections over whatever listens, so a socket that is
//! closed again must never have.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that wait to be accepted; the kernel cuts it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// An address that could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("{address}: expected to listen here, could not")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// What the kernel said.
    pub source: io::Error,
}

/// Sockets on one address that do not listen yet. Dropping closes them; no client notices.
#[derive(Debug)]
pub struct BoundSockets {
    address: SocketAddr,
    sockets: Vec<Socket>,
}

impl BoundSockets {
    /// Binds `count` non-blocking sockets to one address. With port 0 the kernel's choice for the first holds for all.
    /// Succeeds where sockets of another process of the same user share the address: see [`check_free`].
    ///
    /// # Errors
    /// [`BindError`]; sockets bound before the fault are closed.
    pub fn bind(address: SocketAddr, count: usize) -> Result<Self, BindError> {
        let mut bound = Self {
            address,
            sockets: Vec::with_capacity(count),
        };
        for _ in 0..count {
            let socket = bind_one(bound.address, Sharing::Shared)
                .map_err(|source| BindError { address, source })?;
            if bound.address.port() == 0 {
                bound.address = local_address(&socket, address)?;
            }
            bound.sockets.push(socket);
        }
        Ok(bound)
    }

    /// With the port that port 0 became.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has all of them take connections.
    ///
    /// # Errors
    /// [`BindError`]; all are closed.
    pub fn listen(self) -> Result<Vec<TcpListener>, BindError> {
        let Self { address, sockets } = self;
        for socket in &sockets {
            socket
                .listen(BACKLOG)
                .map_err(|source| BindError { address, source })?;
        }
        Ok(sockets.into_iter().map(TcpListener::from).collect())
    }
}

/// [`BoundSockets::bind`] and [`BoundSockets::listen`] in one.
///
/// # Errors
/// [`BindError`]; nothing is left behind.
pub fn bind_reuse_port(address: SocketAddr, count: usize) -> Result<Vec<TcpListener>, BindError> {
    BoundSockets::bind(address, count)?.listen()
}

/// Makes sure that nobody listens on the address, this process included: sockets that share it would bind without a
/// word and take each other's connections. Of two processes that ask at the same moment both may be told yes.
///
/// # Errors
/// [`BindError`] when it is taken or none of this machine's.
pub fn check_free(address: SocketAddr) -> Result<(), BindError> {
    bind_one(address, Sharing::Alone)
        .map(drop)
        .map_err(|source| BindError { address, source })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sharing {
    Shared,
    Alone,
}

fn bind_one(address: SocketAddr, sharing: Sharing) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Connections of a process that has ended do not count; sockets that listen do.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(sharing == Sharing::Shared)?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        // `[::]` takes IPv4 clients too, whatever the machine's default.
        socket.set_only_v6(false)?;
    }
    // Accepted sockets inherit it: one system call less per connection.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn local_address(socket: &Socket, address: SocketAddr) -> Result<SocketAddr, BindError> {
    let local = socket.local_addr().and_then(|local| {
        local
            .as_socket()
            .ok_or_else(|| io::ErrorKind::Unsupported.into())
    });
    local.map_err(|source| BindError { address, source })
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

    #[test]
    fn bound_sockets_take_connections_once_they_listen() {
        let bound = BoundSockets::bind(ANY, 2).unwrap();
        let address = bound.address();
        assert_ne!(address.port(), 0);
        let refused = TcpStream::connect(address).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let listening = bound.listen().unwrap();
        assert_eq!(listening.len(), 2);
        for socket in &listening {
            assert_eq!(socket.local_addr().unwrap(), address);
        }
        assert!(TcpStream::connect(address).is_ok());
    }

    #[test]
    fn an_address_that_is_listened_on_is_not_free() {
        let wildcard = |address: SocketAddr| SocketAddr::from(([0, 0, 0, 0], address.port()));
        let bound = BoundSockets::bind(ANY, 2).unwrap();
        let address = bound.address();
        check_free(ANY).unwrap();
        let listening = bound.listen().unwrap();
        for taken in [address, wildcard(address)] {
            let error = check_free(taken).unwrap_err();
            assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
            assert_eq!(error.address, taken);
        }
        drop(listening);
        check_free(address).unwrap();
        // Asking left nothing behind.
        drop(BoundSockets::bind(address, 2).unwrap().listen().unwrap());
    }

    /// As after a restart: what was accepted, and what was closed from this side, is still there.
    #[test]
    fn connections_of_the_past_do_not_take_an_address() {
        let bound = BoundSockets::bind(ANY, 1).unwrap();
        let address = bound.address();
        let listening = bound.listen().unwrap();
        let clients = [0; 2].map(|_| TcpStream::connect(address).unwrap());
        listening[0].set_nonblocking(false).unwrap();
        let (kept, _) = listening[0].accept().unwrap();
        let (closed, _) = listening[0].accept().unwrap();
        drop(listening);
        // The side that closes first waits in TIME_WAIT.
        drop(closed);
        drop(clients);
        check_free(address).unwrap();
        drop(kept);
    }
}
