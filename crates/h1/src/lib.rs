//! HTTP/1.1 as bytes in and decisions out (RFC 9112): heads, body framing, chunked coding, head serialisation.
//! Knows no sockets, no clock and no runtime: a driver feeds it what it read and writes what it appended.
//! Strict by default: what cannot be framed with certainty is an error with the status to answer.

mod chunked;
mod encode;
mod error;
mod framing;
mod head;

pub use chunked::{Chunk, ChunkDecoder};
pub use encode::{
    LAST_CHUNK, append_chunk_size, append_decimal, append_field, append_request_line,
    append_request_line_with, append_status_line,
};
pub use error::{ChunkError, HeadError};
pub use framing::{Framing, ResponseContext, content_length, request_framing, response_framing};
pub use head::{HeadLimits, HeadReader, parse_trailers};
