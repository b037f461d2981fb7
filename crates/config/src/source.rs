//! The texts a configuration is read from. The only I/O of this crate.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{ErrorKind, Errors, Fault, Faults};
use crate::yaml::Place;

/// Largest file, and largest sum of the files of a folder, in bytes.
pub(crate) const TEXT_MAX: u64 = 64 << 20;
/// Most files of a folder.
const FILES_MAX: usize = 1_000;

/// The text of a file, or of every `*.yaml` and `*.yml` of a folder in the order of their names.
#[derive(Clone, Debug)]
pub struct Source {
    files: Vec<File>,
}

/// One text and its name.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) name: Arc<str>,
    pub(crate) text: String,
    path: PathBuf,
}

impl Source {
    /// Reads a file, or the files of a folder; folders inside it and files whose names begin with a dot are left out.
    /// Blocks on the file system.
    ///
    /// # Errors
    /// [`Errors`] for what cannot be read, is larger than 64 MiB in sum, is no UTF-8, or is more than 1,000 files.
    pub fn load(path: &Path) -> Result<Self, Errors> {
        let paths = files_of(path).map_err(|fault| refuse(path, Place::default(), fault))?;
        let names = paths.iter().map(|path| name_of(path)).collect();
        let mut faults = Faults::new(names);
        let mut files = Vec::with_capacity(paths.len());
        let mut left = TEXT_MAX;
        for (path, number) in paths.into_iter().zip(0..) {
            match read(&path, left) {
                Ok(text) => {
                    left = left.saturating_sub(text.len() as u64);
                    files.push(File {
                        name: name_of(&path),
                        text,
                        path,
                    });
                }
                Err((place, fault)) => faults.add(
                    Place {
                        file: number,
                        ..place
                    },
                    "",
                    fault,
                ),
            }
        }
        if faults.is_empty() {
            Ok(Self { files })
        } else {
            Err(faults.into_errors())
        }
    }

    /// Takes a text as if it were read from a file of this name.
    pub fn from_text(name: &str, text: &str) -> Self {
        Self {
            files: vec![File {
                name: name.into(),
                text: text.to_owned(),
                path: name.into(),
            }],
        }
    }

    /// The files that were read, in order.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| &*file.path)
    }

    pub(crate) fn files(&self) -> &[File] {
        &self.files
    }

    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        self.files
            .iter()
            .map(|file| Arc::clone(&file.name))
            .collect()
    }
}

fn files_of(path: &Path) -> Result<Vec<PathBuf>, Fault> {
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if is_part(&path) && path.is_file() {
            files.push(path);
        }
        if files.len() > FILES_MAX {
            let expected = format!("at most {FILES_MAX} files");
            return Err(Fault::new(ErrorKind::Limit, expected, "more"));
        }
    }
    if files.is_empty() {
        let expected = "at least one file named *.yaml or *.yml in the folder";
        return Err(Fault::new(ErrorKind::Unreadable, expected, "none"));
    }
    files.sort();
    Ok(files)
}

fn is_part(path: &Path) -> bool {
    let hidden = path
        .file_name()
        .is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    !hidden
        && path
            .extension()
            .is_some_and(|end| end == "yaml" || end == "yml")
}

fn read(path: &Path, bytes_max: u64) -> Result<String, (Place, Fault)> {
    let whole = |fault| (Place::default(), fault);
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes))
        .map_err(|error| whole(unreadable(error)))?;
    if bytes.len() as u64 > bytes_max {
        return Err(whole(too_large()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let before = String::from_utf8_lossy(bytes.get(..valid).unwrap_or_default());
        let byte = bytes.get(valid).copied().unwrap_or_default();
        let found = format!("the byte {byte:#04x}");
        (
            Place::after(&before),
            Fault::new(ErrorKind::Syntax, "UTF-8", found),
        )
    })
}

/// The fault of texts beyond [`TEXT_MAX`].
pub(crate) fn too_large() -> Fault {
    Fault::new(
        ErrorKind::Limit,
        "at most 64 MiB of configuration",
        "a larger text",
    )
}

fn unreadable(error: io::Error) -> Fault {
    Fault::new(
        ErrorKind::Unreadable,
        "a file or folder that can be read",
        error.to_string(),
    )
}

fn refuse(path: &Path, place: Place, fault: Fault) -> Errors {
    let mut faults = Faults::new(vec![name_of(path)]);
    faults.add(place, "", fault);
    faults.into_errors()
}

fn name_of(path: &Path) -> Arc<str> {
    path.to_string_lossy().into()
}
