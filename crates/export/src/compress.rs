//! Compression of whole bodies, at the lowest level: after assembling it is nearly all that a request costs.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use flate2::{Compress, FlushCompress, Status};
use zstd::bulk::Compressor as Zstd;

use crate::plan::Compression;

/// Smaller bodies gain less than compressing costs.
pub(crate) const BODY_MIN: usize = 1024;
const LEVEL: u8 = 1;
/// The largest window of gzip, 2 to this power.
const GZIP_WINDOW_BITS: u8 = 15;

/// Compresses bodies, several at a time. Its tables (some hundred KiB each) are used again.
pub(crate) struct Compressor {
    method: Method,
    idle: Mutex<Vec<Tables>>,
    idle_max: usize,
}

#[derive(Clone, Copy, Debug)]
enum Method {
    Gzip,
    Zstd,
}

enum Tables {
    Gzip(Box<Compress>),
    Zstd(Zstd<'static>),
}

impl Compressor {
    /// `None` when nothing is to be compressed.
    pub(crate) fn new(compression: Compression, idle_max: usize) -> Option<Self> {
        let method = match compression {
            Compression::None => return None,
            Compression::Gzip => Method::Gzip,
            Compression::Zstd => Method::Zstd,
        };
        Some(Self {
            method,
            idle: Mutex::new(Vec::new()),
            idle_max,
        })
    }

    /// The name of what comes out, as `Content-Encoding` and `grpc-encoding` have it.
    pub(crate) fn name(&self) -> &'static str {
        match self.method {
            Method::Gzip => "gzip",
            Method::Zstd => "zstd",
        }
    }

    /// Appends the compressed form. Milliseconds for a megabyte: not for an event loop.
    ///
    /// # Errors
    /// None that the input could cause; then what was appended is of no use.
    pub(crate) fn append(&self, plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let idle = self.lock().pop();
        let mut tables = match (idle, self.method) {
            (Some(tables), _) => tables,
            (None, Method::Gzip) => {
                let level = flate2::Compression::new(LEVEL.into());
                Tables::Gzip(Box::new(Compress::new_gzip(level, GZIP_WINDOW_BITS)))
            }
            (None, Method::Zstd) => Tables::Zstd(Zstd::new(LEVEL.into())?),
        };
        tables.append(plain, out)?;
        let mut idle = self.lock();
        if idle.len() < self.idle_max {
            idle.push(tables);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Tables>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn append(&mut self, plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Gzip(tables) => {
                tables.reset();
                append_gzip(tables, plain, out)
            }
            Self::Zstd(tables) => {
                out.reserve(zstd::compress_bound(plain.len()));
                let mut end = io::Cursor::new(out);
                end.set_position(end.get_ref().len().try_into().map_err(io::Error::other)?);
                tables.compress_to_buffer(plain, &mut end).map(|_| ())
            }
        }
    }
}

fn append_gzip(tables: &mut Compress, plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    out.reserve(plain.len() / 4 + BODY_MIN);
    loop {
        let taken = usize::try_from(tables.total_in()).map_err(io::Error::other)?;
        let left = plain.get(taken..).unwrap_or_default();
        match tables.compress_vec(left, out, FlushCompress::Finish)? {
            Status::StreamEnd => return Ok(()),
            Status::Ok | Status::BufError => out.reserve(left.len() / 4 + BODY_MIN),
        }
    }
}
