//! What lines are written to, and what can go wrong with it.

use std::fmt::Display;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::plan::AccessLogTarget;

/// Lines name clients: readable by the owner and the group.
const MODE: u32 = 0o640;

/// An open target.
#[derive(Debug)]
pub(crate) struct Target {
    /// What to open again; standard output has no path.
    path: Option<PathBuf>,
    /// `None` while a named pipe has no reader.
    file: Option<File>,
}

/// What came of one attempt to write.
#[derive(Debug)]
pub(crate) enum Wrote {
    /// So many bytes, at least one.
    Some(usize),
    /// It would have blocked, or was interrupted.
    Later,
    /// A named pipe that nobody reads.
    Absent,
}

impl Target {
    /// Opens without waiting: opening a pipe for writing would otherwise hang until somebody reads it.
    pub(crate) fn open(target: &AccessLogTarget) -> io::Result<Self> {
        match target {
            AccessLogTarget::Stdout => Ok(Self {
                path: None,
                // A descriptor of our own: the standard library's handle has a lock and a buffer. Its flags are left
                // as they are, since they belong to everybody who shares it.
                file: Some(File::from(io::stdout().as_fd().try_clone_to_owned()?)),
            }),
            AccessLogTarget::Nowhere => Ok(Self {
                file: open_file(Path::new("/dev/null"))?,
                path: None,
            }),
            AccessLogTarget::File(path) => Ok(Self {
                file: open_file(path)?,
                path: Some(path.clone()),
            }),
        }
    }

    /// Opens the path again. On an error what was open stays open.
    pub(crate) fn reopen(&mut self) -> io::Result<()> {
        if let Some(path) = &self.path {
            self.file = open_file(path)?;
        }
        Ok(())
    }

    /// What messages call it.
    pub(crate) fn name(&self) -> impl Display + '_ {
        match &self.path {
            None => Path::new("standard output").display(),
            Some(path) => path.display(),
        }
    }

    pub(crate) fn is_absent(&self) -> bool {
        self.file.is_none()
    }

    /// Writes some of the bytes. Blocks only if standard output or a file system does.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<Wrote> {
        let Some(file) = &mut self.file else {
            return Ok(Wrote::Absent);
        };
        let error = match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => return Ok(Wrote::Some(count)),
            Err(error) => error,
        };
        let kind = error.kind();
        if kind == io::ErrorKind::Interrupted || kind == io::ErrorKind::WouldBlock {
            return Ok(Wrote::Later);
        }
        if kind == io::ErrorKind::BrokenPipe && self.path.is_some() {
            self.file = None;
        }
        Err(error)
    }

    /// Waits until more can be written, at most `limit`.
    pub(crate) fn wait(&self, limit: Duration) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let limit = Timespec::try_from(limit).ok();
        let mut fds = [PollFd::new(file, PollFlags::OUT)];
        match poll(&mut fds, limit.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// `None` for a named pipe without a reader.
fn open_file(path: &Path) -> io::Result<Option<File>> {
    let opened = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(MODE)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path);
    match opened {
        Ok(file) => Ok(Some(file)),
        Err(error) if is_unread_pipe(path, &error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A socket refuses to be opened with the same error, but for good.
fn is_unread_pipe(path: &Path, error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::NXIO.raw_os_error())
        && fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo())
}
