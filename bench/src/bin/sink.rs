//! The origin of the comparison of bodies: serves zeros and swallows uploads, one thread per connection.
//!
//! `GET /bytes/N`: N zeros with a content length; `GET /chunked/N`: the same in chunks; any other method: reads the body
//! and answers with the count of its bytes.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::ExitCode,
    thread,
};

use anyhow::{Context, Result};
use bench::output;

const PIECE: usize = 256 * 1024;
const LINE_MAX: u64 = 16 * 1024;

struct Request {
    method: String,
    path: String,
    body: Body,
}

#[derive(Clone, Copy)]
enum Body {
    Length(u64),
    Chunked,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sink: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let address: SocketAddr = std::env::args()
        .nth(1)
        .context("usage: sink LISTEN_ADDRESS")?
        .parse()
        .context("expected ADDRESS:PORT")?;
    let listener = TcpListener::bind(address).context("cannot listen")?;
    output::text(&format!("listening on {}\n", listener.local_addr()?))?;
    for stream in listener.incoming().flatten() {
        // A connection that breaks is the driver's to notice.
        thread::spawn(move || drop(serve(&stream)));
    }
    Ok(())
}

fn serve(mut stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::with_capacity(PIECE, stream);
    while let Some(request) = read_head(&mut input)? {
        let received = read_body(&mut input, request.body)?;
        match request.path.rsplit_once('/') {
            Some(("/bytes", count)) if request.method == "GET" => {
                write_zeros(stream, number(count)?, Framing::Length)?;
            }
            Some(("/chunked", count)) if request.method == "GET" => {
                write_zeros(stream, number(count)?, Framing::Chunked)?;
            }
            _ => {
                let text = received.to_string();
                let length = text.len();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{text}");
                stream.write_all(head.as_bytes())?;
            }
        }
    }
    Ok(())
}

fn read_head(input: &mut impl BufRead) -> io::Result<Option<Request>> {
    let line = read_line(input)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let mut body = Body::Length(0);
    loop {
        let line = read_line(input)?.to_ascii_lowercase();
        match line.split_once(':') {
            Some(("content-length", value)) => body = Body::Length(number(value.trim())?),
            Some(("transfer-encoding", _)) => body = Body::Chunked,
            Some(_) => {}
            None => return Ok(Some(Request { method, path, body })),
        }
    }
}

fn read_body(input: &mut impl BufRead, body: Body) -> io::Result<u64> {
    match body {
        Body::Length(length) => skip(input, length),
        Body::Chunked => {
            let mut sum = 0;
            loop {
                let line = read_line(input)?;
                let size = line.split(';').next().unwrap_or_default().trim();
                let size = u64::from_str_radix(size, 16).map_err(io::Error::other)?;
                if size == 0 {
                    while !read_line(input)?.is_empty() {}
                    return Ok(sum);
                }
                sum += skip(input, size)?;
                read_line(input)?;
            }
        }
    }
}

fn skip(input: &mut impl BufRead, length: u64) -> io::Result<u64> {
    let mut left = length;
    while left > 0 {
        let available = input.fill_buf()?.len();
        if available == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(available);
        input.consume(taken);
        left -= taken as u64;
    }
    Ok(length)
}

enum Framing {
    Length,
    Chunked,
}

fn write_zeros(mut stream: &TcpStream, count: u64, framing: Framing) -> io::Result<()> {
    let head = match framing {
        Framing::Length => format!("HTTP/1.1 200 OK\r\nContent-Length: {count}\r\n\r\n"),
        Framing::Chunked => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
    };
    stream.write_all(head.as_bytes())?;
    let whole = piece(PIECE, &framing);
    let mut left = count;
    while left >= PIECE as u64 {
        stream.write_all(&whole)?;
        left -= PIECE as u64;
    }
    if left > 0 {
        let size = usize::try_from(left).unwrap_or(PIECE);
        stream.write_all(&piece(size, &framing))?;
    }
    match framing {
        Framing::Length => Ok(()),
        Framing::Chunked => stream.write_all(b"0\r\n\r\n"),
    }
}

/// Zeros as one write sends them: a chunk never takes more than one.
fn piece(size: usize, framing: &Framing) -> Vec<u8> {
    match framing {
        Framing::Length => vec![0; size],
        Framing::Chunked => {
            let mut chunk = format!("{size:x}\r\n").into_bytes();
            chunk.resize(chunk.len() + size, 0);
            chunk.extend_from_slice(b"\r\n");
            chunk
        }
    }
}

fn read_line(input: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.take(LINE_MAX).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn number(text: &str) -> io::Result<u64> {
    text.parse().map_err(io::Error::other)
}
