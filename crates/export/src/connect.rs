//! Connections to a back end: name, TCP, TLS.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::endpoint::{Endpoint, Scheme};
use crate::plan::TlsPlan;
use crate::tls::{self, Tls, TlsError};

mod stream;

pub(crate) use stream::Stream;

/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;

/// Opens connections to one back end.
pub(crate) struct Connector {
    host: Box<str>,
    port: u16,
    tls: Option<Tls>,
    /// For all addresses of a name together.
    limit: Duration,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("the name {host} cannot be resolved")]
    Resolve { host: Box<str>, source: io::Error },
    #[error("the name {host} has no address")]
    NoAddress { host: Box<str> },
    #[error("{peer}: cannot connect")]
    Connect { peer: SocketAddr, source: io::Error },
    #[error("{peer}: expected a connection within {limit:?}, none came")]
    TimedOut { peer: SocketAddr, limit: Duration },
    #[error("{peer}: TLS failed")]
    Tls { peer: SocketAddr, source: io::Error },
}

impl Connector {
    /// Reads the files of the plan: blocks.
    pub(crate) fn load(
        endpoint: &Endpoint,
        plan: &TlsPlan,
        alpn: &[u8],
        limit: Duration,
    ) -> Result<Self, TlsError> {
        let tls = match endpoint.scheme() {
            Scheme::Http => None,
            Scheme::Https => Some(tls::load(plan, endpoint, alpn)?),
        };
        Ok(Self {
            host: endpoint.host().into(),
            port: endpoint.port(),
            tls,
            limit,
        })
    }

    /// Opens one. The name is resolved each time; its addresses are tried in the resolver's order.
    pub(crate) async fn connect(&self) -> Result<Stream, ConnectError> {
        let (tcp, peer) = self.connect_tcp().await?;
        // Requests and answers are written whole; waiting for more only delays them. A failure costs only that.
        tcp.set_nodelay(true).ok();
        let Some(tls) = &self.tls else {
            return Ok(Stream::Plain(tcp));
        };
        let stream = tls
            .connector
            .connect(tls.server_name.clone(), tcp)
            .await
            .map_err(|source| ConnectError::Tls { peer, source })?;
        Ok(Stream::Tls(Box::new(stream)))
    }

    async fn connect_tcp(&self) -> Result<(TcpStream, SocketAddr), ConnectError> {
        let resolved = lookup_host((&*self.host, self.port)).await;
        let addresses: Vec<SocketAddr> = resolved
            .map_err(|source| ConnectError::Resolve {
                host: self.host.clone(),
                source,
            })?
            .take(ADDRESSES_MAX)
            .collect();
        // One that swallows packets must not use up the time of the others.
        let limit = self.limit / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
        let mut last = ConnectError::NoAddress {
            host: self.host.clone(),
        };
        for peer in addresses {
            match timeout(limit, TcpStream::connect(peer)).await {
                Ok(Ok(stream)) => return Ok((stream, peer)),
                Ok(Err(source)) => last = ConnectError::Connect { peer, source },
                Err(_) => last = ConnectError::TimedOut { peer, limit },
            }
        }
        Err(last)
    }
}
