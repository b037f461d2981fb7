//! Faults of the program itself, asked for by a request. Compiled in with the feature `faults` only, which tests use: it
//! is the one way to show that a fault in one connection stays there.

use message::Fields;

/// Where a request may ask for a fault, as the value of [`FIELD`].
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// Before a route is looked up: nothing is held but the client's connection.
    Check,
    /// When the response head has come: an upstream connection is held, the client has seen nothing.
    Response,
}

/// The field that asks.
const FIELD: &str = "tidegate-fault";

/// Panics if these fields ask for it at this place.
pub(crate) fn strike(fields: &Fields, place: Place) {
    let value: &[u8] = match place {
        Place::Check => b"check",
        Place::Response => b"response",
    };
    let asks = fields
        .iter()
        .any(|field| field.name.eq_ignore_ascii_case(FIELD.as_bytes()) && field.value == value);
    assert!(!asks, "a fault was asked for: {place:?}");
}
