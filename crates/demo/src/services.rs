//! The thread that serves, and its end.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::sleep;

use crate::products::Products;
use crate::reply::Reply;
use crate::site::Site;
use crate::traces::Traces;

/// Open connections of one service; more wait in the backlog.
const CONNECTIONS_MAX: usize = 1_024;
/// Out of descriptors, accepting fails at once: this keeps it from spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// For a whole request head, waiting for the next request included. Longer than gateways keep idle connections, so
/// that none is closed under a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(600);

/// The running services. Dropping it is [`Services::stop`].
#[derive(Debug)]
pub struct Services {
    products: SocketAddr,
    site: SocketAddr,
    traces: SocketAddr,
    /// Absent once stopped; dropping the sender ends the thread.
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Services {
    /// Binds three free ports of 127.0.0.1, spawns the thread `demo-services` and serves on it. Needs no runtime.
    ///
    /// # Errors
    /// When a port cannot be bound, or the thread or its runtime not be made.
    pub fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (products, products_addr) = bind(&runtime)?;
        let (site, site_addr) = bind(&runtime)?;
        let (traces, traces_addr) = bind(&runtime)?;
        let listeners = Listeners {
            products,
            site,
            traces,
        };
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("demo-services".to_owned())
            .spawn(move || serve_until_stopped(&runtime, listeners, stopped))?;
        Ok(Self {
            products: products_addr,
            site: site_addr,
            traces: traces_addr,
            running: Some((stop, thread)),
        })
    }

    /// Where the product API listens.
    pub fn products(&self) -> SocketAddr {
        self.products
    }

    /// Where the site listens.
    pub fn site(&self) -> SocketAddr {
        self.site
    }

    /// Where the trace viewer listens: pages for people at `/`, and at `/v1/traces` spans as OTLP over HTTP, in protobuf
    /// that is not compressed.
    pub fn traces(&self) -> SocketAddr {
        self.traces
    }

    /// Cuts every connection and waits for the thread, which takes milliseconds.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            // A panic of the thread has been reported on standard error.
            drop(thread.join());
        }
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.end();
    }
}

fn bind(runtime: &Runtime) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let addr = listener.local_addr()?;
    let _entered = runtime.enter();
    Ok((TcpListener::from_std(listener)?, addr))
}

struct Listeners {
    products: TcpListener,
    site: TcpListener,
    traces: TcpListener,
}

fn serve_until_stopped(runtime: &Runtime, listeners: Listeners, stopped: oneshot::Receiver<()>) {
    let Listeners {
        products,
        site,
        traces,
    } = listeners;
    let local = LocalSet::new();
    local.block_on(runtime, async {
        tokio::select! {
            // The sender is dropped, never used.
            _ = stopped => {}
            () = serve(&products, Service::Products(Rc::new(Products::new()))) => {}
            () = serve(&site, Service::Site(Rc::new(Site::new(SystemTime::now())))) => {}
            () = serve(&traces, Service::Traces(Rc::new(Traces::default()))) => {}
        }
    });
}

#[derive(Clone)]
enum Service {
    Products(Rc<Products>),
    Site(Rc<Site>),
    Traces(Rc<Traces>),
}

impl Service {
    async fn answer(self, req: Request<Incoming>) -> Result<Reply, Infallible> {
        Ok(match self {
            Self::Products(products) => products.answer(req).await,
            Self::Site(site) => site.answer(&req),
            Self::Traces(traces) => traces.answer(req).await,
        })
    }
}

/// Runs until it is dropped, which cuts its connections.
async fn serve(listener: &TcpListener, service: Service) {
    let mut connections = JoinSet::new();
    loop {
        let full = connections.len() >= CONNECTIONS_MAX;
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if !full => match accepted {
                Ok((socket, _)) => {
                    connections.spawn_local(serve_one(socket, service.clone()));
                }
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
        }
    }
}

async fn serve_one(socket: TcpStream, service: Service) {
    // Without it, answers would wait for acknowledgements.
    if socket.set_nodelay(true).is_err() {
        return;
    }
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(
            TokioIo::new(socket),
            service_fn(|req| service.clone().answer(req)),
        );
    // Peers that break off are none of our business.
    drop(connection.await);
}
