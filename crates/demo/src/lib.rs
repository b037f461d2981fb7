//! What `tidegate demo` shows: two HTTP services on loopback, a configuration in front of them, and what to try.
//!
//! The services live in this process and keep what they are sent in memory. They are for trying Tidegate and for
//! nothing else: no limits per client, no authentication. Nothing here knows Tidegate but as text.

mod catalogue;
mod config;
mod products;
mod query;
mod reply;
mod services;
mod site;

pub use config::{config, config_with, greeting};
pub use services::Services;
