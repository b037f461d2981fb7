//! The fields that the gateway removes, writes and believes, on both sides (GW-20 to GW-32, GW-46).

use std::net::SocketAddr;

use testkit::{RawClient, RawOrigin, Tidegate, config_forwarding_to};

use crate::gate::{Setup, Then, answering, forwarded, get, head, ok, post, values};
use crate::system::until_metric;

/// Fields of that name as expected, in order.
type Expected<'a> = (&'a str, &'a [&'a str]);

/// Sends a `GET` with these lines behind its Host; the origin gets these fields.
#[track_caller]
fn check_request(addr: SocketAddr, origin: &RawOrigin, lines: &[&str], expected: &[Expected<'_>]) {
    let lines = [&["GET / HTTP/1.1", "Host: a.example"], lines].concat();
    check_whole_request(addr, origin, &head(&lines), expected);
}

#[track_caller]
fn check_whole_request(
    addr: SocketAddr,
    origin: &RawOrigin,
    request: &str,
    expected: &[Expected<'_>],
) {
    let (response, found) = forwarded(addr, origin, request);
    assert_eq!(response.status, 200, "{request}");
    for (name, expected) in expected {
        assert_eq!(values(&found.head, name), *expected, "{name} of {request}");
    }
}

/// Sends a `GET` with these lines behind its Host; it is refused with 400 and no origin hears of it.
#[track_caller]
fn check_refused(addr: SocketAddr, origin: &RawOrigin, lines: &[&str]) {
    let before = origin.requests().len();
    let mut client = RawClient::connect(addr);
    client.send(head(
        &[&["GET / HTTP/1.1", "Host: a.example"], lines].concat(),
    ));
    let response = client.read_response();
    assert_eq!(response.status, 400, "{lines:?}");
    client.expect_close();
    assert_eq!(origin.requests().len(), before, "{lines:?}");
}

#[test]
fn a_requests_hop_by_hop_fields_stop_here() {
    let origin = RawOrigin::ok("ok");
    let gateway = Setup::default().start(&[origin.addr()]);
    let cases: [(&[&str], &[Expected<'_>]); 9] = [
        (
            &["Connection: keep-alive, X-Hop", "X-Hop: 1", "x-hop: 2"],
            &[("connection", &[]), ("x-hop", &[])],
        ),
        // A nomination is of names, whatever their case and wherever they stand.
        (
            &[
                "X-Hop: 1",
                "Connection: ,x-other",
                "connection: X-HOP,",
                "X-Kept: 1",
            ],
            &[("x-hop", &[]), ("x-kept", &["1"])],
        ),
        (
            &["Keep-Alive: timeout=5", "Proxy-Connection: keep-alive"],
            &[("keep-alive", &[]), ("proxy-connection", &[])],
        ),
        (
            &[
                "Proxy-Authorization: Basic YTpi",
                "Proxy-Authenticate: Basic",
                "Authorization: Basic YTpi",
            ],
            &[
                ("proxy-authorization", &[]),
                ("proxy-authenticate", &[]),
                ("authorization", &["Basic YTpi"]),
            ],
        ),
        (
            &[
                "Connection: upgrade",
                "Upgrade: h2c",
                "HTTP2-Settings: AAMAAABk",
            ],
            &[("upgrade", &[]), ("connection", &[])],
        ),
        (&["TE: gzip"], &[("te", &[]), ("connection", &[])]),
        // GW-29
        (
            &["TE: gzip;q=0.5, Trailers", "Connection: te"],
            &[("te", &["trailers"]), ("connection", &["te"])],
        ),
        (&["Trailer: X-Sum"], &[("trailer", &[])]),
        (&["Max-Forwards: 3"], &[("max-forwards", &["3"])]),
    ];
    for (lines, expected) in cases {
        check_request(gateway.addr("web"), &origin, lines, expected);
    }
}

/// GW-28: removing these would change who is asked, who asks, or where the message ends.
#[test]
fn a_connection_field_cannot_remove_what_protects() {
    let origin = RawOrigin::ok("ok");
    let gateway = Setup::default().start(&[origin.addr()]);
    for name in [
        "Host",
        "authorization",
        "Cookie",
        "content-length",
        "Forwarded",
        "X-Forwarded-For",
        "X-FORWARDED-HOST",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "X-Real-IP",
        "X-Request-ID",
        "Via",
    ] {
        let line = format!("Connection: close, {name}");
        check_refused(gateway.addr("web"), &origin, &[&line]);
    }
    // A list that asks for work is no honest one.
    let many: Vec<_> = (0..17).map(|i| format!("x-{i}")).collect();
    let line = format!("Connection: {}", many.join(","));
    check_refused(gateway.addr("web"), &origin, &[&line]);
    assert_eq!(origin.accepted(), 0);
}

#[test]
fn a_responses_hop_by_hop_fields_stop_here() {
    let with = |lines: &str| {
        (
            ok("ok").replace("\r\n\r\n", &format!("\r\n{lines}\r\n\r\n")),
            Then::Keep,
        )
    };
    let origin = answering(vec![
        with("Connection: X-Hop\r\nX-Hop: 1\r\nx-hop: 2\r\nX-Kept: 1"),
        with("Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nProxy-Authenticate: Basic"),
        with("Connection: upgrade\r\nUpgrade: h2c\r\nTE: trailers\r\nTrailer: x"),
        with("Connection: set-cookie, content-length, date\r\nSet-Cookie: a=1"),
        with("Date: Tue, 15 Nov 1994 08:12:31 GMT\r\nX-Request-Id: origin-1\r\nVia: 1.1 cache"),
    ]);
    let gateway = Setup::default().start(&[origin.addr()]);
    let cases: [(&str, &[Expected<'_>]); 5] = [
        (
            "/0",
            &[
                ("x-hop", &[]),
                ("x-kept", &["1"]),
                ("connection", &[]),
                ("content-length", &["2"]),
            ],
        ),
        (
            "/1",
            &[
                ("keep-alive", &[]),
                ("proxy-connection", &[]),
                ("proxy-authenticate", &[]),
            ],
        ),
        (
            "/2",
            &[
                ("connection", &[]),
                ("upgrade", &[]),
                ("te", &[]),
                ("trailer", &[]),
            ],
        ),
        ("/3", &[("content-length", &["2"])]),
        (
            "/4",
            &[
                ("date", &["Tue, 15 Nov 1994 08:12:31 GMT"]),
                ("x-request-id", &["origin-1"]),
                ("via", &["1.1 cache"]),
            ],
        ),
    ];
    for (target, expected) in cases {
        let response = RawClient::exchange(gateway.addr("web"), get(target));
        assert_eq!(response.text(), "ok", "{target}");
        for (name, expected) in expected {
            assert_eq!(values(&response.head, name), *expected, "{name} {target}");
        }
        assert_eq!(values(&response.head, "date").len(), 1, "{target}");
        assert_eq!(values(&response.head, "x-request-id").len(), 1, "{target}");
    }
}

#[test]
fn via_is_appended_and_a_loop_is_told() {
    let origin = RawOrigin::ok("ok");
    let gateway = Setup::default().start(&[origin.addr()]);
    let addr = gateway.addr("web");
    let (_, request) = forwarded(addr, &origin, get("/"));
    let via = request.head.field("via").expect("a Via").to_owned();
    let name = via.strip_prefix("1.1 ").expect("the client's version");
    assert!(!name.is_empty() && !name.contains([' ', ',']), "{via}");
    check_request(
        addr,
        &origin,
        &["Via: 1.0 fred", "via: HTTP/1.1 example.com:80 (x)"],
        &[(
            "via",
            &[&format!("1.0 fred, HTTP/1.1 example.com:80 (x), {via}")],
        )],
    );
    check_whole_request(
        addr,
        &origin,
        &head(&["GET / HTTP/1.0", "Host: a"]),
        &[("via", &[&format!("1.0 {name}")])],
    );
    let before = origin.requests().len();
    let line = format!("Via: 1.0 fred, {via}, 1.1 other");
    let response = RawClient::exchange(addr, head(&["GET / HTTP/1.1", "Host: a", &line]));
    assert_eq!(response.status, 508);
    assert_eq!(origin.requests().len(), before);
}

/// A gateway with a listener for each way of telling who asks, whose routes say whom they take the client for.
fn telling(trusted: &str, origin: &RawOrigin) -> Tidegate {
    let listener = |way: &str| {
        format!(
            "  {way}: {{ address: \"127.0.0.1:0\", forwarded_headers: {way}, trusted_proxies: [{trusted}] }}\n"
        )
    };
    let listeners: String = ["x_forwarded", "forwarded", "both", "off"]
        .map(listener)
        .concat();
    Tidegate::start(format!(
        "workers: 1\nadmin: off\nlisteners:\n{listeners}routes:\n  - filters: [{{ request_headers: {{ set: {{ x-client: \"${{client_ip}}\" }} }} }}]\n    forward: {{ upstream: origin }}\nupstreams: {{ origin: {{ endpoints: [\"{}\"] }} }}\n",
        origin.addr()
    ))
}

/// GW-32: what anyone but a trusted proxy says of itself is not believed and not passed on.
#[test]
fn a_stranger_cannot_say_who_it_is() {
    let origin = RawOrigin::ok("ok");
    let gateway = telling("10.0.0.0/8", &origin);
    let lies = [
        "X-Forwarded-For: 1.2.3.4",
        "x-forwarded-for: 10.0.0.1",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: bank.example",
        "X-Forwarded-Port: 443",
        "X-Forwarded-Prefix: /admin",
        "X-Real-IP: 1.2.3.4",
        "Forwarded: for=1.2.3.4;proto=https",
    ];
    let none: &[&str] = &[];
    let (told, told_7239) = (
        ["127.0.0.1"],
        ["for=127.0.0.1;host=\"a.example\";proto=http"],
    );
    for (way, x_forwarded, forwarded) in [
        ("x_forwarded", true, false),
        ("forwarded", false, true),
        ("both", true, true),
        ("off", false, false),
    ] {
        let pick =
            |is_told: bool, values: &'static [&'static str]| if is_told { values } else { none };
        let expected: [Expected<'_>; 8] = [
            ("x-client", &["127.0.0.1"]),
            ("x-forwarded-for", if x_forwarded { &told } else { none }),
            ("x-forwarded-proto", pick(x_forwarded, &["http"])),
            ("x-forwarded-host", pick(x_forwarded, &["a.example"])),
            ("x-forwarded-port", none),
            ("x-forwarded-prefix", none),
            ("x-real-ip", none),
            ("forwarded", if forwarded { &told_7239 } else { none }),
        ];
        check_request(gateway.addr(way), &origin, &lies, &expected);
        check_request(gateway.addr(way), &origin, &[], &expected);
    }
}

/// From right to left over trusted proxies to the first address that is none: what is left of it anyone may have sent.
#[test]
fn a_trusted_proxy_says_who_the_client_is() {
    let origin = RawOrigin::ok("ok");
    let gateway = telling("127.0.0.0/8, 10.0.0.0/8, \"fd00::/8\"", &origin);
    let addr = gateway.addr("x_forwarded");
    for (lists, client) in [
        (&["1.2.3.4"][..], "1.2.3.4"),
        (&["1.2.3.4, 10.1.1.1"], "1.2.3.4"),
        (&["9.9.9.9, 1.2.3.4,10.1.1.1 , 10.2.2.2"], "1.2.3.4"),
        (&["9.9.9.9", "1.2.3.4", "10.1.1.1"], "1.2.3.4"),
        (&["10.3.3.3, 10.1.1.1"], "10.3.3.3"),
        (&["1.2.3.4:5678"], "1.2.3.4"),
        (&["2001:db8::1, fd00::1"], "2001:db8::1"),
        (&["[2001:DB8::1]:443, [fd00::1]"], "2001:db8::1"),
        (&["::ffff:1.2.3.4"], "1.2.3.4"),
        (&["1.2.3.4, unknown, 10.1.1.1"], "10.1.1.1"),
        (&["<script>"], "127.0.0.1"),
        (&[""], "127.0.0.1"),
        (&[], "127.0.0.1"),
    ] {
        let lines: Vec<_> = lists
            .iter()
            .map(|list| format!("X-Forwarded-For: {list}"))
            .collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let told: String = lists
            .iter()
            .map(|list| format!("{}, ", list.trim()))
            .collect();
        let told = told + "127.0.0.1";
        check_request(
            addr,
            &origin,
            &lines,
            &[("x-client", &[client]), ("x-forwarded-for", &[&told])],
        );
    }
    check_request(
        addr,
        &origin,
        &[
            "X-Forwarded-Proto: https",
            "X-Forwarded-Host: bank.example",
            "X-Forwarded-Port: 443",
            "X-Real-IP: 1.2.3.4",
            "Forwarded: for=1.2.3.4",
        ],
        &[
            ("x-forwarded-proto", &["https"]),
            ("x-forwarded-host", &["bank.example"]),
            ("x-forwarded-port", &["443"]),
            ("x-real-ip", &["1.2.3.4"]),
        ],
    );
    check_request(
        gateway.addr("forwarded"),
        &origin,
        &["Forwarded: for=1.2.3.4;proto=https, for=10.1.1.1"],
        &[(
            "forwarded",
            &["for=1.2.3.4;proto=https, for=10.1.1.1, for=127.0.0.1;host=\"a.example\";proto=http"],
        )],
    );
}

/// Routes match what is believed, and filters write after strangers' fields are gone.
#[test]
fn what_a_stranger_says_reaches_neither_routes_nor_filters() {
    let origin = RawOrigin::ok("ok");
    let gateway = Tidegate::start(format!(
        r#"
workers: 1
admin: off
listeners:
  web: {{ address: "127.0.0.1:0" }}
  trusting: {{ address: "127.0.0.1:0", trusted_proxies: [127.0.0.1] }}
routes:
  - match: {{ headers: {{ x-forwarded-proto: https }} }}
    respond: {{ status: 299, body: secure }}
  - match: {{ path: /behind-tls }}
    filters: [{{ request_headers: {{ set: {{ x-forwarded-proto: https, x-forwarded-host: "${{host}}:443" }} }} }}]
    forward: {{ upstream: origin }}
  - filters: [{{ request_headers: {{ set: {{ x-real-ip: "${{client_ip}}", x-forwarded-port: "443" }}, add: {{ x-copy: "${{client_ip}}" }} }} }}]
    forward: {{ upstream: origin }}
upstreams: {{ origin: {{ endpoints: ["{}"] }} }}
"#,
        origin.addr()
    ));
    check_request(
        gateway.addr("web"),
        &origin,
        &["X-Forwarded-Proto: https", "X-Real-IP: 6.6.6.6"],
        &[
            ("x-forwarded-proto", &["http"]),
            ("x-real-ip", &["127.0.0.1"]),
            ("x-forwarded-port", &["443"]),
            ("x-copy", &["127.0.0.1"]),
        ],
    );
    check_whole_request(
        gateway.addr("web"),
        &origin,
        &get("/behind-tls"),
        &[
            ("x-forwarded-proto", &["https"]),
            ("x-forwarded-host", &["a.example:443"]),
        ],
    );
    let lines = ["GET / HTTP/1.1", "Host: a", "X-Forwarded-Proto: https"];
    let response = RawClient::exchange(gateway.addr("trusting"), head(&lines));
    assert_eq!(response.text(), "secure");
}

#[test]
fn every_request_has_an_id() {
    let origin = RawOrigin::ok("ok");
    let gateway = Setup::default().start(&[origin.addr()]);
    let long = "a".repeat(128);
    for (sent, is_kept) in [
        (&["abc-_.+/=:019"][..], true),
        (&[&long], true),
        (&[&format!("{long}a")], false),
        (&["a b"], false),
        (&["a\"b"], false),
        (&["\u{e9}"], false),
        (&[""], false),
        (&["a", "b"], false),
        (&[], false),
    ] {
        let mut request = head(&["GET / HTTP/1.1", "Host: a"]);
        for id in sent {
            request = request.replace("\r\n\r\n", &format!("\r\nX-Request-ID: {id}\r\n\r\n"));
        }
        let (response, seen) = forwarded(gateway.addr("web"), &origin, request);
        let id = seen.head.field("x-request-id").expect("an id");
        assert_eq!(response.field("x-request-id"), Some(id), "{sent:?}");
        assert_eq!(sent == [id], is_kept, "{sent:?}: {id}");
        assert!((1..=128).contains(&id.len()), "{id}");
    }
    let ids: Vec<_> = [(); 2]
        .map(|()| RawClient::exchange(gateway.addr("web"), get("/")))
        .iter()
        .map(|response| response.field("x-request-id").map(str::to_owned))
        .collect();
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn underscores_are_refused_removed_or_kept() {
    let origin = RawOrigin::ok("ok");
    for (policy, expected) in [
        ("refuse", None),
        ("remove", Some(&[][..])),
        ("keep", Some(&["1"])),
    ] {
        let listener = format!("underscore_fields: {policy}");
        let setup = Setup {
            listener: &listener,
            ..Setup::default()
        };
        let gateway = setup.start(&[origin.addr()]);
        let lines = ["X_Real_IP: 1", "x-plain: 2"];
        match expected {
            None => check_refused(gateway.addr("web"), &origin, &lines),
            Some(expected) => check_request(
                gateway.addr("web"),
                &origin,
                &lines,
                &[("x_real_ip", expected), ("x-plain", &["2"])],
            ),
        }
    }
}

/// GW-21, GW-22, GW-24: one form of the host and of the target.
#[test]
fn host_and_target_take_one_form() {
    let origin = RawOrigin::ok("ok");
    let gateway = Setup::default().start(&[origin.addr()]);
    for (line, host, target, expected) in [
        ("GET / HTTP/1.1", "EXAMPLE.com", "/", "example.com"),
        ("GET / HTTP/1.1", "example.com:80", "/", "example.com"),
        ("GET / HTTP/1.1", "example.com:", "/", "example.com"),
        (
            "GET / HTTP/1.1",
            "example.com.:8080",
            "/",
            "example.com:8080",
        ),
        (
            "GET / HTTP/1.1",
            "[0:0:0:0:0:0:0:1]:8080",
            "/",
            "[::1]:8080",
        ),
        ("GET / HTTP/1.1", "127.0.0.1", "/", "127.0.0.1"),
        (
            "GET http://B.example:80/x?y HTTP/1.1",
            "a.example",
            "/x?y",
            "b.example",
        ),
        (
            "GET HTTP://b.example:81?y HTTP/1.1",
            "a.example",
            "/?y",
            "b.example:81",
        ),
        (
            "GET http://b.example HTTP/1.1",
            "b.example",
            "/",
            "b.example",
        ),
        (
            "GET http://b.example/a/../c HTTP/1.1",
            "b.example",
            "/c",
            "b.example",
        ),
        (
            "OPTIONS http://b.example HTTP/1.1",
            "b.example",
            "*",
            "b.example",
        ),
        ("OPTIONS * HTTP/1.1", "a.example", "*", "a.example"),
        ("OPTIONS / HTTP/1.1", "a.example", "/", "a.example"),
    ] {
        let request = head(&[line, &format!("Host: {host}")]);
        let (response, seen) = forwarded(gateway.addr("web"), &origin, &request);
        assert_eq!(response.status, 200, "{request}");
        assert_eq!(seen.target(), target, "{request}");
        assert_eq!(values(&seen.head, "host"), [expected], "{request}");
        assert!(seen.head.start_line.ends_with(" HTTP/1.1"), "{request}");
    }
}

#[test]
fn http_1_0_clients_are_served() {
    let origin = answering(vec![
        (ok("ok"), Then::Keep),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nX-Sum: 1\r\n\r\n".to_owned(),
            Then::Keep,
        ),
    ]);
    let gateway = Setup::default().start(&[origin.addr()]);
    let addr = gateway.addr("web");

    // Without a Host the upstream is told the address that was asked.
    let mut client = RawClient::connect(addr);
    client.send(head(&["GET /0 HTTP/1.0"]));
    let response = client.read_response();
    assert_eq!(response.head.start_line, "HTTP/1.1 200 OK");
    assert_eq!(response.field("connection"), Some("close"));
    assert_eq!(response.text(), "ok");
    client.expect_close();
    let seen = origin.requests().pop().expect("the request");
    assert_eq!(values(&seen.head, "host"), [addr.to_string()]);
    assert!(seen.head.start_line.ends_with(" HTTP/1.1"));
    assert_eq!(seen.head.field("x-forwarded-host"), None);

    // A connection is kept only if that was asked for, and it is said.
    let mut client = RawClient::connect(addr);
    for _ in 0..2 {
        client.send(head(&[
            "GET /0 HTTP/1.0",
            "Host: a",
            "Connection: Keep-Alive",
        ]));
        let response = client.read_response();
        assert_eq!(response.field("connection"), Some("keep-alive"));
        assert_eq!(response.text(), "ok");
    }

    // It knows no chunks and no trailers: the end of the body is the end of the connection.
    client.send(head(&["GET /1 HTTP/1.0", "Connection: keep-alive"]));
    let response = client.read_response();
    assert_eq!(response.field("transfer-encoding"), None);
    assert_eq!(response.field("content-length"), None);
    assert_eq!(response.field("connection"), Some("close"));
    assert_eq!(response.text(), "abc");

    let response = RawClient::exchange(addr, post("/0", "body").replace("HTTP/1.1", "HTTP/1.0"));
    assert_eq!(response.text(), "ok");
    assert_eq!(
        origin.requests().pop().expect("the POST").body.bytes,
        b"body"
    );
    assert_eq!(origin.accepted(), 1);
    assert_eq!(origin.failures(), <[String; 0]>::default());
}

#[test]
fn http_1_0_upstreams_are_understood() {
    let length = |fields: &str| format!("HTTP/1.0 200 OK\r\n{fields}Content-Length: 2\r\n\r\nok");
    let origin = answering(vec![
        ("HTTP/1.0 200 OK\r\n\r\nuntil close".to_owned(), Then::Close),
        (length("Connection: keep-alive\r\n"), Then::Keep),
        // Without keep-alive the connection counts as closed, though this origin leaves it open.
        (length(""), Then::Keep),
        (length("Connection: close, keep-alive\r\n"), Then::Keep),
    ]);
    let gateway = Setup::default().start(&[origin.addr()]);
    let mut client = gateway.connect("web");
    for (target, body, accepted) in [
        ("/0", "until close", 1),
        ("/1", "ok", 2),
        ("/2", "ok", 2),
        ("/1", "ok", 3),
        ("/3", "ok", 3),
        ("/1", "ok", 4),
    ] {
        client.send(get(target));
        let response = client.read_response();
        assert_eq!(response.head.start_line, "HTTP/1.1 200 OK");
        assert_eq!(response.text(), body, "{target}");
        assert_eq!(response.field("connection"), None, "{target}");
        assert_eq!(origin.accepted(), accepted, "{target}");
    }
}

/// GW-31: OPTIONS goes as many hops as it may, and is answered where they end.
#[test]
fn gw_31_max_forwards() {
    let origin = RawOrigin::ok("ok");
    let gateway = Setup::default().start(&[origin.addr()]);
    for (field, status, left) in [
        ("Max-Forwards: 0", 200, None),
        ("Max-Forwards: 1", 200, Some("0")),
        ("Max-Forwards: 70", 200, Some("69")),
        ("Max-Forwards: x", 400, None),
        ("Max-Forwards: -1", 400, None),
    ] {
        let before = origin.requests().len();
        let request = head(&["OPTIONS / HTTP/1.1", "Host: a", field]);
        let response = RawClient::exchange(gateway.addr("web"), &request);
        assert_eq!(response.status, status, "{field}");
        let requests = origin.requests();
        let seen = requests
            .get(before)
            .map(|request| values(&request.head, "max-forwards"));
        assert_eq!(seen, left.map(|left| vec![left]), "{field}");
    }
}

/// GW-45: one request may cost an origin so many ranges; beyond, it is asked for the whole.
#[test]
fn a_request_for_too_many_ranges_is_one_for_the_whole() {
    let origin = RawOrigin::ok("ok");
    let gateway = Tidegate::start(config_forwarding_to(origin.addr()));
    let ranges = |count| format!("bytes={}", vec!["0-0"; count].join(","));
    let (most, half) = (ranges(200), ranges(101));
    let line = |range: &str| format!("Range: {range}");
    let cases: [(&[String], &[&str]); 5] = [
        (&[line("bytes=0-9")], &["bytes=0-9"]),
        (&[line(&most)], &[&most]),
        (&[line(&ranges(201))], &[]),
        (&[line(&ranges(5_000))], &[]),
        (&[line(&half), line(&half)], &[]),
    ];
    for (lines, expected) in cases {
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        check_request(gateway.addr("web"), &origin, &lines, &[("range", expected)]);
    }
    until_metric(&gateway, "tidegate_ranges_dropped_total", &[], 3.0);
}

/// RFC 7239: with `forwarded_headers: forwarded` the client is who the trusted proxy's Forwarded names, whatever
/// X-Forwarded-For says.
#[test]
fn the_client_comes_from_the_field_the_listener_speaks() {
    let origin = RawOrigin::ok("ok");
    let gateway = Setup {
        listener: "trusted_proxies: [127.0.0.0/8], forwarded_headers: forwarded",
        route: "filters: [{ request_headers: { set: { x-client: \"${client_ip}\" } } }]",
        ..Setup::default()
    }
    .start(&[origin.addr()]);
    let addr = gateway.addr("web");
    for (lines, client) in [
        (
            &["Forwarded: for=192.0.2.1", "X-Forwarded-For: 6.6.6.6"][..],
            "192.0.2.1",
        ),
        (
            &["Forwarded: for=9.9.9.9, for=\"[2001:db8::1]:80\";proto=http"],
            "2001:db8::1",
        ),
        (&["Forwarded: for=192.0.2.1, for=127.0.0.2"], "192.0.2.1"),
        (
            &["Forwarded: for=_hidden", "X-Forwarded-For: 6.6.6.6"],
            "127.0.0.1",
        ),
    ] {
        check_request(addr, &origin, lines, &[("x-client", &[client])]);
    }
}

/// A request may be refused before its id is looked at: what the client made up does not get into the answer.
#[test]
fn an_id_that_is_none_is_not_repeated() {
    let origin = RawOrigin::ok("ok");
    let tidegate = Tidegate::start(config_forwarding_to(origin.addr()));
    for line in [
        "TRACE / HTTP/1.1",
        "GET /%00 HTTP/1.1",
        "GET /ok HTTP/1.1\r\nExpect: nothing",
    ] {
        let mut request =
            format!("{line}\r\nHost: a\r\nX-Request-Id: x\",\"detail\":\"evil").into_bytes();
        request.extend(b"\xff\r\nConnection: close\r\n\r\n");
        let response = RawClient::exchange(tidegate.addr("web"), request);
        let problem: serde_json::Value =
            serde_json::from_slice(&response.body.bytes).expect("a body of JSON");
        assert!(!problem.to_string().contains("evil"), "{line}: {problem}");
        let id = response.field("x-request-id").expect("an id");
        assert_eq!(problem["instance"], format!("urn:request:{id}"), "{line}");
    }
}
