//! Why certificates cannot be used.

use std::io;
use std::path::PathBuf;

use rustls::pki_types::pem;
use rustls::server::VerifierBuilderError;

/// A file that cannot be used. Shows no key.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("{}: expected a file that can be read", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// It is no PEM, or none with what is looked for.
    #[error("{}: expected {expected} in PEM", file.display())]
    NotPem {
        /// The file.
        file: PathBuf,
        /// What it should hold.
        expected: &'static str,
        /// What is wrong.
        source: pem::Error,
    },
    /// A certificate that is none.
    #[error("{}: expected a certificate, found something else", file.display())]
    NotCertificate {
        /// The file.
        file: PathBuf,
    },
    /// A server's certificate that is for nobody: clients look nowhere else (RFC 9525 2).
    #[error("{}: expected a certificate with names or addresses (subjectAltName), found none", file.display())]
    NoNames {
        /// The file.
        file: PathBuf,
    },
    /// A key that does not fit, or cannot be used.
    #[error("{}: expected the private key of the certificate in {}", key.display(), cert.display())]
    Key {
        /// The key's file.
        key: PathBuf,
        /// The certificate's.
        cert: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// Certificates that cannot sign others.
    #[error("{}: expected certificates that sign those of clients", file.display())]
    ClientCa {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        source: VerifierBuilderError,
    },
    /// The machine names no certificates to believe.
    #[error(
        "expected root certificates on this machine, found none: name a file with those to believe in `ca`"
    )]
    NoRoots,
    /// The system gives no randomness, or the like.
    #[error("expected to be able to set up TLS")]
    Setup {
        /// What is wrong.
        source: rustls::Error,
    },
}
