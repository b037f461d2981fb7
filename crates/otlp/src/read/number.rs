//! Numbers and ids out of a field's value.

use crate::error::Malformed;
use crate::fields::{Wire, int32};

pub(super) fn fixed64(wire: Wire<'_>) -> Result<[u8; 8], Malformed> {
    match wire {
        Wire::Fixed64(bytes) => Ok(bytes),
        Wire::Varint(_) | Wire::Bytes(_) | Wire::Fixed32(_) => Err(Malformed::WireType),
    }
}

pub(super) fn fixed32(wire: Wire<'_>) -> Result<[u8; 4], Malformed> {
    match wire {
        Wire::Fixed32(bytes) => Ok(bytes),
        Wire::Varint(_) | Wire::Bytes(_) | Wire::Fixed64(_) => Err(Malformed::WireType),
    }
}

pub(super) fn nanos(wire: Wire<'_>) -> Result<u64, Malformed> {
    fixed64(wire).map(u64::from_le_bytes)
}

/// A `uint32`, which is the low half of what stands there.
pub(super) fn count(wire: Wire<'_>) -> Result<u32, Malformed> {
    wire.varint().map(|number| int32(number).cast_unsigned())
}

/// `None` for what is no id: of another length, or all zero.
pub(super) fn id<const LEN: usize>(bytes: &[u8]) -> Option<[u8; LEN]> {
    bytes.try_into().ok().filter(|id| *id != [0; LEN])
}
