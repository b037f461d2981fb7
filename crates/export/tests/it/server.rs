//! What both stand-ins share: the script of answers, the record of requests, and TLS.

use std::fmt;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use export::Protocol;
use otlp::Signal;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::{grpc_server, http_server, items};

/// A back end on a free port of 127.0.0.1. What it is sent that no back end should be sent makes the test fail when it
/// is dropped.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    record: Arc<Record>,
    _tasks: JoinSet<()>,
}

/// A request that came whole.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Counted from 0, over all connections.
    pub(crate) nth: usize,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) encoding: Option<String>,
    /// Not compressed.
    pub(crate) body: Vec<u8>,
    pub(crate) at: Instant,
}

/// What a back end answers.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Takes it all.
    Taken,
    /// Takes it with this message in the body.
    With(Vec<u8>),
    /// An HTTP status, fields, and a body; with gRPC without trailers of its own.
    Status(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// A gRPC status and the fields beside it.
    Code(u32, Vec<(&'static str, String)>),
    /// Cuts the connection.
    Cut,
    /// Never answers.
    Hang,
    /// Ends the stream of HTTP/2 with this code.
    Reset(h2::Reason),
    /// Takes it, and says that the connection is to be used no more.
    TakenAndBye,
    /// Does so after a time.
    Later(Duration, Box<Reply>),
}

pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

type Script = dyn Fn(&Received) -> Reply + Send + Sync;

/// What a stand-in knows while it runs.
pub(crate) struct Record {
    script: Box<Script>,
    pub(crate) scheme: &'static str,
    pub(crate) addr: SocketAddr,
    received: Mutex<Vec<Received>>,
    faults: Mutex<Vec<String>>,
    connections: AtomicUsize,
}

impl Server {
    pub(crate) async fn start(
        protocol: Protocol,
        script: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start_on(free_port().await, protocol, None, script)
    }

    pub(crate) async fn start_tls(
        protocol: Protocol,
        tls: TlsAcceptor,
        script: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start_on(free_port().await, protocol, Some(tls), script)
    }

    pub(crate) fn start_on(
        listener: TcpListener,
        protocol: Protocol,
        tls: Option<TlsAcceptor>,
        script: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let addr = listener.local_addr().unwrap();
        let record = Arc::new(Record {
            script: Box::new(script),
            scheme: if tls.is_some() { "https" } else { "http" },
            addr,
            received: Mutex::default(),
            faults: Mutex::default(),
            connections: AtomicUsize::new(0),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, protocol, tls, Arc::clone(&record)));
        Self {
            addr,
            record,
            _tasks: tasks,
        }
    }

    /// Every request so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.record.received.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.record.connections.load(Ordering::SeqCst)
    }

    /// Forgets what it was sent that nobody should be sent.
    pub(crate) fn forgive(&self) {
        self.record.faults.lock().unwrap().clear();
    }

    /// The ids of the spans of every request so far that the script let pass, sorted.
    pub(crate) fn ids(&self, passed: impl Fn(&Received) -> bool) -> Vec<u64> {
        let mut ids: Vec<u64> = self
            .received()
            .iter()
            .filter(|request| passed(request))
            .flat_map(|request| items::ids(&request.body))
            .collect();
        ids.sort_unstable();
        ids
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let faults = self.record.faults.lock().unwrap();
        if !std::thread::panicking() {
            assert!(faults.is_empty(), "{faults:?}");
        }
    }
}

pub(crate) async fn free_port() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

async fn accept(
    listener: TcpListener,
    protocol: Protocol,
    tls: Option<TlsAcceptor>,
    record: Arc<Record>,
) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        record.connections.fetch_add(1, Ordering::SeqCst);
        connections.spawn(serve(stream, protocol, tls.clone(), Arc::clone(&record)));
    }
}

async fn serve(
    stream: TcpStream,
    protocol: Protocol,
    tls: Option<TlsAcceptor>,
    record: Arc<Record>,
) {
    stream.set_nodelay(true).unwrap();
    let stream: Box<dyn Io> = match tls {
        None => Box::new(stream),
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => Box::new(stream),
            // A client that does not believe us goes away: what some tests want.
            Err(_) => return,
        },
    };
    let served = match protocol {
        Protocol::Grpc => grpc_server::serve(stream, &record).await,
        Protocol::HttpProtobuf | Protocol::HttpJson => {
            http_server::serve(stream, protocol, &record).await
        }
    };
    if let Err(fault) = served {
        record.fault(fault);
    }
}

impl Record {
    /// Takes note of a request and says what to answer.
    pub(crate) fn receive(&self, mut request: Received) -> Reply {
        let mut received = self.received.lock().unwrap();
        request.nth = received.len();
        let reply = (self.script)(&request);
        received.push(request);
        reply
    }

    pub(crate) fn fault(&self, fault: impl fmt::Display) {
        self.faults.lock().unwrap().push(fault.to_string());
    }
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

/// # Panics
/// When it is there more than once.
pub(crate) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut values = headers.iter().filter(|(found, _)| found == name);
    let value = values.next().map(|(_, value)| &**value);
    assert!(values.next().is_none(), "expected one {name}: {headers:?}");
    value
}

/// A body as it was before it was compressed.
pub(crate) fn decompress(body: &[u8], encoding: Option<&str>) -> Result<Vec<u8>, String> {
    let mut plain = Vec::new();
    match encoding {
        None => plain.extend_from_slice(body),
        Some("gzip") => {
            flate2::read::MultiGzDecoder::new(body)
                .read_to_end(&mut plain)
                .map_err(|error| error.to_string())?;
        }
        Some("zstd") => {
            zstd::stream::copy_decode(body, &mut plain).map_err(|error| error.to_string())?;
        }
        Some(other) => return Err(format!("unknown encoding {other}")),
    }
    if encoding.is_some() && plain.len() < 1024 {
        return Err(format!(
            "compressed although it has only {} bytes",
            plain.len()
        ));
    }
    Ok(plain)
}

/// What is sent to this path; spans where a test has a path of its own.
pub(crate) fn signal_of(target: &str) -> Signal {
    let knows = |signal: &Signal| target == signal.grpc_path() || target == signal.http_path();
    Signal::ALL
        .into_iter()
        .find(knows)
        .unwrap_or(Signal::Traces)
}

/// Fails with a text unless the condition holds.
pub(crate) fn expect(condition: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(what()) }
}
