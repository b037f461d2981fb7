//! Nothing is allocated per item, and a back end that is gone costs no memory beyond the plan. A binary of its own,
//! because it replaces the allocator.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics, in its helpers as well"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use export::{Batch, Endpoint, ExportPlan, Exporter, Meter, Protocol, Return, Scheme};
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Response};
use otlp::{Envelope, Scope, Signal};
use testkit::ClosedPort;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinSet;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}
/// Bytes of the whole process.
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// Counts allocations of each thread apart, and what lives of them all.
struct Counting;

#[expect(
    unsafe_code,
    reason = "an allocator is unsafe by its trait; this one only counts and forwards"
)]
// SAFETY: every call is forwarded unchanged to the system's allocator; neither counter allocates.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// An item of two bytes: an empty span.
const ITEM: [u8; 2] = [0x12, 0x00];

fn plan(addr: SocketAddr) -> ExportPlan {
    let url = format!("http://{addr}");
    let endpoint = Endpoint::for_all(&url, Protocol::Grpc, Scheme::Http, Signal::Traces).unwrap();
    ExportPlan {
        batch_delay: Duration::ZERO,
        batch_items_max: u32::MAX,
        ..ExportPlan::new(endpoint, Protocol::Grpc)
    }
}

fn start(plan: &ExportPlan) -> Exporter {
    let scope = Scope {
        name: "test",
        version: "",
    };
    let envelope = Envelope::new(Signal::Traces, &[], scope, "");
    Exporter::start(envelope, plan, &Handle::current()).unwrap()
}

#[test]
fn requests_cost_the_same_however_many_items_they_hold() {
    let addr = spawn_back_end();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let exporter = start(&plan(addr));
        let (back, returned) = sync_channel(1);
        let buffers = Buffers { back, returned };
        let large = buffers.cost(&exporter, 100_000).await;
        let small = buffers.cost(&exporter, 100).await;
        // The bytes come in more pieces, each of which may cost some; the items cost nothing.
        assert!(small < 200 && large < small + 200, "{small} {large}");
    });
}

/// One buffer that goes back and forth.
struct Buffers {
    back: SyncSender<Vec<u8>>,
    returned: Receiver<Vec<u8>>,
}

impl Buffers {
    /// Allocations of this thread for one request with so many items, after some that were alike.
    async fn cost(&self, exporter: &Exporter, items: u32) -> u64 {
        let mut cost = 0;
        let mut bytes = ITEM.repeat(usize::try_from(items).unwrap());
        let expected = bytes.len();
        for _ in 0..10 {
            let batch = Batch {
                bytes,
                items,
                back: Some(Return::from(self.back.clone())),
            };
            let before = ALLOCATIONS.get();
            exporter.queue().try_send(batch).unwrap();
            settled(&exporter.meter()).await;
            cost = ALLOCATIONS.get() - before;
            bytes = self.returned.try_recv().unwrap();
            bytes.extend(ITEM.iter().cycle().take(expected));
        }
        cost
    }
}

async fn settled(meter: &Meter) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let counts = meter.counts();
        if counts.queue_items == 0 && counts.items_in_flight == 0 {
            assert_eq!(counts.requests_failed, 0, "{:?}", meter.last_failure());
            return;
        }
        assert!(Instant::now() < deadline, "{counts:?}");
        // Allocates nothing, unlike a timer that is polled for the first time.
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_back_end_that_is_gone_costs_no_more_than_the_plan_says() {
    const QUEUE: usize = 4 << 20;
    let port = ClosedPort::new();
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let _context = runtime.enter();
    let exporter = start(&ExportPlan {
        queue_bytes_max: QUEUE,
        ..plan(port.addr())
    });
    let (queue, meter) = (exporter.queue(), exporter.meter());
    let before = LIVE.load(Ordering::Relaxed);
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut most = 0;
    // Twenty times what fits, and until it is known to be gone.
    while meter.counts().items_offered < 100_000 || meter.counts().requests_failed == 0 {
        assert!(Instant::now() < deadline);
        let batch = Batch {
            bytes: ITEM.repeat(5_000),
            items: 10,
            back: None,
        };
        queue.send_or_drop(batch);
        most = most.max(LIVE.load(Ordering::Relaxed).saturating_sub(before));
    }
    let counts = meter.counts();
    assert!(
        counts.items_dropped.queue_full > 90_000 - 5_000,
        "{counts:?}"
    );
    // The queue, four requests, and what runs beside them.
    assert!(
        most > QUEUE / 2 && most < QUEUE + (4 << 20) + (2 << 20),
        "{most}"
    );
}

/// Takes everything. On a thread of its own, so that what it allocates is not counted.
fn spawn_back_end() -> SocketAddr {
    let (tell, told) = sync_channel(1);
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::Builder::new()
                .initial_window_size(8 << 20)
                .initial_connection_window_size(8 << 20)
                .handshake::<_, Bytes>(stream)
                .await
                .unwrap();
            let mut calls = JoinSet::new();
            while let Some(Ok((request, respond))) = connection.accept().await {
                calls.spawn(take(request.into_body(), respond));
            }
        });
    });
    told.recv().unwrap()
}

async fn take(mut body: h2::RecvStream, mut respond: SendResponse<Bytes>) {
    while let Some(Ok(data)) = body.data().await {
        body.flow_control().release_capacity(data.len()).unwrap();
    }
    let mut stream = respond.send_response(Response::new(()), false).unwrap();
    stream
        .send_data(Bytes::from_static(&[0; 5]), false)
        .unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    stream.send_trailers(trailers).unwrap();
}
