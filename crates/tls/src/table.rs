//! Which certificate is for which name.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::certificate::Certificate;
use crate::names::suffix;

/// Certificates by the names they are for. Of a name that several have, the first that the client can verify is shown.
#[derive(Debug)]
pub(crate) struct Table {
    certificates: Vec<Certificate>,
    exact: HashMap<Box<str>, Vec<usize>>,
    /// By what follows the asterisk.
    wildcards: HashMap<Box<str>, Vec<usize>>,
}

impl Table {
    pub(crate) fn new(certificates: Vec<Certificate>) -> Self {
        let mut table = Self {
            certificates: Vec::new(),
            exact: HashMap::new(),
            wildcards: HashMap::new(),
        };
        for (at, certificate) in certificates.iter().enumerate() {
            for name in &certificate.names.exact {
                table.exact.entry(name.clone()).or_default().push(at);
            }
            for name in &certificate.names.suffixes {
                table.wildcards.entry(name.clone()).or_default().push(at);
            }
        }
        table.certificates = certificates;
        table
    }

    pub(crate) fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Certificates for a name, in order; for none, or one that nobody has, the first of all.
    pub(crate) fn find(&self, name: Option<&str>) -> impl Iterator<Item = &Certificate> {
        let name = name.map(str::to_ascii_lowercase);
        let places = name.as_deref().and_then(|name| {
            let exact = self.exact.get(name);
            exact.or_else(|| self.wildcards.get(suffix(name)?))
        });
        let places: &[usize] = places.map_or(&[0], |places| places);
        places.iter().filter_map(|at| self.certificates.get(*at))
    }
}

impl ResolvesServerCert for Table {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let fits = |certificate: &&Certificate| {
            let key = &certificate.key.key;
            key.choose_scheme(hello.signature_schemes()).is_some()
        };
        let mut found = self.find(hello.server_name());
        let first = self.find(hello.server_name()).next();
        let chosen = found.find(fits).or(first)?;
        Some(Arc::clone(&chosen.key))
    }
}
