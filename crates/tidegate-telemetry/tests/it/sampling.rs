//! `OTEL_TRACES_SAMPLER`.

use axum::body::Body;
use http::Request;
use testkit::RawOrigin;

use crate::receiver::{receiver, spans, start};
use crate::service::{Service, client, get, send};

/// Sends so many requests from outside of any span and gives how many spans came, and what went on in the headers.
async fn sent(variables: &[(&str, &str)], count: usize) -> (usize, Vec<(String, Option<String>)>) {
    let (receiver, origin) = (receiver(), RawOrigin::ok(""));
    let telemetry = start(&receiver, variables);
    let client = client(&telemetry);
    for _ in 0..count {
        get(&client, origin.addr(), "/").await;
    }
    telemetry.shutdown().await;
    let heads = origin.requests().into_iter().map(|request| {
        let parent = request.field("traceparent").expect("a parent").to_owned();
        (parent, request.field("tracestate").map(str::to_owned))
    });
    (spans(&receiver).len(), heads.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_recorded_goes_on_as_such() {
    for sampler in ["always_off", "parentbased_always_off"] {
        let (spans, heads) = sent(&[("OTEL_TRACES_SAMPLER", sampler)], 3).await;
        assert_eq!(spans, 0);
        for (parent, state) in heads {
            assert!(parent.ends_with("-02"), "{parent}");
            assert_eq!(state, None);
        }
    }
}

/// A share is drawn by the trace id's last 56 bits, and said so.
#[tokio::test(flavor = "multi_thread")]
async fn a_share_is_drawn_by_the_trace_id() {
    let variables = [
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
    ];
    let (spans, heads) = sent(&variables, 200).await;
    let mut kept = 0;
    for (parent, state) in &heads {
        let digits = parent.get(21..35).unwrap();
        let is_kept = u64::from_str_radix(digits, 16).unwrap() >= 0xc0_0000_0000_0000;
        assert_eq!(parent.ends_with("-03"), is_kept, "{parent}");
        assert_eq!(state.as_deref(), is_kept.then_some("ot=th:c"));
        kept += usize::from(is_kept);
    }
    assert_eq!(spans, kept);
    // Of 200 draws of one in four, beyond eight standard deviations.
    assert!((1..100).contains(&kept), "{kept}");
}

/// Whether the caller's decision counts.
#[tokio::test(flavor = "multi_thread")]
async fn parents_are_followed_by_parent_based_samplers_only() {
    for (sampler, flags, spans_expected) in [
        ("parentbased_always_on", "00", 0),
        ("parentbased_always_off", "01", 1),
        ("always_on", "00", 1),
        ("always_off", "01", 0),
    ] {
        let receiver = receiver();
        let telemetry = start(&receiver, &[("OTEL_TRACES_SAMPLER", sampler)]);
        let routes = axum::Router::new().route("/", axum::routing::get(async || "ok"));
        let service = Service::start(&telemetry, routes).await;
        // Another setup, which passes contexts through.
        let plain = start(
            &receiver,
            &[("OTEL_SDK_DISABLED", "true"), ("OTEL_PROPAGATORS", "none")],
        );
        let parent = format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}");
        let req = Request::get(format!("http://{}/", service.addr)).header("traceparent", parent);
        let answer = send(&client(&plain), req.body(Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        drop(answer);
        telemetry.shutdown().await;
        let seen = spans(&receiver);
        assert_eq!(seen.len(), spans_expected, "{sampler}");
        let states = seen.iter().map(|span| &*span.trace_state);
        let expected = if sampler == "always_on" {
            "ot=th:0"
        } else {
            ""
        };
        assert!(
            states.into_iter().all(|state| state == expected),
            "{seen:#?}"
        );
    }
}
