//! Traces through a worker: what spans say, what goes upstream, what is kept.

mod traced;

use std::net::SocketAddr;
use std::time::Duration;

use gateway::plan::ForwardedHeaders;
use message::{FieldName, FieldValue, HostPattern};
use otlp::SpanKind;
use propagation::{Format, Formats};
use telemetry::plan::{ParentRule, RatePlan, SamplingPlan, SamplingRulePlan, TracingPlan};
use testkit::{ClosedPort, RawOrigin};

use traced::{OneSpan, Setting, Traced};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// Its last 8 bytes, and its first 9.
const TRACE_LOW: &str = "a3ce929d0e0e4736";
const TRACE_HIGH: &str = "4bf92f3577b34da6a3";
const CALLER: &str = "00f067aa0ba902b7";

fn sampling(sampling: SamplingPlan) -> TracingPlan {
    TracingPlan {
        sampling,
        ..TracingPlan::default()
    }
}

fn nothing() -> SamplingPlan {
    SamplingPlan {
        rate: RatePlan::Ratio(0.0),
        always_errors: false,
        ..SamplingPlan::default()
    }
}

fn rule(rate: f64) -> SamplingRulePlan {
    SamplingRulePlan {
        routes: Vec::new(),
        hosts: Vec::new(),
        path_prefix: None,
        headers: Vec::new(),
        rate: RatePlan::Ratio(rate),
        overrides_parent: false,
    }
}

#[track_caller]
fn check_attributes(span: &OneSpan, expected: &[(&str, &str)]) {
    for (key, value) in expected {
        assert_eq!(span.has(key), *value, "{key} of {span:#?}");
    }
}

/// Semantic conventions, HTTP spans: names, kinds, attributes required and recommended.
#[test]
fn a_forwarded_request_is_a_server_span_and_a_client_span() {
    let origin = RawOrigin::ok("ok");
    let traced = Traced::start(&TracingPlan::default(), &[origin.addr()]);
    let (response, spans) = traced.spans_of(
        "GET /shop/7?page=2&sig=secret",
        &["User-Agent: test/1", "X-Request-Id: r-1"],
    );
    assert_eq!(response.status, 200);
    let [server, client] = &spans[..] else {
        panic!("expected two spans, found {spans:#?}");
    };
    assert_eq!(
        (server.name.as_str(), server.kind),
        ("GET shop", SpanKind::Server)
    );
    assert_eq!(
        (client.name.as_str(), client.kind),
        ("GET", SpanKind::Client)
    );
    check_attributes(
        server,
        &[
            ("http.request.method", "GET"),
            ("http.request.method_original", ""),
            ("url.scheme", "http"),
            ("url.path", "/shop/7"),
            ("url.query", "page=2&sig=REDACTED"),
            ("http.route", "shop"),
            ("http.response.status_code", "200"),
            ("error.type", ""),
            ("server.address", "shop.example"),
            ("server.port", "8080"),
            ("client.address", "127.0.0.1"),
            ("network.peer.address", "127.0.0.1"),
            ("network.protocol.version", "1.1"),
            ("user_agent.original", "test/1"),
        ],
    );
    let port = origin.addr().port().to_string();
    let url = format!("http://{}/shop/7?page=2&sig=REDACTED", origin.addr());
    check_attributes(
        client,
        &[
            ("http.request.method", "GET"),
            ("server.address", "127.0.0.1"),
            ("server.port", &port),
            ("url.full", &url),
            ("http.response.status_code", "200"),
            ("http.request.resend_count", ""),
            ("error.type", ""),
        ],
    );
    assert!(!server.is_error && !client.is_error);
    assert_eq!(server.parent, "");
    assert_eq!(client.parent, server.span_id);
    assert_eq!(client.trace_id, server.trace_id);
    assert!(server.start <= client.start && client.start < client.end);
    assert!(client.end <= server.end);
    // A request that nobody traced yet: sampled, and random as W3C Trace Context Level 2 has it.
    let upstream = origin.requests().remove(0);
    let expected = format!("00-{}-{}-03", client.trace_id, client.span_id);
    assert_eq!(upstream.field("traceparent"), Some(&*expected));
    assert_eq!(upstream.field("tracestate"), Some("ot=th:0"));
}

/// P-1, P-2, P-3, P-4, P-5: what came goes on, under the sending span's id.
#[test]
fn contexts_are_carried_on() {
    let parent = format!("traceparent: 00-{TRACE}-{CALLER}-01");
    let unsampled = format!("traceparent: 00-{TRACE}-{CALLER}-00");
    let future = format!("traceparent: cc-{TRACE}-{CALLER}-09-more");
    let broken = format!("traceparent: 00-{}-{CALLER}-01", TRACE.to_uppercase());
    let b3 = format!("b3: {TRACE}-{CALLER}-1");
    // Fields of the request; whether its trace goes on; the flags; `tracestate`; `baggage`.
    type Case<'a> = (
        &'a [&'a str],
        bool,
        &'a str,
        Option<&'a str>,
        Option<&'a str>,
    );
    let cases: &[Case<'_>] = &[
        (&[&parent], true, "01", None, None),
        (
            &[&parent, "tracestate: a=1 , b=2", "tracestate: c=3"],
            true,
            "01",
            Some("a=1,b=2,c=3"),
            None,
        ),
        (
            &[&parent, "baggage: user=7;p=q, x=%20"],
            true,
            "01",
            None,
            Some("user=7;p=q,x=%20"),
        ),
        (
            &[&unsampled, "tracestate: a=1"],
            true,
            "00",
            Some("a=1"),
            None,
        ),
        (&[&future], true, "01", None, None),
        (&[&parent, &parent], false, "03", Some("ot=th:0"), None),
        (
            &[&broken, "tracestate: a=1"],
            false,
            "03",
            Some("ot=th:0"),
            None,
        ),
        // A threshold that the flag contradicts would falsify counts.
        (
            &[
                &parent,
                "tracestate: ot=th:ffffffffffffff;rv:00000000000000",
            ],
            true,
            "01",
            Some("ot=rv:00000000000000"),
            None,
        ),
        // Not one of this gateway's formats: passed through, not read.
        (&[&b3], false, "03", Some("ot=th:0"), None),
    ];
    let origin = RawOrigin::ok("ok");
    let traced = Traced::start(&TracingPlan::default(), &[origin.addr()]);
    for (number, (fields, continues, flags, state, baggage)) in cases.iter().enumerate() {
        traced.ask("GET /shop/7", fields);
        let upstream = origin.wait_requests(number + 1).remove(number);
        let sent = upstream.field("traceparent").expect("one traceparent");
        let parts: Vec<&str> = sent.split('-').collect();
        let [version, trace, span, sent_flags] = parts[..] else {
            panic!("{sent}");
        };
        assert_eq!((version, sent_flags), ("00", *flags), "{fields:?}");
        assert_eq!(trace == TRACE, *continues, "{fields:?}");
        assert_ne!(span, CALLER, "{fields:?}");
        assert_eq!(upstream.field("tracestate"), *state, "{fields:?}");
        assert_eq!(upstream.field("baggage"), *baggage, "{fields:?}");
        let spans = traced.spans();
        if *flags == "00" {
            assert_eq!(spans, [], "{fields:?}");
            continue;
        }
        let server = &spans[0];
        assert_eq!(server.parent == CALLER, *continues, "{fields:?}");
        assert_eq!(spans[1].span_id, span, "{fields:?}");
        assert_eq!(server.trace_state, state.unwrap_or_default(), "{fields:?}");
    }
    assert_eq!(
        origin
            .requests()
            .last()
            .and_then(|r| r.field("b3").map(str::to_owned)),
        b3.strip_prefix("b3: ").map(str::to_owned)
    );
}

/// P-6, P-7, P-8: B3 in one field and in several, Jaeger only read.
#[test]
fn other_formats_are_read_and_written() {
    let b3 = format!("b3: {TRACE}-{CALLER}-1");
    let short = format!("b3: {}-{CALLER}-d", TRACE_LOW);
    let [trace_field, span_field] = [
        format!("X-B3-TraceId: {TRACE}"),
        format!("X-B3-SpanId: {CALLER}"),
    ];
    let jaeger = format!("uber-trace-id: {TRACE}:{CALLER}:0:1");
    type Case<'a> = (&'a [Format], &'a [&'a str], String, &'a [&'a str]);
    let cases: &[Case<'_>] = &[
        (&[Format::B3], &[&b3], TRACE.to_owned(), &["b3"]),
        (
            &[Format::B3],
            &[&short],
            format!("{:0>32}", TRACE_LOW),
            &["b3"],
        ),
        (
            &[Format::B3Multi],
            &[&trace_field, &span_field, "X-B3-Sampled: 1"],
            TRACE.to_owned(),
            &["x-b3-traceid", "x-b3-spanid", "x-b3-sampled"],
        ),
        (
            &[Format::Jaeger, Format::TraceContext],
            &[&jaeger],
            TRACE.to_owned(),
            &["traceparent"],
        ),
    ];
    for (formats, fields, trace, written) in cases {
        let origin = RawOrigin::ok("ok");
        let plan = TracingPlan {
            propagators: formats.iter().copied().collect::<Formats>(),
            ..TracingPlan::default()
        };
        let traced = Traced::start(&plan, &[origin.addr()]);
        let (_, spans) = traced.spans_of("GET /shop/7", fields);
        assert_eq!(spans[0].trace_id, *trace, "{fields:?}");
        assert_eq!(spans[0].parent, CALLER, "{fields:?}");
        assert_ne!(spans[0].span_id, CALLER, "{fields:?}");
        let upstream = origin.requests().remove(0);
        let all = [
            "b3",
            "x-b3-traceid",
            "x-b3-spanid",
            "x-b3-sampled",
            "x-b3-parentspanid",
            "uber-trace-id",
            "traceparent",
        ];
        for name in all {
            assert_eq!(
                upstream.field(name).is_some(),
                written.contains(&name),
                "{name} of {fields:?}"
            );
        }
        let carried = written.iter().filter_map(|name| upstream.field(name));
        let carried: Vec<&str> = carried.collect();
        assert!(carried.join(" ").contains(&spans[1].span_id), "{carried:?}");
    }
}

/// Semantic conventions, HTTP spans: status and `error.type`.
#[test]
fn what_fails_is_said_by_the_rules() {
    let answering = |status: u16| {
        RawOrigin::fixed(format!(
            "HTTP/1.1 {status} Test\r\nContent-Length: 0\r\n\r\n"
        ))
    };
    // Of the server span and of the client span.
    for (status, server_error, client_error) in [
        (200, "", ""),
        (304, "", ""),
        (404, "", "404"),
        (500, "500", "500"),
        (504, "504", "504"),
    ] {
        let origin = answering(status);
        let traced = Traced::start(&TracingPlan::default(), &[origin.addr()]);
        let (_, spans) = traced.spans_of("GET /shop/7", &[]);
        assert_eq!(spans.len(), 2, "{status}");
        for (span, error) in [(&spans[0], server_error), (&spans[1], client_error)] {
            assert_eq!(span.has("error.type"), error, "{status}");
            assert_eq!(span.is_error, !error.is_empty(), "{status}");
            assert_eq!(span.has("http.response.status_code"), status.to_string());
        }
    }
}

#[test]
fn refusals_and_odd_requests_have_spans_too() {
    let origin = RawOrigin::ok("ok");
    let traced = Traced::start(&TracingPlan::default(), &[origin.addr()]);
    // What is sent, the span's name, its status, its error, the cause of its refusal.
    for (line, name, status, error, cause) in [
        ("GET /ok", "GET ok", "200", "", ""),
        ("BREW /ok", "HTTP ok", "200", "", ""),
        ("GET /nowhere", "GET", "404", "", "no_route"),
        ("GET /ok%00", "GET", "400", "", "path"),
        ("TRACE /ok", "TRACE", "501", "trace", "trace"),
        ("GET /static/x", "GET /static/*", "200", "", ""),
    ] {
        let (response, spans) = traced.spans_of(line, &[]);
        let server = &spans[0];
        assert_eq!(server.name, name, "{line}");
        assert_eq!(server.has("http.response.status_code"), status, "{line}");
        assert_eq!(response.status.to_string(), status);
        assert_eq!(server.has("error.type"), error, "{line}");
        assert_eq!(server.is_error, !error.is_empty(), "{line}");
        let causes: Vec<&str> = server
            .events
            .iter()
            .map(|(name, details)| {
                assert_eq!(name, "refusal");
                details["cause"].as_str()
            })
            .collect();
        assert_eq!(
            causes,
            if cause.is_empty() {
                vec![]
            } else {
                vec![cause]
            },
            "{line}"
        );
        if !cause.is_empty() {
            let instance = format!("\"instance\":\"urn:trace:{}\"", server.trace_id);
            assert!(response.text().contains(&instance), "{}", response.text());
        }
    }
    let (_, spans) = traced.spans_of("BREW /ok", &[]);
    check_attributes(
        &spans[0],
        &[
            ("http.request.method", "_OTHER"),
            ("http.request.method_original", "BREW"),
        ],
    );
    let (_, spans) = traced.spans_of("GET", &[]);
    assert_eq!(spans[0].has("http.response.status_code"), "400");
    assert_eq!(spans[0].events[0].1["cause"], "request_line");
    // Of what cannot be read nothing is known.
    assert_eq!(spans[0].name, "HTTP");
    assert_eq!(spans[0].has("http.request.method"), "_OTHER");
    assert_eq!(spans[0].has("http.request.method_original"), "");
}

/// P-4: a span per try, each with an id of its own upstream; resends are counted; what happened is told.
#[test]
fn every_try_has_a_span() {
    let closed = ClosedPort::new();
    let failing = RawOrigin::fixed("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    let origin = RawOrigin::ok("ok");
    let endpoints: [SocketAddr; 3] = [closed.addr(), failing.addr(), origin.addr()];
    let traced = Traced::start(&TracingPlan::default(), &endpoints);
    // Requests begin with one endpoint after the other: one of them tries all three in this order.
    let all = (0..6).find_map(|_| {
        let (response, spans) = traced.spans_of("GET /shop/7", &[]);
        assert_eq!(response.status, 200);
        let ports: Vec<&str> = spans[1..]
            .iter()
            .map(|span| span.has("server.port"))
            .collect();
        let wanted = endpoints.map(|endpoint| endpoint.port().to_string());
        (ports == wanted).then_some(spans)
    });
    let spans = all.expect("a request that tried all three");
    let [server, refused, busy, served] = &spans[..] else {
        panic!("{spans:#?}");
    };
    check_attributes(
        refused,
        &[
            ("error.type", "connect_failed"),
            ("http.response.status_code", ""),
            ("http.request.resend_count", ""),
        ],
    );
    check_attributes(
        busy,
        &[
            ("error.type", "503"),
            ("http.response.status_code", "503"),
            ("http.request.resend_count", "1"),
        ],
    );
    check_attributes(
        served,
        &[
            ("error.type", ""),
            ("http.response.status_code", "200"),
            ("http.request.resend_count", "2"),
        ],
    );
    assert!(!server.is_error && refused.is_error && busy.is_error && !served.is_error);
    assert!(refused.end <= busy.start && busy.end <= served.start);
    for (span, origin) in [(busy, &failing), (served, &origin)] {
        let expected = format!("00-{}-{}-03", server.trace_id, span.span_id);
        let upstream = origin.requests();
        let is_it = |request: &testkit::Request| request.field("traceparent") == Some(&expected);
        assert_eq!(upstream.iter().filter(|request| is_it(request)).count(), 1);
        assert_eq!(span.parent, server.span_id);
    }
    let told: Vec<_> = server
        .events
        .iter()
        .map(|(name, details)| {
            (
                name.as_str(),
                details["cause"].as_str(),
                details["endpoint"].clone(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("retry", "connect_failed", closed.addr().to_string()),
            ("retry", "status", failing.addr().to_string())
        ]
    );
}

/// A kept connection that had died: the request goes once to a fresh one, and both tries have spans.
#[test]
fn a_request_that_is_sent_again_is_told() {
    let origin = RawOrigin::start(|conn| {
        let answered = if conn.index() == 0 { 1 } else { usize::MAX };
        for _ in 0..answered {
            if conn.read_request().is_none() {
                return;
            }
            conn.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
        conn.read_request();
    });
    let traced = Traced::start(&TracingPlan::default(), &[origin.addr()]);
    let (response, spans) = traced.spans_of("GET /shop/1", &[]);
    assert_eq!((response.status, spans.len()), (200, 2));
    let (response, spans) = traced.spans_of("GET /shop/2", &[]);
    assert_eq!(response.status, 200);
    let [server, dead, served] = &spans[..] else {
        panic!("{spans:#?}");
    };
    let endpoint = origin.addr().to_string();
    let told = [(
        "redispatch".to_owned(),
        [("endpoint".to_owned(), endpoint)].into(),
    )];
    assert_eq!(server.events, told);
    assert!(!server.is_error);
    check_attributes(
        dead,
        &[
            ("error.type", "no_response"),
            ("http.request.resend_count", ""),
        ],
    );
    check_attributes(
        served,
        &[("error.type", ""), ("http.request.resend_count", "1")],
    );
}

#[test]
fn a_response_that_does_not_come_is_told() {
    let origin = RawOrigin::hanging();
    let setting = Setting {
        timeout: Duration::from_millis(50),
        ..Setting::default()
    };
    let traced = Traced::start_with(&TracingPlan::default(), &[origin.addr()], &setting);
    let (response, spans) = traced.spans_of("GET /shop/1", &[]);
    assert_eq!(response.status, 504);
    let [server, client] = &spans[..] else {
        panic!("{spans:#?}");
    };
    let told: Vec<_> = server
        .events
        .iter()
        .map(|(name, details)| (name.as_str(), details.values().next().map(String::as_str)))
        .collect();
    assert_eq!(
        told,
        [
            ("timeout", Some("response_head")),
            ("refusal", Some("upstream_timeout"))
        ]
    );
    for span in [server, client] {
        assert!(span.is_error);
        assert_eq!(span.has("error.type"), "upstream_timeout", "{span:#?}");
    }
}

/// Semantic conventions, HTTP spans: `url.scheme`, `client.address` and `server.*` are the client's, where those who stand
/// between are believed.
#[test]
fn trusted_proxies_tell_what_was_asked_for() {
    use ForwardedHeaders::{Forwarded, XForwarded};
    let origin = RawOrigin::ok("ok");
    // Fields, and what becomes of scheme, server, port and client.
    for (believed, fields, expected) in [
        (
            None,
            &["X-Forwarded-Proto: https", "X-Forwarded-Host: a"][..],
            ["http", "shop.example", "8080", "127.0.0.1"],
        ),
        (
            Some(XForwarded),
            &[],
            ["http", "shop.example", "8080", "127.0.0.1"],
        ),
        (
            Some(XForwarded),
            &[
                "X-Forwarded-For: 192.0.2.1",
                "X-Forwarded-Proto: HTTPS",
                "X-Forwarded-Host: api.example:8443",
            ],
            ["https", "api.example", "8443", "192.0.2.1"],
        ),
        // A proxy that tells no address still tells the scheme.
        (
            Some(XForwarded),
            &["X-Forwarded-Proto: https"],
            ["https", "shop.example", "8080", "127.0.0.1"],
        ),
        // What stands left of the client's own address is the client's word.
        (
            Some(XForwarded),
            &[
                "X-Forwarded-For: 198.51.100.9, 192.0.2.1",
                "X-Forwarded-Proto: https, http",
                "X-Forwarded-Host: forged, api.example",
            ],
            ["http", "api.example", "", "192.0.2.1"],
        ),
        // Two trusted proxies, the first of which was reached by TLS.
        (
            Some(XForwarded),
            &[
                "X-Forwarded-For: 192.0.2.1, 127.0.0.9",
                "X-Forwarded-Proto: https, http",
                "X-Forwarded-Host: [2001:db8::1]:443",
            ],
            ["https", "2001:db8::1", "443", "192.0.2.1"],
        ),
        (
            Some(XForwarded),
            &["X-Forwarded-Proto: gopher", "X-Forwarded-Host:"],
            ["http", "shop.example", "8080", "127.0.0.1"],
        ),
        (
            Some(Forwarded),
            &[
                "Forwarded: for=192.0.2.1;Proto=https;host=\"api.example:1\", for=127.0.0.9;proto=http;host=inner",
            ],
            ["https", "api.example", "1", "192.0.2.1"],
        ),
        (
            Some(Forwarded),
            &[
                "Forwarded: for=198.51.100.9;proto=https;host=forged",
                "Forwarded: for=192.0.2.1",
            ],
            ["http", "shop.example", "8080", "192.0.2.1"],
        ),
        (
            Some(Forwarded),
            &["X-Forwarded-Proto: https"],
            ["http", "shop.example", "8080", "127.0.0.1"],
        ),
    ] {
        let setting = Setting {
            believed,
            ..Setting::default()
        };
        let traced = Traced::start_with(&TracingPlan::default(), &[origin.addr()], &setting);
        let (response, spans) = traced.spans_of("GET /shop/1", fields);
        assert_eq!(response.status, 200, "{fields:?}");
        let keys = [
            "url.scheme",
            "server.address",
            "server.port",
            "client.address",
        ];
        let found = keys.map(|key| spans[0].has(key));
        assert_eq!(found, expected, "{believed:?} {fields:?}");
    }
}

#[test]
fn what_failed_or_was_slow_is_kept_though_not_drawn() {
    let failing = RawOrigin::fixed("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
    let unsampled = format!("traceparent: 00-{TRACE}-{CALLER}-00");
    // What is kept in any case, the request, whether it is kept.
    let errors = SamplingPlan {
        always_errors: true,
        ..nothing()
    };
    let slow = SamplingPlan {
        slow_over: Some(Duration::from_nanos(1)),
        ..nothing()
    };
    let not_slow = SamplingPlan {
        slow_over: Some(Duration::from_secs(600)),
        ..nothing()
    };
    for (plan, line, is_kept) in [
        (&nothing(), "GET /shop/7", false),
        (&nothing(), "GET /ok", false),
        (&errors, "GET /shop/7", true),
        (&errors, "GET /ok", false),
        (&errors, "GET /nowhere", false),
        (&slow, "GET /ok", true),
        (&not_slow, "GET /ok", false),
    ] {
        let traced = Traced::start(&sampling(plan.clone()), &[failing.addr()]);
        for fields in [&[][..], &[unsampled.as_str()]] {
            let (_, spans) = traced.spans_of(line, fields);
            assert_eq!(!spans.is_empty(), is_kept, "{line} with {plan:?}");
            // Not drawn, it counts for no other: and whoever is asked next is not told otherwise.
            for span in &spans {
                assert_eq!((span.trace_state.as_str(), span.flags & 1), ("", 0));
            }
        }
    }
    for upstream in failing.requests() {
        assert!(
            upstream
                .field("traceparent")
                .is_some_and(|parent| parent.ends_with("-00") || parent.ends_with("-02"))
        );
        assert_eq!(upstream.field("tracestate"), None);
    }
}

#[test]
fn rules_decide_by_route_host_path_and_field() {
    let sampled = format!("traceparent: 00-{TRACE}-{CALLER}-01");
    let unsampled = format!("traceparent: 00-{TRACE}-{CALLER}-00");
    let by_route = SamplingRulePlan {
        routes: vec!["ok".into()],
        ..rule(1.0)
    };
    let by_host = SamplingRulePlan {
        hosts: vec![HostPattern::Wildcard(".example".into())],
        ..rule(1.0)
    };
    let by_other_host = SamplingRulePlan {
        hosts: vec![HostPattern::Exact("example".into())],
        ..rule(1.0)
    };
    let by_path = SamplingRulePlan {
        path_prefix: Some("/shop".into()),
        ..rule(1.0)
    };
    let by_field = SamplingRulePlan {
        headers: vec![(
            FieldName::new("x-debug").unwrap(),
            FieldValue::new("on").unwrap(),
        )],
        ..rule(1.0)
    };
    let overriding = SamplingRulePlan {
        overrides_parent: true,
        ..by_route.clone()
    };
    let never = SamplingRulePlan {
        overrides_parent: true,
        ..rule(0.0)
    };
    let cases: &[(&[&SamplingRulePlan], &str, &[&str], bool)] = &[
        (&[&by_route], "GET /ok", &[], true),
        (&[&by_route], "GET /shop/7", &[], false),
        (&[&by_route], "GET /nowhere", &[], false),
        (&[&by_host], "GET /ok", &[], true),
        (&[&by_other_host], "GET /ok", &[], false),
        (&[&by_path], "GET /shop/7", &[], true),
        (&[&by_path], "GET /shopping", &[], false),
        (&[&by_field], "GET /ok", &["X-Debug: on"], true),
        (&[&by_field], "GET /ok", &["X-Debug: off"], false),
        // The first that takes the request decides.
        (&[&rule(0.0), &by_route], "GET /ok", &[], false),
        (&[&by_path, &rule(0.0)], "GET /shop/7", &[], true),
        // A decision that came with the request counts more, unless a rule says otherwise.
        (&[&by_route], "GET /ok", &[&unsampled], false),
        (&[&overriding], "GET /ok", &[&unsampled], true),
        (&[&rule(0.0)], "GET /ok", &[&sampled], true),
        (&[&never], "GET /ok", &[&sampled], false),
    ];
    let origin = RawOrigin::ok("ok");
    for (rules, line, fields, is_kept) in cases {
        let rules: Vec<_> = rules.iter().map(|rule| (*rule).clone()).collect();
        let plan = SamplingPlan { rules, ..nothing() };
        let traced = Traced::start(&sampling(plan), &[origin.addr()]);
        let (_, spans) = traced.spans_of(line, fields);
        assert_eq!(!spans.is_empty(), *is_kept, "{line} {fields:?}");
    }
    let plan = SamplingPlan {
        parent: ParentRule::Ignore,
        ..nothing()
    };
    let traced = Traced::start(&sampling(plan), &[origin.addr()]);
    assert_eq!(traced.spans_of("GET /ok", &[&sampled]).1, []);
}

/// Consistent probability: what is kept is what the trace id's last 56 bits say, and `th` says how it was decided.
/// P-6: a decision for debugging is a caller's decision: it counts where callers decide.
#[test]
fn debugging_is_for_callers_that_may_decide() {
    let origin = RawOrigin::ok("ok");
    let never = RatePlan::Ratio(0.0);
    for (parent, overrides_parent, expected) in [
        (ParentRule::Follow, false, true),
        (ParentRule::Ignore, false, false),
        (ParentRule::Follow, true, false),
    ] {
        let plan = TracingPlan {
            propagators: [Format::B3].into_iter().collect(),
            ..sampling(SamplingPlan {
                parent,
                rate: never,
                rules: vec![SamplingRulePlan {
                    overrides_parent,
                    ..rule(0.0)
                }],
                always_errors: false,
                ..SamplingPlan::default()
            })
        };
        let traced = Traced::start(&plan, &[origin.addr()]);
        let field = format!("b3: {TRACE}-{CALLER}-d");
        let (response, spans) = traced.spans_of("GET /shop/7", &[&field]);
        assert_eq!(response.status, 200);
        assert_eq!(!spans.is_empty(), expected, "{parent:?} {overrides_parent}");
        let sent = origin.requests().pop().expect("a request");
        let b3 = sent.field("b3").expect("a context").to_owned();
        let end = if expected { "-d" } else { "-0" };
        assert!(b3.starts_with(TRACE) && b3.ends_with(end), "{b3}");
    }
}

#[test]
fn shares_keep_the_same_traces_everywhere() {
    let origin = RawOrigin::ok("ok");
    let plan = SamplingPlan {
        parent: ParentRule::Ignore,
        rate: RatePlan::Ratio(0.25),
        ..nothing()
    };
    let traced = Traced::start(&sampling(plan), &[origin.addr()]);
    // A quarter is kept: the randomness is not below c0000000000000.
    for (randomness, is_kept) in [
        ("c0000000000000", true),
        ("bfffffffffffff", false),
        ("ffffffffffffff", true),
        ("00000000000000", false),
    ] {
        let parent = format!("traceparent: 00-{}{randomness}-{CALLER}-00", TRACE_HIGH);
        let (_, spans) = traced.spans_of("GET /shop/7", &[&parent, "tracestate: a=1"]);
        assert_eq!(!spans.is_empty(), is_kept, "{randomness}");
        let upstream = origin.requests().pop().expect("a request");
        let (state, flags) = if is_kept {
            ("ot=th:c,a=1", "-01")
        } else {
            ("a=1", "-00")
        };
        assert_eq!(upstream.field("tracestate"), Some(state));
        assert!(
            upstream
                .field("traceparent")
                .is_some_and(|sent| sent.ends_with(flags))
        );
        // Randomness that was told counts in place of the id's.
        let told = format!("tracestate: ot=rv:{randomness}");
        let parent = format!("traceparent: 00-{TRACE}-{CALLER}-00");
        let (_, spans) = traced.spans_of("GET /shop/7", &[&parent, &told]);
        assert_eq!(!spans.is_empty(), is_kept, "{randomness}");
    }
}

#[test]
fn options_show() {
    let origin =
        RawOrigin::fixed("HTTP/1.1 200 OK\r\nX-Trace: forged\r\nContent-Length: 0\r\n\r\n");
    let plan = TracingPlan {
        response_header: Some(FieldName::new("x-trace").unwrap()),
        redact_query: vec!["token".into()],
        capture_request_headers: vec![
            FieldName::new("x-tenant").unwrap(),
            FieldName::new("accept").unwrap(),
        ],
        ..TracingPlan::default()
    };
    let traced = Traced::start(&plan, &[origin.addr()]);
    for line in [
        "GET /shop/7?token=t&Token=u",
        "GET /ok?token=t&Token=u",
        "GET /nowhere?token=t&Token=u",
    ] {
        let (response, spans) = traced.spans_of(line, &["X-Tenant: a", "X-Tenant: b"]);
        assert_eq!(
            response.field("x-trace"),
            Some(&*spans[0].trace_id),
            "{line}"
        );
        check_attributes(
            &spans[0],
            &[
                ("url.query", "token=REDACTED&Token=u"),
                ("http.request.header.x-tenant", "[a, b]"),
                ("http.request.header.accept", ""),
            ],
        );
        for span in &spans[1..] {
            assert!(
                span.has("url.full").ends_with("?token=REDACTED&Token=u"),
                "{span:#?}"
            );
        }
    }
}
