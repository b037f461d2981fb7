//! A response's body on its way from the upstream's framing to the client's.

use base::Buffer;
use h1::{Chunk, ChunkDecoder, ChunkError, Framing, HeadError, LAST_CHUNK, content_length};
use message::{Fields, ResponseHead, Version};

use crate::body::{append_chunk, append_last_chunk};
use crate::heads::BodyLine;

/// Decodes the upstream's framing and writes the client's.
#[derive(Debug)]
pub(super) struct ResponseBody {
    decoder: Decoder,
    chunks: bool,
    done: bool,
}

#[derive(Debug)]
enum Decoder {
    None,
    Length(u64),
    Chunked(ChunkDecoder),
    UntilClose,
}

impl ResponseBody {
    /// Decides how the body goes on to a client of this version.
    ///
    /// # Errors
    /// [`HeadError`] when the length a bodiless response declares is none.
    pub(super) fn new(
        framing: Framing,
        head: &ResponseHead,
        client: Version,
    ) -> Result<(Self, BodyLine), HeadError> {
        let chunked_for = |client| match client {
            Version::Http11 => BodyLine::Chunked,
            Version::Http10 => BodyLine::UntilClose,
        };
        let (decoder, line) = match framing {
            Framing::None if head.status.is_interim() || head.status.get() == 204 => {
                (Decoder::None, BodyLine::Nothing)
            }
            Framing::None => (
                Decoder::None,
                BodyLine::Declared(content_length(&head.fields)?),
            ),
            Framing::Length(length) => (Decoder::Length(length), BodyLine::Length(length)),
            Framing::Chunked => (
                Decoder::Chunked(ChunkDecoder::default()),
                chunked_for(client),
            ),
            Framing::UntilClose => (Decoder::UntilClose, chunked_for(client)),
        };
        let done = matches!(decoder, Decoder::None | Decoder::Length(0));
        Ok((
            Self {
                decoder,
                chunks: line == BodyLine::Chunked,
                done,
            },
            line,
        ))
    }

    /// Whether the whole body was taken.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// The fields behind a body that was taken.
    pub(super) fn trailers(&self) -> Option<&Fields> {
        match &self.decoder {
            Decoder::Chunked(decoder) => decoder.trailers(),
            Decoder::None | Decoder::Length(_) | Decoder::UntilClose => None,
        }
    }

    /// Whether the upstream's connection ends with the body.
    pub(super) fn ends_with_connection(&self) -> bool {
        matches!(self.decoder, Decoder::UntilClose)
    }

    /// Whether all of it is at hand, as far as that can be told at a glance.
    pub(super) fn ends_in(&self, at_hand: &[u8]) -> bool {
        match self.decoder {
            Decoder::None => true,
            Decoder::Length(left) => left <= at_hand.len() as u64,
            Decoder::Chunked(_) => at_hand.ends_with(LAST_CHUNK),
            Decoder::UntilClose => false,
        }
    }

    /// How many of the bytes at hand can be sent as they are: a length stays a length.
    pub(super) fn verbatim(&self, available: usize) -> Option<usize> {
        match self.decoder {
            Decoder::Length(left) => {
                Some(usize::try_from(left).map_or(available, |left| left.min(available)))
            }
            Decoder::UntilClose if !self.chunks => Some(available),
            Decoder::None | Decoder::Chunked(_) | Decoder::UntilClose => None,
        }
    }

    /// Notes that `count` bytes were sent as they are.
    pub(super) fn sent_verbatim(&mut self, count: usize) {
        if let Decoder::Length(left) = &mut self.decoder {
            *left -= (count as u64).min(*left);
            self.done = *left == 0;
        }
    }

    /// Moves what is there from `input` to `out`, in chunks where the client gets chunks. Returns the body bytes.
    ///
    /// # Errors
    /// [`ChunkError`]: the upstream's framing broke.
    pub(super) fn take(
        &mut self,
        input: &mut Buffer,
        out: &mut Vec<u8>,
    ) -> Result<u64, ChunkError> {
        let before = input.len();
        match &mut self.decoder {
            Decoder::None | Decoder::Length(_) => Ok(0),
            Decoder::UntilClose => {
                if !input.is_empty() {
                    append_chunk(out, input.filled());
                    input.clear();
                }
                Ok(before as u64)
            }
            Decoder::Chunked(decoder) => {
                let mut taken = 0;
                while !input.is_empty() && !self.done {
                    match decoder.decode(input.filled())? {
                        Chunk::Data { skip, len } => {
                            let data = &input.filled()[skip..skip + len];
                            if self.chunks {
                                append_chunk(out, data)
                            } else {
                                out.extend_from_slice(data)
                            }
                            input.consume(skip + len);
                            taken += len as u64;
                        }
                        Chunk::More { consumed } => input.consume(consumed),
                        Chunk::End { consumed } => {
                            input.consume(consumed);
                            if self.chunks {
                                append_last_chunk(out, decoder);
                            }
                            self.done = true;
                        }
                    }
                }
                Ok(taken)
            }
        }
    }

    /// The upstream closed: the end of a body that ends so, a broken message otherwise (GW-9).
    pub(super) fn close(&mut self, out: &mut Vec<u8>) -> bool {
        if !self.ends_with_connection() {
            return false;
        }
        if self.chunks {
            out.extend_from_slice(LAST_CHUNK);
        }
        self.done = true;
        true
    }
}
