//! What `tidegate demo` shows: three HTTP services on loopback, a configuration in front of them, and what to try.
//! Two of them, a product API and a site, are what Tidegate forwards to; the third shows the traces it records.
//!
//! The services live in this process and keep what they are sent in memory. They are for trying Tidegate and for
//! nothing else: no limits per client, no authentication. Nothing here knows Tidegate but as text and as what it sends.

mod body;
mod catalogue;
mod certificate;
mod config;
mod products;
mod query;
mod reply;
mod services;
mod site;
mod traces;

pub use certificate::Certificate;
pub use config::{Addresses, config, config_with, greeting};
pub use services::Services;
