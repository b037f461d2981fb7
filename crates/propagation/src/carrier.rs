//! Where fields come from.

use crate::field::Field;

/// A list of fields that context is read from: headers of HTTP, metadata of gRPC (P-10).
///
/// Iterators, not callbacks, and kinds, not names: who keeps the kind of a field beside it looks kinds up without comparing
/// text, who does not asks for [`Field::name`].
pub trait Carrier {
    /// The values of one field, in order, each field line by itself. Names match in any case.
    fn values(&self, field: Field) -> impl Iterator<Item = &[u8]>;

    /// The names, in any case, and values of all fields, in order. Asked for with Jaeger's format alone, whose baggage has
    /// names of its own.
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])>;
}

/// Pairs of name and value.
impl<N: AsRef<[u8]>, V: AsRef<[u8]>> Carrier for [(N, V)] {
    fn values(&self, field: Field) -> impl Iterator<Item = &[u8]> {
        self.fields()
            .filter(move |(name, _)| name.eq_ignore_ascii_case(field.name().as_bytes()))
            .map(|(_, value)| value)
    }

    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.iter()
            .map(|(name, value)| (name.as_ref(), value.as_ref()))
    }
}
