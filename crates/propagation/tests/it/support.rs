//! What the tests share.

use propagation::{
    Flags, Format, Formats, Incoming, Outgoing, Parent, SpanId, TraceId, extract, inject,
};

pub(crate) const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
pub(crate) const SPAN: &str = "b7ad6b7169203331";
/// A trace id of 64 bits, and what becomes of it.
pub(crate) const SHORT_TRACE: &str = "8448eb211c80319c";
pub(crate) const PADDED_TRACE: &str = "00000000000000008448eb211c80319c";

pub(crate) fn trace_id(digits: &str) -> TraceId {
    TraceId::from_hex(digits.as_bytes()).unwrap()
}

pub(crate) fn span_id(digits: &str) -> SpanId {
    SpanId::from_hex(digits.as_bytes()).unwrap()
}

pub(crate) fn formats(list: &[Format]) -> Formats {
    list.iter().copied().collect()
}

/// What comes with these fields, over what an earlier message left behind.
pub(crate) fn read(list: &[Format], fields: &[(&str, &str)]) -> Incoming {
    let mut incoming = Incoming {
        parent: Some(parent(SHORT_TRACE, 3)),
        trace_state: b"left=over".to_vec(),
        baggage: b"left=over".to_vec(),
    };
    extract(&formats(list), fields, &mut incoming);
    incoming
}

/// The parent of that trace, with the usual span.
pub(crate) fn parent(trace: &str, flags: u8) -> Parent {
    Parent {
        trace_id: trace_id(&format!("{trace:0>32}")),
        span_id: span_id(SPAN),
        flags: Flags::from_bits(flags),
        debug: false,
        deferred: false,
    }
}

pub(crate) fn outgoing(flags: u8) -> Outgoing<'static> {
    Outgoing {
        trace_id: trace_id(TRACE),
        span_id: span_id(SPAN),
        flags: Flags::from_bits(flags),
        trace_state: b"",
        baggage: b"",
        debug: false,
    }
}

/// What is written.
pub(crate) fn write(list: &[Format], outgoing: &Outgoing<'_>) -> Vec<(&'static str, String)> {
    let mut fields = Vec::new();
    inject(&formats(list), outgoing, |name, value| {
        fields.push((name, text(value)));
    });
    fields
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
