//! Certificates in a folder, and handshakes without a network.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SignatureAlgorithm,
};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, RootCertStore, ServerConnection, SideData,
};
use tempfile::TempDir;
use tls::{Acceptor, CertificatePlan, MinVersion, TlsPlan};

/// Signs certificates and keeps them in a folder.
pub(crate) struct Authority {
    dir: TempDir,
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let root = params.self_signed(&key).expect("a certificate");
        let authority = Self {
            dir: TempDir::new().expect("a temporary folder"),
            root: root.der().clone(),
            issuer: Issuer::new(params, key),
        };
        fs::write(authority.file("ca.pem"), root.pem()).expect("a new file");
        authority
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a certificate for these names; again, in the place of an older one.
    pub(crate) fn issue(
        &self,
        file: &str,
        names: &[&str],
        algorithm: &'static SignatureAlgorithm,
    ) -> CertificatePlan {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name.push(DnType::CommonName, file);
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate");
        let plan = CertificatePlan {
            cert: self.file(&format!("{file}.pem")),
            key: self.file(&format!("{file}.key")),
        };
        fs::write(&plan.cert, cert.pem()).expect("a file");
        fs::write(&plan.key, key.serialize_pem()).expect("a file");
        plan
    }

    /// A client that believes this authority, keeps tickets, shows `pair` where it is asked, and takes only signatures
    /// that `takes` names, if any.
    pub(crate) fn client(
        &self,
        pair: Option<&CertificatePlan>,
        takes: Option<rustls::SignatureScheme>,
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).expect("a certificate");
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        if let Some(takes) = takes {
            let mapping = provider.signature_verification_algorithms.mapping.iter();
            let some: Vec<_> = mapping
                .filter(|(scheme, _)| *scheme == takes)
                .copied()
                .collect();
            provider.signature_verification_algorithms.mapping = Vec::leak(some);
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let mut config = match pair {
            Some(pair) => {
                let chain = CertificateDer::pem_file_iter(&pair.cert).expect("PEM");
                let chain = chain.collect::<Result<_, _>>().expect("certificates");
                let key = PrivateKeyDer::from_pem_file(&pair.key).expect("a key");
                builder.with_client_auth_cert(chain, key).expect("a pair")
            }
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::in_memory_sessions(8);
        Arc::new(config)
    }
}

/// What a listener with these certificates is made from.
pub(crate) fn plan(certificates: Vec<CertificatePlan>) -> TlsPlan {
    TlsPlan {
        certificates,
        client: None,
        min_version: MinVersion::Tls12,
        alpn: vec!["http/1.1"],
    }
}

/// Shakes hands; the error is whichever side's came first.
pub(crate) fn shake(
    acceptor: &Acceptor,
    client: &Arc<ClientConfig>,
    name: &str,
) -> Result<(ServerConnection, ClientConnection), rustls::Error> {
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let mut server = acceptor.session()?;
    let mut client = ClientConnection::new(Arc::clone(client), name)?;
    while server.is_handshaking() || client.is_handshaking() || server.wants_write() {
        pass(&mut client, &mut server)?;
        pass(&mut server, &mut client)?;
    }
    Ok((server, client))
}

fn pass<A: SideData, B: SideData>(
    from: &mut ConnectionCommon<A>,
    to: &mut ConnectionCommon<B>,
) -> Result<(), rustls::Error> {
    let mut wire = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut wire).expect("memory takes everything");
    }
    let mut wire = wire.as_slice();
    while !wire.is_empty() {
        to.read_tls(&mut wire).expect("memory can be read");
        to.process_new_packets()?;
    }
    Ok(())
}
