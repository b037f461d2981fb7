//! The smallest blocking HTTP/1.1 client: one request on one connection, for probes and checks.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use crate::response::{Broken, Complete, Reader};

/// Waiting longer than this for a connection or for a byte counts as no answer.
const PATIENCE: Duration = Duration::from_secs(2);
const ANSWER_MAX: usize = 64 << 20;
const PIECE: usize = 64 << 10;

/// An answer, read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// What followed the head, with framing.
    pub body: String,
}

/// How long an answer took, counted from before the connection was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The status code.
    pub status: u16,
    /// Bytes of the body.
    pub body: u64,
    /// Until the first bytes came.
    pub first: Duration,
    /// Until the last byte had come.
    pub whole: Duration,
}

/// Asks for `path` on a fresh connection and reads the answer to its end, wherever the peer then leaves the connection.
///
/// # Errors
/// When nobody listens, the answer is none, larger than 64 MiB, or it does not come within two seconds.
pub fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    collect(address, &request(&address.to_string(), path))
}

fn collect(address: SocketAddr, request: &[u8]) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    let complete = exchange(address, request, |piece| {
        bytes.extend_from_slice(piece);
        bytes.len() <= ANSWER_MAX
    })?;
    let text = String::from_utf8_lossy(&bytes);
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok(Answer {
        status: complete.status,
        body: body.to_owned(),
    })
}

/// Sends an empty POST the same way.
///
/// # Errors
/// As [`get`].
pub fn post(address: SocketAddr, path: &str) -> io::Result<Answer> {
    let host = address.to_string();
    collect(
        address,
        format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n").as_bytes(),
    )
}

/// The same as [`get`] with this `Accept`, for the time it takes: the body is counted and thrown away.
///
/// # Errors
/// As [`get`], without a bound on size.
pub fn time(address: SocketAddr, path: &str, accept: &str) -> io::Result<Timing> {
    let started = Instant::now();
    let mut first = None;
    let request = request_for(&address.to_string(), path, accept);
    let complete = exchange(address, &request, |_| {
        first.get_or_insert_with(|| started.elapsed());
        true
    })?;
    let whole = started.elapsed();
    Ok(Timing {
        status: complete.status,
        body: complete.body,
        first: first.unwrap_or(whole),
        whole,
    })
}

/// Hands each piece of the answer to `take`, which says whether to go on.
fn exchange(
    address: SocketAddr,
    request: &[u8],
    mut take: impl FnMut(&[u8]) -> bool,
) -> io::Result<Complete> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let mut buffer = vec![0; PIECE];
    let mut reader = Reader::default();
    loop {
        let count = stream.read(&mut buffer)?;
        if !take(&buffer[..count]) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let complete = if count == 0 {
            Some(reader.end().ok_or(io::ErrorKind::UnexpectedEof)?)
        } else {
            let fed = reader.feed(&buffer[..count]);
            fed.map_err(|Broken| io::ErrorKind::InvalidData)?
        };
        if let Some(complete) = complete {
            return Ok(complete);
        }
    }
}

/// Bytes of a keep-alive GET, ready to be sent many times.
#[must_use]
pub fn request(host: &str, path: &str) -> Vec<u8> {
    request_for(host, path, "*/*")
}

fn request_for(host: &str, path: &str, accept: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench\r\nAccept: {accept}\r\n\r\n")
        .into_bytes()
}
