//! The decided form of `admin:`.

use std::net::SocketAddr;

use base::Secret;

/// Where the admin API listens.
#[derive(Clone, Debug, PartialEq)]
pub struct AdminPlan {
    /// Default 127.0.0.1:9901. A non-loopback address requires `token`.
    pub address: SocketAddr,
    /// Clients send `Authorization: Bearer TOKEN`; at least 16 characters.
    pub token: Option<Secret>,
}
