//! What connections to an upstream's endpoints are begun with.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::certificate::{Certificate, certificates as certificates_of};
use crate::error::LoadError;
use crate::files::{CertificateView, Files, FromFiles, Renewal};
use crate::plan::ConnectorPlan;
use crate::{provider, versions};

/// An upstream's way to begin TLS. Shared by all workers. An endpoint is always verified: there is no way to leave it out.
#[derive(Debug)]
pub struct Connector {
    plan: ConnectorPlan,
    current: ArcSwap<Current>,
}

#[derive(Debug)]
struct Current {
    config: Arc<ClientConfig>,
    /// Shown to endpoints that ask for it.
    certificate: Option<CertificateView>,
    read: Read,
}

/// What it was made from.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    files: Files,
    /// The machine's roots, where no file names others.
    machine: Vec<CertificateDer<'static>>,
}

impl Connector {
    /// Reads every file, or the machine's roots: blocks.
    ///
    /// # Errors
    /// [`LoadError`] for the first that cannot be used.
    pub fn load(plan: &ConnectorPlan) -> Result<Arc<Self>, LoadError> {
        let current = Current::load(plan, read(plan)?)?;
        Ok(Arc::new(Self {
            plan: plan.clone(),
            current: ArcSwap::from_pointee(current),
        }))
    }

    /// What it was made from.
    pub fn plan(&self) -> &ConnectorPlan {
        &self.plan
    }

    /// Begins a session with an endpoint that has to be of this name.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn session(&self, name: ServerName<'static>) -> Result<ClientConnection, rustls::Error> {
        ClientConnection::new(Arc::clone(&self.current.load().config), name)
    }
}

impl FromFiles for Connector {
    fn read_again(self: Arc<Self>) -> Result<Option<Renewal>, LoadError> {
        let read = read(&self.plan)?;
        if read == self.current.load().read {
            return Ok(None);
        }
        let current = Arc::new(Current::load(&self.plan, read)?);
        Ok(Some(Renewal::new(move || self.current.store(current))))
    }

    fn certificates(&self) -> Vec<CertificateView> {
        self.current.load().certificate.iter().cloned().collect()
    }
}

fn read(plan: &ConnectorPlan) -> Result<Read, LoadError> {
    let machine = match plan.ca {
        // One that is broken is no reason to believe none of the others.
        None => rustls_native_certs::load_native_certs().certs,
        Some(_) => Vec::new(),
    };
    Ok(Read {
        files: Files::read(plan.ca.as_deref(), &plan.certificate)?,
        machine,
    })
}

impl Current {
    fn load(plan: &ConnectorPlan, read: Read) -> Result<Self, LoadError> {
        let files = &read.files;
        let roots = match plan.ca.as_ref().zip(files.ca.as_ref()) {
            Some((ca, bytes)) => roots_of(ca, bytes)?,
            None => machine_roots(&read.machine)?,
        };
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions(plan.min_version))
            .map_err(|source| LoadError::Setup { source })?
            .with_root_certificates(roots);
        let pair = plan.certificate.as_ref().zip(files.certificates.first());
        let shown = pair.map(|(plan, (cert, key))| Certificate::of(plan, cert, key));
        let shown = shown.transpose()?;
        let certificate = plan.certificate.as_ref().zip(shown.as_ref());
        let certificate = certificate.map(|(plan, certificate)| CertificateView {
            file: plan.cert.clone(),
            not_after: certificate.not_after,
        });
        let mut config = match shown {
            Some(shown) => {
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(shown.key)))
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = plan
            .alpn
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        Ok(Self {
            config: Arc::new(config),
            certificate,
            read,
        })
    }
}

fn roots_of(ca: &Path, bytes: &[u8]) -> Result<RootCertStore, LoadError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates_of(ca, bytes)? {
        let added = roots.add(certificate);
        added.map_err(|_| LoadError::NotCertificate { file: ca.into() })?;
    }
    Ok(roots)
}

/// Those of the machine rather than a list compiled in: operators add their own there, distributions take away those that
/// are no longer to be believed, and no release has to follow.
fn machine_roots(machine: &[CertificateDer<'static>]) -> Result<RootCertStore, LoadError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(machine.iter().cloned());
    match roots.is_empty() {
        true => Err(LoadError::NoRoots),
        false => Ok(roots),
    }
}
