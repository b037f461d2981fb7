//! Reading and writing context allocates nothing once the buffers have room. Its own binary, for it counts allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use propagation::trace_state::{self, Edit};
use propagation::{
    Format, Formats, Incoming, Outgoing, SpanId, Threshold, baggage, extract, field_names, inject,
};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

#[expect(unsafe_code, reason = "an allocator cannot be written otherwise")]
// SAFETY: every call goes to `System` with the caller's own arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// All that can come at once, so that every format finds something.
const FIELDS: &[(&str, &str)] = &[
    ("Host", "example.com"),
    (
        "traceparent",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03",
    ),
    (
        "tracestate",
        "congo=t61rcWkgMzE , ot=rv:ce929d0e0e4736;th:c",
    ),
    ("tracestate", "rojo=00f067aa0ba902b7"),
    ("b3", "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-d"),
    ("X-B3-TraceId", "8448eb211c80319c"),
    ("X-B3-SpanId", "b7ad6b7169203331"),
    ("uber-trace-id", "8448eb211c80319c:b7ad6b7169203331:0:1"),
    ("baggage", "user=J%C3%BC;ttl=5, malformed, b = 2"),
    ("uberctx-c", "x y"),
];

/// How often `run` allocates after it ran twice.
fn allocations(mut run: impl FnMut()) -> usize {
    run();
    run();
    let before = ALLOCATIONS.get();
    run();
    ALLOCATIONS.get() - before
}

#[test]
fn the_count_works() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn a_hop_in_steady_state() {
    let lists: &[&[Format]] = &[
        &[Format::TraceContext, Format::Baggage],
        &[Format::B3, Format::Baggage],
        &[Format::B3Multi, Format::TraceContext],
        &[Format::Jaeger, Format::B3Multi, Format::B3],
        &[
            Format::Baggage,
            Format::Jaeger,
            Format::TraceContext,
            Format::B3,
        ],
    ];
    let threshold = Threshold::from_probability(0.01);
    for list in lists {
        let formats: Formats = list.iter().copied().collect();
        let mut incoming = Incoming::default();
        let mut trace_state = Vec::new();
        let mut written = Vec::new();
        let found = allocations(|| {
            extract(&formats, FIELDS, &mut incoming);
            let parent = incoming.parent.expect("a parent");
            let edit = trace_state::set_threshold(
                &incoming.trace_state,
                Some(threshold),
                &mut trace_state,
            );
            assert_eq!(edit, Edit::Made);
            let outgoing = Outgoing {
                trace_id: parent.trace_id,
                span_id: SpanId::from_random(7),
                flags: parent.flags,
                trace_state: &trace_state,
                baggage: &incoming.baggage,
                debug: parent.debug,
            };
            written.clear();
            inject(&formats, &outgoing, |name, value| {
                written.extend_from_slice(name.as_bytes());
                written.extend_from_slice(value);
            });
            let owned = FIELDS
                .iter()
                .filter(|(name, _)| formats.owns(name.as_bytes()));
            assert!(owned.count() > 0 && field_names(&formats).count() > 0);
            let keys = baggage::entries(&incoming.baggage).filter(|entry| entry.key() == "b");
            assert_eq!(keys.count(), usize::from(formats.contains(Format::Baggage)));
        });
        assert_eq!(found, 0, "{list:?}");
        assert!(!written.is_empty());
    }
}
