//! The whole program from outside: the real binary, real sockets, real clients and origins.
//! A test speaks only what a user can speak: configuration, HTTP, signals, output.

mod abuse;
mod access_log;
mod admin_api;
mod authority;
mod clients;
mod corpus;
mod curl;
mod demo;
mod faults;
mod framing;
mod gate;
mod headers;
#[cfg(feature = "faults")]
mod isolation;
mod lifecycle;
mod limits;
mod logs;
mod machine;
mod monitoring;
mod names;
mod origins;
mod product_service;
mod push;
mod reload;
mod routing;
mod rpc;
mod secure_origin;
mod smuggling;
mod spans;
mod streaming;
mod system;
mod telemetry;
mod tls;
mod upgrade;
mod upstream_tls;
