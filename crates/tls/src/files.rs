//! What certificates and keys are read from.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::error::LoadError;
use crate::plan::CertificatePlan;

/// Bytes of one file; the roots of the usual systems take a quarter of it.
const FILE_MAX: u64 = 1 << 20;

/// Read from files, and again when they change.
pub trait FromFiles: fmt::Debug + Send + Sync {
    /// Reads every file again: blocks. `None` when nothing changed.
    ///
    /// # Errors
    /// [`LoadError`] for the first that cannot be used; what is in force stays.
    fn read_again(self: Arc<Self>) -> Result<Option<Renewal>, LoadError>;

    /// Every certificate in force that has a key here.
    fn certificates(&self) -> Vec<CertificateView>;
}

/// What was read again, and is not in force yet.
#[must_use = "is in force once it is put there"]
pub struct Renewal(Box<dyn FnOnce() + Send>);

impl Renewal {
    pub(crate) fn new(put: impl FnOnce() + Send + 'static) -> Self {
        Self(Box::new(put))
    }

    /// Puts it in force for connections to come; open ones stay.
    pub fn put_in_force(self) {
        (self.0)();
    }
}

impl fmt::Debug for Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewal").finish_non_exhaustive()
    }
}

/// A certificate as it is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateView {
    /// Its file.
    pub file: PathBuf,
    /// When it ends.
    pub not_after: SystemTime,
}

/// What the files held, keys among it: shows nothing of that.
#[derive(PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) ca: Option<Vec<u8>>,
    /// Certificate and key.
    pub(crate) certificates: Vec<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}

impl Files {
    pub(crate) fn read<'a>(
        ca: Option<&Path>,
        certificates: impl IntoIterator<Item = &'a CertificatePlan>,
    ) -> Result<Self, LoadError> {
        let certificates = certificates.into_iter();
        let certificates = certificates.map(|plan| Ok((read(&plan.cert)?, read(&plan.key)?)));
        Ok(Self {
            ca: ca.map(read).transpose()?,
            certificates: certificates.collect::<Result<_, _>>()?,
        })
    }
}

/// Every file of both.
pub(crate) fn paths<'a>(
    ca: Option<&'a Path>,
    certificates: impl IntoIterator<Item = &'a CertificatePlan>,
) -> Vec<&'a Path> {
    let certificates = certificates.into_iter();
    let pairs = certificates.flat_map(|plan| [&*plan.cert, &*plan.key]);
    ca.into_iter().chain(pairs).collect()
}

fn read(file: &Path) -> Result<Vec<u8>, LoadError> {
    let unreadable = |source| LoadError::Unreadable {
        file: file.into(),
        source,
    };
    // A pipe would be waited for, a device has no end.
    if !file.metadata().map_err(unreadable)?.is_file() {
        let other = io::Error::new(io::ErrorKind::InvalidInput, "no regular file");
        return Err(unreadable(other));
    }
    let open = File::open(file).map_err(unreadable)?;
    let mut bytes = Vec::new();
    let mut limited = open.take(FILE_MAX + 1);
    limited.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_MAX {
        let large = io::Error::new(io::ErrorKind::FileTooLarge, "larger than 1 MiB");
        return Err(unreadable(large));
    }
    Ok(bytes)
}
