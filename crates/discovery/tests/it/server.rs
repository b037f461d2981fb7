//! A name server on loopback, over UDP and TCP, with answers encoded by hand (RFC 1035).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// The record types of the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Type {
    A,
    Aaaa,
}

/// What a question is answered with.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Records(Vec<Record>),
    /// Nothing but the flag over UDP, the records over TCP.
    Truncated(Vec<Record>),
    NoName,
    Failure,
    Silence,
}

/// A record; absent names are the one that was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) name: Option<&'static str>,
    pub(crate) ttl: u32,
    pub(crate) data: Data,
}

#[derive(Clone, Debug)]
pub(crate) enum Data {
    Address(IpAddr),
    Name(&'static str),
}

/// A question that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) name: String,
    pub(crate) of: Type,
    pub(crate) tcp: bool,
    pub(crate) at: Instant,
}

/// Ends when it is dropped.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    zone: Arc<Zone>,
    questions: mpsc::Receiver<Question>,
    _tasks: JoinSet<()>,
}

struct Zone {
    replies: Mutex<HashMap<(String, Type), Reply>>,
    questions: mpsc::Sender<Question>,
}

pub(crate) fn address(ttl: u32, address: &str) -> Record {
    Record {
        name: None,
        ttl,
        data: Data::Address(address.parse().unwrap()),
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let (udp, tcp) = bind().await;
        let addr = udp.local_addr().unwrap();
        let (tx, questions) = mpsc::channel(1_000);
        let zone = Arc::new(Zone {
            replies: Mutex::default(),
            questions: tx,
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(udp, Arc::clone(&zone)));
        tasks.spawn(serve_tcp(tcp, Arc::clone(&zone)));
        Self {
            addr,
            zone,
            questions,
            _tasks: tasks,
        }
    }

    /// The reply to a question from now on. A question without one is answered with no records.
    pub(crate) fn set(&self, name: &str, of: Type, reply: Reply) {
        let mut replies = self.zone.replies.lock().unwrap();
        replies.insert((name.to_owned(), of), reply);
    }

    /// Both halves.
    pub(crate) fn set_all(&self, name: &str, reply: &Reply) {
        self.set(name, Type::A, reply.clone());
        self.set(name, Type::Aaaa, reply.clone());
    }

    /// Waits for the next question of a type.
    pub(crate) async fn question(&mut self, of: Type) -> Question {
        loop {
            let question = self.questions.recv().await.unwrap();
            if question.of == of {
                return question;
            }
        }
    }

    /// The questions that came and were not waited for.
    pub(crate) fn take_questions(&mut self) -> Vec<Question> {
        std::iter::from_fn(|| self.questions.try_recv().ok()).collect()
    }
}

/// Both on one port.
async fn bind() -> (UdpSocket, TcpListener) {
    loop {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
}

async fn serve_udp(socket: UdpSocket, zone: Arc<Zone>) {
    let mut query = [0; 1_500];
    loop {
        let (length, peer) = socket.recv_from(&mut query).await.unwrap();
        if let Some(answer) = zone.answer(&query[..length], false) {
            socket.send_to(&answer, peer).await.unwrap();
        }
    }
}

async fn serve_tcp(listener: TcpListener, zone: Arc<Zone>) {
    let mut connections = JoinSet::new();
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        connections.spawn(serve_one(socket, Arc::clone(&zone)));
    }
}

async fn serve_one(mut socket: TcpStream, zone: Arc<Zone>) {
    while let Ok(length) = socket.read_u16().await {
        let mut query = vec![0; length.into()];
        socket.read_exact(&mut query).await.unwrap();
        if let Some(answer) = zone.answer(&query, true) {
            let length = u16::try_from(answer.len()).unwrap();
            socket.write_u16(length).await.unwrap();
            socket.write_all(&answer).await.unwrap();
        }
    }
}

impl Zone {
    fn answer(&self, query: &[u8], tcp: bool) -> Option<Vec<u8>> {
        let (name, end) = read_name(query, 12);
        let of = match query[end..end + 2] {
            [0, 1] => Type::A,
            [0, 28] => Type::Aaaa,
            _ => panic!("neither A nor AAAA was asked for"),
        };
        let question = Question {
            name: name.clone(),
            of,
            tcp,
            at: Instant::now(),
        };
        self.questions.try_send(question).unwrap();
        let replies = self.replies.lock().unwrap();
        let reply = replies.get(&(name, of));
        let none = Vec::new();
        let (flags, records) = match reply {
            None => (NO_ERROR, &none),
            Some(Reply::Records(records)) => (NO_ERROR, records),
            Some(Reply::Truncated(records)) if tcp => (NO_ERROR, records),
            Some(Reply::Truncated(_)) => (NO_ERROR | TRUNCATED, &none),
            Some(Reply::NoName) => (NO_ERROR | 3, &none),
            Some(Reply::Failure) => (NO_ERROR | 2, &none),
            Some(Reply::Silence) => return None,
        };
        Some(encode(&query[..end + 4], flags, records))
    }
}

/// A response, recursion desired and available.
const NO_ERROR: u16 = 0x8180;
const TRUNCATED: u16 = 0x0200;

/// A name without compression, in lower case, and where it ends.
fn read_name(query: &[u8], mut at: usize) -> (String, usize) {
    let mut name = String::new();
    loop {
        let length = usize::from(query[at]);
        at += 1;
        if length == 0 {
            return (name, at);
        }
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(std::str::from_utf8(&query[at..at + length]).unwrap());
        at += length;
    }
}

fn write_name(name: &str, out: &mut Vec<u8>) {
    for label in name.split('.') {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
}

fn encode(head_and_question: &[u8], flags: u16, records: &[Record]) -> Vec<u8> {
    let mut out = head_and_question.to_vec();
    let count = u16::try_from(records.len()).unwrap();
    out[2..4].copy_from_slice(&flags.to_be_bytes());
    out[4..6].copy_from_slice(&1_u16.to_be_bytes());
    out[6..8].copy_from_slice(&count.to_be_bytes());
    out[8..12].fill(0);
    for record in records {
        match record.name {
            Some(name) => write_name(name, &mut out),
            None => out.extend_from_slice(&[0xc0, 12]),
        }
        let mut data = Vec::new();
        let of: u16 = match record.data {
            Data::Address(IpAddr::V4(address)) => {
                data.extend_from_slice(&address.octets());
                1
            }
            Data::Address(IpAddr::V6(address)) => {
                data.extend_from_slice(&address.octets());
                28
            }
            Data::Name(name) => {
                write_name(name, &mut data);
                5
            }
        };
        out.extend_from_slice(&of.to_be_bytes());
        out.extend_from_slice(&1_u16.to_be_bytes());
        out.extend_from_slice(&record.ttl.to_be_bytes());
        out.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
        out.extend_from_slice(&data);
    }
    out
}
