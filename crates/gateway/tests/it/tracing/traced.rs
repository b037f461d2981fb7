//! A worker that traces, and the spans it hands over.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gateway::plan::{
    ForwardPlan, ForwardedHeaders, ListenerPlan, MatchPlan, RespondPlan, RetryOn, RetryPlan,
    RoutePlan, TargetPlan, UnderscoreFields,
};
use gateway::{
    Command, ExportSinks, Gate, ListenCommand, Program, WorkerConfig, WorkerHandle, spawn_worker,
};
use message::{PathPolicy, StatusCode};
use net::BoundSockets;
use otlp::read::{AttributeView, SpanView, StatusCode as SpanStatus, ValueView};
use otlp::{Envelope, Scope, Signal, SpanKind};
use telemetry::plan::TracingPlan;
use telemetry::{ItemSink, Outlet, Parcel};
use testkit::{RawClient, Response, SOON};
use tokio::sync::oneshot;
use upstream::Shared;
use upstream::plan::{Balance, ConnectionsPlan, EndpointAddress, EndpointPlan, UpstreamPlan};

use crate::support::{path, route};

/// A running worker; its routes are `ok` (`/ok`, answers by itself), `shop` (`/shop/{id}`, forwards) and an unnamed one
/// for `/static`, which forwards too.
pub(crate) struct Traced {
    worker: WorkerHandle,
    pub(crate) address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    items: u32,
    dropped: u32,
}

struct Keep(Arc<Mutex<Kept>>);

/// A span as it was encoded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OneSpan {
    pub(crate) name: String,
    pub(crate) kind: SpanKind,
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) parent: String,
    pub(crate) trace_state: String,
    pub(crate) flags: u32,
    pub(crate) is_error: bool,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) events: Vec<(String, BTreeMap<String, String>)>,
}

/// What is not as usual.
pub(crate) struct Setting {
    /// Peers are believed where they write these.
    pub(crate) believed: Option<ForwardedHeaders>,
    /// For a response's head.
    pub(crate) timeout: Duration,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            believed: None,
            timeout: SOON,
        }
    }
}

impl Traced {
    /// Forwards to these endpoints in turn, with two retries on a failed connection and on 503.
    pub(crate) fn start(plan: &TracingPlan, endpoints: &[SocketAddr]) -> Self {
        Self::start_with(plan, endpoints, &Setting::default())
    }

    pub(crate) fn start_with(
        plan: &TracingPlan,
        endpoints: &[SocketAddr],
        setting: &Setting,
    ) -> Self {
        let loopback = || "127.0.0.0/8".parse().expect("a range");
        let listener = ListenerPlan {
            name: "web".into(),
            address: ([127, 0, 0, 1], 0).into(),
            trusted_proxies: setting.believed.iter().map(|_| loopback()).collect(),
            forwarded_headers: setting.believed.unwrap_or(ForwardedHeaders::XForwarded),
            paths: PathPolicy::default(),
            underscore_fields: UnderscoreFields::Refuse,
            limits: gateway::plan::LimitsPlan::default(),
            tls: None,
        };
        let upstream = UpstreamPlan {
            name: "origin".into(),
            endpoints: endpoints
                .iter()
                .map(|address| EndpointPlan {
                    address: EndpointAddress::Socket(*address),
                    weight: 1,
                })
                .collect(),
            balance: Balance::RoundRobin,
            connections: ConnectionsPlan::default(),
            tls: None,
        };
        let program = Program::new(
            std::slice::from_ref(&listener),
            &routes(setting.timeout),
            &[upstream],
            None,
        );
        let worker = spawn_worker(WorkerConfig {
            index: 0,
            pin_to: None,
            via: b"tidegate-test"[..].into(),
            shared: Shared::new(),
            program: Arc::new(program.traced(plan, 1)),
        })
        .expect("a thread");
        let sockets = BoundSockets::bind(listener.address, 1).expect("a free port");
        let address = sockets.address();
        let socket = sockets.listen().expect("a bound socket").remove(0);
        let gate = Gate::new(&listener, 1024, 1);
        let kept = Arc::default();
        let traced = Self {
            worker,
            address,
            kept,
        };
        traced.tell(Command::Listen(ListenCommand {
            plan: Arc::new(listener),
            socket,
            gate,
            tls: None,
        }));
        traced.swap(Some(traced.sink()));
        traced
    }

    /// Sends a request with these fields on a connection of its own.
    pub(crate) fn ask(&self, line: &str, fields: &[&str]) -> Response {
        let mut request = format!("{line} HTTP/1.1\r\nHost: shop.example:8080\r\n");
        for field in fields {
            request.push_str(field);
            request.push_str("\r\n");
        }
        request.push_str("Connection: close\r\n\r\n");
        RawClient::exchange(self.address, request)
    }

    /// The spans of requests that ended, in the order of their ends.
    pub(crate) fn spans(&self) -> Vec<OneSpan> {
        // An answer is read before its request is finished: the worker ends that first, then does what it is told.
        self.swap(Some(self.sink()));
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(kept.dropped, 0);
        let envelope = Envelope::new(
            Signal::Traces,
            &[],
            Scope {
                name: "test",
                version: "",
            },
            "",
        );
        let mut request = Vec::new();
        envelope.append_around(&[&kept.bytes], &mut request);
        let mut spans = Vec::new();
        otlp::read::spans(&request, |span| spans.push(OneSpan::of(span))).expect("whole spans");
        assert_eq!(spans.len(), kept.items as usize);
        *kept = Kept::default();
        spans
    }

    /// The spans of one request: its own, and those of its tries.
    #[track_caller]
    pub(crate) fn spans_of(&self, line: &str, fields: &[&str]) -> (Response, Vec<OneSpan>) {
        let response = self.ask(line, fields);
        (response, self.spans())
    }

    fn sink(&self) -> ItemSink {
        ItemSink::new(Box::new(Keep(Arc::clone(&self.kept))))
    }

    fn swap(&self, sink: Option<ItemSink>) {
        let (done, swapped) = oneshot::channel();
        let sinks = ExportSinks {
            spans: sink,
            ..ExportSinks::default()
        };
        self.tell(Command::Export(sinks, done));
        block_on(async { tokio::time::timeout(SOON, swapped).await })
            .expect("in time")
            .expect("a living worker");
    }

    fn tell(&self, command: Command) {
        block_on(self.worker.send(command)).expect("a living worker");
    }
}

fn routes(timeout: Duration) -> Vec<RoutePlan> {
    let matching = |text| MatchPlan {
        path: Some(path(text)),
        ..MatchPlan::default()
    };
    let forward = || {
        TargetPlan::Forward(ForwardPlan {
            retries: RetryPlan {
                max: 2,
                on: vec![
                    RetryOn::Connect,
                    RetryOn::Status(StatusCode::SERVICE_UNAVAILABLE),
                ],
            },
            timeout,
            ..ForwardPlan::to("origin")
        })
    };
    vec![
        RoutePlan {
            name: "ok".into(),
            target: TargetPlan::Respond(RespondPlan {
                status: StatusCode::OK,
                body: b"ok"[..].into(),
                headers: Vec::new(),
            }),
            ..route(matching("/ok"))
        },
        RoutePlan {
            name: "shop".into(),
            target: forward(),
            ..route(matching("/shop/{id}"))
        },
        RoutePlan {
            name: "routes[2]".into(),
            target: forward(),
            ..route(matching("/static*"))
        },
    ]
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
        .block_on(future)
}

impl Outlet for Keep {
    fn try_send(&self, parcel: Parcel) -> Result<(), Parcel> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes.extend_from_slice(&parcel.bytes);
        kept.items += parcel.items;
        Ok(())
    }

    fn count_dropped(&self, items: u32) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .dropped += items;
    }
}

impl OneSpan {
    fn of(span: SpanView<'_>) -> Self {
        Self {
            name: text(span.name),
            kind: span.kind.expect("a kind"),
            trace_id: hex(&span.trace_id.expect("an id")),
            span_id: hex(&span.span_id.expect("an id")),
            parent: span.parent_span_id.map_or_else(String::new, |id| hex(&id)),
            trace_state: text(span.trace_state),
            flags: span.flags,
            is_error: span.status == SpanStatus::Error,
            start: span.start_unix_nanos,
            end: span.end_unix_nanos,
            attributes: span
                .attributes()
                .map(|pair| shown(pair.expect("whole")))
                .collect(),
            events: span
                .events()
                .map(|event| {
                    let event = event.expect("whole");
                    let attributes = event.attributes().map(|pair| shown(pair.expect("whole")));
                    (text(event.name), attributes.collect())
                })
                .collect(),
        }
    }

    /// The value of an attribute; empty when there is none.
    pub(crate) fn has(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", |value| value)
    }
}

fn shown(pair: AttributeView<'_>) -> (String, String) {
    let value = if let ValueView::Array(array) = pair.value {
        let items = array.iter().map(|item| scalar(item.expect("whole")));
        format!("[{}]", items.collect::<Vec<_>>().join(", "))
    } else {
        scalar(pair.value)
    };
    (text(pair.key), value)
}

#[track_caller]
fn scalar(value: ValueView<'_>) -> String {
    if let ValueView::Str(value) = value {
        text(value)
    } else if let ValueView::Int(number) = value {
        number.to_string()
    } else {
        panic!("expected text or a number, found {value:?}");
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8, as protobuf wants it")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
