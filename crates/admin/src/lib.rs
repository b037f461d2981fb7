//! The admin API: health, readiness, metrics, the configuration in force, upstreams, reload and a small page.
//!
//! It runs on the control plane's runtime and knows the rest of the program only as a [`System`]. It never listens
//! where traffic does, and never shows what the system does not hand it: redacting secrets is the system's part.

mod api;
mod dashboard;
mod guard;
pub mod plan;
mod reply;
mod server;
mod system;

pub use server::{Limits, Server};
pub use system::{
    Answer, Health, Page, Pieces, Readiness, ReloadError, ReloadReport, System, WorkerHealth,
};
