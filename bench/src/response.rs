//! Reads HTTP/1.1 responses from bytes as they come: status, framing, count of body bytes. Keeps no body and trusts the
//! peer as far as a load generator on the same machine may: it is no parser for the open network.

use std::str;

/// Bytes of a response head that are put up with.
const HEAD_MAX: usize = 32 * 1024;

/// One response after the other on one connection.
#[derive(Debug)]
pub struct Reader {
    head: Vec<u8>,
    state: State,
    status: u16,
    closes: bool,
    body: u64,
}

/// A response that has been read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Complete {
    /// The status code.
    pub status: u16,
    /// The peer closes the connection after it.
    pub closes: bool,
    /// Bytes of the body, without framing.
    pub body: u64,
}

/// The bytes are no response, or hold more than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

#[derive(Clone, Copy, Debug)]
enum State {
    Head,
    Length(u64),
    Chunked(Chunk),
    ToEnd,
}

#[derive(Clone, Copy, Debug)]
enum Chunk {
    Size(u64),
    Extension(u64),
    Data(u64),
    /// The line end behind the data: bytes left of it.
    DataEnd(u8),
    /// Bytes of this trailer line so far.
    Trailer(u64),
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            head: Vec::with_capacity(1024),
            state: State::Head,
            status: 0,
            closes: false,
            body: 0,
        }
    }
}

impl Reader {
    /// Takes the bytes of one read. Returns the response when they complete it; the reader is then ready for the next.
    ///
    /// # Errors
    /// When the bytes are no response or go on behind its end.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Option<Complete>, Broken> {
        let rest = match self.state {
            State::Head => match self.feed_head(bytes)? {
                Some(rest) => rest,
                None => return Ok(None),
            },
            State::Length(_) | State::Chunked(_) | State::ToEnd => bytes,
        };
        let (done, rest) = self.feed_body(rest)?;
        match (done, rest) {
            (true, []) => Ok(Some(self.complete())),
            (true, _) => Err(Broken),
            (false, _) => Ok(None),
        }
    }

    /// The peer has closed: completes a response that ends with its connection.
    pub fn end(&mut self) -> Option<Complete> {
        match self.state {
            State::ToEnd => Some(self.complete()),
            State::Head | State::Length(_) | State::Chunked(_) => None,
        }
    }

    /// Forgets a response that is under way.
    pub fn reset(&mut self) {
        self.head.clear();
        self.state = State::Head;
        self.body = 0;
    }

    fn complete(&mut self) -> Complete {
        let complete = Complete {
            status: self.status,
            closes: self.closes,
            body: self.body,
        };
        self.reset();
        complete
    }

    /// Looks for the end of the head; returns what follows it.
    fn feed_head<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<&'a [u8]>, Broken> {
        if self.head.is_empty()
            && let Some(end) = head_end(bytes)
        {
            self.read_head(&bytes[..end])?;
            return Ok(Some(&bytes[end..]));
        }
        let before = self.head.len();
        if before + bytes.len() > HEAD_MAX {
            return Err(Broken);
        }
        self.head.extend_from_slice(bytes);
        let Some(end) = head_end(&self.head) else {
            return Ok(None);
        };
        let head = std::mem::take(&mut self.head);
        let read = self.read_head(&head[..end]);
        self.head = head;
        self.head.clear();
        read?;
        Ok(Some(&bytes[end - before..]))
    }

    fn read_head(&mut self, head: &[u8]) -> Result<(), Broken> {
        let mut lines = head.split(|byte| *byte == b'\n');
        self.status = lines.next().and_then(status).ok_or(Broken)?;
        self.closes = false;
        self.state = State::ToEnd;
        for line in lines {
            if let Some(value) = value_of(line, b"content-length") {
                let length = str::from_utf8(value)
                    .ok()
                    .and_then(|text| text.parse().ok());
                self.state = State::Length(length.ok_or(Broken)?);
            } else if let Some(value) = value_of(line, b"transfer-encoding") {
                if value.eq_ignore_ascii_case(b"chunked") {
                    self.state = State::Chunked(Chunk::Size(0));
                }
            } else if let Some(value) = value_of(line, b"connection") {
                self.closes = value.eq_ignore_ascii_case(b"close");
            }
        }
        if matches!(self.status, 204 | 304) {
            self.state = State::Length(0);
        }
        Ok(())
    }

    /// Counts body bytes; returns whether the body is over, and what follows.
    fn feed_body<'a>(&mut self, bytes: &'a [u8]) -> Result<(bool, &'a [u8]), Broken> {
        match self.state {
            State::Head => Err(Broken),
            State::ToEnd => {
                self.body += length(bytes);
                Ok((false, &[]))
            }
            State::Length(left) => {
                let (taken, rest) = take(bytes, left);
                self.body += taken;
                self.state = State::Length(left - taken);
                Ok((left == taken, rest))
            }
            State::Chunked(chunk) => self.feed_chunks(chunk, bytes),
        }
    }

    fn feed_chunks<'a>(
        &mut self,
        mut chunk: Chunk,
        mut bytes: &'a [u8],
    ) -> Result<(bool, &'a [u8]), Broken> {
        while let Some((first, behind)) = bytes.split_first() {
            if let Chunk::Data(left) = chunk {
                let (taken, rest) = take(bytes, left);
                self.body += taken;
                bytes = rest;
                chunk = if taken == left {
                    Chunk::DataEnd(2)
                } else {
                    Chunk::Data(left - taken)
                };
                continue;
            }
            bytes = behind;
            chunk = match (chunk, *first) {
                (Chunk::Size(0) | Chunk::Extension(0), b'\n') => Chunk::Trailer(0),
                (Chunk::Size(size) | Chunk::Extension(size), b'\n') => Chunk::Data(size),
                (Chunk::Size(size), digit) if digit.is_ascii_hexdigit() => {
                    let digit = char::from(digit).to_digit(16).ok_or(Broken)?;
                    let size = size.checked_mul(16).ok_or(Broken)?;
                    Chunk::Size(size + u64::from(digit))
                }
                (Chunk::Size(size), b'\r' | b';' | b' ') => Chunk::Extension(size),
                (Chunk::Size(_), _) => return Err(Broken),
                (Chunk::Extension(size), _) => Chunk::Extension(size),
                (Chunk::DataEnd(2), b'\r') => Chunk::DataEnd(1),
                (Chunk::DataEnd(1), b'\n') => Chunk::Size(0),
                (Chunk::DataEnd(_), _) => return Err(Broken),
                (Chunk::Trailer(0), b'\n') => return Ok((true, bytes)),
                (Chunk::Trailer(_), b'\n') => Chunk::Trailer(0),
                (Chunk::Trailer(seen), b'\r') => Chunk::Trailer(seen),
                (Chunk::Trailer(seen), _) => Chunk::Trailer(seen + 1),
                (Chunk::Data(_), _) => return Err(Broken),
            };
        }
        self.state = State::Chunked(chunk);
        Ok((false, bytes))
    }
}

/// Where the body begins.
fn head_end(bytes: &[u8]) -> Option<usize> {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(at + 4)
}

fn status(line: &[u8]) -> Option<u16> {
    let code = line
        .strip_prefix(b"HTTP/1.1 ")
        .or_else(|| line.strip_prefix(b"HTTP/1.0 "))?;
    str::from_utf8(code.get(..3)?).ok()?.parse().ok()
}

fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (found, rest) = line.split_at_checked(name.len())?;
    let value = rest.strip_prefix(b":")?;
    found.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

/// At most `left` of `bytes`: how many, and the others.
fn take(bytes: &[u8], left: u64) -> (u64, &[u8]) {
    let count = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
    (length(&bytes[..count]), &bytes[count..])
}

fn length(bytes: &[u8]) -> u64 {
    bytes.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the pieces, the result is the same.
    #[track_caller]
    fn check(text: &str, expected: Complete) {
        for size in 1..=text.len() {
            let mut reader = Reader::default();
            let mut complete = None;
            for piece in text.as_bytes().chunks(size) {
                assert_eq!(complete, None, "complete before its end");
                complete = reader.feed(piece).unwrap();
            }
            assert_eq!(complete, Some(expected), "pieces of {size}");
        }
    }

    #[test]
    fn reads_any_split() {
        check(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            Complete {
                status: 200,
                closes: false,
                body: 5,
            },
        );
        check(
            "HTTP/1.1 404 Not Found\r\ncontent-length:0\r\nConnection: close\r\n\r\n",
            Complete {
                status: 404,
                closes: true,
                body: 0,
            },
        );
        check(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\na: b\r\n\r\n",
            Complete {
                status: 200,
                closes: false,
                body: 19,
            },
        );
    }

    #[test]
    fn refuses_what_is_no_response() {
        for text in [
            "SSH-2.0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        ] {
            assert_eq!(
                Reader::default().feed(text.as_bytes()),
                Err(Broken),
                "{text}"
            );
        }
    }

    #[test]
    fn the_connection_may_end_the_body() {
        let mut reader = Reader::default();
        assert_eq!(reader.feed(b"HTTP/1.1 200 OK\r\n\r\nabc"), Ok(None));
        assert_eq!(reader.end().unwrap().body, 3);
        assert_eq!(reader.end(), None);
    }
}
