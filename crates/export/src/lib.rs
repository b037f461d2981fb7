//! Ships OTLP items to a back end: joins them to requests, sends those over gRPC or HTTP, sends again what may be sent
//! again, and counts what became of every item. Encodes no item, samples nothing, and keeps nothing on disk.
//!
//! [`Exporter`] owns one signal's way to one back end. Whoever has items puts them, already encoded, into its
//! [`Queue`], which never blocks; [`Meter`] tells what happened. [`Console`] takes the same batches to standard output.

mod backoff;
mod batch;
mod body;
mod breaker;
mod buffers;
mod compress;
mod connect;
mod console;
mod delivery;
mod endpoint;
mod exporter;
mod failure;
mod gate;
mod grpc;
mod headers;
mod http1;
mod meter;
mod part;
mod plan;
mod pump;
mod queue;
mod store;
mod tls;
mod transport;
mod verdict;

pub use batch::{Batch, Return};
pub use breaker::BreakerState;
pub use console::{Console, ConsoleCounts, ConsoleQueue};
pub use endpoint::{Endpoint, EndpointError, Scheme};
pub use exporter::{Exporter, Flushed, StartError, WrongSignal};
pub use headers::{HeaderError, is_reserved_header};
pub use meter::{Counts, Dropped, Meter};
pub use plan::{
    BreakerPlan, ClientCertificate, Compression, ExportPlan, Protocol, RetryPlan, Roots, TlsPlan,
};
pub use queue::Queue;
pub use tls::TlsError;
