//! Reads spans where they stand: an `ExportTraceServiceRequest` is walked, never copied and never built up as objects.
//! Fields may stand in any order and are skipped when they are unknown (OT-9); of a number that stands several times the
//! last counts, and messages that should stand once are merged, as protobuf says. Allocates nothing.
//!
//! Lengths and wire types down to the fields of a span are proven before the span is shown. What is below, attributes and
//! events, is proven when it is walked, so that a reader who needs a trace id only does not pay for them.

mod attribute;
mod check;
mod event;
mod merged;
mod number;
mod scope;
mod span;
mod value;

pub use attribute::AttributeView;
pub use check::check;
pub use event::EventView;
pub use scope::{ResourceView, ScopeView};
pub use span::{SpanView, StatusCode};
pub use value::{ArrayView, MapView, ValueView};

use crate::error::Malformed;
use crate::fields::{Fields, NESTING_MAX};
use merged::messages;

/// `ExportTraceServiceRequest.resource_spans`.
const RESOURCE_SPANS: u32 = 1;
/// `ResourceSpans.scope_spans`.
const SCOPE_SPANS: u32 = 2;
/// `ScopeSpans.spans`.
const SPANS: u32 = 2;

/// Levels below a `Resource`, which is the third.
const BELOW_RESOURCE: u32 = NESTING_MAX - 3;
/// Levels below an `InstrumentationScope` and below a `Span`, which are the fourth.
const BELOW_SPAN: u32 = NESTING_MAX - 4;

/// Calls `visit` with every span of an `ExportTraceServiceRequest`, in the order of its bytes. An empty request has none.
///
/// # Errors
/// [`Malformed`]: a length does not fit, or a field that is read has another wire type. The spans before that place have
/// been visited: whoever must take all or nothing calls [`check`] first.
pub fn spans<'a>(request: &'a [u8], mut visit: impl FnMut(SpanView<'a>)) -> Result<(), Malformed> {
    let resources = messages(Fields::new(request), RESOURCE_SPANS);
    for (index, resource_spans) in resources.enumerate() {
        let resource_spans = resource_spans?;
        let resource = ResourceView::read(resource_spans, index)?;
        let scopes = messages(Fields::new(resource_spans), SCOPE_SPANS);
        for (index, scope_spans) in scopes.enumerate() {
            let scope_spans = scope_spans?;
            let scope = ScopeView::read(scope_spans, index)?;
            for span in messages(Fields::new(scope_spans), SPANS) {
                visit(SpanView::read(span?, resource, scope)?);
            }
        }
    }
    Ok(())
}
