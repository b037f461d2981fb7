//! Sockets, deadlines and the machine's limits, as the data plane uses them. Knows no protocol.

mod listen;
mod machine;
mod stream;
mod timers;
mod tls;

pub use listen::{BindError, BoundSockets, bind_reuse_port, check_free};
pub use machine::{available_cpus, pin_to_cpu, raise_descriptor_limit};
pub use stream::{ConnectError, Stream};
pub use timers::{Timer, Timers};
