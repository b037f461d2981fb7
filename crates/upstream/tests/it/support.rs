//! A worker in a test: one thread, its tasks, and origins that do with connections what the test says.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::LocalSet;
use upstream::plan::{Balance, ConnectionsPlan, EndpointAddress, EndpointPlan, UpstreamPlan};
use upstream::{Endpoint, Lease, Shared, Upstream, Upstreams};

/// How long anything may take that should happen soon.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Runs a test as a worker runs: on one thread, with local tasks.
#[track_caller]
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let within = async { tokio::time::timeout(SOON * 2, test).await };
    LocalSet::new()
        .block_on(&runtime, within)
        .expect("the test ends in time")
}

/// Looks again and again, letting the event loop run in between.
#[track_caller]
pub(crate) fn until<'a>(
    what: &'a str,
    mut done: impl FnMut() -> bool + 'a,
) -> impl Future<Output = ()> + 'a {
    let deadline = Instant::now() + SOON;
    async move {
        while !done() {
            assert!(
                Instant::now() < deadline,
                "expected {what}, it did not come"
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// A listening origin. The kernel completes connections; [`Origin::accept`] takes them in the order they were opened.
pub(crate) struct Origin {
    listener: TcpListener,
    accepted: RefCell<Vec<TcpStream>>,
}

impl Origin {
    pub(crate) fn start() -> Self {
        Self {
            listener: TcpListener::bind(("127.0.0.1", 0)).expect("a free port"),
            accepted: RefCell::default(),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("a bound socket")
    }

    /// The connection opened as the `index`th, from 0; it was opened before the call.
    fn connection(&self, index: usize) -> TcpStream {
        let mut accepted = self.accepted.borrow_mut();
        while accepted.len() <= index {
            let (stream, _) = self.listener.accept().expect("a connection");
            stream
                .set_read_timeout(Some(SOON))
                .expect("a time above zero");
            accepted.push(stream);
        }
        accepted[index].try_clone().expect("a descriptor")
    }

    /// The next byte of a connection; `None` at its end.
    #[track_caller]
    pub(crate) fn read(&self, connection: usize) -> Option<u8> {
        let mut byte = [0];
        match self
            .connection(connection)
            .read(&mut byte)
            .expect("a byte or the end")
        {
            0 => None,
            _ => Some(byte[0]),
        }
    }

    /// Sends bytes nobody asked for.
    pub(crate) fn send(&self, connection: usize, bytes: &[u8]) {
        self.connection(connection)
            .write_all(bytes)
            .expect("a reader");
    }

    /// Closes a connection.
    pub(crate) fn close(&self, connection: usize) {
        self.connection(connection)
            .shutdown(std::net::Shutdown::Both)
            .expect("an open connection");
    }
}

pub(crate) fn endpoints(addresses: &[(SocketAddr, u32)]) -> Vec<EndpointPlan> {
    addresses
        .iter()
        .map(|(address, weight)| EndpointPlan {
            address: EndpointAddress::Socket(*address),
            weight: *weight,
        })
        .collect()
}

/// A plan named `u`.
pub(crate) fn plan(balance: Balance, addresses: &[(SocketAddr, u32)]) -> UpstreamPlan {
    UpstreamPlan {
        name: "u".into(),
        endpoints: endpoints(addresses),
        balance,
        connections: ConnectionsPlan::default(),
        tls: None,
    }
}

/// One worker's upstreams with one upstream.
pub(crate) fn begin(plan: UpstreamPlan) -> (Upstreams, Rc<Upstream>) {
    begin_sharing(&Shared::new(), plan)
}

/// As [`begin`], as one of several workers.
pub(crate) fn begin_sharing(shared: &Arc<Shared>, plan: UpstreamPlan) -> (Upstreams, Rc<Upstream>) {
    let upstreams = Upstreams::new(Arc::clone(shared));
    let adopted = upstreams.adopt(&[Arc::new(plan)], &upstream::Connectors::new());
    let upstream = Rc::clone(adopted.first().expect("an upstream per plan"));
    (upstreams, upstream)
}

/// One endpoint with these bounds.
pub(crate) fn single(origin: &Origin, connections: ConnectionsPlan) -> (Upstreams, Rc<Endpoint>) {
    single_sharing(&Shared::new(), origin.address(), connections)
}

/// As [`single`], as one of several workers.
pub(crate) fn single_sharing(
    shared: &Arc<Shared>,
    address: SocketAddr,
    connections: ConnectionsPlan,
) -> (Upstreams, Rc<Endpoint>) {
    let mut plan = plan(Balance::P2c, &[(address, 1)]);
    plan.connections = connections;
    let (upstreams, upstream) = begin_sharing(shared, plan);
    let endpoint = upstream.endpoints().remove(0);
    (upstreams, endpoint)
}

/// What a request does to get a connection.
pub(crate) async fn acquire(endpoint: &Rc<Endpoint>) -> Lease {
    match endpoint.reuse(Instant::now()) {
        Some(lease) => lease,
        None => endpoint.connect().await.expect("a connection"),
    }
}

/// Opens that many connections at once and releases them in order.
pub(crate) async fn fill(endpoint: &Rc<Endpoint>, count: usize) {
    let mut leases = Vec::new();
    for _ in 0..count {
        leases.push(endpoint.connect().await.expect("a connection"));
    }
    for lease in leases {
        lease.release();
    }
}

/// Sends one byte, so that the origin can tell which connection this is.
pub(crate) async fn mark(lease: &Lease, byte: u8) {
    lease
        .stream()
        .write_all(&[byte])
        .await
        .expect("an open connection");
}
