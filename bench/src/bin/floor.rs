//! The floor: what a proxy costs that does nothing but move bytes. One event loop, one upstream connection per client
//! connection, and per exchange four system calls: read client, write upstream, read upstream, write client.
//!
//! Parses nothing, so it is right only for exchanges whose request and response come in one segment each: small ones on
//! loopback. It is a yardstick, not a program to use.

use std::{io, net::SocketAddr, process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use bench::output;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    runtime,
    task::{self, LocalSet},
};

/// Larger than any message of the comparison: a read that fills it less tells the runtime that the socket is empty, so
/// that no second read is tried.
const BUFFER: usize = 16 * 1024;
const BACKLOG: u32 = 4096;
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floor: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let mut address = || -> Result<SocketAddr> {
        let text = args
            .next()
            .context("usage: floor LISTEN_ADDRESS ORIGIN_ADDRESS")?;
        text.parse()
            .with_context(|| format!("expected ADDRESS:PORT, found {text}"))
    };
    let (listen, origin) = (address()?, address()?);
    let runtime = runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("cannot start an event loop")?;
    LocalSet::new().block_on(&runtime, serve(listen, origin))
}

async fn serve(listen: SocketAddr, origin: SocketAddr) -> Result<()> {
    let listener = bind(listen).with_context(|| format!("cannot listen on {listen}"))?;
    output::text(&format!("listening on {}\n", listener.local_addr()?))?;
    loop {
        match listener.accept().await {
            Ok((client, _)) => drop(task::spawn_local(async move {
                // Whichever side fails, the exchange is over; the load generator counts it.
                drop(relay(client, origin).await);
            })),
            // Out of descriptors: this loop has nothing else to do.
            Err(_) => std::thread::sleep(ACCEPT_PAUSE),
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn relay(mut client: TcpStream, origin: SocketAddr) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut upstream = TcpStream::connect(origin).await?;
    upstream.set_nodelay(true)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = client.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        upstream.write_all(&buffer[..count]).await?;
        let count = upstream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        client.write_all(&buffer[..count]).await?;
    }
}
