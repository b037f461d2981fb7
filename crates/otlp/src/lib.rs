//! OTLP as bytes (opentelemetry-proto 1.11): spans, metrics and log records written straight into protobuf, the request
//! around them, the answers of a back end, and requests as OTLP/JSON. Knows no sockets, no clock and no runtime.
//! Nothing builds a tree of objects, and nothing here bounds what it is given to write: lengths and counts are the
//! caller's matter. What is read from a peer is bounded: 64 levels of messages, 1 KiB of text.

mod attribute;
mod count;
mod cursor;
mod envelope;
mod error;
mod fields;
mod json;
mod log;
mod metric;
pub mod read;
mod response;
mod rpc_status_code;
mod signal;
mod span;
mod status;
mod text;
mod transcode;
mod wire;

pub use attribute::{Attribute, Value, encode_attribute};
pub use count::count_items;
pub use envelope::{Envelope, Scope};
pub use error::Malformed;
pub use log::{LogRecord, Severity, append_log_record};
pub use metric::{
    Data, Exemplar, HistogramPoint, Metric, Number, NumberPoint, Temporality, append_metric,
};
pub use response::{PartialSuccess, decode_response, decode_response_json};
pub use rpc_status_code::RpcStatusCode;
pub use signal::Signal;
pub use span::{Event, Link, Span, SpanKind, Status, append_event, append_span, append_span_with};
pub use status::{RpcStatus, decode_status, decode_status_json};
pub use transcode::append_json;
