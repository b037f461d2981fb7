//! A part as it goes over the wire: its protocol's form, compressed or not. The form is made once, however often it is
//! sent.

use std::sync::Arc;

use bytes::Bytes;
use otlp::Signal;
use tokio::task::spawn_blocking;

use crate::buffers::Buffers;
use crate::compress::{BODY_MIN, Compressor};
use crate::part::{Compressed, FRAME_HEAD, Part, write_frame_head};
use crate::plan::{Compression, Protocol};

/// The body of a request.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Bytes,
    /// What it is compressed with.
    pub(crate) encoding: Option<&'static str>,
}

/// A part that has no such form: its items are no OTLP.
#[derive(Debug, thiserror::Error)]
#[error("the items cannot be written as JSON: they are malformed")]
pub(crate) struct Unwritable;

/// Makes bodies.
#[derive(Clone)]
pub(crate) struct Writer {
    signal: Signal,
    protocol: Protocol,
    compressor: Option<Arc<Compressor>>,
    buffers: Arc<Buffers>,
}

impl Writer {
    pub(crate) fn new(
        signal: Signal,
        protocol: Protocol,
        compression: Compression,
        at_once_max: usize,
        buffers: Arc<Buffers>,
    ) -> Self {
        Self {
            signal,
            protocol,
            compressor: Compressor::new(compression, at_once_max).map(Arc::new),
            buffers,
        }
    }

    /// The body of a part. Copies nothing when it is sent as it is; what takes longer runs on the blocking pool.
    pub(crate) async fn write(&self, part: &Part) -> Result<Body, Unwritable> {
        let compressor = self
            .compressor
            .as_ref()
            .filter(|_| part.request().len() >= BODY_MIN);
        if self.protocol != Protocol::HttpJson && compressor.is_none() {
            return Ok(self.as_it_is(part));
        }
        let (writer, part, compressor) = (self.clone(), part.clone(), compressor.cloned());
        spawn_blocking(move || writer.transform(&part, compressor.as_deref()))
            .await
            // The runtime is shutting down, or the work panicked.
            .unwrap_or(Err(Unwritable))
    }

    fn as_it_is(&self, part: &Part) -> Body {
        Body {
            bytes: match self.protocol {
                Protocol::Grpc => part.framed().clone(),
                Protocol::HttpProtobuf | Protocol::HttpJson => part.request(),
            },
            encoding: None,
        }
    }

    fn transform(&self, part: &Part, compressor: Option<&Compressor>) -> Result<Body, Unwritable> {
        let plain = match self.protocol {
            Protocol::Grpc | Protocol::HttpProtobuf => part.request(),
            Protocol::HttpJson => {
                let mut json = self.buffers.take();
                otlp::append_json(self.signal, &part.request(), &mut json)
                    .map_err(|_| Unwritable)?;
                self.buffers.share(json)
            }
        };
        let compressed = compressor
            .and_then(|compressor| Some((self.compress(compressor, &plain)?, compressor)));
        Ok(match (compressed, self.protocol) {
            (Some((bytes, compressor)), _) => Body {
                bytes,
                encoding: Some(compressor.name()),
            },
            (None, Protocol::HttpJson) => Body {
                bytes: plain,
                encoding: None,
            },
            (None, Protocol::Grpc | Protocol::HttpProtobuf) => self.as_it_is(part),
        })
    }

    /// `None` when it fails: then the body goes out as it is, which every back end takes.
    fn compress(&self, compressor: &Compressor, plain: &[u8]) -> Option<Bytes> {
        let mut out = self.buffers.take();
        let grpc = self.protocol == Protocol::Grpc;
        if grpc {
            out.extend_from_slice(&[0; FRAME_HEAD]);
        }
        compressor.append(plain, &mut out).ok()?;
        if grpc {
            write_frame_head(&mut out, Compressed::Yes);
        }
        Some(self.buffers.share(out))
    }
}
