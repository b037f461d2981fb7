//! A request's body on its way from the client's bytes to the upstream's.

use base::Buffer;
use h1::{Chunk, ChunkDecoder, Framing, LAST_CHUNK, append_chunk_size, append_field};

use crate::refusal::Refusal;

/// Decodes the client's framing and writes the upstream's: a length stays a length, chunks become chunks of the
/// bytes at hand (GW-12).
#[derive(Debug)]
pub(crate) struct RequestBody {
    state: State,
    /// Bytes of the body seen so far.
    pub(crate) received: u64,
    max: u64,
}

#[derive(Debug)]
enum State {
    Done,
    Length(u64),
    Chunked(ChunkDecoder),
}

impl RequestBody {
    pub(crate) fn new(framing: Framing, max: u64) -> Self {
        let state = match framing {
            // Requests never end with the connection.
            Framing::None | Framing::UntilClose | Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Chunked(ChunkDecoder::default()),
        };
        Self {
            state,
            received: 0,
            max,
        }
    }

    /// Whether the whole body was taken.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// How many of the bytes at hand can be sent as they are: a length stays a length.
    pub(crate) fn verbatim(&self, available: usize) -> Option<usize> {
        match self.state {
            State::Length(left) => {
                Some(usize::try_from(left).map_or(available, |left| left.min(available)))
            }
            State::Done | State::Chunked(_) => None,
        }
    }

    /// Notes that `count` bytes were sent as they are.
    pub(crate) fn sent_verbatim(&mut self, count: usize) {
        if let State::Length(left) = &mut self.state {
            *left -= (count as u64).min(*left);
            self.received += count as u64;
            if *left == 0 {
                self.state = State::Done;
            }
        }
    }

    /// Moves what is there from `input` to `out`, at most about `room` bytes.
    ///
    /// # Errors
    /// [`Refusal::Chunk`] or [`Refusal::BodyTooLarge`]; the connection is done for.
    pub(crate) fn take(
        &mut self,
        input: &mut Buffer,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Result<(), Refusal> {
        match &mut self.state {
            State::Done => Ok(()),
            State::Length(left) => {
                let len = room
                    .min(input.len())
                    .min(usize::try_from(*left).unwrap_or(usize::MAX));
                out.extend_from_slice(&input.filled()[..len]);
                input.consume(len);
                *left -= len as u64;
                self.received += len as u64;
                if *left == 0 {
                    self.state = State::Done;
                }
                Ok(())
            }
            State::Chunked(_) => self.take_chunks(input, out, room),
        }
    }

    fn take_chunks(
        &mut self,
        input: &mut Buffer,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Result<(), Refusal> {
        let State::Chunked(decoder) = &mut self.state else {
            return Ok(());
        };
        let limit = out.len().saturating_add(room);
        while !input.is_empty() && out.len() < limit {
            match decoder.decode(input.filled())? {
                Chunk::Data { skip, len } => {
                    self.received += len as u64;
                    if self.received > self.max {
                        return Err(Refusal::BodyTooLarge);
                    }
                    append_chunk(out, &input.filled()[skip..skip + len]);
                    input.consume(skip + len);
                }
                Chunk::More { consumed } => input.consume(consumed),
                Chunk::End { consumed } => {
                    input.consume(consumed);
                    append_last_chunk(out, decoder);
                    self.state = State::Done;
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Appends one chunk.
pub(crate) fn append_chunk(out: &mut Vec<u8>, data: &[u8]) {
    append_chunk_size(out, data.len());
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

/// Appends the end of a chunked body with the trailers that may be forwarded (GW-37).
pub(crate) fn append_last_chunk(out: &mut Vec<u8>, decoder: &ChunkDecoder) {
    match decoder.trailers() {
        None => out.extend_from_slice(LAST_CHUNK),
        Some(trailers) => {
            out.extend_from_slice(b"0\r\n");
            for field in trailers.iter() {
                append_field(out, field.name, field.value);
            }
            out.extend_from_slice(b"\r\n");
        }
    }
}
