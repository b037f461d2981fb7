//! Reading heads into reused values allocates nothing once they have room. Its own binary, for it counts allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use h1::{HeadLimits, HeadReader, request_framing};
use message::{PathPolicy, RequestHead, ResponseHead};

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

const LIMITS: HeadLimits = HeadLimits {
    bytes: 32 << 10,
    fields: 100,
    target: 8 << 10,
};

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
fn requests_in_steady_state() {
    let mut head = RequestHead::default();
    for raw in [
        &b"GET /a?b HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5, 5\r\nX: y\r\n\r\n"[..],
        b"GET /%7Ea//b/../c HTTP/1.1\r\nHost: EXAMPLE.com.\r\n\r\n",
        b"OPTIONS http://[2001:DB8::0:1]:81 HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let found = allocations(|| {
            let mut reader = HeadReader::default();
            assert_eq!(reader.request(&raw[..20], LIMITS, &mut head), Ok(None));
            let read = reader.request(raw, LIMITS, &mut head);
            assert_eq!(read, Ok(Some(raw.len())));
            request_framing(&head.fields, head.version).unwrap();
            head.normalise_path(PathPolicy::default()).unwrap();
        });
        assert_eq!(found, 0, "{}", raw.escape_ascii());
    }
}

#[test]
fn responses_in_steady_state() {
    let mut head = ResponseHead::default();
    let raw = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\n\r\n";
    let found = allocations(|| {
        let read = HeadReader::default().response(raw, LIMITS, &mut head);
        assert_eq!(read, Ok(Some(raw.len())));
    });
    assert_eq!(found, 0);
}
