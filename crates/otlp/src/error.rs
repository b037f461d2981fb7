//! Why bytes from a peer are refused.

/// Bytes that are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A number or a length reaches beyond what holds it.
    #[error("expected a whole protobuf field, found one that is cut off")]
    Truncated,
    /// A varint of more than 64 bits.
    #[error("expected a varint of at most 64 bits, found a longer one")]
    Varint,
    /// Field number 0, a field number beyond 29 bits, wire type 6 or 7, or a group that ends without a beginning.
    #[error("expected the tag of a protobuf field, found something else")]
    Tag,
    /// A field of the OTLP protocol with a wire type that is not its own.
    #[error("expected a field of the OTLP protocol with its own wire type, found another type")]
    WireType,
    /// Messages nested more than 64 deep.
    #[error("expected at most 64 levels of messages, found more")]
    Nesting,
    /// Not JSON, or not the kind of value that belongs in a place.
    #[error("expected a JSON object of the OTLP protocol, found something else")]
    Json,
}
