//! The static site.

use demo::Services;

use crate::client::{Request, Response, get, get_with, send};

const SCRIPT: &[u8] = include_bytes!("../../site/script.js");

#[test]
fn serves_its_files() {
    let services = Services::start().unwrap();
    let cases = [
        ("/", "text/html; charset=utf-8"),
        ("/?utm=x", "text/html; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/script.js", "text/javascript; charset=utf-8"),
        ("/favicon.svg", "image/svg+xml"),
    ];
    for (target, content_type) in cases {
        let response = get(services.site(), target);
        assert_eq!(response.status, 200, "{target}");
        assert_eq!(response.field("content-type"), Some(content_type));
        assert_eq!(response.field("accept-ranges"), Some("bytes"));
        let modified = response.field("last-modified").unwrap();
        assert!(
            modified.ends_with(" GMT") && modified.len() == 29,
            "{modified}"
        );
        let length = response.body.len().to_string();
        assert_eq!(response.field("content-length"), Some(&*length));
    }
    assert_eq!(get(services.site(), "/script.js").body, SCRIPT);
}

#[test]
fn the_page_finds_its_parts() {
    let services = Services::start().unwrap();
    let page = get(services.site(), "/");
    let references = page.text().split("=\"/").skip(1);
    let paths: Vec<String> = references
        .map(|rest| format!("/{}", rest.split('"').next().unwrap()))
        .collect();
    assert_eq!(paths.len(), 3);
    for path in paths {
        assert_eq!(get(services.site(), &path).status, 200, "{path}");
    }
    let script = get(services.site(), "/script.js");
    assert!(script.text().contains("/api/products"));
}

#[test]
fn other_paths_have_a_page_of_their_own() {
    let services = Services::start().unwrap();
    for target in ["/none", "/style.css/", "//", "/../Cargo.toml"] {
        let response = get(services.site(), target);
        assert_eq!(response.status, 404, "{target}");
        assert!(response.text().contains("<h1>Not found</h1>"));
    }
    let request = Request {
        line: "POST /",
        fields: "",
        body: "x",
    };
    let response = send(services.site(), request);
    assert_eq!(response.status, 405);
    assert_eq!(response.field("allow"), Some("GET, HEAD"));
}

#[test]
fn knows_what_clients_have() {
    let services = Services::start().unwrap();
    let first = get(services.site(), "/script.js");
    let etag = first.field("etag").unwrap();
    let modified = first.field("last-modified").unwrap();
    let cases = [
        (format!("if-none-match: {etag}"), 304),
        (format!("if-none-match: W/{etag}"), 304),
        (format!("if-none-match: \"a\", {etag}"), 304),
        (
            format!("if-none-match: \"a\"\r\nif-none-match: {etag}"),
            304,
        ),
        ("if-none-match: *".to_owned(), 304),
        ("if-none-match: \"a\"".to_owned(), 200),
        (format!("if-modified-since: {modified}"), 304),
        (
            "if-modified-since: Thu, 01 Jan 1970 00:00:00 GMT".to_owned(),
            200,
        ),
        // The tag counts, not the date (RFC 9110 13.1.3).
        (
            format!("if-none-match: \"a\"\r\nif-modified-since: {modified}"),
            200,
        ),
        (format!("if-none-match: {etag}\r\nrange: bytes=0-1"), 304),
    ];
    for (fields, status) in cases {
        let response = get_with(services.site(), "/script.js", &format!("{fields}\r\n"));
        assert_eq!(response.status, status, "{fields}");
        assert_eq!(response.field("etag"), Some(etag), "{fields}");
        if status == 304 {
            assert_eq!(response.body, b"", "{fields}");
        }
    }
    let page = get(services.site(), "/");
    assert_ne!(page.field("etag"), Some(etag));
}

#[track_caller]
fn check_range(response: &Response, expected: Option<(usize, usize)>) {
    let Some((first, last)) = expected else {
        assert_eq!(response.status, 200);
        assert_eq!(response.field("content-range"), None);
        assert_eq!(response.body, SCRIPT);
        return;
    };
    let range = format!("bytes {first}-{last}/{}", SCRIPT.len());
    assert_eq!(response.status, 206);
    assert_eq!(response.field("content-range"), Some(&*range));
    assert_eq!(response.body, &SCRIPT[first..=last]);
}

#[test]
fn sends_parts() {
    let services = Services::start().unwrap();
    let length = SCRIPT.len();
    let cases = [
        ("bytes=0-0", Some((0, 0))),
        ("bytes=5-9", Some((5, 9))),
        ("bytes=5-", Some((5, length - 1))),
        ("bytes=5-999999", Some((5, length - 1))),
        ("bytes=5-99999999999999999999999", Some((5, length - 1))),
        ("bytes=-7", Some((length - 7, length - 1))),
        ("bytes=-999999", Some((0, length - 1))),
        ("bytes=9-5", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=0-1,4-5", None),
        ("lines=0-1", None),
    ];
    for (range, expected) in cases {
        let fields = format!("range: {range}\r\n");
        let response = get_with(services.site(), "/script.js", &fields);
        check_range(&response, expected);
    }
    for range in ["bytes=999999-", "bytes=-0"] {
        let fields = format!("range: {range}\r\n");
        let response = get_with(services.site(), "/script.js", &fields);
        assert_eq!(response.status, 416, "{range}");
        let unsatisfied = format!("bytes */{length}");
        assert_eq!(response.field("content-range"), Some(&*unsatisfied));
    }
}

#[test]
fn sends_parts_of_the_same_state_only() {
    let services = Services::start().unwrap();
    let first = get(services.site(), "/script.js");
    let etag = first.field("etag").unwrap();
    let modified = first.field("last-modified").unwrap();
    let cases = [
        (etag, Some((0, 4))),
        (modified, Some((0, 4))),
        ("\"a\"", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
    ];
    for (condition, expected) in cases {
        let fields = format!("range: bytes=0-4\r\nif-range: {condition}\r\n");
        let response = get_with(services.site(), "/script.js", &fields);
        check_range(&response, expected);
    }
}

#[test]
fn answers_head_without_body_and_in_whole() {
    let services = Services::start().unwrap();
    let request = Request {
        line: "HEAD /script.js",
        fields: "range: bytes=0-4\r\n",
        body: "",
    };
    let response = send(services.site(), request);
    assert_eq!(response.status, 200);
    let length = SCRIPT.len().to_string();
    assert_eq!(response.field("content-length"), Some(&*length));
    assert_eq!(response.body, b"");
}
