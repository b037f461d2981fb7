//! Who is kept out.

use std::sync::atomic::Ordering;

use admin::Limits;

use crate::fake::{Served, TOKEN, serve, serve_with};

const PATHS: [&str; 6] = [
    "/",
    "/metrics",
    "/config",
    "/upstreams",
    "/reload",
    "/nothing",
];

#[tokio::test]
async fn the_token_is_required_but_for_probes() {
    let served = serve_with(Some(TOKEN), Limits::default());
    for path in ["/health", "/ready"] {
        assert_eq!(served.ask(&format!("GET {path}"), &[]).await.status, 200);
    }
    let wrong = [
        vec![],
        vec!["authorization: Bearer wrong horse battery"],
        vec!["authorization: Bearer"],
        vec!["authorization: Bearer "],
        vec!["authorization: correct horse battery"],
        vec!["authorization: Basic correct horse battery"],
        vec![
            "authorization: Bearer correct horse battery",
            "authorization: Bearer x",
        ],
    ];
    for path in PATHS {
        for fields in &wrong {
            for method in ["GET", "POST"] {
                let reply = served.ask(&format!("{method} {path}"), fields).await;
                assert_eq!(reply.status, 401, "{method} {path} {fields:?}");
                assert_eq!(
                    reply.header("www-authenticate"),
                    Some("Bearer realm=\"admin\"")
                );
                assert!(!reply.body.contains(TOKEN));
            }
        }
    }
    assert_eq!(served.system.reloads.load(Ordering::Relaxed), 0);

    for scheme in ["Bearer", "bearer"] {
        let right = format!("authorization: {scheme} {TOKEN}");
        for path in ["/", "/metrics", "/config", "/upstreams"] {
            assert_eq!(
                served.ask(&format!("GET {path}"), &[&right]).await.status,
                200
            );
        }
        assert_eq!(served.ask("POST /reload", &[&right]).await.status, 200);
        assert_eq!(served.ask("GET /nothing", &[&right]).await.status, 404);
    }
}

async fn status_of_host(served: &Served, target: &str, hosts: &[&str]) -> u16 {
    let mut fields = vec!["connection: close"];
    fields.extend(hosts);
    served
        .ask_raw(&format!("GET {target}"), &fields, b"")
        .await
        .status
}

#[tokio::test]
async fn without_a_token_names_from_elsewhere_are_refused() {
    let served = serve();
    for host in [
        "localhost",
        "LOCALHOST:9901",
        "127.0.0.1",
        "127.0.0.1:1",
        "[::1]:9901",
        "192.0.2.1",
    ] {
        let host = format!("host: {host}");
        assert_eq!(
            status_of_host(&served, "/config", &[&host]).await,
            200,
            "{host}"
        );
    }
    for host in [
        "evil.example",
        "evil.example:9901",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "localhost.",
        "0x7f000001",
    ] {
        let host = format!("host: {host}");
        for path in ["/config", "/health", "/nothing"] {
            assert_eq!(status_of_host(&served, path, &[&host]).await, 421, "{host}");
        }
    }
    for hosts in [
        &[][..],
        &["host:"],
        &["host: a b"],
        &["host: x@localhost"],
        &["host: localhost", "host: localhost"],
    ] {
        assert_eq!(
            status_of_host(&served, "/config", hosts).await,
            400,
            "{hosts:?}"
        );
    }
    let absolute = status_of_host(&served, "http://evil.example/config", &["host: localhost"]);
    assert_eq!(absolute.await, 421);
}

#[tokio::test]
async fn with_a_token_any_name_will_do() {
    let served = serve_with(Some(TOKEN), Limits::default());
    let right = format!("authorization: Bearer {TOKEN}");
    let fields = ["host: admin.example:9901", &right];
    assert_eq!(status_of_host(&served, "/config", &fields).await, 200);
}

#[tokio::test]
async fn pages_from_elsewhere_cannot_reload() {
    for token in [None, Some(TOKEN)] {
        let served = serve_with(token, Limits::default());
        let right = format!("authorization: Bearer {TOKEN}");
        for origin in [
            "http://evil.example",
            "null",
            "",
            "http://127.0.0.1",
            "http://127.0.0.1:1",
            "ftp://127.0.0.1",
        ] {
            let origin = format!("origin: {origin}");
            let reply = served.ask("POST /reload", &[&origin, &right]).await;
            assert_eq!(reply.status, 403, "{origin}");
        }
        let origin = format!("origin: http://{}", served.addr);
        let twice = served
            .ask("POST /reload", &[&origin, &origin, &right])
            .await;
        assert_eq!(twice.status, 403);
        assert_eq!(served.system.reloads.load(Ordering::Relaxed), 0);
        let reply = served.ask("POST /reload", &[&origin, &right]).await;
        assert_eq!(reply.status, 200);
    }
}
