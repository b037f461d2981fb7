//! The smallest blocking HTTP/1.1 client: one request on one connection, for probes and checks.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::response::{Broken, Reader};

/// Waiting longer than this for a connection or for a byte counts as no answer.
const PATIENCE: Duration = Duration::from_secs(2);
const ANSWER_MAX: usize = 4 << 20;

/// An answer, read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// What followed the head, with framing.
    pub body: String,
}

/// Asks for `path` on a fresh connection and reads the answer to its end, wherever the peer then leaves the connection.
///
/// # Errors
/// When nobody listens, the answer is none, or it does not come within two seconds.
pub fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&request(&address.to_string(), path))?;
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    let mut reader = Reader::default();
    let complete = loop {
        let count = stream.read(&mut buffer)?;
        bytes.extend_from_slice(&buffer[..count]);
        let complete = if count == 0 {
            Some(reader.end().ok_or(io::ErrorKind::UnexpectedEof)?)
        } else {
            let fed = reader.feed(&buffer[..count]);
            fed.map_err(|Broken| io::ErrorKind::InvalidData)?
        };
        if let Some(complete) = complete {
            break complete;
        }
        if bytes.len() > ANSWER_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
    };
    let text = String::from_utf8_lossy(&bytes);
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok(Answer {
        status: complete.status,
        body: body.to_owned(),
    })
}

/// Bytes of a keep-alive GET, ready to be sent many times.
#[must_use]
pub fn request(host: &str, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n")
        .into_bytes()
}
