//! A system to serve, and a client that writes what a test says and reads to the end.

use std::iter;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use admin::plan::AdminPlan;
use admin::{
    Answer, Health, Limits, Page, Readiness, ReloadError, ReloadReport, Server, System,
    WorkerHealth,
};
use base::Secret;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) const TOKEN: &str = "correct horse battery";
/// Long enough for a loaded machine; waits end as soon as what they wait for is there.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Answers as it is told.
pub(crate) struct Fake {
    pub(crate) alive: AtomicBool,
    pub(crate) readiness: Mutex<Readiness>,
    pub(crate) reload: Mutex<Result<ReloadReport, ReloadError>>,
    pub(crate) reloads: AtomicUsize,
    pub(crate) log_filter: Mutex<String>,
    /// Pieces of metrics behind the first, and how many of them were made.
    pub(crate) pieces: AtomicUsize,
    pub(crate) pieces_made: Arc<AtomicUsize>,
    /// `config` says when it has begun, and waits until it may go on.
    pub(crate) config_begun: Semaphore,
    pub(crate) config_may_end: Semaphore,
}

impl Fake {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            alive: AtomicBool::new(true),
            readiness: Mutex::new(Readiness::Ready),
            reload: Mutex::new(Ok(ReloadReport {
                version: 8,
                changed: true,
                notes: vec!["1 route added".into()],
            })),
            reloads: AtomicUsize::new(0),
            log_filter: Mutex::new("info".into()),
            pieces: AtomicUsize::new(0),
            pieces_made: Arc::default(),
            config_begun: Semaphore::new(0),
            config_may_end: Semaphore::new(1_000),
        })
    }
}

impl System for Fake {
    fn health(&self) -> Answer<'_, Health> {
        let alive = self.alive.load(Ordering::Relaxed);
        let worker = |name: &str, alive: bool| WorkerHealth {
            name: name.into(),
            alive,
            loop_lag: alive.then_some(Duration::from_micros(1_500)),
        };
        let workers = vec![worker("worker-0", true), worker("worker-1", alive)];
        Box::pin(async { Health { workers } })
    }

    fn ready(&self) -> Readiness {
        *self.readiness.lock().unwrap()
    }

    fn metrics<'a>(&'a self, accept: &'a str) -> Answer<'a, Option<Page>> {
        Box::pin(async move {
            let made = Arc::clone(&self.pieces_made);
            let more = (0..self.pieces.load(Ordering::Relaxed)).map(move |number| {
                made.fetch_add(1, Ordering::Relaxed);
                piece(number)
            });
            self.alive.load(Ordering::Relaxed).then(|| Page {
                content_type: "text/plain; version=0.0.4",
                pieces: Box::new(iter::once(format!("# accept {accept}\n")).chain(more)),
            })
        })
    }

    fn config(&self) -> Answer<'_, Value> {
        Box::pin(async {
            self.config_begun.add_permits(1);
            let permit = self.config_may_end.acquire().await.unwrap();
            drop(permit);
            json!({ "version": 7 })
        })
    }

    fn upstreams(&self) -> Answer<'_, Value> {
        Box::pin(async {
            json!([{ "name": "products", "endpoints": [{ "address": "127.0.0.1:9000" }] }])
        })
    }

    fn reload(&self) -> Answer<'_, Result<ReloadReport, ReloadError>> {
        self.reloads.fetch_add(1, Ordering::Relaxed);
        let result = self.reload.lock().unwrap().clone();
        Box::pin(async { result })
    }

    fn log_filter(&self) -> String {
        self.log_filter.lock().unwrap().clone()
    }

    fn set_log_filter(&self, filter: &str) -> Result<(), String> {
        if filter == "nonsense" {
            return Err("expected a log filter, found `nonsense`".into());
        }
        filter.clone_into(&mut self.log_filter.lock().unwrap());
        Ok(())
    }
}

/// A piece of metrics, of 32 KiB.
pub(crate) fn piece(number: usize) -> String {
    format!("{number:>32767}\n")
}

/// A serving server.
pub(crate) struct Served {
    pub(crate) addr: SocketAddr,
    pub(crate) system: Arc<Fake>,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<std::io::Result<()>>,
}

pub(crate) fn serve() -> Served {
    serve_with(None, Limits::default())
}

pub(crate) fn serve_with(token: Option<&str>, limits: Limits) -> Served {
    let plan = AdminPlan {
        address: "127.0.0.1:0".parse().unwrap(),
        token: token.map(Secret::new),
    };
    let server = Server::bind(&plan).unwrap().with_limits(limits);
    let addr = server.local_addr().unwrap();
    let system = Fake::new();
    let stop = CancellationToken::new();
    let serving = server.serve(Arc::<Fake>::clone(&system), stop.clone());
    Served {
        addr,
        system,
        stop,
        task: TaskTracker::new().spawn(serving),
    }
}

/// A response taken apart.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// In lower case, with the line ends.
    head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn parse(text: &str) -> Self {
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no head: {text:?}"));
        Self {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_owned() + "\r\n",
            body: body.into(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Served {
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    /// Sends a request line and fields on a connection of their own.
    pub(crate) async fn ask(&self, line: &str, fields: &[&str]) -> Reply {
        let host = format!("host: {}", self.addr);
        let mut all = vec![host.as_str(), "connection: close"];
        all.extend(fields);
        self.ask_raw(line, &all, b"").await
    }

    pub(crate) async fn ask_raw(&self, line: &str, fields: &[&str], body: &[u8]) -> Reply {
        let mut socket = self.connect().await;
        let mut head = format!("{line} HTTP/1.1\r\n");
        for field in fields {
            head.push_str(field);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.write_all(body).await.unwrap();
        Reply::parse(&read_all(&mut socket).await)
    }
}

/// Everything until the server closes.
pub(crate) async fn read_all(socket: &mut TcpStream) -> String {
    let mut text = String::new();
    tokio::time::timeout(PATIENCE, socket.read_to_string(&mut text))
        .await
        .expect("the connection is closed in time")
        .unwrap();
    text
}
