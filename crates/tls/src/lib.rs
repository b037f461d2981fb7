//! TLS on both sides: certificates by name and who clients are, whom an upstream is believed to be, and all of it changed
//! while connections are open.
//!
//! Reads files and decides; sockets and handshakes are other crates'. The provider of cryptography is aws-lc-rs,
//! everywhere and by name, so that no second one can slip in by a default.

mod acceptor;
mod certificate;
mod client;
mod connector;
mod error;
mod files;
mod names;
mod plan;
mod table;

pub use acceptor::{Acceptor, Peer};
pub use client::ClientIdentity;
pub use connector::Connector;
pub use error::LoadError;
pub use files::{CertificateView, FromFiles, Renewal};
pub use names::CertificateNames;
pub use plan::{CertificatePlan, ClientPlan, ConnectorPlan, MinVersion, TlsPlan};

pub use rustls::pki_types::ServerName;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::{SupportedProtocolVersion, version};

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

static FROM_12: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
static FROM_13: [&SupportedProtocolVersion; 1] = [&version::TLS13];

fn versions(min: MinVersion) -> &'static [&'static SupportedProtocolVersion] {
    match min {
        MinVersion::Tls12 => &FROM_12,
        MinVersion::Tls13 => &FROM_13,
    }
}
