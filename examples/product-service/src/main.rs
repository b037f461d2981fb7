//! An example of a service behind the gateway: products to list, get and create, and their stock, which it asks another
//! service for. Traced, counted and logged by `tidegate-telemetry` as the `OTEL_*` variables say.
//!
//! `product-service [--listen ADDR] [--stock URL]`, or `PRODUCT_LISTEN` and `PRODUCT_STOCK_URL`. Keeps everything in
//! memory, and begins with the same products each time.

mod api;
mod arguments;
mod catalogue;
mod stock;

use std::future::IntoFuture as _;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::arguments::Arguments;

/// How long requests may still take once the service is to end.
const GRACE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read()?;
    let telemetry = tidegate_telemetry::Setup::new()
        .default_service_name("product-service")
        .init()?;
    let listener = TcpListener::bind(&*arguments.listen)
        .await
        .with_context(|| format!("cannot listen on {}", arguments.listen))?;
    let addr = listener.local_addr()?;
    let base = match arguments.stock {
        Some(base) => base,
        None => format!("http://{}", reachable(addr)),
    };
    let client = stock::Client::new(&base, &telemetry.client_layer())?;
    let app = api::routes(client).layer(telemetry.server_layer());
    let mut terminated = signal(SignalKind::terminate())?;
    writeln!(io::stdout(), "listening on {addr}")?;

    let (stop, stopped) = oneshot::channel::<()>();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, app).with_graceful_shutdown(async {
        // An error says that nobody will ever say so.
        stopped.await.ok();
    });
    let mut serving = std::pin::pin!(serving.into_future());
    tokio::select! {
        ended = &mut serving => ended?,
        _ = terminated.recv() => {
            tracing::info!("asked to end");
            stop.send(()).ok();
            if timeout(GRACE, serving).await.is_err() {
                tracing::warn!("requests were cut off after {GRACE:?}");
            }
        }
    }
    let flushed = telemetry.shutdown().await;
    if flushed.lost > 0 {
        writeln!(
            io::stderr(),
            "{} items of telemetry were lost",
            flushed.lost
        )?;
    }
    Ok(())
}

/// Where this process reaches itself.
fn reachable(addr: SocketAddr) -> SocketAddr {
    match addr {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => ([127, 0, 0, 1], v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
            ([0, 0, 0, 0, 0, 0, 0, 1], v6.port()).into()
        }
        SocketAddr::V4(_) | SocketAddr::V6(_) => addr,
    }
}
