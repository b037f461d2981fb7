//! `tls:` of a listener and of an upstream, decided.

use std::path::{Path, PathBuf};

use rustls::pki_types::ServerName;

use crate::files::paths;

/// How a listener greets its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsPlan {
    /// 1 to 1,000. The first is shown to clients that ask for no name, or for one that none has.
    pub certificates: Vec<CertificatePlan>,
    /// Whether clients show who they are; default they do not.
    pub client: Option<ClientPlan>,
    /// Default 1.2.
    pub min_version: MinVersion,
    /// Protocols in the order of preference, as ALPN names them (RFC 7301).
    pub alpn: Vec<&'static str>,
}

impl TlsPlan {
    /// Every file that is read for it.
    pub fn files(&self) -> Vec<&Path> {
        paths(self.client_ca(), &self.certificates)
    }

    pub(crate) fn client_ca(&self) -> Option<&Path> {
        self.client.as_ref().map(|client| &*client.ca)
    }
}

impl ConnectorPlan {
    /// Every file that is read for it.
    pub fn files(&self) -> Vec<&Path> {
        paths(self.ca.as_deref(), &self.certificate)
    }
}

/// PEM files of a certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificatePlan {
    /// The certificate, and those between it and the root.
    pub cert: PathBuf,
    /// Its private key: PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
}

/// Certificates of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientPlan {
    /// PEM file with the certificates that sign those of clients.
    pub ca: PathBuf,
    /// Whether a client without one is turned away.
    pub is_required: bool,
}

/// How an upstream's endpoints are greeted, and whom they are believed to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorPlan {
    /// The name their certificates are to be for, and the one they are asked for; default the host of each endpoint as it is
    /// written.
    pub server_name: Option<ServerName<'static>>,
    /// PEM file with the certificates that sign theirs; default those of the machine.
    pub ca: Option<PathBuf>,
    /// Shown to endpoints that ask for it; default none.
    pub certificate: Option<CertificatePlan>,
    /// Default 1.2.
    pub min_version: MinVersion,
    /// Protocols in the order of preference, as ALPN names them (RFC 7301).
    pub alpn: Vec<&'static str>,
}

/// The oldest version that is spoken. Nothing before 1.2 is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MinVersion {
    /// TLS 1.2.
    #[default]
    Tls12,
    /// TLS 1.3.
    Tls13,
}
