//! The product API.

use std::time::{Duration, Instant};

use demo::Services;
use serde_json::{Value, json};

use crate::client::{Request, Response, get, get_with, send, send_then};

fn post(services: &Services, body: &str) -> Response {
    let request = Request {
        line: "POST /products",
        fields: "content-type: application/json\r\n",
        body,
    };
    send(services.products(), request)
}

#[test]
fn lists_pages_of_products() {
    let services = Services::start().unwrap();
    let cases = [
        ("/products", 1, 20, 1, 20),
        ("/products?page=2&per_page=5", 2, 5, 6, 5),
        ("/products?per_page=100", 1, 100, 1, 100),
        ("/products?other=x&page=4&per_page=30", 4, 30, 91, 10),
        ("/products?page=1000000&per_page=100", 1_000_000, 100, 0, 0),
    ];
    for (target, page, per_page, first_id, count) in cases {
        let response = get(services.products(), target);
        assert_eq!(response.status, 200, "{target}");
        assert_eq!(response.field("content-type"), Some("application/json"));
        let list = response.json();
        let products = list["products"].as_array().unwrap();
        assert_eq!(list["page"], page, "{target}");
        assert_eq!(list["per_page"], per_page, "{target}");
        assert_eq!(list["total"], 100, "{target}");
        assert_eq!(list["pages"], 100_u64.div_ceil(per_page), "{target}");
        assert_eq!(products.len(), count, "{target}");
        let found = products.first().map_or(&Value::Null, |first| &first["id"]);
        assert_eq!(found.as_u64().unwrap_or(0), first_id, "{target}");
    }
}

#[test]
fn lists_are_the_same_in_every_process() {
    let (one, other) = (Services::start().unwrap(), Services::start().unwrap());
    let target = "/products?per_page=100";
    let list = get(one.products(), target);
    assert_eq!(list.body, get(other.products(), target).body);
    let first = json!({
        "id": 1,
        "name": "Brass Anchor",
        "price": 12.32,
        "description": "Anchor number 1 of our harbour shop",
    });
    assert_eq!(list.json()["products"][0], first);
}

#[test]
fn refuses_pages_out_of_bounds() {
    let services = Services::start().unwrap();
    let cases: [(&str, &[&str]); 7] = [
        ("/products?page=0", &["page"]),
        ("/products?page=-1", &["page"]),
        ("/products?page=", &["page"]),
        ("/products?page=+1", &["page"]),
        ("/products?per_page=101", &["per_page"]),
        ("/products?page=99999999999999999999", &["page"]),
        ("/products?page=x&per_page=0", &["page", "per_page"]),
    ];
    for (target, at) in cases {
        let response = get(services.products(), target);
        check_problem(&response, 400, at);
    }
}

#[track_caller]
fn check_problem(response: &Response, status: u16, at: &[&str]) {
    assert_eq!(response.status, status);
    let content_type = response.field("content-type");
    assert_eq!(content_type, Some("application/problem+json"));
    let problem = response.json();
    assert_eq!(problem["status"], status);
    let errors = problem["errors"].as_array();
    let found: Vec<&str> = errors
        .into_iter()
        .flatten()
        .map(|error| error["at"].as_str().unwrap())
        .collect();
    assert_eq!(found, at, "{problem}");
}

#[test]
fn finds_products_by_id() {
    let services = Services::start().unwrap();
    let product = get(services.products(), "/products/7");
    assert_eq!(product.status, 200);
    assert_eq!(product.json()["id"], 7);
    for id in [
        "0",
        "101",
        "01",
        "+1",
        "x",
        "",
        "7/8",
        "99999999999999999999",
    ] {
        let response = get(services.products(), &format!("/products/{id}"));
        check_problem(&response, 404, &[]);
    }
}

#[test]
fn adds_products() {
    let services = Services::start().unwrap();
    let added = post(&services, r#"{"name": "Lamp", "price": 12.5}"#);
    let lamp = json!({ "id": 101, "name": "Lamp", "price": 12.5 });
    assert_eq!(added.status, 201);
    assert_eq!(added.field("location"), Some("products/101"));
    assert_eq!(added.json(), lamp);
    assert_eq!(get(services.products(), "/products/101").json(), lamp);

    let body = r#"{"name": "Öllampe", "price": 0, "description": "hell"}"#;
    let added = post(&services, body);
    assert_eq!(added.field("location"), Some("products/102"));
    assert_eq!(added.json()["description"], "hell");
    let list = get(services.products(), "/products?page=6");
    assert_eq!(list.json()["total"], 102);
    assert_eq!(list.json()["products"][1]["name"], "Öllampe");
}

#[test]
fn tells_what_is_wrong_with_a_product() {
    let services = Services::start().unwrap();
    let long_name = format!(r#"{{"name": "{}", "price": 1}}"#, "x".repeat(101));
    let long_text = format!(
        r#"{{"name": "x", "price": 1, "description": "{}"}}"#,
        "x".repeat(1_001)
    );
    let cases: [(&str, &[&str]); 16] = [
        ("", &["body"]),
        ("{", &["body"]),
        ("[]", &["body"]),
        ("null", &["body"]),
        ("name=Lamp", &["body"]),
        ("{}", &["name", "price"]),
        (r#"{"name": "", "price": 1}"#, &["name"]),
        (r#"{"name": " ", "price": 1}"#, &["name"]),
        (r#"{"name": 7, "price": 1}"#, &["name"]),
        (&long_name, &["name"]),
        (&long_text, &["description"]),
        (r#"{"name": "x", "price": "1"}"#, &["price"]),
        (r#"{"name": "x", "price": -1}"#, &["price"]),
        (r#"{"name": "x", "price": 1.005}"#, &["price"]),
        (r#"{"name": "x", "price": 1000000.01}"#, &["price"]),
        (r#"{"name": "x", "price": 1, "colour": "red"}"#, &["body"]),
    ];
    for (body, at) in cases {
        check_problem(&post(&services, body), 400, at);
    }
    let error = &post(&services, r#"{"name": "x", "price": -1}"#).json()["errors"][0];
    let expected = "a number from 0 to 1000000 with at most two decimals";
    assert_eq!(
        *error,
        json!({ "at": "price", "expected": expected, "found": "-1" })
    );
}

#[test]
fn refuses_bodies_that_are_too_large() {
    let services = Services::start().unwrap();
    let request = Request {
        line: "POST /products",
        fields: "content-length: 65537\r\n",
        body: "",
    };
    check_problem(&send(services.products(), request), 413, &[]);

    // Of a length that shows on the way only.
    let chunked = Request {
        line: "POST /products",
        fields: "transfer-encoding: chunked\r\n",
        body: "",
    };
    let body = format!("10001\r\n{}", "x".repeat(0x10001));
    check_problem(&send_then(services.products(), chunked, &body), 413, &[]);
}

#[test]
fn keeps_no_more_products_than_fit() {
    let services = Services::start().unwrap();
    let mut socket = std::net::TcpStream::connect(services.products()).unwrap();
    let body = r#"{"name": "Lamp", "price": 1}"#;
    let request = format!(
        "POST /products HTTP/1.1\r\nhost: demo\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let last = format!("{request}GET /health HTTP/1.1\r\nhost: demo\r\nconnection: close\r\n\r\n");
    let mut writer = socket.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        use std::io::Write as _;
        let requests = request.repeat(9_900) + &last;
        writer.write_all(requests.as_bytes()).unwrap();
    });
    let mut responses = String::new();
    std::io::Read::read_to_string(&mut socket, &mut responses).unwrap();
    writer.join().unwrap();
    assert_eq!(responses.matches("HTTP/1.1 201 ").count(), 9_900);
    assert_eq!(responses.matches("HTTP/1.1 507 ").count(), 1);
    assert_eq!(get(services.products(), "/products/10000").status, 200);
}

#[test]
fn refuses_other_methods() {
    let services = Services::start().unwrap();
    let cases = [
        ("DELETE /products", "GET, HEAD, POST"),
        ("PUT /products/1", "GET, HEAD"),
        ("POST /health", "GET, HEAD"),
    ];
    for (line, allow) in cases {
        let request = Request {
            line,
            fields: "",
            body: "",
        };
        let response = send(services.products(), request);
        check_problem(&response, 405, &[]);
        assert_eq!(response.field("allow"), Some(allow));
    }
    check_problem(&get(services.products(), "/"), 404, &[]);
}

#[test]
fn answers_head_without_body() {
    let services = Services::start().unwrap();
    let request = Request {
        line: "HEAD /products/1",
        fields: "",
        body: "",
    };
    let response = send(services.products(), request);
    let length = get(services.products(), "/products/1").body.len();
    assert_eq!(response.status, 200);
    assert_eq!(response.field("content-length"), Some(&*length.to_string()));
    assert_eq!(response.body, b"");
}

#[test]
fn shows_the_request_as_it_arrived() {
    let services = Services::start().unwrap();
    let fields = "X-Forwarded-For: 192.0.2.1\r\nx-two: a\r\nX-Two: b\r\n";
    let shown = get_with(services.products(), "/headers?a=b", fields).json();
    let headers = json!({
        "host": "demo",
        "connection": "close",
        "x-forwarded-for": "192.0.2.1",
        "x-two": ["a", "b"],
    });
    assert_eq!(
        shown,
        json!({ "method": "GET", "path": "/headers", "query": "a=b", "headers": headers })
    );
}

#[test]
fn answers_slowly() {
    let services = Services::start().unwrap();
    let start = Instant::now();
    let response = get(services.products(), "/slow?ms=50");
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert_eq!(response.text(), "waited 50 ms\n");
    check_problem(&get(services.products(), "/slow?ms=5001"), 400, &["ms"]);
}

#[test]
fn answers_with_any_status() {
    let services = Services::start().unwrap();
    for status in [200, 204, 304, 404, 418, 503, 599] {
        let response = get(services.products(), &format!("/status/{status}"));
        assert_eq!(response.status, status);
    }
    for code in ["199", "600", "x", "20", "2000"] {
        let response = get(services.products(), &format!("/status/{code}"));
        check_problem(&response, 400, &["code"]);
    }
    assert_eq!(get(services.products(), "/health").text(), "ok\n");
}
