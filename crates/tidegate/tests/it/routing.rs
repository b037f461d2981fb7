//! Which route takes a request, in which form it is matched and forwarded, and what routes change.

use std::net::SocketAddr;

use serde_json::Value;
use testkit::{RawClient, RawOrigin, Tidegate};

use crate::gate::{Setup, forwarded, get, head, ok, values};
use crate::system::until_metric;

/// Routes that answer with a word each, in a file order that is the reverse of their precedence where that is not what
/// is asked.
const PRECEDENCE: &str = r#"
workers: 1
listeners: { web: { address: "127.0.0.1:0" } }
admin: off
routes:
  - { match: { path_prefix: /p }, respond: { body: prefix } }
  - { match: { path_prefix: /p/a }, respond: { body: longer prefix } }
  - { match: { path: "/p/{*rest}" }, respond: { body: rest } }
  - { match: { path: "/p/{x}/{y}" }, respond: { body: one literal } }
  - { match: { path: "/p/a/{y}" }, respond: { body: two literals } }
  - { match: { path: "/{x}/a/{y}/d" }, respond: { body: two literals apart } }
  - { match: { path: /p/a/b }, respond: { body: exact } }
  - { match: { path: "/{x}/only" }, respond: { body: param } }

  - { match: { path: /m }, respond: { body: no condition } }
  - { match: { path: /m, headers: { x-a: "1", x-b: "1" } }, respond: { body: two headers } }
  - { match: { path: /m, methods: [GET, PUT] }, respond: { body: method } }
  - { match: { path: /m, methods: [GET], headers: { x-a: "1" } }, respond: { body: method and header } }
  - { match: { path: /m, methods: [GET], query: { q: "a b", r: "" } }, respond: { body: method and queries } }

  - { match: { path: /tie, headers: { x-a: "1" } }, respond: { body: first in file } }
  - { match: { path: /tie, query: { q: "1" } }, respond: { body: second in file } }

  - { match: { path: /c, methods: [PUT] }, respond: { body: exact for PUT } }
  - { match: { path_prefix: /c }, respond: { body: prefix for the others } }

  - { match: { hosts: ["*.example.com"], path_prefix: /h }, respond: { body: wildcard } }
  - { match: { hosts: ["*.b.example.com"], path_prefix: /h }, respond: { body: longer wildcard } }
  - { match: { hosts: [a.b.example.com], path_prefix: /h }, respond: { body: exact host } }
  - { match: { path: /h/exact }, respond: { body: any host } }
  - { match: { hosts: [a.b.example.com], path: /deep, methods: [PUT] }, respond: { body: exact host for PUT } }
  - { match: { hosts: ["*.example.com"], path: /deep }, respond: { body: wildcard behind exact host } }
  - { match: { path: /any }, respond: { body: any host behind all } }
  - { match: { hosts: ["[::1]"], path: /six }, respond: { body: six } }
"#;

#[track_caller]
fn check_route(addr: SocketAddr, lines: &[&str], expected: &str) {
    let response = RawClient::exchange(addr, head(lines));
    let found = match response.status {
        200 => response.text(),
        404 => "none",
        status => panic!("{lines:?}: {status} {}", response.text()),
    };
    assert_eq!(found, expected, "{lines:?}");
}

#[test]
fn paths_take_precedence_by_how_exact_they_are() {
    let gateway = Tidegate::start(PRECEDENCE);
    for (target, expected) in [
        ("/p/a/b", "exact"),
        ("/p/a/c", "two literals"),
        ("/p/b/c", "one literal"),
        ("/p/b/c/d", "rest"),
        ("/p/a/c/d", "two literals apart"),
        ("/q/a/c/d", "two literals apart"),
        ("/p/a/", "rest"),
        ("/p/a", "rest"),
        ("/p/", "prefix"),
        ("/p", "prefix"),
        ("/pa", "none"),
        ("/P", "none"),
        ("/p/a/b?c=/d", "exact"),
        ("/x/only", "param"),
        // A parameter takes one segment that is not empty.
        ("//only", "none"),
        ("/x/only/", "none"),
    ] {
        let line = format!("GET {target} HTTP/1.1");
        check_route(gateway.addr("web"), &[&line, "Host: a"], expected);
    }
}

#[test]
fn conditions_decide_between_equal_paths() {
    let gateway = Tidegate::start(PRECEDENCE);
    let cases: [(&[&str], &str); 15] = [
        (&["POST /m HTTP/1.1"], "no condition"),
        (&["GET /m HTTP/1.1"], "method"),
        (&["PUT /m HTTP/1.1"], "method"),
        (&["POST /m HTTP/1.1", "X-A: 1", "X-B: 1"], "two headers"),
        // The method comes before the number of the other conditions.
        (
            &["GET /m HTTP/1.1", "X-A: 1", "X-B: 1"],
            "method and header",
        ),
        (&["PUT /m HTTP/1.1", "X-A: 1", "X-B: 1"], "method"),
        (&["GET /m HTTP/1.1", "X-A: 2"], "method"),
        (
            &["GET /m HTTP/1.1", "X-A: 2", "x-a: 1"],
            "method and header",
        ),
        (
            &["GET /m?r&q=a%20b HTTP/1.1", "X-A: 1"],
            "method and queries",
        ),
        (&["GET /m?r=&z=1&q=a+b HTTP/1.1"], "method and queries"),
        (&["GET /m?r&q=a%2520b HTTP/1.1"], "method"),
        (&["GET /tie?q=1 HTTP/1.1", "X-A: 1"], "first in file"),
        (&["GET /tie?q=1 HTTP/1.1"], "second in file"),
        (&["PUT /c HTTP/1.1"], "exact for PUT"),
        (&["GET /c HTTP/1.1"], "prefix for the others"),
    ];
    for (lines, expected) in cases {
        let lines = [lines, &["Host: a"]].concat();
        check_route(gateway.addr("web"), &lines, expected);
    }
}

#[test]
fn hosts_come_before_paths_and_fall_through() {
    let gateway = Tidegate::start(PRECEDENCE);
    for (host, target, expected) in [
        ("a.b.example.com", "/h/exact", "exact host"),
        ("A.B.Example.COM.", "/h/exact", "exact host"),
        ("a.b.example.com:8080", "/h", "exact host"),
        ("c.b.example.com", "/h/exact", "longer wildcard"),
        ("d.c.b.example.com", "/h/exact", "longer wildcard"),
        ("b.example.com", "/h/exact", "wildcard"),
        ("example.com", "/h/exact", "any host"),
        ("example.com", "/h/other", "none"),
        ("badexample.com", "/h/exact", "any host"),
        ("a.b.example.com", "/deep", "wildcard behind exact host"),
        ("a.b.example.com", "/any", "any host behind all"),
        ("[0:0::1]:81", "/six", "six"),
        ("[::2]", "/six", "none"),
    ] {
        let (line, host) = (format!("GET {target} HTTP/1.1"), format!("Host: {host}"));
        check_route(gateway.addr("web"), &[&line, &host], expected);
    }
}

/// GW-26: a route sees the very bytes that the origin gets.
#[test]
fn the_path_that_is_matched_is_the_path_that_is_forwarded() {
    let origin = RawOrigin::ok("ok");
    let gateway = Tidegate::start(format!(
        r#"
workers: 1
listeners:
  web: {{ address: "127.0.0.1:0" }}
  keep:
    address: "127.0.0.1:0"
    paths: {{ encoded_slash: keep, encoded_backslash: keep, encoded_nul: keep, double_slash: keep }}
  decode: {{ address: "127.0.0.1:0", paths: {{ encoded_slash: decode, double_slash: refuse }} }}
admin: off
routes:
  - match: {{ path_prefix: /admin }}
    filters: [{{ response_headers: {{ set: {{ x-route: "admin ${{path}}" }} }} }}]
    forward: {{ upstream: origin }}
  - filters: [{{ response_headers: {{ set: {{ x-route: "rest ${{path}}" }} }} }}]
    forward: {{ upstream: origin }}
upstreams: {{ origin: {{ endpoints: ["{}"] }} }}
"#,
        origin.addr()
    ));
    let refused = None;
    let cases = [
        ("web", "/", Some("rest /")),
        ("web", "/a/./b/../c", Some("rest /a/c")),
        ("web", "/a/..", Some("rest /")),
        ("web", "/..//../a/", Some("rest /a/")),
        ("web", "/x/../admin/y", Some("admin /admin/y")),
        ("web", "/x/%2e%2E/admin", Some("admin /admin")),
        ("web", "//admin///y", Some("admin /admin/y")),
        ("web", "/%61dmin", Some("admin /admin")),
        ("web", "/admin%2", refused),
        ("web", "/admin%zz", refused),
        ("web", "/Admin", Some("rest /Admin")),
        ("web", "/admin/..;/x", refused),
        ("web", "/a%7eb%c3%a9%20c", Some("rest /a~b%C3%A9%20c")),
        (
            "web",
            "/a\"<b>^`{|}[c]",
            Some("rest /a%22%3Cb%3E%5E%60%7B%7C%7D%5Bc%5D"),
        ),
        ("web", "/a;b=c,d:@!$&'()*+", Some("rest /a;b=c,d:@!$&'()*+")),
        ("web", "/a%252fb", Some("rest /a%252fb")),
        ("web", "/x%2fadmin", refused),
        ("web", "/x%5cadmin", refused),
        ("web", "/x\\admin", refused),
        ("web", "/admin%00", refused),
        ("keep", "/x/..%2fadmin", Some("rest /x/..%2Fadmin")),
        ("keep", "/admin%2f..", Some("rest /admin%2F..")),
        ("keep", "/admin%5c", Some("rest /admin%5C")),
        ("keep", "/admin/%00", Some("admin /admin/%00")),
        ("keep", "//admin//y", Some("rest //admin//y")),
        ("keep", "/x\\admin", refused),
        ("decode", "/x%2f..%2fadmin", Some("admin /admin")),
        ("decode", "/x%2fadmin", Some("rest /x/admin")),
        ("decode", "/x%2f%2fadmin", refused),
        ("decode", "/x//admin", refused),
    ];
    for (listener, raw, expected) in cases {
        // The query is left alone.
        let query = "?q=/../%2e%zz//";
        let addr = gateway.addr(listener);
        let Some(expected) = expected else {
            let before = origin.requests().len();
            let response = RawClient::exchange(addr, get(&format!("{raw}{query}")));
            assert_eq!(response.status, 400, "{raw}");
            assert_eq!(origin.requests().len(), before, "{raw}");
            continue;
        };
        let (response, request) = forwarded(addr, &origin, get(&format!("{raw}{query}")));
        assert_eq!(response.field("x-route"), Some(expected), "{raw}");
        let (_, path) = expected.split_once(' ').expect("route and path");
        assert_eq!(request.target(), format!("{path}{query}"), "{raw}");
    }
}

#[test]
fn rewrites_change_path_and_host() {
    let origin = RawOrigin::ok("ok");
    let gateway = Tidegate::start(format!(
        r#"
workers: 1
listeners: {{ web: {{ address: "127.0.0.1:0", paths: {{ encoded_slash: keep }} }} }}
admin: off
routes:
  - match: {{ path: "/items/{{id}}/{{part}}" }}
    forward: {{ upstream: origin, rewrite: {{ path: "/v2/${{path.part}}/of/${{path.id}}", host: "${{path.id}}.internal:81" }} }}
  - match: {{ path: "/files/{{*rest}}" }}
    forward: {{ upstream: origin, rewrite: {{ path: "/${{host}}/${{method}}/${{path.rest}}" }} }}
  - match: {{ path_prefix: /strip }}
    forward: {{ upstream: origin, rewrite: {{ path_prefix: /, host: "fixed.internal" }} }}
  - match: {{ path_prefix: /old }}
    forward: {{ upstream: origin, rewrite: {{ path_prefix: /new/api }} }}
  - match: {{ path_prefix: / }}
    forward: {{ upstream: origin, rewrite: {{ path_prefix: /all }} }}
  - match: {{ path: /whole }}
    forward: {{ upstream: origin, rewrite: {{ path: "${{path}}/x/../y" }} }}
upstreams: {{ origin: {{ endpoints: ["{}"] }} }}
"#,
        origin.addr()
    ));
    for (target, path, host) in [
        ("/items/7/cover?q=1", "/v2/cover/of/7?q=1", "7.internal:81"),
        ("/files/a/b%2fc", "/a.example/GET/a/b%2Fc", "a.example"),
        ("/strip", "/", "fixed.internal"),
        ("/strip/", "/", "fixed.internal"),
        ("/strip/a/b?c", "/a/b?c", "fixed.internal"),
        ("/stripe", "/all/stripe", "a.example"),
        ("/old", "/new/api", "a.example"),
        ("/old/", "/new/api/", "a.example"),
        ("/old/x", "/new/api/x", "a.example"),
        ("/", "/all/", "a.example"),
        ("/x/../y", "/all/y", "a.example"),
        ("/whole", "/whole/y", "a.example"),
    ] {
        let (_, request) = forwarded(gateway.addr("web"), &origin, get(target));
        assert_eq!(request.target(), path, "{target}");
        assert_eq!(values(&request.head, "host"), [host], "{target}");
    }
    // `*` is no path, so that nothing of it is replaced (GW-22).
    let options = head(&["OPTIONS * HTTP/1.1", "Host: a.example"]);
    let (_, request) = forwarded(gateway.addr("web"), &origin, options);
    assert_eq!(request.target(), "*");
}

/// What variables stand for comes from clients: a rewritten host is checked like a client's and has the same one form
/// (GW-20, GW-24), and so has a rewritten path (GW-26).
#[test]
fn rewrites_by_clients_values_are_checked() {
    let origin = RawOrigin::ok("ok");
    let gateway = Tidegate::start(format!(
        r#"
workers: 1
listeners: {{ web: {{ address: "127.0.0.1:0" }} }}
admin: {{ address: "127.0.0.1:0" }}
routes:
  - match: {{ path: "/host/{{name}}" }}
    forward: {{ upstream: origin, rewrite: {{ host: "${{path.name}}" }} }}
  - match: {{ path: "/behind/{{name}}" }}
    forward: {{ upstream: origin, rewrite: {{ host: "${{path.name}}.internal" }} }}
  - match: {{ path: /query }}
    forward: {{ upstream: origin, rewrite: {{ host: "${{query}}" }} }}
  - match: {{ path: /path }}
    forward: {{ upstream: origin, rewrite: {{ path: "/by/${{method}}" }} }}
upstreams: {{ origin: {{ endpoints: ["{}"] }} }}
"#,
        origin.addr()
    ));
    let addr = gateway.addr("web");
    for (target, host) in [
        ("/host/Tenant", "tenant"),
        ("/host/tenant.", "tenant"),
        ("/host/tenant:80", "tenant"),
        ("/host/tenant:8080", "tenant:8080"),
        ("/behind/Tenant", "tenant.internal"),
    ] {
        let (_, request) = forwarded(addr, &origin, get(target));
        assert_eq!(values(&request.head, "host"), [host], "{target}");
    }
    let served = origin.requests().len();
    let by = |method: &str| get("/path").replace("GET", method);
    let hostile = [
        get("/host/a@b"),
        get("/host/a,b"),
        get("/host/a;b"),
        get("/host/a:b:c"),
        get("/host/a:80:80"),
        get("/host/a:0"),
        get("/host/:80"),
        get("/host/a%20b"),
        get("/host/a%01b"),
        get("/host/a..b"),
        get("/host/[::1"),
        get("/host/a%2Cb"),
        get("/behind/a@b"),
        get("/behind/a:80"),
        // Empty.
        get("/query"),
        by("A%"),
        by("A%2F"),
        by("A%00"),
        by("A%5C.."),
    ];
    let mut client = gateway.connect("web");
    for request in &hostile {
        client.send(request);
        let response = client.read_response();
        assert_eq!(response.status, 500, "{request}");
        assert_eq!(response.field("connection"), None, "{request}");
    }
    assert_eq!(origin.requests().len(), served);
    let refused = ["cause=\"bad_rewrite\""];
    let count = hostile.len() as f64;
    until_metric(&gateway, "tidegate_refusals_total", &refused, count);
}

#[test]
fn routes_answer_by_themselves() {
    let gateway = Tidegate::start(
        r#"
workers: 1
listeners: { web: { address: "127.0.0.1:0" } }
admin: off
routes:
  - match: { path: /hello }
    filters: [{ response_headers: { set: { x-edge: "${host}" }, remove: [x-gone] } }]
    respond: { status: 203, body: "hello\n", headers: { x-gone: "1", x-there: "2" } }
  - { match: { path: /json }, respond: { body: "{}", headers: { content-type: application/json } } }
  - { match: { path: /empty }, respond: {} }
  - { match: { path: /none }, respond: { status: 204 } }
  - match: { path: "/go/{to}" }
    redirect: { location: "https://${host}/${path.to}${query}&from=${path}&by=${method}+${scheme}+${client_ip}" }
  - { match: { path: /moved }, redirect: { status: 301, location: /there } }
"#,
    );
    let addr = gateway.addr("web");
    let text = Some("text/plain; charset=utf-8");
    for (target, status, content_type, body) in [
        ("/hello", 203, text, "hello\n"),
        ("/json", 200, Some("application/json"), "{}"),
        ("/empty", 200, None, ""),
        ("/none", 204, None, ""),
    ] {
        let response = RawClient::exchange(addr, get(target));
        assert_eq!(response.status, status, "{target}");
        assert_eq!(response.field("content-type"), content_type, "{target}");
        assert_eq!(response.text(), body, "{target}");
        assert!(response.field("date").is_some(), "{target}");
    }
    let hello = RawClient::exchange(addr, get("/hello"));
    assert_eq!(hello.field("x-edge"), Some("a.example"));
    assert_eq!(hello.field("x-there"), Some("2"));
    assert_eq!(hello.field("x-gone"), None);
    assert_eq!(
        RawClient::exchange(addr, get("/none")).field("content-length"),
        None
    );
    let heads = RawClient::exchange(
        addr,
        head(&["HEAD /hello HTTP/1.1", "Host: a", "Connection: close"]),
    );
    assert_eq!(heads.field("content-length"), Some("6"));

    for (target, status, location) in [
        (
            "/go/there?x=1",
            308,
            "https://a.example/there?x=1&from=/go/there&by=GET+http+127.0.0.1",
        ),
        ("/moved", 301, "/there"),
    ] {
        let response = RawClient::exchange(addr, get(target));
        assert_eq!(response.status, status, "{target}");
        assert_eq!(response.field("location"), Some(location), "{target}");
        assert_eq!(response.field("content-length"), Some("0"), "{target}");
    }
}

/// Of 2,000 requests a tenth is 200; five standard deviations are 67.
#[test]
fn a_split_shares_by_weight() {
    let (heavy, light, never) = (
        RawOrigin::ok("heavy"),
        RawOrigin::ok("light"),
        RawOrigin::ok("never"),
    );
    let gateway = Tidegate::start(format!(
        r#"
workers: 1
listeners: {{ web: {{ address: "127.0.0.1:0" }} }}
admin: off
routes:
  - forward:
      split: [{{ upstream: never, weight: 0 }}, {{ upstream: heavy, weight: 90 }}, {{ upstream: light, weight: 10 }}]
upstreams:
  heavy: {{ endpoints: ["{}"] }}
  light: {{ endpoints: ["{}"] }}
  never: {{ endpoints: ["{}"] }}
"#,
        heavy.addr(),
        light.addr(),
        never.addr()
    ));
    let mut client = gateway.connect("web");
    for _ in 0..2000 {
        client.send(get("/"));
        assert_eq!(client.read_response().status, 200);
    }
    let (heavy, light) = (heavy.requests().len(), light.requests().len());
    assert_eq!((heavy + light, never.accepted()), (2000, 0));
    assert!((133..=267).contains(&light), "{light} of 2000");
}

#[test]
fn filters_edit_the_fields_of_requests() {
    let origin = RawOrigin::ok("ok");
    let route = r#"match: { path: "/t/{tenant}" }, filters: [
      { request_headers: {
        remove: [x-gone, X-Changed],
        set: { x-set: "${path.tenant}", x-all: "${client_ip} ${host} ${method} ${scheme} ${path} ${query}", x-id: "${request_id}", x-empty: "${query}" },
        add: { x-added: "a", x-changed: "anew" } } },
      { request_headers: { add: { x-added: "${host}" }, set: { x-later: "$${host}" } } }]"#;
    let setup = Setup {
        route,
        ..Setup::default()
    };
    let gateway = setup.start(&[origin.addr()]);
    let (_, request) = forwarded(
        gateway.addr("web"),
        &origin,
        head(&[
            "GET /t/./acme HTTP/1.1",
            "Host: A.example:80",
            "X-Gone: 1",
            "x-gone: 2",
            "X-Set: before",
            "x-set: before",
            "X-Added: before",
            "X-Changed: before",
            "X-Request-Id: id-1",
            "X-Kept: kept",
        ]),
    );
    for (name, expected) in [
        ("x-gone", &[][..]),
        ("x-set", &["acme"]),
        ("x-all", &["127.0.0.1 a.example GET http /t/acme"]),
        ("x-id", &["id-1"]),
        ("x-empty", &[""]),
        ("x-added", &["before", "a", "a.example"]),
        ("x-changed", &["anew"]),
        ("x-later", &["${host}"]),
        ("x-kept", &["kept"]),
    ] {
        assert_eq!(values(&request.head, name), expected, "{name}");
    }
    let (_, request) = forwarded(gateway.addr("web"), &origin, get("/t/acme?q=1"));
    let all = "127.0.0.1 a.example GET http /t/acme ?q=1";
    assert_eq!(values(&request.head, "x-all"), [all]);
}

#[test]
fn filters_edit_the_fields_of_responses() {
    let origin = RawOrigin::fixed(ok("ok").replace(
        "\r\n\r\n",
        "\r\nServer: secret/1.0\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Set: before\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n",
    ));
    let route = r#"filters: [
      { response_headers: {
        remove: [server],
        set: { x-set: "${method} ${path}", x-hop: "ours" },
        add: { set-cookie: "c=3", x-id: "${request_id}" } } }]"#;
    let setup = Setup {
        route,
        ..Setup::default()
    };
    let gateway = setup.start(&[origin.addr()]);
    let response = RawClient::exchange(gateway.addr("web"), get("/a"));
    let id = response.field("x-request-id").expect("an id").to_owned();
    for (name, expected) in [
        ("server", &[][..]),
        ("set-cookie", &["a=1", "b=2", "c=3"]),
        ("x-set", &["GET /a"]),
        // The upstream's Connection speaks of the upstream's field, which is gone before filters run (GW-28).
        ("x-hop", &["ours"]),
        ("x-id", &[&id]),
    ] {
        assert_eq!(values(&response.head, name), expected, "{name}");
    }
}

#[test]
fn a_request_without_a_route_is_told_so() {
    let gateway = Tidegate::start(PRECEDENCE);
    let mut client = gateway.connect("web");
    // The connection survives, a body that is at hand included.
    client.send("POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
    let response = client.read_response();
    assert_eq!(response.status, 404);
    assert_eq!(
        response.field("content-type"),
        Some("application/problem+json")
    );
    let problem: Value = serde_json::from_str(response.text()).expect("JSON");
    let id = response.field("x-request-id").expect("an id");
    assert_eq!(problem["status"], 404);
    assert_eq!(problem["title"], "Not Found");
    assert_eq!(problem["type"], "about:blank");
    assert_eq!(problem["instance"], format!("urn:request:{id}"));
    assert!(problem["detail"].is_string(), "{problem}");
    client.send(get("/any"));
    assert_eq!(client.read_response().text(), "any host behind all");
}
