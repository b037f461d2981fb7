//! What every other crate may use: units, address ranges, secrets, ids, buffers and times.
//! Nothing here knows sockets, protocols or configuration files.

mod buffer;
mod cidr;
mod date;
mod id;
mod secret;
mod units;

pub use buffer::{Buffer, BufferPool};
pub use cidr::{Cidr, CidrError};
pub use date::{HttpDate, Rfc3339};
pub use id::RequestId;
pub use secret::Secret;
pub use units::{UnitError, parse_duration, parse_size};
