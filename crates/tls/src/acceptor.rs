//! What a listener's connections are begun with, and what is known of them when they have begun.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::pki_types::UnixTime;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use rustls::{CertificateError, HandshakeKind, RootCertStore, ServerConfig, ServerConnection};

use crate::certificate::{Certificate, certificates as certificates_of};
use crate::client::ClientIdentity;
use crate::error::LoadError;
use crate::files::{CertificateView, Files, FromFiles, Renewal};
use crate::names::CertificateNames;
use crate::plan::TlsPlan;
use crate::table::Table;
use crate::{provider, versions};

/// A listener's way to begin TLS. Shared by all workers; a connection that has begun keeps what it began with.
#[derive(Debug)]
pub struct Acceptor {
    plan: TlsPlan,
    current: ArcSwap<Current>,
}

#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    table: Arc<Table>,
    client: Option<Arc<dyn ClientCertVerifier>>,
    /// Keys of tickets change every six hours and live for twelve. They end with the certificates of clients' signers: a
    /// ticket stands for a check that was made with those.
    tickets: Arc<dyn ProducesTickets>,
    files: Files,
}

/// What is known of a client once hands are shaken.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The protocol both chose, by its name in ALPN; empty when none was offered.
    pub protocol: Box<[u8]>,
    /// Of the certificates that there are for the name it asked for.
    names: Vec<Arc<CertificateNames>>,
    /// Who it is, where it was asked and said so.
    pub client: Option<ClientIdentity>,
}

impl Peer {
    /// Whether it may ask for this host (RFC 9110 7.4): one that is a name of the certificates for the name its session was
    /// begun with. In lower case, without a dot at its end; an address without brackets.
    pub fn covers(&self, host: &[u8]) -> bool {
        self.names.iter().any(|names| names.covers(host))
    }
}

impl Acceptor {
    /// Reads every file: blocks.
    ///
    /// # Errors
    /// [`LoadError`] for the first that cannot be used.
    pub fn load(plan: &TlsPlan) -> Result<Arc<Self>, LoadError> {
        let current = Current::load(plan, read(plan)?, None)?;
        Ok(Arc::new(Self {
            plan: plan.clone(),
            current: ArcSwap::from_pointee(current),
        }))
    }

    /// What it was made from.
    pub fn plan(&self) -> &TlsPlan {
        &self.plan
    }

    /// Begins a session.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn session(&self) -> Result<ServerConnection, rustls::Error> {
        ServerConnection::new(Arc::clone(&self.current.load().config))
    }

    /// What is known of the client of a session whose handshake is over. A session that was resumed was checked when it
    /// first began: what can have changed since is checked again.
    ///
    /// # Errors
    /// Why the client's certificate is not taken, or no longer.
    pub fn peer(&self, session: &ServerConnection) -> Result<Peer, rustls::Error> {
        let current = self.current.load();
        let chain = session.peer_certificates().unwrap_or_default();
        let client = match (&current.client, chain) {
            (Some(verifier), [first, rest @ ..]) => {
                if session.handshake_kind() == Some(HandshakeKind::Resumed) {
                    verifier.verify_client_cert(first, rest, UnixTime::now())?;
                }
                let identity = ClientIdentity::of(first);
                Some(identity.ok_or(CertificateError::BadEncoding)?)
            }
            (Some(verifier), []) if verifier.client_auth_mandatory() => {
                return Err(rustls::Error::NoCertificatesPresented);
            }
            (Some(_) | None, _) => None,
        };
        let found = current.table.find(session.server_name());
        Ok(Peer {
            protocol: session.alpn_protocol().unwrap_or_default().into(),
            names: found.map(|one| Arc::clone(&one.names)).collect(),
            client,
        })
    }
}

impl FromFiles for Acceptor {
    fn read_again(self: Arc<Self>) -> Result<Option<Renewal>, LoadError> {
        let files = read(&self.plan)?;
        let before = self.current.load_full();
        if files == before.files {
            return Ok(None);
        }
        let current = Arc::new(Current::load(&self.plan, files, Some(&before))?);
        Ok(Some(Renewal::new(move || self.current.store(current))))
    }

    fn certificates(&self) -> Vec<CertificateView> {
        let current = self.current.load();
        let files = self.plan.certificates.iter().map(|plan| &plan.cert);
        files
            .zip(current.table.certificates())
            .map(|(file, certificate)| CertificateView {
                file: file.clone(),
                not_after: certificate.not_after,
            })
            .collect()
    }
}

fn read(plan: &TlsPlan) -> Result<Files, LoadError> {
    Files::read(plan.client_ca(), &plan.certificates)
}

impl Current {
    fn load(plan: &TlsPlan, files: Files, before: Option<&Self>) -> Result<Self, LoadError> {
        let setup = |source| LoadError::Setup { source };
        let certificates = plan.certificates.iter().zip(&files.certificates);
        let certificates = certificates.map(|(plan, (cert, key))| Certificate::of(plan, cert, key));
        let certificates = certificates.collect::<Result<Vec<_>, _>>()?;
        let nameless = certificates.iter().position(|one| one.names.is_empty());
        if let Some(plan) = nameless.and_then(|at| plan.certificates.get(at)) {
            return Err(LoadError::NoNames {
                file: plan.cert.clone(),
            });
        }
        let table = Arc::new(Table::new(certificates));
        let client = plan.client.as_ref().zip(files.ca.as_ref());
        let client = client.map(|(client, bytes)| {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(certificates_of(&client.ca, bytes)?);
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
            let builder = match client.is_required {
                true => builder,
                false => builder.allow_unauthenticated(),
            };
            builder.build().map_err(|source| LoadError::ClientCa {
                file: client.ca.clone(),
                source,
            })
        });
        let client = client.transpose()?;
        let keeps_tickets = |before: &&Self| before.files.ca == files.ca;
        let tickets = match before.filter(keeps_tickets) {
            Some(before) => Arc::clone(&before.tickets),
            None => Ticketer::new().map_err(setup)?,
        };
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions(plan.min_version))
            .map_err(setup)?;
        let builder = match &client {
            Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::<Table>::clone(&table));
        config.alpn_protocols = plan
            .alpn
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        config.ticketer = Arc::clone(&tickets);
        // Tickets hold everything: no memory per client that has left.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Self {
            config: Arc::new(config),
            table,
            client,
            tickets,
            files,
        })
    }
}
