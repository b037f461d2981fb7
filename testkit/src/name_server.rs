//! A name server on loopback, over UDP, with the addresses a test says (RFC 1035).

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// How long answers are valid, in seconds: the least that can be said and counts.
const TTL: u32 = 1;

/// The types of the questions and answers.
const A: [u8; 2] = [0, 1];
const AAAA: [u8; 2] = [0, 28];

/// A name server that knows the names it was told, all with a TTL of 1 s, and no others. Dropping it ends it.
#[derive(Debug)]
pub struct NameServer {
    addr: SocketAddr,
    zone: Arc<Zone>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Zone {
    names: Mutex<HashMap<String, Name>>,
    stopping: AtomicBool,
}

/// What is known of a name, and how often it was asked for.
#[derive(Debug, Default)]
struct Name {
    address: Option<Ipv4Addr>,
    questions: usize,
}

impl NameServer {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    #[expect(clippy::new_without_default, reason = "it takes a port")]
    pub fn new() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let addr = socket.local_addr().expect("a bound socket");
        let zone = Arc::new(Zone::default());
        let serving = Arc::clone(&zone);
        let thread = thread::spawn(move || serving.serve(&socket));
        Self {
            addr,
            zone,
            thread: Some(thread),
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What a name in lower case stands for from now on; with `None` it does not exist.
    pub fn set(&self, name: &str, address: impl Into<Option<Ipv4Addr>>) {
        self.zone.lock().entry(name.to_owned()).or_default().address = address.into();
    }

    /// How often a name was asked for its IPv4 address.
    pub fn questions(&self, name: &str) -> usize {
        self.zone.lock().get(name).map_or(0, |name| name.questions)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.zone.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread.
        if let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) {
            socket.send_to(b"", self.addr).ok();
        }
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Zone {
    fn serve(&self, socket: &UdpSocket) {
        let mut query = [0; 1_500];
        while let Ok((length, peer)) = socket.recv_from(&mut query) {
            if self.stopping.load(Ordering::SeqCst) {
                return;
            }
            if let Some(answer) = self.answer(&query[..length]) {
                socket.send_to(&answer, peer).ok();
            }
        }
    }

    /// `None` for what is no question.
    fn answer(&self, query: &[u8]) -> Option<Vec<u8>> {
        let (name, end) = read_name(query)?;
        let question = query.get(..end + 4)?;
        let of = [query[end], query[end + 1]];
        let mut names = self.lock();
        let known = names.entry(name).or_default();
        known.questions += usize::from(of == A);
        let record = known.address.filter(|_| of == A);
        let no_such_name = known.address.is_none() && (of == A || of == AAAA);
        Some(encode(question, no_such_name, record))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Name>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name behind the header, in lower case and without compression, and where it ends.
fn read_name(query: &[u8]) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        let label = std::str::from_utf8(query.get(at..at + length)?).ok()?;
        labels.push(label.to_ascii_lowercase());
        at += length;
    }
}

fn encode(question: &[u8], no_such_name: bool, record: Option<Ipv4Addr>) -> Vec<u8> {
    let mut out = question.to_vec();
    // A response, recursion desired and available; one question; what is behind it.
    out[2..4].copy_from_slice(&[0x81, 0x80 | (3 * u8::from(no_such_name))]);
    out[4..12].copy_from_slice(&[0, 1, 0, u8::from(record.is_some()), 0, 0, 0, 0]);
    if let Some(address) = record {
        // Of the name in the question, class IN.
        out.extend_from_slice(&[0xc0, 12, A[0], A[1], 0, 1]);
        out.extend_from_slice(&TTL.to_be_bytes());
        out.extend_from_slice(&[0, 4]);
        out.extend_from_slice(&address.octets());
    }
    out
}
