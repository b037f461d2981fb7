//! The whole program from outside: the real binary, real sockets, real clients and origins.
//! A test speaks only what a user can speak: configuration, HTTP, signals, output.

mod clients;
mod corpus;
mod curl;
mod framing;
mod gate;
mod headers;
mod origins;
mod routing;
mod smuggling;
mod upgrade;
