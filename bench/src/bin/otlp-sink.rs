//! A receiver of OTLP/gRPC that takes everything and looks at nothing: what exporting costs the sender is measured
//! against it.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use bench::output;
use bytes::Bytes;
use h2::{RecvStream, server::SendResponse};
use http::{HeaderMap, HeaderValue, Response};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
    task::{self, LocalSet},
};

/// An empty `Export*ServiceResponse` in its gRPC frame: not compressed, no bytes.
const ACCEPTED: Bytes = Bytes::from_static(&[0; 5]);
/// Windows that hold several requests, so that none waits for credit.
const WINDOW_BYTES: u32 = 16 << 20;
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("otlp-sink: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start an event loop")?;
    LocalSet::new().block_on(&runtime, serve())
}

async fn serve() -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    output::text(&format!("listening on {}\n", listener.local_addr()?))?;
    loop {
        match listener.accept().await {
            // A connection that breaks is over; the sender counts what it lost.
            Ok((client, _)) => drop(task::spawn_local(async { drop(take_all(client).await) })),
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn take_all(client: TcpStream) -> Result<()> {
    let mut connection = h2::server::Builder::new()
        .initial_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_frame_size(1 << 20)
        .handshake::<_, Bytes>(client)
        .await?;
    while let Some(request) = connection.accept().await {
        let (request, respond) = request?;
        drop(task::spawn_local(async {
            drop(take(request.into_body(), respond).await);
        }));
    }
    Ok(())
}

async fn take(mut body: RecvStream, mut respond: SendResponse<Bytes>) -> Result<()> {
    while let Some(bytes) = body.data().await {
        let bytes = bytes?;
        body.flow_control().release_capacity(bytes.len())?;
    }
    let head = Response::builder()
        .header("content-type", "application/grpc")
        .body(())?;
    let mut answer = respond.send_response(head, false)?;
    answer.send_data(ACCEPTED, false)?;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    answer.send_trailers(trailers)?;
    Ok(())
}
