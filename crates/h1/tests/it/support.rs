//! What several modules need: limits, one-shot readers, and heads as text so that tables can name them.

use std::fmt::Write as _;

use h1::{Chunk, ChunkDecoder, ChunkError, HeadError, HeadLimits, HeadReader};
use message::{Fields, RequestHead, ResponseHead};

pub(crate) const LIMITS: HeadLimits = HeadLimits {
    bytes: 32 << 10,
    fields: 100,
    target: 8 << 10,
};

/// A head that was read, as text, and how many bytes it took; `None` when more bytes are needed.
pub(crate) type Read = Result<Option<(usize, String)>, HeadError>;

pub(crate) fn read_request(input: &[u8], limits: HeadLimits) -> Read {
    read_request_in([input.len()], input, limits)
}

/// Feeds the input up to each of `ends` in turn, until the reader decides.
pub(crate) fn read_request_in(
    ends: impl IntoIterator<Item = usize>,
    input: &[u8],
    limits: HeadLimits,
) -> Read {
    let (mut reader, mut head) = (HeadReader::default(), RequestHead::default());
    for end in ends {
        if let Some(len) = reader.request(&input[..end], limits, &mut head)? {
            return Ok(Some((len, request_text(&head))));
        }
    }
    Ok(None)
}

pub(crate) fn read_response(input: &[u8], limits: HeadLimits) -> Read {
    read_response_in([input.len()], input, limits)
}

pub(crate) fn read_response_in(
    ends: impl IntoIterator<Item = usize>,
    input: &[u8],
    limits: HeadLimits,
) -> Read {
    let (mut reader, mut head) = (HeadReader::default(), ResponseHead::default());
    for end in ends {
        if let Some(len) = reader.response(&input[..end], limits, &mut head)? {
            return Ok(Some((len, response_text(&head))));
        }
    }
    Ok(None)
}

/// `METHOD PATH?QUERY VERSION to HOST:PORT | NAME: VALUE | …`, the Host field left out.
fn request_text(head: &RequestHead) -> String {
    let mut text = format!("{} {}", show(head.method_text()), show(head.path()));
    if let Some(query) = head.query() {
        write!(text, "?{}", show(query)).unwrap();
    }
    write!(text, " {} to {}", head.version.number(), show(head.host())).unwrap();
    if let Some(port) = head.port() {
        write!(text, ":{port}").unwrap();
    }
    text + &fields_text(&head.fields)
}

fn response_text(head: &ResponseHead) -> String {
    format!("{} {}", head.version.number(), head.status) + &fields_text(&head.fields)
}

pub(crate) fn fields_text(fields: &Fields) -> String {
    let mut text = String::new();
    for field in fields
        .iter()
        .filter(|field| field.kind != message::FieldKind::Host)
    {
        write!(text, " | {}: {}", show(field.name), show(field.value)).unwrap();
    }
    text
}

pub(crate) fn show(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// A chunked body that was read: its data, its trailers as text, how many bytes it took, and whether it ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) data: Vec<u8>,
    pub(crate) trailers: String,
    pub(crate) consumed: usize,
    pub(crate) is_done: bool,
}

pub(crate) fn read_chunked(input: &[u8]) -> Result<Body, ChunkError> {
    read_chunked_in([input.len()], input)
}

/// Feeds the input up to each of `ends` in turn, until the body ends; drops what the decoder says.
pub(crate) fn read_chunked_in(
    ends: impl IntoIterator<Item = usize>,
    input: &[u8],
) -> Result<Body, ChunkError> {
    let (mut decoder, mut body) = (ChunkDecoder::default(), Body::default());
    for end in ends {
        loop {
            match decoder.decode(&input[body.consumed..end])? {
                Chunk::Data { skip, len } => {
                    assert!(len > 0, "data is at least one byte");
                    let start = body.consumed + skip;
                    body.data.extend_from_slice(&input[start..start + len]);
                    body.consumed = start + len;
                }
                Chunk::More { consumed } => {
                    body.consumed += consumed;
                    assert_eq!(body.consumed, end, "framing is never left unread");
                    break;
                }
                Chunk::End { consumed } => {
                    body.consumed += consumed;
                    body.is_done = true;
                    assert!(decoder.is_done());
                    body.trailers = decoder.trailers().map(fields_text).unwrap_or_default();
                    return Ok(body);
                }
            }
        }
    }
    Ok(body)
}
