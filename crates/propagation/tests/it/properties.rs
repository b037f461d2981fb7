//! Properties: whatever bytes come, nothing panics, and what is written then is valid and means the same.

use std::sync::LazyLock;

use propagation::trace_state::{self, Edit};
use propagation::{
    Flags, Format, Formats, Incoming, Outgoing, SpanId, Threshold, TraceId, baggage, extract,
    inject,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use crate::strict::Checker;

static CHECKER: LazyLock<Checker> = LazyLock::new(Checker::new);

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

const SEEDS: &[(&str, &str)] = &[
    (
        "traceparent",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ),
    (
        "traceparent",
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff-x",
    ),
    ("tracestate", "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"),
    (
        "tracestate",
        "a@b=1 , ot=rv:ce929d0e0e4736;th:fd70a;p:8, c=x y",
    ),
    ("tracestate", "ot=th:c"),
    ("baggage", "user=J%C3%BC;ttl=5;flag , b = 2,c="),
    (
        "b3",
        "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1-05e3ac9a4f6e3b90",
    ),
    ("b3", "8448eb211c80319c-b7ad6b7169203331-d"),
    ("b3", "8448eb211c80319c-b7ad6b7169203331"),
    ("X-B3-TraceId", "0af7651916cd43dd8448eb211c80319c"),
    ("X-B3-TraceId", "8448eb211c80319c"),
    ("X-B3-SpanId", "b7ad6b7169203331"),
    ("X-B3-Sampled", "1"),
    ("X-B3-Flags", "1"),
    ("uber-trace-id", "8448eb211c80319c:b7ad6b7169203331:0:3"),
    ("uberctx-user", "7, \"x\" 100%"),
];

/// Bytes that are treated differently from others.
const SPECIAL: &[u8] = b",,==;; \t::--%%@*/_.\"\\'azAZ09fg0\x00\x0b\x1f\x7f\x80\xff";

/// An edit: at a place, remove up to three bytes and put others there.
fn edit() -> impl Strategy<Value = (Index, usize, Vec<u8>)> {
    let part = prop_oneof![
        3 => select(SPECIAL).prop_map(|byte| vec![byte]),
        1 => vec(select(SPECIAL), 0..6),
        1 => Just(Vec::new()),
    ];
    (any::<Index>(), 0usize..4, part)
}

/// A field of the seeds with a few edits and perhaps many times over, or noise.
fn field() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let times = prop_oneof![8 => Just(1usize), 1 => 2usize..70];
    let edited = (select(SEEDS), vec(edit(), 0..3), times, any::<bool>()).prop_map(
        |((name, value), edits, times, is_edited)| {
            let mut value = value.as_bytes().to_vec();
            for (at, removed, inserted) in edits.into_iter().filter(|_| is_edited) {
                let at = at.index(value.len() + 1);
                let end = value.len().min(at + removed);
                value.splice(at..end, inserted);
            }
            let value = vec![value; times].join(&b","[..]);
            (name.as_bytes().to_vec(), value)
        },
    );
    let name = select(SEEDS).prop_map(|(name, _)| name.as_bytes().to_vec());
    let noise = prop_oneof![vec(select(SPECIAL), 0..40), vec(any::<u8>(), 0..60)];
    prop_oneof![
        12 => edited,
        2 => (name, noise.clone()),
        1 => (vec(any::<u8>(), 0..12), noise),
    ]
}

fn any_formats() -> impl Strategy<Value = Formats> {
    subsequence(Format::ALL.to_vec(), 0..=Format::ALL.len())
        .prop_shuffle()
        .prop_map(|formats| formats.into_iter().collect())
}

/// What goes on from a hop that continues what came, or begins anew.
fn outgoing(incoming: &Incoming) -> Outgoing<'_> {
    let parent = incoming.parent;
    Outgoing {
        trace_id: parent.map_or(TraceId::from_random(0, 7), |parent| parent.trace_id),
        span_id: SpanId::from_random(11),
        flags: parent.map_or(Flags::default(), |parent| parent.flags),
        trace_state: &incoming.trace_state,
        baggage: &incoming.baggage,
        debug: parent.is_some_and(|parent| parent.debug),
    }
}

fn written(formats: &Formats, outgoing: &Outgoing<'_>) -> Vec<(&'static str, Vec<u8>)> {
    let mut fields = Vec::new();
    inject(formats, outgoing, |name, value| {
        fields.push((name, value.to_vec()))
    });
    fields
}

fn show(fields: &Fields) -> String {
    fields
        .iter()
        .map(|(name, value)| format!("{}: {}\n", name.escape_ascii(), value.escape_ascii()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_valid_and_means_the_same(
        fields in vec(field(), 0..8),
        reading in any_formats(),
        writing in any_formats(),
    ) {
        let mut incoming = Incoming::default();
        extract(&reading, fields.as_slice(), &mut incoming);
        let sent = outgoing(&incoming);
        let out = written(&writing, &sent);
        let faults = CHECKER.faults(&out);
        prop_assert!(faults.is_empty(), "{faults:?} from\n{}", show(&fields));

        // Read back over something else, it is what was sent, as far as the format can say it.
        let mut again = incoming.clone();
        again.trace_state.extend_from_slice(b"left over");
        extract(&writing, out.as_slice(), &mut again);
        let baggage = writing.contains(Format::Baggage);
        prop_assert_eq!(&again.baggage, if baggage { &incoming.baggage } else { &b""[..] });
        let first = writing.iter().find(|format| !matches!(format, Format::Baggage | Format::Jaeger));
        match (first, again.parent) {
            (None, found) => prop_assert_eq!(found, None),
            (Some(_), None) => prop_assert!(false, "no parent in {:?}", out),
            (Some(format), Some(found)) => {
                prop_assert_eq!(found.trace_id, sent.trace_id);
                prop_assert_eq!(found.span_id, sent.span_id);
                prop_assert_eq!(found.flags.is_sampled(), sent.flags.is_sampled());
                prop_assert!(!found.deferred);
                if format == Format::TraceContext {
                    prop_assert_eq!(found.flags, sent.flags);
                    prop_assert_eq!(&again.trace_state, &incoming.trace_state);
                } else {
                    prop_assert_eq!(found.debug, sent.debug);
                    prop_assert!(again.trace_state.is_empty());
                }
            }
        }
    }

    /// A field that is sent on belongs to what is read, or the next hop would see two contexts.
    #[test]
    fn what_is_read_is_owned(fields in vec(field(), 0..8), formats in any_formats()) {
        let mut incoming = Incoming::default();
        extract(&formats, fields.as_slice(), &mut incoming);
        let rest: Fields = fields.into_iter().filter(|(name, _)| !formats.owns(name)).collect();
        extract(&formats, rest.as_slice(), &mut incoming);
        prop_assert_eq!(incoming, Incoming::default());
        let outgoing = Outgoing {
            trace_id: TraceId::from_random(1, 2),
            span_id: SpanId::from_random(3),
            flags: Flags::default(),
            trace_state: b"a=1",
            baggage: b"a=1",
            debug: false,
        };
        for (name, _) in written(&formats, &outgoing) {
            prop_assert!(formats.owns(name.as_bytes()));
        }
    }

    /// Of any list that was read, and of any bytes: the new list holds what it should and nothing is lost but at the end.
    #[test]
    fn thresholds_are_set(
        fields in vec(field(), 0..4),
        noise in vec(select(SPECIAL), 0..60),
        share in 0.0..=1.0f64,
        is_set in any::<bool>(),
    ) {
        let parent = (b"traceparent".to_vec(), SEEDS[0].1.as_bytes().to_vec());
        let states = fields.into_iter().filter(|(name, _)| name == b"tracestate");
        let fields: Fields = states.chain([parent]).collect();
        let mut incoming = Incoming::default();
        extract(&Formats::default(), fields.as_slice(), &mut incoming);
        let threshold = is_set.then(|| Threshold::from_probability(share));
        let mut out = Vec::new();
        for list in [&incoming.trace_state, &noise] {
            let edit = trace_state::set_threshold(list, threshold, &mut out);
            if edit == Edit::Refused {
                prop_assert_eq!(&out, list);
                continue;
            }
            let kept = threshold.filter(|threshold| *threshold != Threshold::NEVER);
            prop_assert_eq!(trace_state::threshold(&out), kept);
            prop_assert_eq!(trace_state::randomness(&out), trace_state::randomness(list));
        }
        // What was valid stays valid, and the others keep their order.
        let edit = trace_state::set_threshold(&incoming.trace_state, threshold, &mut out);
        if !out.is_empty() {
            let faults = CHECKER.faults(&[("tracestate", out.clone())]);
            prop_assert!(faults.is_empty(), "{:?}", faults);
        }
        let others = |list: &[u8]| -> Vec<Vec<u8>> {
            let members = list.split(|byte| *byte == b',').map(<[u8]>::to_vec);
            members.filter(|member| !member.is_empty() && !member.starts_with(b"ot=")).collect()
        };
        let (before, after) = (others(&incoming.trace_state), others(&out));
        let lost = before.len() - after.len();
        prop_assert!(lost <= usize::from(edit == Edit::Made && before.len() == 32));
        prop_assert_eq!(&before[..after.len()], after);
    }

    #[test]
    fn thresholds_read_back(bits in 0..=1u64 << 56, shift in 0..56u32, share in 0.0..=1.0f64) {
        let rounded = Threshold::from_bits(bits >> shift << shift).unwrap();
        let tiny = Threshold::from_probability(share / (1u64 << shift) as f64);
        for threshold in [rounded, tiny] {
            let mut room = [0; 14];
            match threshold.encode(&mut room) {
                None => prop_assert_eq!(threshold, Threshold::NEVER),
                Some(digits) => {
                    prop_assert!(digits == b"0" || !digits.ends_with(b"0"));
                    prop_assert_eq!(Threshold::parse(digits), Some(threshold));
                }
            }
        }
    }

    /// Four digits after the leading `f`: the share that results is off by less than one in 2^12 of it.
    #[test]
    fn shares_are_met(share in 0.0..=1.0f64, shift in 0..55u32) {
        let share = share / (1u64 << shift) as f64;
        prop_assume!(share >= 2f64.powi(-56));
        let threshold = Threshold::from_probability(share);
        let found = threshold.probability();
        // Half a step of the last digit, or of the last bit where all are kept.
        let step = (share / 4096.0).max(2f64.powi(-57));
        prop_assert!((found - share).abs() <= step, "{} for {}", found, share);
        prop_assert!((threshold.adjusted_count() * found - 1.0).abs() < 1e-9);
    }

    #[test]
    fn built_baggage_reads_back(
        members in vec(("[!#-'*+.0-9A-Z^-z|~-]{1,8}", ".{0,20}", vec(("[a-z]{1,4}", proptest::option::of(".{0,8}")), 0..3)), 0..20),
    ) {
        let mut list = Vec::new();
        for (key, value, properties) in &members {
            let properties: Vec<_> = properties.iter().map(|(key, value)| (&**key, value.as_deref())).collect();
            baggage::append(&mut list, key, value, &properties).unwrap();
        }
        if !list.is_empty() {
            let faults = CHECKER.faults(&[("baggage", list.clone())]);
            prop_assert!(faults.is_empty(), "{:?}", faults);
        }
        let found: Vec<_> = baggage::entries(&list)
            .map(|entry| {
                let properties = entry.properties().map(|property| {
                    (property.key.to_owned(), property.value.map(std::borrow::Cow::into_owned))
                });
                (entry.key().to_owned(), entry.value().into_owned(), properties.collect::<Vec<_>>())
            })
            .collect();
        prop_assert_eq!(found, members);
    }
}
