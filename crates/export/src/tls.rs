//! TLS towards a back end. The only cryptography is aws-lc-rs, named here and not installed for the process; a back end
//! is always verified.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::endpoint::Endpoint;
use crate::plan::{ClientCertificate, Roots, TlsPlan};

/// Bytes of a PEM file; the roots of the usual systems take a quarter of it.
const FILE_MAX: u64 = 1 << 20;

/// Why a plan for TLS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is larger than 1 MiB.
    #[error("{}: cannot be read", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file lacks what it is there for.
    #[error("{}: expected {expected} in PEM form, found none", path.display())]
    Empty {
        /// Which.
        path: PathBuf,
        /// What it lacks.
        expected: &'static str,
    },
    /// A certificate that is none.
    #[error("{}: expected certificates, found something else", path.display())]
    Certificate {
        /// Where.
        path: PathBuf,
    },
    /// Key and certificate do not fit, or are of no kind that is known.
    #[error("{}: the client certificate or its key {} cannot be used", plan.chain.display(), plan.key.display())]
    Client {
        /// The files.
        plan: ClientCertificate,
        /// Why.
        source: rustls::Error,
    },
    /// The machine names no certificates to believe.
    #[error(
        "expected root certificates on this machine, found none: name a file with those to believe"
    )]
    NoRoots,
    /// A name that no certificate can hold.
    #[error("expected a host name or an address to verify, found `{found}`")]
    ServerName {
        /// The text.
        found: Box<str>,
    },
    /// The provider lacks what the versions of TLS need.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
}

/// How one back end is spoken to.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) connector: TlsConnector,
    pub(crate) server_name: ServerName<'static>,
}

/// Reads the plan's files: blocks.
///
/// The machine's roots rather than a list compiled in: operators add their own authorities there, distributions take
/// away those that are no longer to be believed, and no release has to follow.
pub(crate) fn load(plan: &TlsPlan, endpoint: &Endpoint, alpn: &[u8]) -> Result<Tls, TlsError> {
    let name = plan.server_name.as_deref().unwrap_or(endpoint.host());
    let server_name = ServerName::try_from(name.to_owned())
        .map_err(|_| TlsError::ServerName { found: name.into() })?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Setup)?
        .with_root_certificates(load_roots(&plan.roots)?);
    let mut config = match &plan.client {
        None => config.with_no_client_auth(),
        Some(client) => {
            let (chain, key) = (load_chain(&client.chain)?, load_key(&client.key)?);
            config
                .with_client_auth_cert(chain, key)
                .map_err(|source| TlsError::Client {
                    plan: client.clone(),
                    source,
                })?
        }
    };
    config.alpn_protocols = vec![alpn.to_vec()];
    Ok(Tls {
        connector: TlsConnector::from(Arc::new(config)),
        server_name,
    })
}

fn load_roots(roots: &Roots) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    match roots {
        Roots::System => {
            // A machine's store may hold certificates that are none; the others count.
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if store.is_empty() {
                return Err(TlsError::NoRoots);
            }
        }
        Roots::File(path) => {
            for certificate in load_chain(path)? {
                store
                    .add(certificate)
                    .map_err(|_| TlsError::Certificate { path: path.clone() })?;
            }
        }
    }
    Ok(store)
}

fn load_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(path)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|_| TlsError::Certificate { path: path.into() })?;
    if chain.is_empty() {
        return Err(TlsError::Empty {
            path: path.into(),
            expected: "certificates",
        });
    }
    Ok(chain)
}

fn load_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|_| TlsError::Empty {
        path: path.into(),
        expected: "a private key",
    })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FILE_MAX + 1).read_to_end(&mut bytes));
    let read = read.and_then(|count| {
        if u64::try_from(count).unwrap_or(u64::MAX) > FILE_MAX {
            Err(io::Error::other(format!(
                "expected at most {FILE_MAX} bytes, found more"
            )))
        } else {
            Ok(())
        }
    });
    match read {
        Ok(()) => Ok(bytes),
        Err(source) => Err(TlsError::File {
            path: path.into(),
            source,
        }),
    }
}
