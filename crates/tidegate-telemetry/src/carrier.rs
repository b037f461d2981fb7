//! Context in the header maps of `http`.

use http::{HeaderMap, HeaderName, HeaderValue};
use propagation::{
    Carrier, Field, Format, Formats, Incoming, Outgoing, SpanId, TraceId, extract, inject,
};

use crate::context::Context;

struct Headers<'a>(&'a HeaderMap);

impl Carrier for Headers<'_> {
    fn values(&self, field: Field) -> impl Iterator<Item = &[u8]> {
        let values = self.0.get_all(field.name()).into_iter();
        values.map(HeaderValue::as_bytes)
    }

    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let fields = self.0.iter();
        fields.map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
    }
}

/// What came with a request.
pub(crate) fn read(formats: &Formats, headers: &HeaderMap) -> Incoming {
    let mut incoming = Incoming::default();
    extract(formats, &Headers(headers), &mut incoming);
    incoming
}

/// Writes a context in place of whatever the formats' fields held. Where nothing is known they stay: somebody may pass
/// them on by hand.
pub(crate) fn write(formats: &Formats, context: &Context, headers: &mut HeaderMap) {
    if context.ids.is_none() && context.baggage.is_empty() {
        return;
    }
    remove_owned(formats, headers);
    let put = |name: &'static str, value: &[u8]| {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    match context.ids {
        Some(ids) => {
            let outgoing = Outgoing {
                trace_id: ids.trace_id,
                span_id: ids.span_id,
                flags: ids.flags,
                trace_state: &context.state,
                baggage: &context.baggage,
                debug: ids.is_debug,
            };
            inject(formats, &outgoing, put);
        }
        None if formats.contains(Format::Baggage) => {
            // Baggage travels without a trace, too; its format looks at no id.
            let outgoing = Outgoing {
                trace_id: TraceId::from_random(0, 0),
                span_id: SpanId::from_random(0),
                flags: propagation::Flags::default(),
                trace_state: &[],
                baggage: &context.baggage,
                debug: false,
            };
            inject(&Formats::from_iter([Format::Baggage]), &outgoing, put);
        }
        None => {}
    }
}

fn remove_owned(formats: &Formats, headers: &mut HeaderMap) {
    let owned: Vec<HeaderName> = headers
        .keys()
        .filter(|name| formats.owns(name.as_str().as_bytes()))
        .cloned()
        .collect();
    for name in owned {
        headers.remove(name);
    }
}
