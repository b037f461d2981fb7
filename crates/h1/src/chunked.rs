//! The chunked transfer coding (RFC 9112 7.1): tells which bytes are data, bounds everything else.

use message::Fields;

use crate::error::ChunkError;
use crate::head::parse_trailers;

/// Bytes of chunk extensions in one body: read, dropped, and bounded (GW-7).
const EXTENSIONS_MAX: u32 = 4096;
/// Bytes of a trailer section.
const TRAILERS_MAX: usize = 8192;
/// Fields of a trailer section.
const TRAILER_FIELDS_MAX: usize = 32;

/// What the next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// Body data: `len` bytes after `skip` bytes of framing.
    Data {
        /// Framing to drop first.
        skip: usize,
        /// Data after it, at least 1.
        len: usize,
    },
    /// All framing: drop `consumed` bytes and come back with more.
    More {
        /// Bytes to drop.
        consumed: usize,
    },
    /// The body ends `consumed` bytes on; what follows is another message's.
    End {
        /// Bytes to drop.
        consumed: usize,
    },
}

/// Decodes one chunked body.
#[derive(Debug, Default)]
pub struct ChunkDecoder {
    state: State,
    /// Of the chunk under way: its size so far, then what is left of it.
    remaining: u64,
    /// Digits of the size under way.
    digits: u8,
    /// Bytes of extensions so far, over all chunks.
    extensions: u32,
    trailers: Option<Box<Trailers>>,
}

/// Rare: most chunked bodies end in an empty trailer section.
#[derive(Debug, Default)]
struct Trailers {
    section: Vec<u8>,
    fields: Fields,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Before the first digit of a size.
    #[default]
    SizeStart,
    /// Behind a digit.
    Size,
    /// Behind white space after a size: only an extension may follow.
    SizeSpace,
    Extension,
    /// Behind the CR of a chunk line.
    SizeEnd,
    Data,
    /// Behind the data.
    DataEnd,
    /// Behind the CR after the data.
    DataEndCr,
    /// At the start of the trailer section.
    TrailerStart,
    /// Behind a CR at the start of the trailer section.
    TrailerStartCr,
    /// In a trailer section that has fields.
    TrailerFields,
    End,
}

impl ChunkDecoder {
    /// Looks at the unread bytes. Call it again with what is left after dropping what it says.
    ///
    /// # Errors
    /// [`ChunkError`]: the body cannot be framed; neither can anything after it.
    pub fn decode(&mut self, input: &[u8]) -> Result<Chunk, ChunkError> {
        let mut at = 0;
        while let Some(byte) = input.get(at) {
            self.state = match self.state {
                State::Data => return Ok(self.data(input, at)),
                State::End => return Ok(Chunk::End { consumed: at }),
                State::TrailerFields => return self.trailer_fields(input, at),
                State::SizeStart => self.digit(*byte)?,
                State::Size => match byte {
                    b'\r' => State::SizeEnd,
                    b';' => self.extension(*byte)?,
                    b' ' | b'\t' => State::SizeSpace,
                    digit => self.digit(*digit)?,
                },
                State::SizeSpace => match byte {
                    b' ' | b'\t' | b';' => {
                        let next = self.extension(*byte)?;
                        if *byte == b';' {
                            next
                        } else {
                            State::SizeSpace
                        }
                    }
                    _ => return Err(ChunkError::MalformedSize),
                },
                State::Extension => match byte {
                    b'\r' => State::SizeEnd,
                    byte => self.extension(*byte)?,
                },
                State::SizeEnd => match (byte, self.remaining) {
                    (b'\n', 0) => State::TrailerStart,
                    (b'\n', _) => State::Data,
                    _ => return Err(ChunkError::MalformedLine),
                },
                State::DataEnd => match byte {
                    b'\r' => State::DataEndCr,
                    _ => return Err(ChunkError::MissingLineEnd),
                },
                State::DataEndCr => match byte {
                    b'\n' => State::SizeStart,
                    _ => return Err(ChunkError::MissingLineEnd),
                },
                State::TrailerStart => match byte {
                    b'\r' => State::TrailerStartCr,
                    b'\n' => return Err(ChunkError::MalformedTrailers),
                    _ => {
                        self.state = State::TrailerFields;
                        continue;
                    }
                },
                State::TrailerStartCr => match byte {
                    b'\n' => State::End,
                    _ => return Err(ChunkError::MalformedTrailers),
                },
            };
            at += 1;
        }
        Ok(if self.state == State::End {
            Chunk::End { consumed: at }
        } else {
            Chunk::More { consumed: at }
        })
    }

    /// Whether the end of the body was seen.
    pub fn is_done(&self) -> bool {
        self.state == State::End
    }

    /// The trailer fields once the body ended; `None` when there were none.
    pub fn trailers(&self) -> Option<&Fields> {
        self.trailers
            .as_ref()
            .map(|trailers| &trailers.fields)
            .filter(|fields| !fields.is_empty())
    }

    fn digit(&mut self, byte: u8) -> Result<State, ChunkError> {
        let value = char::from(byte)
            .to_digit(16)
            .ok_or(ChunkError::MalformedSize)?;
        if self.state == State::SizeStart {
            (self.remaining, self.digits) = (0, 0);
        }
        self.digits += 1;
        // Sixteen digits, so that zeros cannot make a line without end; and 63 bits, so that sums cannot overflow.
        if self.remaining >> 59 != 0 || self.digits > 16 {
            return Err(ChunkError::MalformedSize);
        }
        self.remaining = self.remaining << 4 | u64::from(value);
        Ok(State::Size)
    }

    fn extension(&mut self, byte: u8) -> Result<State, ChunkError> {
        if byte != b'\t' && (byte < b' ' || byte == 0x7f) {
            return Err(ChunkError::MalformedLine);
        }
        self.extensions += 1;
        if self.extensions > EXTENSIONS_MAX {
            return Err(ChunkError::ExtensionsTooLong);
        }
        Ok(State::Extension)
    }

    fn data(&mut self, input: &[u8], at: usize) -> Chunk {
        let available = input.len() - at;
        let len =
            usize::try_from(self.remaining).map_or(available, |remaining| remaining.min(available));
        self.remaining -= len as u64;
        if self.remaining == 0 {
            self.state = State::DataEnd;
        }
        Chunk::Data { skip: at, len }
    }

    /// Collects a trailer section up to its empty line.
    fn trailer_fields(&mut self, input: &[u8], at: usize) -> Result<Chunk, ChunkError> {
        let trailers = self.trailers.get_or_insert_default();
        for (read, byte) in input[at..].iter().enumerate() {
            trailers.section.push(*byte);
            if trailers.section.ends_with(b"\n\n") || trailers.section.ends_with(b"\n\r\n") {
                parse_trailers(&trailers.section, TRAILER_FIELDS_MAX, &mut trailers.fields)?;
                self.state = State::End;
                return Ok(Chunk::End {
                    consumed: at + read + 1,
                });
            }
            if trailers.section.len() >= TRAILERS_MAX {
                return Err(ChunkError::TrailersTooLarge);
            }
        }
        Ok(Chunk::More {
            consumed: input.len(),
        })
    }
}
