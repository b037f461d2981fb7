//! Listeners' side of TLS against rustls' client, in memory.

mod acceptor;
mod files;
mod peers;
