//! Listening sockets: one per worker on the same address, so that the kernel spreads connections (SO_REUSEPORT).

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

/// Binds `count` non-blocking sockets to one address. With port 0 the kernel's choice for the first holds for all.
///
/// # Errors
/// [`BindError`]; sockets bound before the fault are closed.
pub fn bind_reuse_port(address: SocketAddr, count: usize) -> Result<Vec<TcpListener>, BindError> {
    let mut address = address;
    let mut sockets = Vec::with_capacity(count);
    for _ in 0..count {
        let socket = bind_one(address).map_err(|source| BindError { address, source })?;
        address = socket
            .local_addr()
            .map_err(|source| BindError { address, source })?;
        sockets.push(socket);
    }
    Ok(sockets)
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        // `[::]` takes IPv4 clients too, whatever the machine's default.
        socket.set_only_v6(false)?;
    }
    // Accepted sockets inherit it: one system call less per connection.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
