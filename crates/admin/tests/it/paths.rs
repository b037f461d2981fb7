//! What each path answers.

use std::sync::atomic::Ordering;

use admin::{Readiness, ReloadError};
use base64::Engine as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::fake::{Reply, piece, serve};

#[track_caller]
fn check_common(reply: &Reply) {
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{reply:?}");
    assert_eq!(
        reply.header("x-content-type-options"),
        Some("nosniff"),
        "{reply:?}"
    );
}

#[track_caller]
fn check_problem(reply: &Reply, status: u16) {
    check_common(reply);
    assert_eq!(reply.status, status);
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json")
    );
    let problem = reply.json();
    assert_eq!(problem["type"], "about:blank");
    assert_eq!(problem["status"], status);
    assert!(
        problem["title"].is_string() && problem["detail"].is_string(),
        "{problem}"
    );
}

#[tokio::test]
async fn health_tells_of_every_worker() {
    let served = serve();
    let reply = served.ask("GET /health", &[]).await;
    check_common(&reply);
    assert_eq!(reply.status, 200);
    let expected = json!({
        "status": "ok",
        "workers": [
            { "name": "worker-0", "alive": true, "loop_lag_ms": 1.5 },
            { "name": "worker-1", "alive": true, "loop_lag_ms": 1.5 },
        ],
    });
    assert_eq!(reply.json(), expected);

    served.system.alive.store(false, Ordering::Relaxed);
    let reply = served.ask("GET /health", &[]).await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.json()["status"], "failing");
    assert_eq!(
        reply.json()["workers"][1],
        json!({ "name": "worker-1", "alive": false, "loop_lag_ms": null })
    );
}

#[tokio::test]
async fn ready_only_between_start_and_drain() {
    let served = serve();
    for (readiness, status, label) in [
        (Readiness::Starting, 503, "starting"),
        (Readiness::Ready, 200, "ready"),
        (Readiness::Draining, 503, "draining"),
    ] {
        *served.system.readiness.lock().unwrap() = readiness;
        let reply = served.ask("GET /ready", &[]).await;
        check_common(&reply);
        assert_eq!(
            (reply.status, reply.json()),
            (status, json!({ "status": label }))
        );
    }
}

#[tokio::test]
async fn metrics_are_negotiated() {
    let served = serve();
    let reply = served
        .ask("GET /metrics", &["accept: text/plain", "accept: */*;q=0.1"])
        .await;
    check_common(&reply);
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.header("content-type"),
        Some("text/plain; version=0.0.4")
    );
    assert_eq!(reply.header("vary"), Some("accept"));
    assert_eq!(reply.body, "# accept text/plain, */*;q=0.1\n");
    let reply = served.ask("GET /metrics?name=x", &[]).await;
    assert_eq!(reply.body, "# accept \n");
}

/// Counters without a part of them would look as if they had begun again.
#[tokio::test]
async fn metrics_are_whole_or_not_there() {
    let served = serve();
    served.system.alive.store(false, Ordering::Relaxed);
    let reply = served.ask("GET /metrics", &[]).await;
    check_problem(&reply, 503);
}

#[tokio::test]
async fn a_long_page_of_metrics_is_sent_in_pieces() {
    let served = serve();
    served.system.pieces.store(40, Ordering::Relaxed);
    let reply = served.ask("GET /metrics", &[]).await;
    check_common(&reply);
    assert_eq!(reply.header("transfer-encoding"), Some("chunked"));
    let mut expected = String::from("# accept \n");
    expected.extend((0..40).map(piece));
    assert_eq!(unchunked(&reply.body), expected);
    let reply = served.ask("HEAD /metrics", &[]).await;
    assert_eq!((reply.status, &*reply.body), (200, ""));
}

/// RFC 9112 7.1, of a body that is all there.
fn unchunked(mut body: &str) -> String {
    let mut text = String::new();
    loop {
        let (size, rest) = body.split_once("\r\n").unwrap();
        let (chunk, rest) = rest.split_at(usize::from_str_radix(size, 16).unwrap());
        text.push_str(chunk);
        body = rest.strip_prefix("\r\n").unwrap();
        if size == "0" {
            assert_eq!(body, "");
            return text;
        }
    }
}

#[tokio::test]
async fn config_and_upstreams_are_json() {
    let served = serve();
    let reply = served.ask("GET /config", &[]).await;
    check_common(&reply);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!((reply.status, reply.json()), (200, json!({ "version": 7 })));
    let reply = served.ask("GET /upstreams", &[]).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()[0]["name"], "products");
}

#[tokio::test]
async fn reload_reports_or_lists_errors() {
    let served = serve();
    let reply = served.ask("POST /reload", &["content-length: 0"]).await;
    check_common(&reply);
    assert_eq!(reply.status, 200);
    let expected = json!({ "version": 8, "changed": true, "notes": ["1 route added"] });
    assert_eq!(reply.json(), expected);

    let errors = vec!["routes[0].path: expected /".to_owned(), "b".into()];
    *served.system.reload.lock().unwrap() = Err(ReloadError::Invalid(errors.clone()));
    let reply = served.ask("POST /reload", &[]).await;
    check_problem(&reply, 400);
    assert_eq!(reply.json()["errors"], json!(errors));

    *served.system.reload.lock().unwrap() = Err(ReloadError::Conflict(errors.clone()));
    let reply = served.ask("POST /reload", &[]).await;
    check_problem(&reply, 409);
    assert_eq!(reply.json()["errors"], json!(errors));
    assert_eq!(served.system.reloads.load(Ordering::Relaxed), 3);
}

/// Between the first pair of marks.
#[track_caller]
fn between<'a>(text: &'a str, open: &str, close: &str) -> &'a str {
    text.split_once(open)
        .unwrap()
        .1
        .split_once(close)
        .unwrap()
        .0
}

#[tokio::test]
async fn the_page_runs_only_what_it_brings() {
    let served = serve();
    let reply = served.ask("GET /", &[]).await;
    check_common(&reply);
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = reply.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; connect-src 'self';"),
        "{policy}"
    );
    for (open, close) in [("<style>", "</style>"), ("<script>", "</script>")] {
        let hash = Sha256::digest(between(&reply.body, open, close));
        let source = format!("'sha256-{}'", base64::prelude::BASE64_STANDARD.encode(hash));
        assert!(
            policy.contains(&source),
            "{open} expected {source} in {policy}"
        );
        assert_eq!(reply.body.matches(open).count(), 1);
    }
    for foreign in ["http:", "https:", "src=", "//", "@import", "style="] {
        assert!(!reply.body.contains(foreign), "{foreign}");
    }
}

#[tokio::test]
async fn other_paths_are_not_found() {
    let served = serve();
    for path in ["/nothing", "/health/", "/Health", "/metrics/x", "//", "*"] {
        let reply = served.ask(&format!("GET {path}"), &[]).await;
        check_problem(&reply, 404);
    }
}

#[tokio::test]
async fn wrong_methods_are_told_the_right_ones() {
    let served = serve();
    let reading = [
        "/",
        "/health",
        "/ready",
        "/metrics",
        "/config",
        "/upstreams",
    ];
    for path in reading {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "get"] {
            let reply = served.ask(&format!("{method} {path}"), &[]).await;
            check_problem(&reply, 405);
            assert_eq!(reply.header("allow"), Some("GET, HEAD"));
        }
    }
    let reply = served.ask("GET /reload", &[]).await;
    check_problem(&reply, 405);
    assert_eq!(reply.header("allow"), Some("POST"));
    assert_eq!(served.system.reloads.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let served = serve();
    for path in [
        "/",
        "/health",
        "/ready",
        "/metrics",
        "/config",
        "/upstreams",
        "/nothing",
    ] {
        let get = served.ask(&format!("GET {path}"), &[]).await;
        let head = served.ask(&format!("HEAD {path}"), &[]).await;
        assert_eq!(head.status, get.status);
        assert_eq!(head.body, "");
        let length = get.body.len().to_string();
        for name in ["content-length", "content-type", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
        assert_eq!(
            head.header("content-length"),
            Some(length.as_str()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn bodies_are_ignored_up_to_their_limit() {
    let served = serve();
    let host = format!("host: {}", served.addr);
    let fields = [host.as_str(), "connection: close"];
    let body = vec![b'x'; 64 * 1024];
    let length = format!("content-length: {}", body.len());
    let reply = served
        .ask_raw(
            "POST /reload",
            &[&fields[..], &[length.as_str()]].concat(),
            &body,
        )
        .await;
    assert_eq!(reply.status, 200);

    let reply = served
        .ask_raw(
            "POST /reload",
            &[&fields[..], &["content-length: 65537"]].concat(),
            b"",
        )
        .await;
    check_problem(&reply, 413);
    assert_eq!(reply.header("connection"), Some("close"));

    let mut chunked = b"10001\r\n".to_vec();
    chunked.extend(vec![b'x'; 0x10001]);
    let reply = served
        .ask_raw(
            "POST /reload",
            &[&fields[..], &["transfer-encoding: chunked"]].concat(),
            &chunked,
        )
        .await;
    check_problem(&reply, 413);
    assert_eq!(served.system.reloads.load(Ordering::Relaxed), 1);
}
