//! Counts the items of a request without looking into them.

use crate::error::Malformed;
use crate::fields::Fields;
use crate::signal::Signal;

/// `Export…ServiceRequest.resource_…`.
const RESOURCE_ITEMS: u32 = 1;
/// `Resource….scope_…`.
const SCOPE_ITEMS: u32 = 2;
/// `Scope….spans` and its like.
const ITEM: u32 = 2;
/// The data points of every kind of `Metric.data`.
const POINT: u32 = 1;

/// How many spans, data points or log records an `Export…ServiceRequest` holds. An empty request holds none.
///
/// Every length down to the items is proven to fit into what holds it, so that requests may be joined (OT-43). What is
/// inside of spans, log records and data points is not read.
///
/// # Errors
/// [`Malformed`]: a length does not fit, or a field on the way has another wire type.
pub fn count_items(signal: Signal, request: &[u8]) -> Result<u64, Malformed> {
    let mut items = 0;
    for resource in bodies(request, RESOURCE_ITEMS) {
        for scope in bodies(resource?, SCOPE_ITEMS) {
            for item in bodies(scope?, ITEM) {
                items += match signal {
                    Signal::Traces | Signal::Logs => item.map(|_| 1),
                    Signal::Metrics => item.and_then(count_points),
                }?;
            }
        }
    }
    Ok(items)
}

/// Of several kinds of data, a oneof, the last counts; several of one kind are merged.
fn count_points(metric: &[u8]) -> Result<u64, Malformed> {
    let (mut kind, mut points) = (0, 0);
    for field in Fields::new(metric) {
        let field = field?;
        if !matches!(field.number, 5 | 7 | 9 | 10 | 11) {
            continue;
        }
        if field.number != kind {
            (kind, points) = (field.number, 0);
        }
        for point in bodies(field.wire.bytes()?, POINT) {
            point?;
            points += 1;
        }
    }
    Ok(points)
}

/// The messages that stand under one number.
fn bodies(message: &[u8], number: u32) -> impl Iterator<Item = Result<&[u8], Malformed>> {
    Fields::new(message).filter_map(move |field| match field {
        Ok(field) => (field.number == number).then(|| field.wire.bytes()),
        Err(malformed) => Some(Err(malformed)),
    })
}
