//! What tracing one request costs the worker: the whole of its calls, for a request that is drawn and one that is not.
//! Sockets and the rest of the request are left out.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use message::{MethodKind, RequestHead};
use telemetry::metrics::Scheme;
use telemetry::plan::{RatePlan, SamplingPlan, TracingPlan};
use telemetry::trace::{
    Anchor, Finished, Outcome, Recording, RouteNames, Subject, Tracer, Tracing,
};
use telemetry::{ItemSink, Outlet, Parcel};

fn main() {
    divan::main();
}

/// Gives buffers back at once.
struct Nowhere;

impl Outlet for Nowhere {
    fn try_send(&self, mut parcel: Parcel) -> Result<(), Parcel> {
        parcel.bytes.clear();
        parcel.back.try_send(parcel.bytes).expect("room for all");
        Ok(())
    }

    fn count_dropped(&self, _: u32) {}
}

fn head() -> RequestHead {
    let mut head = RequestHead::default();
    let text = b"GET /products/1 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n";
    let bounds = h1::HeadLimits {
        bytes: 1024,
        fields: 16,
        target: 256,
    };
    let read = h1::HeadReader::default().request(text, bounds, &mut head);
    assert!(matches!(read, Ok(Some(_))));
    head
}

#[divan::bench(args = [0.0, 1.0])]
fn request(bencher: divan::Bencher<'_, '_>, ratio: f64) {
    let plan = TracingPlan {
        sampling: SamplingPlan {
            rate: RatePlan::Ratio(ratio),
            ..SamplingPlan::default()
        },
        ..TracingPlan::default()
    };
    let routes = [RouteNames {
        name: "products",
        label: "/products/{id}",
    }];
    let tracer = Tracer::new(Arc::new(Tracing::new(plan, &routes, 1)));
    let sink = ItemSink::new(Box::new(Nowhere));
    let head = head();
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000));
    let (clock, started) = (Anchor::now(), Instant::now());
    let mut recording = Recording::default();
    let mut upstream = Vec::with_capacity(1024);
    bencher.bench_local(|| {
        recording.clear();
        tracer.begin(&head.fields, &mut recording);
        let subject = Subject {
            route: Some(0),
            host: head.host(),
            path: head.path(),
            fields: &head.fields,
        };
        tracer.decide(subject, &mut recording);
        upstream.clear();
        upstream.extend_from_slice(b"GET /products/1 HTTP/1.1\r\n");
        tracer.append_context(&mut recording, &mut upstream);
        recording.keep_target(&upstream);
        recording.begin_attempt(peer, started, &mut upstream);
        recording.end_attempt(Outcome::Status(200), started);
        let finished = Finished {
            started,
            ended: started,
            head: &head,
            method: MethodKind::Get.into(),
            scheme: Scheme::Http,
            route: Some(0),
            client_ip: peer.ip(),
            peer,
            status: 200,
            error: None,
            call: None,
        };
        divan::black_box(tracer.attempt_exemplar(&recording, clock, started));
        tracer.finish(&mut recording, &finished, clock, Some(&sink))
    });
}
