//! A proxied keep-alive request allocates nothing on its worker's thread in steady state. Its own binary, for it counts
//! allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use export::{Batch, ExportPlan, Exporter, Return};
use gateway::plan::{
    ConnectionsMax, FilterPlan, ForwardPlan, ForwardedHeaders, HeaderEditsPlan, LimitsPlan,
    ListenerPlan, MatchPlan, PathMatch, RewritePath, RewritePlan, RoutePlan, SplitPlan, TargetPlan,
    TextTemplate, UnderscoreFields,
};
use gateway::{
    Command, ExportSinks, Gate, ListenCommand, Program, WorkerConfig, WorkerHandle, spawn_worker,
};
use message::{FieldName, PathPolicy};
use telemetry::access_log::{AccessLog, RecordForm, RecordSink};
use telemetry::environment::LogRecordLimits;
use telemetry::plan::{AccessLogFormat, AccessLogPlan, AccessLogTarget, TracingPlan};
use telemetry::{ItemSink, Outlet, Parcel};
use tokio::sync::oneshot;
use upstream::Shared;
use upstream::plan::{Balance, ConnectionsPlan, EndpointAddress, EndpointPlan, UpstreamPlan};

struct Counting;

/// By thread id, counted round: more threads than this live at no time.
static COUNTS: [AtomicU64; 1 << 12] = [const { AtomicU64::new(0) }; 1 << 12];
/// The thread whose next allocation is to be explained.
static SUSPECT: AtomicU32 = AtomicU32::new(0);
static EXPLANATION: Mutex<String> = Mutex::new(String::new());

thread_local! {
    static THREAD: Cell<u32> = const { Cell::new(0) };
}

fn count() {
    // A thread that ends frees what it held when its own cells are gone.
    let Ok(thread) = THREAD.try_with(|thread| {
        if thread.get() == 0 {
            thread.set(
                rustix::thread::gettid()
                    .as_raw_nonzero()
                    .get()
                    .unsigned_abs(),
            );
        }
        thread.get()
    }) else {
        return;
    };
    COUNTS[thread as usize % COUNTS.len()].fetch_add(1, Ordering::Relaxed);
    // Taken off first: looking up symbols allocates.
    if SUSPECT.load(Ordering::Relaxed) == thread
        && SUSPECT
            .compare_exchange(thread, 0, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    {
        let trace = our_frames(&Backtrace::force_capture().to_string());
        *EXPLANATION.lock().unwrap_or_else(PoisonError::into_inner) = trace;
    }
}

/// The workspace's own lines of a backtrace.
fn our_frames(trace: &str) -> String {
    let lines: Vec<&str> = trace.lines().collect();
    let is_ours = |place: &str| {
        place.contains(" at ") && !place.contains("/registry/") && !place.contains("/rustc/")
    };
    let ours = lines.windows(2).filter(|pair| is_ours(pair[1]));
    ours.flatten()
        .fold(String::new(), |text, line| text + line + "\n")
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

const CLIENTS: usize = 4;
const WARM_UP: usize = 600;
const MEASURED: usize = 2000;
/// Buffers an access log may make in its life, one at a time, as the writer's pace asks for them.
const LOG_BUFFERS: usize = 8;
/// The same of spans.
const SPAN_BUFFERS: usize = 16;
/// For anything that should happen at once.
const LIMIT: Duration = Duration::from_secs(10);

const GET: &[u8] = b"GET /service-42/items/7?page=2 HTTP/1.1\r\n\
    Host: api.example.com\r\n\
    User-Agent: curl/8.14.1\r\n\
    Accept: */*\r\n\r\n";
const POST: &[u8] = b"POST /service-99/items HTTP/1.1\r\n\
    Host: api.example.com\r\n\
    Content-Type: application/json\r\n\
    Content-Length: 16\r\n\r\n\
    {\"name\":\"seven\"}";
/// A path that has to be normalised and a host in capitals.
const ODD: &[u8] = b"GET /service-7/%69tems//./7 HTTP/1.1\r\nHost: API.Example.com:8080\r\n\r\n";

/// To a route that edits fields on both ways.
const EDITED: &[u8] = b"GET /service-1/items/7 HTTP/1.1\r\n\
    Host: api.example.com\r\n\
    Accept: */*\r\n\r\n";

/// To routes that rewrite prefix, path and host.
const REWRITTEN: [&[u8]; 3] = [
    b"GET /strip/items/7?page=2 HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
    b"GET /strip HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
    b"GET /whole/Seven/cover?page=2 HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
];
/// To a route that draws one of two upstreams.
const SPLIT: &[u8] = b"GET /split HTTP/1.1\r\nHost: api.example.com\r\n\r\n";
/// Of a proxy that tells who asks, or of a client that pretends to be one.
const REPORTED: &[u8] = b"GET /service-42 HTTP/1.1\r\n\
    Host: api.example.com\r\n\
    X-Forwarded-For: 192.0.2.7, 127.0.0.1\r\n\
    X-Forwarded-Proto: https\r\n\
    X-Forwarded-Host: shop.example.com\r\n\
    Forwarded: for=192.0.2.7;proto=https, for=127.0.0.1\r\n\r\n";
/// With the context of a trace.
const TRACED: &[u8] = b"GET /service-3/items/7?page=2 HTTP/1.1\r\n\
    Host: api.example.com\r\n\
    Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\
    Tracestate: vendor=a:1, other=x\r\n\
    Baggage: user=7, tenant=acme\r\n\r\n";
/// With a secret in its query, one of whose names is written another way.
const SECRET: &[u8] = b"GET /service-42/items/7?page=2&sig=hunter2&%73ig=hunter3 HTTP/1.1\r\n\
    Host: api.example.com\r\n\
    Referer: http://api.example.com/?sig=hunter4\r\n\r\n";
/// To no route: a refusal, which is an event of its span.
const LOST: &[u8] = b"GET /nowhere?sig=hunter2 HTTP/1.1\r\nHost: api.example.com\r\n\r\n";
/// Chunks both ways, one of them with an extension.
const CHUNKED: &[u8] = b"POST /service-2/chunked HTTP/1.1\r\n\
    Host: api.example.com\r\n\
    Transfer-Encoding: chunked\r\n\r\n\
    5;a=b\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";

/// A worker thread of this name and number with its origin.
struct Fixture {
    worker: WorkerHandle,
    thread: u32,
    address: SocketAddr,
    log: Option<AccessLog>,
}

/// Counts spans and gives their buffers back.
#[derive(Clone, Default)]
struct Spans(Arc<AtomicU64>);

impl Outlet for Spans {
    fn try_send(&self, mut parcel: Parcel) -> Result<(), Parcel> {
        self.0.fetch_add(parcel.items.into(), Ordering::Relaxed);
        parcel.bytes.clear();
        parcel.back.try_send(parcel.bytes).expect("room for all");
        Ok(())
    }

    fn count_dropped(&self, items: u32) {
        panic!("{items} spans were dropped");
    }
}

/// Into an exporter, as the program does it.
struct Exported(export::Queue);

impl Outlet for Exported {
    fn try_send(&self, parcel: Parcel) -> Result<(), Parcel> {
        let Parcel { bytes, items, back } = parcel;
        let batch = Batch {
            bytes,
            items,
            back: Some(Return::from(back.clone())),
        };
        self.0.try_send(batch).map_err(|refused| Parcel {
            bytes: refused.bytes,
            items: refused.items,
            back,
        })
    }

    fn count_dropped(&self, items: u32) {
        panic!("{items} spans were dropped");
    }
}

impl Fixture {
    fn start(index: usize, listener: ListenerPlan, log: Option<AccessLogFormat>) -> Self {
        Self::traced(index, listener, log, None)
    }

    /// With every request's spans going there, and nothing else.
    fn exporting(index: usize, outlet: Exported) -> Self {
        let fixture = Self::build(index, listener(), None, true);
        let (done, _) = oneshot::channel();
        let sinks = ExportSinks {
            spans: Some(ItemSink::new(Box::new(outlet))),
            access: None,
        };
        send(&fixture.worker, Command::Export(sinks, done));
        fixture
    }

    /// With every request's spans going there.
    fn traced(
        index: usize,
        listener: ListenerPlan,
        log: Option<AccessLogFormat>,
        spans: Option<Spans>,
    ) -> Self {
        let fixture = Self::build(index, listener, log, spans.is_some());
        if let Some(spans) = spans {
            let (done, _) = oneshot::channel();
            let form = RecordForm::new(
                &AccessLogPlan {
                    format: AccessLogFormat::default(),
                    target: AccessLogTarget::Nowhere,
                    redact_query: Vec::new(),
                },
                LogRecordLimits::default(),
            );
            let records = ItemSink::new(Box::new(Spans::default()));
            let sinks = ExportSinks {
                spans: Some(ItemSink::new(Box::new(spans))),
                access: Some(RecordSink::new(Arc::new(form), records)),
            };
            send(&fixture.worker, Command::Export(sinks, done));
        }
        fixture
    }

    fn build(
        index: usize,
        listener: ListenerPlan,
        log: Option<AccessLogFormat>,
        is_traced: bool,
    ) -> Self {
        let origin = origin();
        let upstreams = ["origin", "other"].map(|name| upstream(name, origin));
        let program = Program::new(std::slice::from_ref(&listener), &routes(), &upstreams, None);
        let program = match is_traced {
            true => program.traced(&TracingPlan::default(), 1),
            false => program,
        };
        let worker = spawn_worker(WorkerConfig {
            index,
            pin_to: None,
            via: b"tidegate-test"[..].into(),
            shared: Shared::new(),
            program: Arc::new(program),
        })
        .expect("a thread");
        let mut sockets = net::bind_reuse_port(listener.address, 1).expect("a free port");
        let socket = sockets.remove(0);
        let address = socket.local_addr().expect("a bound socket");
        let gate = Gate::new(&listener, 1024, 1);
        let listen = ListenCommand {
            plan: Arc::new(listener),
            socket,
            gate,
            tls: None,
        };
        send(&worker, Command::Listen(listen));
        let log = log.map(|format| {
            let target = AccessLogTarget::File("/dev/null".into());
            AccessLog::start(&AccessLogPlan {
                format,
                target,
                redact_query: Vec::new(),
            })
            .expect("a file")
        });
        if let Some(log) = &log {
            let (done, _) = oneshot::channel();
            send(&worker, Command::AccessLog(Some(log.sink()), done));
        }
        // The thread has named itself once it answers.
        let (reply, answer) = oneshot::channel();
        send(&worker, Command::Ping(reply));
        block_on(answer).expect("an answer");
        let thread = thread_named(&format!("worker-{index}"));
        Self {
            worker,
            thread,
            address,
            log,
        }
    }

    fn count(&self) -> u64 {
        COUNTS[self.thread as usize % COUNTS.len()].load(Ordering::Relaxed)
    }

    /// How often the worker allocates while `work` runs, and where it did first.
    fn allocations(&self, work: impl FnOnce()) -> (u64, String) {
        EXPLANATION
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        let before = self.count();
        SUSPECT.store(self.thread, Ordering::Release);
        work();
        SUSPECT.store(0, Ordering::Release);
        let found = self.count() - before;
        (
            found,
            EXPLANATION
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        )
    }

    fn stop(self) {
        let (done, ended) = oneshot::channel();
        let grace = LIMIT;
        send(&self.worker, Command::Drain { grace, done });
        assert_eq!(block_on(ended), Ok(0));
        self.worker.join();
        if let Some(log) = self.log {
            let requests = WARM_UP + MEASURED;
            let counts = log.meter();
            log.stop(LIMIT);
            assert!(
                counts.counts().lines_written >= requests as u64,
                "{:?}",
                counts.counts()
            );
        }
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(future)
}

fn send(worker: &WorkerHandle, command: Command) {
    block_on(worker.send(command)).expect("a living worker");
}

fn thread_named(name: &str) -> u32 {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux");
    let is_it = |task: &Path| {
        fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim_end() == name)
    };
    tasks
        .filter_map(|task| task.ok().map(|task| task.path()))
        .find(|task| is_it(task))
        .and_then(|task| task.file_name()?.to_str()?.parse().ok())
        .expect("a thread of that name")
}

/// With a peer that is believed, and both kinds of fields for the upstream.
fn listener_behind_a_proxy() -> ListenerPlan {
    ListenerPlan {
        trusted_proxies: vec!["127.0.0.0/8".parse().expect("a range")],
        forwarded_headers: ForwardedHeaders::Both,
        ..listener()
    }
}

fn listener() -> ListenerPlan {
    ListenerPlan {
        name: "web".into(),
        address: ([127, 0, 0, 1], 0).into(),
        trusted_proxies: Vec::new(),
        forwarded_headers: ForwardedHeaders::XForwarded,
        paths: PathPolicy::default(),
        underscore_fields: UnderscoreFields::Refuse,
        limits: LimitsPlan {
            connections_max: ConnectionsMax::Count(100),
            requests_per_connection_max: 1_000_000,
            ..LimitsPlan::default()
        },
        tls: None,
    }
}

/// Edits with every kind of value, as a route may make them of requests and of responses.
fn edits() -> HeaderEditsPlan {
    let name = |text| FieldName::new(text).expect("a field name");
    let text = |text| TextTemplate::parse(text).expect("a template");
    HeaderEditsPlan {
        remove: vec![name("accept"), name("server")],
        set: vec![
            (name("x-edge"), text("tidegate")),
            (
                name("x-client"),
                text("${client_ip} ${method} ${host}${path}${query}"),
            ),
        ],
        add: vec![(name("x-id"), text("${request_id}"))],
    }
}

/// Routes that rewrite and split.
fn special_routes() -> [RoutePlan; 3] {
    let text = |text| TextTemplate::parse(text).expect("a template");
    let prefix = ForwardPlan {
        rewrite: RewritePlan {
            path: Some(RewritePath::Prefix("/".into())),
            host: None,
        },
        ..ForwardPlan::to("origin")
    };
    let whole = ForwardPlan {
        rewrite: RewritePlan {
            path: Some(RewritePath::Whole(text("/v2/./${path.rest}/${client_ip}"))),
            host: Some(text("${path.name}.internal:80")),
        },
        ..ForwardPlan::to("origin")
    };
    let share = |upstream: &str| SplitPlan {
        upstream: upstream.into(),
        weight: 1,
    };
    let split = ForwardPlan {
        split: vec![share("origin"), share("other")],
        ..ForwardPlan::to("origin")
    };
    [
        ("strip", PathMatch::Prefix("/strip".into()), prefix),
        (
            "whole",
            PathMatch::Template("/whole/{name}/{*rest}".into()),
            whole,
        ),
        ("split", PathMatch::Exact("/split".into()), split),
    ]
    .map(|(name, path, forward)| RoutePlan {
        name: name.into(),
        matches: MatchPlan {
            path: Some(path),
            ..MatchPlan::default()
        },
        filters: Vec::new(),
        target: TargetPlan::Forward(forward),
    })
}

/// A hundred: prefixes, and templates among them, every third of which edits fields; and the special ones.
fn routes() -> Vec<RoutePlan> {
    (0..100)
        .map(|number| {
            let path = if number % 2 == 0 {
                PathMatch::Prefix(format!("/service-{number}").into())
            } else {
                PathMatch::Template(format!("/service-{number}/{{*rest}}").into())
            };
            RoutePlan {
                name: format!("service-{number}").into(),
                matches: MatchPlan {
                    path: Some(path),
                    ..MatchPlan::default()
                },
                filters: if number % 3 == 1 {
                    vec![
                        FilterPlan::RequestHeaders(edits()),
                        FilterPlan::ResponseHeaders(edits()),
                    ]
                } else {
                    Vec::new()
                },
                target: TargetPlan::Forward(ForwardPlan::to("origin")),
            }
        })
        .chain(special_routes())
        .collect()
}

fn upstream(name: &str, address: SocketAddr) -> UpstreamPlan {
    UpstreamPlan {
        name: name.into(),
        endpoints: vec![EndpointPlan {
            address: EndpointAddress::Socket(address),
            weight: 1,
        }],
        balance: Balance::P2c,
        connections: ConnectionsPlan::default(),
        tls: None,
    }
}

/// Answers every request on kept connections; a thread each, ended by their peers.
fn origin() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    address
}

fn answer(mut stream: TcpStream) {
    stream.set_nodelay(true).ok();
    let Ok(reading) = stream.try_clone() else {
        return;
    };
    let mut reader = BufReader::new(reading);
    while let Some(line) = read_message(&mut reader) {
        let response: &[u8] = if line.contains("/chunked ") {
            b"HTTP/1.1 200 OK\r\nServer: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
        } else {
            b"HTTP/1.1 200 OK\r\nServer: test\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
        };
        if stream.write_all(response).is_err() {
            return;
        }
    }
}

/// Reads a head and its body and returns the start line; `None` at the end of the stream.
fn read_message(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let start = read_line(reader)?;
    let (mut length, mut chunked) = (0, false);
    loop {
        let line = read_line(reader)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
        chunked |= name.eq_ignore_ascii_case("transfer-encoding");
    }
    if chunked {
        read_chunks(reader)?;
    } else {
        reader.read_exact(&mut vec![0; length]).ok()?;
    }
    Some(start)
}

fn read_chunks(reader: &mut BufReader<TcpStream>) -> Option<()> {
    loop {
        let length = usize::from_str_radix(&read_line(reader)?, 16).ok()?;
        // With its CRLF; behind the last one there is nothing else.
        reader.read_exact(&mut vec![0; length + 2]).ok()?;
        if length == 0 {
            return Some(());
        }
    }
}

fn read_line(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let read = reader.read_line(&mut line).ok()?;
    (read > 0).then(|| line.trim_end().to_owned())
}

/// Several kept connections, all with a request under way at once.
struct Clients(Vec<BufReader<TcpStream>>);

impl Clients {
    fn connect(address: SocketAddr) -> Self {
        let connect = || {
            let stream = TcpStream::connect(address).expect("a connection");
            stream.set_nodelay(true).expect("an open socket");
            stream
                .set_read_timeout(Some(LIMIT))
                .expect("a time above zero");
            BufReader::new(stream)
        };
        Self(std::iter::repeat_with(connect).take(CLIENTS).collect())
    }

    fn exchange(&mut self, requests: &[&[u8]], count: usize) {
        for round in 0..count / CLIENTS {
            for (at, client) in self.0.iter_mut().enumerate() {
                let request = requests[(round + at) % requests.len()];
                client
                    .get_mut()
                    .write_all(request)
                    .expect("an open connection");
            }
            for (at, client) in self.0.iter_mut().enumerate() {
                let expected = match requests[(round + at) % requests.len()] {
                    LOST => "HTTP/1.1 404 Not Found",
                    _ => "HTTP/1.1 200 OK",
                };
                assert_eq!(read_message(client).as_deref(), Some(expected));
            }
        }
    }
}

/// One test at a time: an explanation is asked for one thread.
static ALONE: Mutex<()> = Mutex::new(());

/// Runs `requests` in rounds until one is free of allocations, at most `rounds`.
#[track_caller]
fn check(index: usize, requests: &[&[u8]], log: Option<AccessLogFormat>, rounds: usize) {
    check_on(listener(), index, requests, log, rounds);
}

/// As [`check`], on another listener.
#[track_caller]
fn check_on(
    listener: ListenerPlan,
    index: usize,
    requests: &[&[u8]],
    log: Option<AccessLogFormat>,
    rounds: usize,
) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    check_fixture(Fixture::start(index, listener, log), requests, rounds);
}

#[track_caller]
fn check_fixture(fixture: Fixture, requests: &[&[u8]], rounds: usize) {
    let mut clients = Clients::connect(fixture.address);
    clients.exchange(requests, WARM_UP);
    let mut found = (0, String::new());
    for _ in 0..rounds {
        found = fixture.allocations(|| clients.exchange(requests, MEASURED));
        if found.0 == 0 {
            break;
        }
    }
    let (count, trace) = found;
    assert_eq!(
        count, 0,
        "allocations over {MEASURED} requests; the first:\n{trace}"
    );
    drop(clients);
    fixture.stop();
}

#[test]
fn the_count_works() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let fixture = Fixture::start(90, listener(), None);
    // A connection takes a task of its own.
    let (count, trace) =
        fixture.allocations(|| Clients::connect(fixture.address).exchange(&[GET], 4));
    assert!(count >= 4, "{count}");
    assert!(trace.contains("src/worker.rs"), "{trace}");
    fixture.stop();
}

#[test]
fn gets_in_steady_state() {
    check(91, &[GET], None, 1);
}

#[test]
fn posts_in_steady_state() {
    check(92, &[POST], None, 1);
}

#[test]
fn mixed_requests_in_steady_state() {
    check(93, &[GET, POST, ODD], None, 1);
}

#[test]
fn edited_requests_in_steady_state() {
    check(96, &[EDITED, GET], None, 1);
}

#[test]
fn rewritten_requests_in_steady_state() {
    check(97, &REWRITTEN, None, 1);
}

/// Chance decides when as many connections to each upstream are there as are ever needed at a time.
#[test]
fn split_requests_in_steady_state() {
    check(98, &[SPLIT], None, 5);
}

#[test]
fn requests_that_say_who_asks_in_steady_state() {
    check(99, &[REPORTED, GET], None, 1);
    check_on(listener_behind_a_proxy(), 100, &[REPORTED, GET], None, 1);
}

#[test]
fn chunked_messages_in_steady_state() {
    check(101, &[CHUNKED, GET], None, 1);
}

#[test]
fn logged_requests_in_steady_state() {
    check(
        94,
        &[GET, POST],
        Some(AccessLogFormat::default()),
        LOG_BUFFERS + 1,
    );
    check(
        95,
        &[GET, POST],
        Some(AccessLogFormat::Combined),
        LOG_BUFFERS + 1,
    );
}

/// Every request with a parent, a list of trace states and baggage, and every request without.
#[test]
fn traced_requests_in_steady_state() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let spans = Spans::default();
    let fixture = Fixture::traced(102, listener(), None, Some(spans.clone()));
    check_fixture(fixture, &[GET, POST, TRACED, SECRET], 1);
    // A request is a span, and so is its only try.
    let requests = (WARM_UP / CLIENTS + MEASURED / CLIENTS) * CLIENTS;
    assert_eq!(spans.0.load(Ordering::Relaxed), 2 * requests as u64);
}

/// The same into the exporter itself, whose receiver takes everything: handing a full buffer over allocates nothing either.
#[test]
fn exported_requests_in_steady_state() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let url = format!("http://{}", origin());
    let scheme = export::Scheme::Https;
    let protocol = export::Protocol::HttpProtobuf;
    let endpoint = export::Endpoint::for_all(&url, protocol, scheme, otlp::Signal::Traces);
    let plan = ExportPlan {
        batch_delay: Duration::from_millis(50),
        ..ExportPlan::new(endpoint.expect("a URL"), protocol)
    };
    let scope = otlp::Scope {
        name: "test",
        version: "",
    };
    let envelope = otlp::Envelope::new(otlp::Signal::Traces, &[], scope, "");
    let exporter = Exporter::start(envelope, &plan, runtime.handle()).expect("an exporter");
    let fixture = Fixture::exporting(104, Exported(exporter.queue()));
    // Buffers are made as the exporter's pace asks for them.
    check_fixture(fixture, &[GET, POST, TRACED], SPAN_BUFFERS + 1);
    let flushed = runtime.block_on(exporter.shutdown(LIMIT));
    assert_eq!(flushed.lost, 0);
}

#[test]
fn traced_refusals_in_steady_state() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let spans = Spans::default();
    let fixture = Fixture::traced(103, listener(), None, Some(spans.clone()));
    check_fixture(fixture, &[LOST, GET], 1);
    let requests = (WARM_UP / CLIENTS + MEASURED / CLIENTS) * CLIENTS;
    // Half of them have no try.
    assert_eq!(spans.0.load(Ordering::Relaxed), 3 * requests as u64 / 2);
}
