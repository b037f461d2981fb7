//! The message that every protocol version meets in: a head with an ordered field list, a checked path and host,
//! and names and values that cannot hold what would break a message. No sockets, no clocks, no runtime.

mod field;
mod fields;
mod head;
mod host;
mod method;
mod path;
mod percent;
mod status;

pub use field::{FieldKind, FieldName, FieldNameError, FieldValue, FieldValueError, is_token};
pub use fields::{FieldRef, Fields, list_elements, trim_ows};
pub use head::{RequestHead, ResponseHead, Span, Version};
pub use host::{
    Authority, AuthorityError, HostPattern, HostPatternError, Port, normalise_authority,
};
pub use method::{Method, MethodError, MethodKind};
pub use path::{DoubleSlash, EncodedOctet, EncodedSlash, PathError, PathPolicy, normalise_path};
pub use percent::{decode_component, query_pairs};
pub use status::{StatusCode, StatusCodeError};
