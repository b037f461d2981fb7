//! The demo's own certificate: made at the start, trusted by nobody but who is told so, gone at the end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;

/// Names that the demo is reached by.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A certificate and its key in a folder of their own that only this user can enter. Dropping it removes them.
#[derive(Debug)]
pub struct Certificate {
    folder: TempDir,
}

impl Certificate {
    /// Makes one.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn make() -> io::Result<Self> {
        let names: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
        let made = generate_simple_self_signed(names).map_err(io::Error::other)?;
        let CertifiedKey { cert, signing_key } = made;
        let made = Self {
            folder: TempDir::with_prefix("tidegate-demo-")?,
        };
        fs::write(made.cert(), cert.pem())?;
        fs::write(made.key(), signing_key.serialize_pem())?;
        Ok(made)
    }

    /// Its file, for whoever is to trust it.
    pub fn cert(&self) -> PathBuf {
        self.file("cert.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.file("key.pem")
    }

    fn file(&self, name: &str) -> PathBuf {
        let folder: &Path = self.folder.path();
        folder.join(name)
    }
}
