//! Traces, metrics and logs of a service, set up by one call from the `OTEL_*` variables.
//!
//! ```no_run
//! use axum::Router;
//! use axum::routing::get;
//!
//! #[tracing::instrument]
//! async fn price(id: u64) -> u64 {
//!     tracing::info!(id, "looked up");
//!     id * 100
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let telemetry = tidegate_telemetry::Setup::new().default_service_name("shop").init()?;
//!     let app = Router::new()
//!         .route("/price/{id}", get(async || price(7).await.to_string()))
//!         .layer(telemetry.server_layer());
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//!     axum::serve(listener, app).await?;
//!     telemetry.shutdown().await;
//!     Ok(())
//! }
//! ```
//!
//! [`Telemetry::server_layer`] makes a span of each request that is served, [`Telemetry::client_layer`] one of each that
//! is sent; what runs in between finds its [`Context`] by [`current`]. Spans and events of `tracing` become spans and log
//! records of the same trace. A task that is spawned inside a request takes the context along only where it is told to:
//!
//! ```
//! # async fn work() {}
//! # fn example(tasks: &mut tokio::task::JoinSet<()>) {
//! match tidegate_telemetry::current() {
//!     Some(context) => tasks.spawn(context.scope(work())),
//!     None => tasks.spawn(work()),
//! };
//! # }
//! ```
//!
//! # Variables
//! Those of OpenTelemetry's specification, with its defaults: without any, everything is sent to `http://localhost:4318`.
//! A value that cannot be used is a warning and counts as not set. `OTEL_SDK_DISABLED=true` leaves nothing but the
//! passing on of contexts. What goes beyond the specification, or stays behind it:
//! - `OTEL_LOG_LEVEL` (default `info`) is also the level from which events of `tracing` are printed and exported.
//! - `OTEL_TRACES_SAMPLER`: ratios are drawn by consistent probability, and passed on as `ot=th:…` in `tracestate`.
//! - `OTEL_METRICS_EXPORTER=prometheus` is not served.
//! - `OTEL_BSP_EXPORT_TIMEOUT`, `OTEL_BLRP_EXPORT_TIMEOUT` and `OTEL_METRIC_EXPORT_TIMEOUT` bound the time in which a
//!   failed request is sent again.
//! - `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`: figures count every method beyond RFC 9110 and PATCH as `_OTHER`.
//!
//! # Costs and bounds
//! Nothing here waits for a receiver. A finished span costs its encoding, one allocation and two short locks; a request
//! counted costs one lock of one of up to eight parts of the figures, and one allocation. Where a trace is not recorded,
//! only the figures and the context are paid for. Queues are bounded by the variables, and by 32 MiB each; texts by
//! 64 KiB each; figures by 2,000 label sets per metric and part. What finds no room is counted
//! (`tidegate.export.items_dropped`).

mod attributes;
mod body;
mod carrier;
mod client;
mod context;
mod current;
mod exchange;
mod exporters;
mod fields;
mod figures;
mod guard;
mod levels;
mod log;
mod pipeline;
mod push;
mod request;
mod rpc;
mod runtime;
mod sampler;
mod server;
mod setup;
mod sink;
mod span;
mod tracing_layer;

pub use body::ObservedBody;
pub use client::{ClientFuture, ClientLayer, ClientService};
pub use context::Context;
pub use current::{Scope, current};
pub use export::Flushed;
pub use guard::Telemetry;
pub use propagation::{SpanId, TraceId};
pub use server::{ServerFuture, ServerLayer, ServerService};
pub use setup::{Setup, SetupError, init};
