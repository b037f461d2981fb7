//! One certificate with its key, read from files.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::error::LoadError;
use crate::names::CertificateNames;
use crate::plan::CertificatePlan;
use crate::provider;

/// A certificate that can be shown.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) key: Arc<CertifiedKey>,
    pub(crate) names: Arc<CertificateNames>,
    /// When it ends.
    pub(crate) not_after: SystemTime,
}

impl Certificate {
    /// From what both files hold. A certificate that is not valid yet, or no longer, is taken: one of many that has ended is
    /// no reason to serve none of them, and its clients refuse it.
    pub(crate) fn of(plan: &CertificatePlan, cert: &[u8], key: &[u8]) -> Result<Self, LoadError> {
        let chain = certificates(&plan.cert, cert)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|source| LoadError::NotPem {
            file: plan.key.clone(),
            expected: "a private key",
            source,
        })?;
        let not_certificate = || LoadError::NotCertificate {
            file: plan.cert.clone(),
        };
        let first = chain.first().ok_or_else(not_certificate)?;
        let (_, parsed) = X509Certificate::from_der(first).map_err(|_| not_certificate())?;
        let names = Arc::new(CertificateNames::of(&parsed));
        let not_after = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0);
        let key =
            CertifiedKey::from_der(chain, key, &provider()).map_err(|source| LoadError::Key {
                key: plan.key.clone(),
                cert: plan.cert.clone(),
                source,
            })?;
        Ok(Self {
            key: Arc::new(key),
            names,
            not_after: UNIX_EPOCH + Duration::from_secs(not_after),
        })
    }
}

/// Every certificate that a file holds, at least one.
pub(crate) fn certificates(
    file: &Path,
    bytes: &[u8],
) -> Result<Vec<CertificateDer<'static>>, LoadError> {
    let not_pem = |source| LoadError::NotPem {
        file: file.into(),
        expected: "a certificate",
        source,
    };
    let all = CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(not_pem)?;
    if all.is_empty() {
        return Err(not_pem(rustls::pki_types::pem::Error::NoItemsFound));
    }
    Ok(all)
}
