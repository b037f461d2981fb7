//! A service and its clients over real sockets, and a receiver that keeps what they tell.

mod client;
mod context;
mod grpc;
mod http_server;
mod limits;
mod logs;
mod metrics;
mod receiver;
mod sampling;
mod service;
mod setup;
