//! What a worker does per request allocates nothing. A binary of its own, because it replaces the allocator.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics, in its helpers as well"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs::OpenOptions;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::thread;
use std::time::{Duration, SystemTime};

use message::{MethodKind, Version};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use telemetry::access_log::{AccessLog, AccessRecord, End, Stopped};
use telemetry::metrics::{
    Bounds, ClientMetrics, Exemplar, Outcome, RequestMetrics, RpcMetrics, RpcSide, RpcStatusCode,
    Scheme, Served,
};
use telemetry::plan::{AccessLogFormat, AccessLogPlan, AccessLogTarget};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Counts allocations of each thread apart.
struct Counting;

#[expect(
    unsafe_code,
    reason = "an allocator is unsafe by its trait; this one only counts and forwards"
)]
// SAFETY: every call is forwarded unchanged to the system's allocator; a `const` thread-local cell allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[track_caller]
fn check_silent(mut work: impl FnMut()) {
    let before = ALLOCATIONS.get();
    work();
    assert_eq!(ALLOCATIONS.get() - before, 0, "allocations");
}

const EXEMPLAR: Exemplar = Exemplar {
    trace_id: [1; 16],
    span_id: [2; 8],
    unix_nanos: 3,
};

#[test]
fn counting_a_request_allocates_nothing() {
    let metrics = RequestMetrics::default();
    let routes: Vec<_> = (0..100).map(|n| metrics.label(&n.to_string())).collect();
    let round = || {
        for route in &routes {
            for method in MethodKind::ALL {
                for outcome in [Outcome::answered(200), Outcome::failed("timeout")] {
                    let active = metrics.started(method.into(), Scheme::Http);
                    metrics.finished(&Served {
                        route: *route,
                        method: method.into(),
                        scheme: Scheme::Http,
                        version: Version::Http11,
                        outcome,
                        elapsed: Duration::from_millis(7),
                        exemplar: Some(EXEMPLAR),
                    });
                    drop(active);
                }
            }
        }
    };
    round();
    check_silent(round);
}

#[test]
fn counting_a_try_or_a_call_allocates_nothing() {
    let (clients, calls) = (
        ClientMetrics::default(),
        RpcMetrics::new(RpcSide::Client, Bounds::default()),
    );
    let (server, call) = (clients.label("a", 1), calls.label("a.B/C"));
    let elapsed = Duration::from_millis(7);
    let round = || {
        for exemplar in [None, Some(EXEMPLAR)] {
            for outcome in [Outcome::answered(500), Outcome::failed("no_response")] {
                let (method, version) = (MethodKind::Get, Version::Http11);
                clients.finished(server, method.into(), outcome, version, elapsed, exemplar);
            }
            for status in RpcStatusCode::ALL {
                calls.finished(call, status, elapsed, exemplar);
            }
        }
    };
    round();
    check_silent(round);
}

fn check_record(format: AccessLogFormat, client_ip: IpAddr) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let mut reader = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(&path)
        .unwrap();
    let log = AccessLog::start(&AccessLogPlan {
        format,
        target: AccessLogTarget::File(path),
        redact_query: Vec::new(),
    })
    .unwrap();
    let sink = log.sink();
    let record = AccessRecord {
        time: SystemTime::now(),
        client_ip,
        method: b"GET",
        method_label: MethodKind::Get.into(),
        host: b"example.com",
        path: b"/a\"\\\n\xff",
        query: Some(b"q"),
        protocol: Version::Http11,
        status: 200,
        bytes_in: 1,
        bytes_out: u64::MAX,
        duration: Duration::from_millis(1),
        upstream_duration: Some(Duration::from_millis(1)),
        route: "route",
        upstream_name: Some("upstream"),
        endpoint: Some((client_ip, 9000).into()),
        tries: 1,
        request_id: b"0123",
        user_agent: Some(b"agent"),
        referer: None,
        end: End::Complete,
        trace_id: Some([1; 16]),
        span_id: Some([2; 8]),
        listener: "web",
    };
    // Nobody reads yet, so that every buffer is made and waits.
    while log.counts().lines_dropped == 0 {
        sink.record(&record);
    }
    let meter = log.meter();
    let reading = thread::spawn(move || {
        let mut bytes = vec![0; 64 * 1024];
        // Until the log is stopped: then there is no writer.
        while !matches!(reader.read(&mut bytes), Ok(0)) {
            thread::yield_now();
        }
    });
    let before = meter.counts().lines_written;
    check_silent(|| {
        // Until buffers have come back and gone again.
        while meter.counts().lines_written < before + 10_000 {
            sink.record(&record);
        }
        sink.flush();
    });
    drop(sink);
    assert_eq!(log.stop(Duration::from_secs(20)), Stopped::Flushed);
    reading.join().unwrap();
}

#[test]
fn recording_a_line_allocates_nothing() {
    let addresses = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        "2001:db8:1:2:3:4:5:6".parse().unwrap(),
    ];
    for address in addresses {
        check_record(AccessLogFormat::default(), address);
        check_record(AccessLogFormat::Combined, address);
    }
}
