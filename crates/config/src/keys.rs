//! The tables: every key of the configuration, one table per object.

mod admin;
mod answer;
mod dns;
mod forward;
mod headers;
mod listener;
mod matching;
mod path;
mod root;
mod route;
mod scope;
mod telemetry;
mod template;
mod tls;
mod upstream;
mod word;

pub(crate) use root::Root;
pub(crate) use scope::Scope;
