//! What the tests of every crate share: the real binary as a child process, a strict HTTP/1.1 client and a scriptable
//! origin on plain sockets, and real programs as origins and clients.
//!
//! Everything listens on 127.0.0.1 on a free port, every wait has a deadline, and every child is ended through its own
//! handle when its guard is dropped. Waits are for events (a line, a connection, bytes, an exit), never for time to
//! pass. A test that cannot go on panics with what was expected and what was seen; that is what a test wants.

mod http;
mod lines;
mod name_server;
mod origins;
mod ports;
mod process;
mod raw_client;
mod raw_origin;
mod tidegate;
mod tools;
mod wire;

pub use http::{Body, Head, Request, Response};
pub use lines::Lines;
pub use name_server::NameServer;
pub use origins::{Nginx, NodeExpress, ProductService, PythonHttp, PythonScript};
pub use ports::{ClosedPort, FullPort};
pub use process::{Process, Signal};
pub use raw_client::RawClient;
pub use raw_origin::{Connection, Ended, RawOrigin};
pub use tidegate::{StartError, Tidegate, config_forwarding_to};
pub use tools::{
    Tool, client_file, node_modules, python, repository, run_client, run_command, tool,
};
pub use wire::WireError;

use std::time::Duration;

/// How long a test waits for anything that should happen soon, unless it says otherwise.
pub const SOON: Duration = Duration::from_secs(10);
