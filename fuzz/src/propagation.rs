//! What holds for any fields that context is read from. Panics when a property breaks. A file apart from `lib.rs`: the
//! crate it is about replays its inputs itself.
//!
//! An input is a byte that chooses the formats, then lines of `NAME: VALUE`.

use propagation::trace_state::{self, Edit};
use propagation::{
    Flags, Format, Formats, Incoming, Outgoing, SpanId, Threshold, TraceId, baggage, extract,
    inject,
};

/// What was read is within its bounds, reads the same over what an earlier message left, and survives being written and
/// read again.
pub fn propagation(data: &[u8]) {
    let Some((choice, lines)) = data.split_first() else {
        return;
    };
    let formats = formats(*choice);
    let fields: Vec<(&[u8], &[u8])> = lines.split(|byte| *byte == b'\n').map(field).collect();
    let mut incoming = Incoming::default();
    extract(&formats, fields.as_slice(), &mut incoming);
    let mut again = Incoming {
        parent: None,
        trace_state: b"left over".to_vec(),
        baggage: b"left over".to_vec(),
    };
    extract(&formats, fields.as_slice(), &mut again);
    assert_eq!(again, incoming);

    assert!(incoming.trace_state.len() <= 32 * 513 + 31);
    assert!(incoming.trace_state.is_empty() || incoming.parent.is_some());
    assert!(incoming.baggage.len() <= baggage::LEN_MAX);
    check_trace_state(&incoming.trace_state);
    check_trace_state(lines);
    check_baggage(&incoming.baggage);
    check_baggage(lines);
    check_written(&incoming);
}

/// A selection of formats, W3C's or B3's in front.
fn formats(choice: u8) -> Formats {
    let mut list: Vec<Format> = Format::ALL
        .into_iter()
        .enumerate()
        .filter(|(at, _)| choice >> at & 1 != 0)
        .map(|(_, format)| format)
        .collect();
    if choice & 128 != 0 {
        list.reverse();
    }
    list.into_iter().collect()
}

fn field(line: &[u8]) -> (&[u8], &[u8]) {
    let at = line.iter().position(|byte| *byte == b':');
    match at.and_then(|at| line.split_at_checked(at)) {
        Some((name, rest)) => (name, &rest[1..]),
        None => (line, &[]),
    }
}

/// An edit is made or leaves everything, and never touches the randomness.
fn check_trace_state(list: &[u8]) {
    let old = trace_state::threshold(list);
    let mut out = Vec::new();
    for threshold in [None, old, Some(Threshold::from_probability(0.1))] {
        match trace_state::set_threshold(list, threshold, &mut out) {
            Edit::Refused => assert_eq!(out, list),
            Edit::Made => {
                assert_eq!(trace_state::threshold(&out), threshold);
                assert_eq!(trace_state::randomness(&out), trace_state::randomness(list));
            }
        }
    }
}

/// Members that are built from what was read are what was read.
fn check_baggage(list: &[u8]) {
    let mut built = Vec::new();
    let mut is_whole = true;
    for entry in baggage::entries(list) {
        let properties: Vec<_> = entry.properties().collect();
        let properties: Vec<_> = properties
            .iter()
            .map(|property| (property.key, property.value.as_deref()))
            .collect();
        let added = baggage::append(&mut built, entry.key(), &entry.value(), &properties);
        is_whole &= added.is_ok();
    }
    let decoded = |list| -> Vec<_> {
        baggage::entries(list)
            .map(|entry| {
                (
                    entry.key(),
                    entry.value(),
                    entry.properties().collect::<Vec<_>>(),
                )
            })
            .collect()
    };
    if is_whole {
        assert_eq!(decoded(&built), decoded(list));
    }
}

fn check_written(incoming: &Incoming) {
    let parent = incoming.parent;
    let outgoing = Outgoing {
        trace_id: parent.map_or(TraceId::from_random(1, 2), |parent| parent.trace_id),
        span_id: parent.map_or(SpanId::from_random(3), |parent| parent.span_id),
        flags: parent.map_or(Flags::default(), |parent| parent.flags),
        trace_state: &incoming.trace_state,
        baggage: &incoming.baggage,
        debug: parent.is_some_and(|parent| parent.debug),
    };
    for format in [Format::TraceContext, Format::B3, Format::B3Multi] {
        let formats: Formats = [format, Format::Baggage].into_iter().collect();
        let mut written: Vec<(&str, Vec<u8>)> = Vec::new();
        inject(&formats, &outgoing, |name, value| {
            written.push((name, value.to_vec()))
        });
        let mut again = Incoming::default();
        extract(&formats, written.as_slice(), &mut again);
        let found = again.parent.expect("what was written is valid");
        assert_eq!(
            (found.trace_id, found.span_id, found.flags.is_sampled()),
            (
                outgoing.trace_id,
                outgoing.span_id,
                outgoing.flags.is_sampled()
            )
        );
        assert_eq!(again.baggage, incoming.baggage);
        if format == Format::TraceContext {
            assert_eq!(found.flags, outgoing.flags);
            assert_eq!(again.trace_state, incoming.trace_state);
        } else {
            assert_eq!(found.debug, outgoing.debug);
        }
    }
}
