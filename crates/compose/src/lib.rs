//! Plan → running system; reload; shutdown. The only crate that knows every feature.
//!
//! `build` binds and opens what a plan needs and spawns nothing; `controller` owns what runs and is the only one to
//! change it; `status` answers the admin API; `watch` notices that the configuration changed.

mod build;
mod controller;
mod exports;
mod metrics;
mod names;
mod origin;
mod planner;
mod push;
mod run;
mod status;
mod watch;

pub use build::BuildError;
pub use origin::Origin;
pub use run::{Announcement, RunError, run};
