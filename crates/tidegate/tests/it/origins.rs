//! Real origins behind the gateway: their ways of framing, caching and compressing must come through.

use testkit::{
    Nginx, NodeExpress, PythonHttp, RawClient, RawOrigin, Tidegate, config_forwarding_to,
};

use crate::curl::Curl;

const NUMBERS: &[u8] = &[b'n'; 20_000];

fn text() -> Vec<u8> {
    (0..2000)
        .flat_map(|i| format!("line {i}\n").into_bytes())
        .collect()
}

/// nginx with `text.txt` and `numbers.bin` behind a gateway.
#[track_caller]
fn nginx() -> Option<(Nginx, Tidegate)> {
    let origin = Nginx::start(&[("text.txt", &text()), ("numbers.bin", NUMBERS)])?;
    let tidegate = Tidegate::start(config_forwarding_to(origin.addr()));
    Some((origin, tidegate))
}

#[test]
fn nginx_serves_ranges() {
    let (Some(curl), Some((_origin, tidegate))) = (Curl::find(), nginx()) else {
        return;
    };
    let url = format!("http://{}/text.txt", tidegate.addr("web"));
    let received = curl.run(&["--range", "100-199"], &[url]);
    assert_eq!(received.status(), 206);
    assert_eq!(received.body, &text()[100..200]);
    let line = format!("content-range: bytes 100-199/{}", text().len());
    assert!(received.has_line(&line), "{}", received.heads);
}

#[test]
fn nginx_serves_several_ranges() {
    let (Some(curl), Some((_origin, tidegate))) = (Curl::find(), nginx()) else {
        return;
    };
    let url = format!("http://{}/numbers.bin", tidegate.addr("web"));
    let received = curl.run(&["--range", "0-9,100-109"], &[url]);
    assert_eq!(received.status(), 206);
    assert!(received.heads.contains("multipart/byteranges"));
}

#[test]
fn nginx_serves_gzip() {
    let (Some(curl), Some((_origin, tidegate))) = (Curl::find(), nginx()) else {
        return;
    };
    let url = format!("http://{}/text.txt", tidegate.addr("web"));
    let received = curl.run(&["--compressed"], std::slice::from_ref(&url));
    assert!(
        received.has_line("content-encoding: gzip"),
        "{}",
        received.heads
    );
    assert_eq!(received.body, text());
    // Without being asked for it nobody compresses.
    let received = curl.run(&[], &[url]);
    assert!(!received.heads.contains("gzip"));
    assert_eq!(received.body, text());
}

/// A 304 has a length and no body: the connection must stay in step.
#[test]
fn nginx_validates_what_the_client_has() {
    let Some((_origin, tidegate)) = nginx() else {
        return;
    };
    let mut client = tidegate.connect("web");
    client.send("GET /text.txt HTTP/1.1\r\nHost: a.example\r\n\r\n");
    let first = client.read_response();
    let tag = first.field("etag").expect("an ETag").to_owned();
    for _ in 0..3 {
        client.send(format!(
            "GET /text.txt HTTP/1.1\r\nHost: a.example\r\nIf-None-Match: {tag}\r\n\r\n"
        ));
        assert_eq!(client.read_response().status, 304);
    }
    client.send("HEAD /text.txt HTTP/1.1\r\nHost: a.example\r\n\r\n");
    let head = client.read_response_to("HEAD");
    assert_eq!(
        head.field("content-length"),
        Some(text().len().to_string().as_str())
    );
    client.send("GET /none HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert_eq!(client.read_response().status, 404);
}

#[test]
fn express_streams_in_chunks() {
    let Some(origin) = NodeExpress::start() else {
        return;
    };
    let tidegate = Tidegate::start(config_forwarding_to(origin.addr()));
    let mut client = tidegate.connect("web");
    client.send("GET /stream/20 HTTP/1.1\r\nHost: a.example\r\n\r\n");
    let response = client.read_response();
    let expected: String = (0..20).map(|i| format!("chunk {i}\n")).collect();
    assert_eq!(response.text(), expected);
    // The next response must begin where this one ended.
    client.send("GET /hello HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert_eq!(client.read_response().text(), "hello\n");
}

#[test]
fn express_sends_early_hints() {
    let Some(origin) = NodeExpress::start() else {
        return;
    };
    let tidegate = Tidegate::start(config_forwarding_to(origin.addr()));
    let addr = tidegate.addr("web");
    let response =
        RawClient::exchange(addr, "GET /early-hints HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert_eq!(response.text(), "hinted\n");
    let [hints] = response.interim.as_slice() else {
        panic!(
            "expected one interim response, found {:?}",
            response.interim
        );
    };
    assert!(hints.start_line.starts_with("HTTP/1.1 103 "), "{hints:?}");
    assert_eq!(
        hints.field("link"),
        Some("</style.css>; rel=preload; as=style")
    );
    // RFC 8297 3: HTTP/1.0 clients are never sent one.
    let response =
        RawClient::exchange(addr, "GET /early-hints HTTP/1.0\r\nHost: a.example\r\n\r\n");
    assert_eq!(response.interim, []);
    assert_eq!(response.text(), "hinted\n");
}

/// An origin that closes after every response must not cost the client its connection.
#[test]
fn python_closes_after_each_response() {
    check_python("HTTP/1.0");
}

#[test]
fn python_keeps_its_connections() {
    check_python("HTTP/1.1");
}

#[track_caller]
fn check_python(protocol: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("file.txt"), text()).expect("a file in a new folder");
    let Some(origin) = PythonHttp::start(folder.path(), protocol) else {
        return;
    };
    let tidegate = Tidegate::start(config_forwarding_to(origin.addr()));
    let mut client = tidegate.connect("web");
    for _ in 0..5 {
        client.send("GET /file.txt HTTP/1.1\r\nHost: a.example\r\n\r\n");
        let response = client.read_response();
        assert_eq!(response.head.start_line.split(' ').nth(1), Some("200"));
        assert_eq!(response.body.bytes, text());
        client.send("HEAD /file.txt HTTP/1.1\r\nHost: a.example\r\n\r\n");
        assert_eq!(client.read_response_to("HEAD").status, 200);
        client.send("GET /none HTTP/1.1\r\nHost: a.example\r\n\r\n");
        assert_eq!(client.read_response().status, 404);
    }
}

/// A body that ends with the origin's connection becomes one whose end the client can tell from a cut.
#[test]
fn a_body_until_close_becomes_chunks() {
    let origin = RawOrigin::start(|conn| {
        if conn.read_request().is_some() {
            conn.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n");
            conn.send_pieces(["one ", "two ", "three"]);
        }
    });
    let tidegate = Tidegate::start(config_forwarding_to(origin.addr()));
    let mut client = tidegate.connect("web");
    for _ in 0..2 {
        client.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
        let response = client.read_response();
        assert_eq!(response.text(), "one two three");
        assert_eq!(response.field("transfer-encoding"), Some("chunked"));
    }
    assert_eq!(origin.failures(), <[String; 0]>::default());
}
