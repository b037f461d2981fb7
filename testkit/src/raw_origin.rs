//! An origin on a plain socket that does with each connection what the test says, and remembers every byte it received.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::SOON;
use crate::http::Request;
use crate::wire::{Wire, WireError, is_reset, shown};

/// Connections whose bytes are kept; later ones are closed at once, so that a test that loops fails instead of filling
/// the memory.
const CONNECTIONS_MAX: usize = 100_000;

/// A listening origin. Dropping it closes the listener and every connection and waits for their threads.
pub struct RawOrigin {
    addr: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// How a connection came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The peer sent FIN.
    Closed,
    /// The peer sent RST.
    Reset,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    stopping: AtomicBool,
    script: Box<dyn Fn(&mut Connection) + Send + Sync>,
}

#[derive(Default)]
struct State {
    connections: Vec<Record>,
    requests: Vec<Request>,
    failures: Vec<String>,
}

struct Record {
    bytes: Vec<u8>,
    done: bool,
    handle: Option<TcpStream>,
    thread: Option<JoinHandle<()>>,
}

/// One accepted connection, in the hands of the script. It is closed when the script returns.
pub struct Connection {
    index: usize,
    wire: Option<Wire>,
    shared: Arc<Shared>,
}

impl RawOrigin {
    /// Runs `script` on a thread of its own for each connection.
    ///
    /// # Panics
    /// When no port is free.
    pub fn start(script: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        Self::on(listener, script)
    }

    /// As [`RawOrigin::start`], on a listener of the test's choice.
    pub fn on(
        listener: TcpListener,
        script: impl Fn(&mut Connection) + Send + Sync + 'static,
    ) -> Self {
        let addr = listener.local_addr().expect("a bound socket");
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            stopping: AtomicBool::new(false),
            script: Box::new(script),
        });
        let accepting = Arc::clone(&shared);
        let acceptor = thread::spawn(move || accept(&listener, &accepting));
        Self {
            addr,
            shared,
            acceptor: Some(acceptor),
        }
    }

    /// Answers every request, keeping the connection, with these bytes.
    pub fn fixed(response: impl Into<Vec<u8>>) -> Self {
        let response = response.into();
        Self::start(move |conn| {
            while conn.read_request().is_some() {
                conn.send(&response);
            }
        })
    }

    /// Answers every request with 200, `text/plain` and this body.
    pub fn ok(body: &str) -> Self {
        Self::fixed(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    }

    /// Takes connections and requests and never says a word.
    pub fn hanging() -> Self {
        Self::start(|conn| {
            conn.hang();
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Connections accepted so far.
    pub fn accepted(&self) -> usize {
        self.shared.lock().connections.len()
    }

    /// Accepted connections whose script has not returned.
    pub fn open(&self) -> usize {
        let state = self.shared.lock();
        state.connections.iter().filter(|conn| !conn.done).count()
    }

    /// Every request read whole so far, in order of their ends.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// Every byte that came on a connection so far.
    pub fn bytes(&self, connection: usize) -> Vec<u8> {
        let state = self.shared.lock();
        state
            .connections
            .get(connection)
            .map_or_else(Vec::new, |conn| conn.bytes.clone())
    }

    /// Waits until that many connections were accepted.
    #[track_caller]
    pub fn wait_accepted(&self, count: usize) {
        self.wait("connections accepted", count, |state| {
            state.connections.len()
        });
    }

    /// Waits until that many requests were read whole, and returns them all.
    #[track_caller]
    pub fn wait_requests(&self, count: usize) -> Vec<Request> {
        self.wait("requests", count, |state| state.requests.len());
        self.requests()
    }

    /// Waits until that many connections have ended.
    #[track_caller]
    pub fn wait_ended(&self, count: usize) {
        self.wait("connections ended", count, |state| {
            state.connections.iter().filter(|conn| conn.done).count()
        });
    }

    /// Waits until at least that many bytes came on a connection, and returns all of them.
    #[track_caller]
    pub fn wait_bytes(&self, connection: usize, count: usize) -> Vec<u8> {
        self.wait("bytes", count, |state| {
            state
                .connections
                .get(connection)
                .map_or(0, |conn| conn.bytes.len())
        });
        self.bytes(connection)
    }

    /// What scripts met that they did not expect: malformed requests, above all. Empty in a good run.
    pub fn failures(&self) -> Vec<String> {
        self.shared.lock().failures.clone()
    }

    #[track_caller]
    fn wait(&self, what: &str, count: usize, found: impl Fn(&State) -> usize) {
        let deadline = Instant::now() + SOON;
        let mut state = self.shared.lock();
        loop {
            let now = found(&state);
            if now >= count {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "expected {count} {what} at the origin within {SOON:?}, found {now}; failures: {:?}",
                state.failures
            );
            state = self
                .shared
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl Drop for RawOrigin {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the acceptor.
        drop(TcpStream::connect_timeout(
            &self.addr,
            Duration::from_secs(1),
        ));
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().ok();
        }
        let threads: Vec<_> = {
            let mut state = self.shared.lock();
            for conn in &state.connections {
                if let Some(handle) = &conn.handle {
                    handle.shutdown(Shutdown::Both).ok();
                }
            }
            state
                .connections
                .iter_mut()
                .filter_map(|conn| conn.thread.take())
                .collect()
        };
        self.shared.changed.notify_all();
        for thread in threads {
            thread.join().ok();
        }
    }
}

impl Connection {
    /// Which connection this is, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// How long every later read and write may take.
    pub fn set_limit(&mut self, limit: Duration) {
        if let Some(wire) = &mut self.wire {
            wire.set_limit(limit);
        }
    }

    /// Reads a whole request; `None` when the connection ended or brought something that is no request, which
    /// [`RawOrigin::failures`] then tells.
    pub fn read_request(&mut self) -> Option<Request> {
        let mut request = self.read_request_head()?;
        match self.read_request_body(&mut request) {
            Ok(()) => Some(request),
            Err(error) => {
                self.fail(&error);
                None
            }
        }
    }

    /// Reads a head and leaves the body.
    pub fn read_request_head(&mut self) -> Option<Request> {
        match self.wire.as_mut()?.read_head() {
            Ok(head) => Some(Request {
                head: head?,
                ..Request::default()
            }),
            Err(error) => {
                self.fail(&error);
                None
            }
        }
    }

    /// Reads the body that belongs to a head.
    ///
    /// # Errors
    /// [`WireError`] when it is cut, late or malformed.
    pub fn read_request_body(&mut self, request: &mut Request) -> Result<(), WireError> {
        let framing = request
            .head
            .request_framing()
            .map_err(|found| WireError::Malformed {
                expected: "a body that is framed with certainty",
                found,
            })?;
        let Some(wire) = &mut self.wire else {
            return Ok(());
        };
        request.body = wire.read_body(framing)?;
        self.shared.lock().requests.push(request.clone());
        self.shared.changed.notify_all();
        Ok(())
    }

    /// The bytes that came since the last message, or the next to come; `None` when there are no more.
    pub fn read_some(&mut self) -> Option<Vec<u8>> {
        let wire = self.wire.as_mut()?;
        let waiting = wire.unread().is_empty();
        if waiting && !matches!(wire.fill("bytes", Instant::now() + SOON), Ok(true)) {
            return None;
        }
        let length = wire.unread().len();
        wire.take("bytes", length, Instant::now()).ok()
    }

    /// Sends bytes; says whether the peer still took them.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        match &mut self.wire {
            Some(wire) => wire.send(bytes.as_ref()).is_ok(),
            None => false,
        }
    }

    /// Sends each piece in a segment of its own, as far as the kernel allows.
    pub fn send_pieces<T: AsRef<[u8]>>(&mut self, pieces: impl IntoIterator<Item = T>) -> bool {
        pieces.into_iter().all(|piece| self.send(piece))
    }

    /// Closes with a RST.
    pub fn reset(&mut self) {
        if let Some(wire) = self.wire.take() {
            self.forget_handle();
            wire.reset();
        }
    }

    /// Closes.
    pub fn close(&mut self) {
        self.forget_handle();
        self.wire = None;
    }

    /// Ends the sending direction only.
    pub fn shutdown_write(&mut self) {
        if let Some(wire) = &self.wire {
            wire.shutdown_write();
        }
    }

    /// Says nothing until the peer ends the connection or the origin is dropped; bytes are remembered.
    pub fn hang(&mut self) -> Ended {
        let Some(wire) = &mut self.wire else {
            return Ended::Closed;
        };
        // Longer than any test: what ends it is the peer or the origin's drop.
        let deadline = Instant::now() + Duration::from_secs(3600);
        loop {
            match wire.fill("the end of the stream", deadline) {
                Ok(true) => {}
                Err(WireError::Io { source, .. }) if is_reset(&source) => return Ended::Reset,
                Ok(false) | Err(_) => return Ended::Closed,
            }
        }
    }

    fn fail(&self, error: &dyn std::error::Error) {
        if self.shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let text = match error.source() {
            Some(source) => format!("connection {}: {error}: {source}", self.index),
            None => format!("connection {}: {error}", self.index),
        };
        self.shared.lock().failures.push(text);
        self.shared.changed.notify_all();
    }

    /// A second handle would keep the socket open behind the back of whoever closes the first.
    fn forget_handle(&self) {
        if let Some(record) = self.shared.lock().connections.get_mut(self.index) {
            record.handle = None;
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
        if let Some(record) = self.shared.lock().connections.get_mut(self.index) {
            record.done = true;
        }
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn observe(&self, index: usize, piece: &[u8]) {
        if let Some(record) = self.lock().connections.get_mut(index) {
            record.bytes.extend_from_slice(piece);
        }
        self.changed.notify_all();
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while let Ok((stream, peer)) = listener.accept() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        if let Err(error) = take(stream, shared) {
            let text = format!(
                "connection of {peer}: {}",
                shown(error.to_string().as_bytes())
            );
            shared.lock().failures.push(text);
        }
    }
}

fn take(stream: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    let handle = stream.try_clone()?;
    let index = {
        let mut state = shared.lock();
        if state.connections.len() == CONNECTIONS_MAX {
            return Err(io::Error::other("too many connections"));
        }
        state.connections.push(Record {
            bytes: Vec::new(),
            done: false,
            handle: Some(handle),
            thread: None,
        });
        state.connections.len() - 1
    };
    shared.changed.notify_all();
    let observing = Arc::clone(shared);
    let observer = Box::new(move |piece: &[u8]| observing.observe(index, piece));
    let mut conn = Connection {
        index,
        wire: Some(Wire::new(stream, SOON, Some(observer))),
        shared: Arc::clone(shared),
    };
    let thread = thread::spawn(move || {
        let shared = Arc::clone(&conn.shared);
        (shared.script)(&mut conn);
    });
    if let Some(record) = shared.lock().connections.get_mut(index) {
        record.thread = Some(thread);
    }
    Ok(())
}
