//! A client that writes what it is told and reads one response per connection.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// A response in parts.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

/// A request, fields in lines that end in CRLF.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) line: &'a str,
    pub(crate) fields: &'a str,
    pub(crate) body: &'a str,
}

pub(crate) fn get(addr: SocketAddr, target: &str) -> Response {
    get_with(addr, target, "")
}

pub(crate) fn get_with(addr: SocketAddr, target: &str, fields: &str) -> Response {
    let line = &format!("GET {target}");
    send(
        addr,
        Request {
            line,
            fields,
            body: "",
        },
    )
}

pub(crate) fn send(addr: SocketAddr, request: Request<'_>) -> Response {
    send_then(addr, request, "")
}

/// Sends a request and what follows it, without any framing.
pub(crate) fn send_then(addr: SocketAddr, request: Request<'_>, rest: &str) -> Response {
    let Request { line, fields, body } = request;
    let length = match body.len() {
        0 => String::new(),
        length => format!("content-length: {length}\r\n"),
    };
    let fields = format!("{length}{fields}");
    exchange(addr, line, &fields, [body, rest].concat().as_bytes())
}

/// Sends a body of bytes.
pub(crate) fn post(addr: SocketAddr, target: &str, fields: &str, body: &[u8]) -> Response {
    let fields = format!("content-length: {}\r\n{fields}", body.len());
    exchange(addr, &format!("POST {target}"), &fields, body)
}

fn exchange(addr: SocketAddr, line: &str, fields: &str, body: &[u8]) -> Response {
    let mut socket = TcpStream::connect(addr).unwrap();
    let limit = Some(Duration::from_secs(20));
    socket.set_read_timeout(limit).unwrap();
    let head = format!("{line} HTTP/1.1\r\nhost: demo\r\nconnection: close\r\n{fields}\r\n");
    socket.write_all(head.as_bytes()).unwrap();
    socket.write_all(body).unwrap();
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).unwrap();
    Response::parse(&bytes)
}

impl Response {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let (head, body) = bytes.split_at(end.expect("a whole head") + 4);
        let head = String::from_utf8(head.to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            status,
            head,
            body: body.to_vec(),
        }
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}
