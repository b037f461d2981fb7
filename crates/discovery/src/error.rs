//! What goes wrong, as callers may want to tell it apart.

use std::error::Error;
use std::io;
use std::time::Duration;

use hickory_resolver::net::NetError;

/// A resolver could not be made from what the system says.
#[derive(Debug, thiserror::Error)]
pub enum ResolverError {
    /// The file with the name servers is there and cannot be read.
    #[error("/etc/resolv.conf: expected a readable file")]
    Unreadable {
        /// What the system said.
        source: io::Error,
    },
    /// What names the name servers makes no sense.
    #[error("name servers of the system: expected a valid configuration")]
    Invalid {
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl ResolverError {
    pub(crate) fn invalid(error: NetError) -> Self {
        Self::Invalid {
            source: error.into(),
        }
    }
}

/// A name gave no address.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// It is no name that DNS could know.
    #[error("`{host}`: expected a DNS name")]
    Malformed {
        /// As it was asked for.
        host: Box<str>,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// DNS says that the name does not exist.
    #[error("`{host}`: expected a name with addresses, there is no such name")]
    NoSuchName {
        /// As it was asked for.
        host: Box<str>,
    },
    /// The name exists, without an A or AAAA record.
    #[error("`{host}`: expected A or AAAA records, the name has none")]
    NoAddress {
        /// As it was asked for.
        host: Box<str>,
    },
    /// No name server answered in time.
    #[error("`{host}`: expected an answer of a name server within {limit:?}, none came")]
    TimedOut {
        /// As it was asked for.
        host: Box<str>,
        /// The longest wait.
        limit: Duration,
    },
    /// The name servers refused, failed, could not be reached or made no sense.
    #[error("`{host}`: expected an answer, the name servers failed")]
    ServerFailed {
        /// As it was asked for.
        host: Box<str>,
        /// What came instead.
        source: Box<dyn Error + Send + Sync>,
    },
}
