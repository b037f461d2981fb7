//! Proves a request before any of it is used.

use super::attribute::AttributeView;
use super::spans;
use super::value::ValueView;
use crate::error::Malformed;

/// Walks every span of an `ExportTraceServiceRequest`, what it stands in, its attributes and its events: after this nothing
/// that [`spans`] shows of the request is [`Malformed`]. What describes no span is not looked into.
///
/// # Errors
/// [`Malformed`]: a length does not fit, a field has another wire type, or values are nested too deep.
pub fn check(request: &[u8]) -> Result<(), Malformed> {
    let mut result = Ok(());
    let mut before = None;
    spans(request, |span| {
        if result.is_err() {
            return;
        }
        // Once each, or many spans of one large resource would take forever.
        let place = (span.resource.index, span.scope.index);
        let [resource_is_new, scope_is_new] = match before.replace(place) {
            None => [true, true],
            Some(before) => [before.0 != place.0, before != place],
        };
        result = (|| {
            if resource_is_new {
                check_all(span.resource.attributes())?;
            }
            if scope_is_new {
                check_all(span.scope.attributes())?;
            }
            check_all(span.attributes())?;
            for event in span.events() {
                check_all(event?.attributes())?;
            }
            Ok(())
        })();
    })?;
    result
}

fn check_all<'a>(
    mut attributes: impl Iterator<Item = Result<AttributeView<'a>, Malformed>>,
) -> Result<(), Malformed> {
    attributes.try_for_each(|attribute| check_value(attribute?.value))
}

/// As deep as values are nested, which is bounded.
fn check_value(value: ValueView<'_>) -> Result<(), Malformed> {
    match value {
        ValueView::Array(array) => array.iter().try_for_each(|value| check_value(value?)),
        ValueView::Map(map) => map
            .iter()
            .try_for_each(|attribute| check_value(attribute?.value)),
        ValueView::Empty
        | ValueView::Str(_)
        | ValueView::Bool(_)
        | ValueView::Int(_)
        | ValueView::Double(_)
        | ValueView::Bytes(_) => Ok(()),
    }
}
