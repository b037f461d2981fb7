//! Slow clients, many clients, and the end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use admin::plan::AdminPlan;
use admin::{Limits, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::fake::{PATIENCE, Reply, Served, read_all, serve, serve_with};

const SHORT: Duration = Duration::from_millis(100);

/// Blocks `config` until permits are added, and begins a request for it.
async fn begin_config(served: &Served) -> TcpStream {
    served.system.config_may_end.forget_permits(1_000);
    let mut socket = served.connect().await;
    let head = format!("GET /config HTTP/1.1\r\nhost: {}\r\n\r\n", served.addr);
    socket.write_all(head.as_bytes()).await.unwrap();
    let begun = timeout(PATIENCE, served.system.config_begun.acquire()).await;
    begun.unwrap().unwrap().forget();
    socket
}

#[tokio::test]
async fn a_slow_head_is_cut_off() {
    let served = serve_with(
        None,
        Limits {
            head_timeout: SHORT,
            ..Limits::default()
        },
    );
    for start in ["GET /health HTTP/1.1\r\nhost: local", "G", ""] {
        let mut socket = served.connect().await;
        socket.write_all(start.as_bytes()).await.unwrap();
        let text = read_all(&mut socket).await;
        assert!(!text.contains("200 OK"), "{text}");
    }
    // A connection that waits for its next request, too.
    let mut socket = served.connect().await;
    socket
        .write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(Reply::parse(&read_all(&mut socket).await).status, 200);
}

#[tokio::test]
async fn a_slow_answer_and_a_slow_body_are_cut_off() {
    let served = serve_with(
        None,
        Limits {
            request_timeout: SHORT,
            ..Limits::default()
        },
    );
    let mut socket = begin_config(&served).await;
    assert_eq!(Reply::parse(&read_all(&mut socket).await).status, 503);
    let mut socket = served.connect().await;
    socket
        .write_all(b"POST /reload HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nhalf")
        .await
        .unwrap();
    assert_eq!(Reply::parse(&read_all(&mut socket).await).status, 503);
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let served = serve();
    let mut socket = served.connect().await;
    for last in [false, false, true] {
        let close = if last { "connection: close\r\n" } else { "" };
        let head = format!("GET /ready HTTP/1.1\r\nhost: localhost\r\n{close}\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        if !last {
            let mut bytes = [0; 4096];
            let count = socket.read(&mut bytes).await.unwrap();
            assert!(bytes.get(..count).unwrap().starts_with(b"HTTP/1.1 200 OK"));
        }
    }
    assert_eq!(Reply::parse(&read_all(&mut socket).await).status, 200);
}

#[tokio::test]
async fn one_connection_too_many_is_refused() {
    let served = serve_with(
        None,
        Limits {
            connections_max: 1,
            ..Limits::default()
        },
    );
    let mut first = begin_config(&served).await;
    let mut second = served.connect().await;
    assert_eq!(Reply::parse(&read_all(&mut second).await).status, 503);
    served.system.config_may_end.add_permits(1_000);
    first.shutdown().await.unwrap();
    assert_eq!(Reply::parse(&read_all(&mut first).await).status, 200);
    // The place is free again a moment after the connection is closed; until then writing may fail, too.
    let freed = async {
        loop {
            let (mut socket, mut bytes) = (served.connect().await, Vec::new());
            let head = b"GET /ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
            drop(socket.write_all(head).await);
            drop(socket.read_to_end(&mut bytes).await);
            if bytes.starts_with(b"HTTP/1.1 200") {
                return;
            }
        }
    };
    timeout(PATIENCE, freed).await.unwrap();
}

#[tokio::test]
async fn an_old_connection_is_closed() {
    let served = serve_with(
        None,
        Limits {
            connection_age_max: SHORT,
            ..Limits::default()
        },
    );
    let mut idle = served.connect().await;
    assert_eq!(read_all(&mut idle).await, "");
}

#[tokio::test]
async fn a_running_request_outlives_the_stop() {
    let served = serve();
    let mut running = begin_config(&served).await;
    // Answered, so that it is no connection the server has yet to accept.
    let mut idle = served.connect().await;
    let head = b"GET /ready HTTP/1.1\r\nhost: localhost\r\n\r\n";
    idle.write_all(head).await.unwrap();
    let mut start = [0; 12];
    idle.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    served.stop.cancel();
    assert!(
        read_all(&mut idle)
            .await
            .ends_with("{\"status\":\"ready\"}")
    );
    served.system.config_may_end.add_permits(1_000);
    let reply = Reply::parse(&read_all(&mut running).await);
    assert_eq!(
        (reply.status, reply.header("connection")),
        (200, Some("close"))
    );
    timeout(PATIENCE, served.task)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(TcpStream::connect(served.addr).await.is_err());
}

#[tokio::test]
async fn grace_ends() {
    let served = serve_with(
        None,
        Limits {
            grace: SHORT,
            ..Limits::default()
        },
    );
    let mut running = begin_config(&served).await;
    served.stop.cancel();
    assert_eq!(read_all(&mut running).await, "");
    timeout(PATIENCE, served.task)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_taken_address_is_an_error() {
    let served = serve();
    let plan = AdminPlan {
        address: served.addr,
        token: None,
    };
    let error = Server::bind(&plan).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn nonsense_does_not_end_the_server() {
    let served = serve();
    for bytes in [
        &b"\x16\x03\x01\x02"[..],
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ] {
        let mut socket = served.connect().await;
        socket.write_all(bytes).await.unwrap();
        drop(socket.shutdown().await);
        let mut text = Vec::new();
        drop(
            timeout(PATIENCE, socket.read_to_end(&mut text))
                .await
                .unwrap(),
        );
        assert!(!text.windows(6).any(|window| window == b"200 OK"));
    }
    let large = format!("x: {}", "y".repeat(100_000));
    let mut socket = served.connect().await;
    let head = format!("GET / HTTP/1.1\r\nhost: localhost\r\n{large}\r\n\r\n");
    drop(socket.write_all(head.as_bytes()).await);
    let mut text = Vec::new();
    drop(
        timeout(PATIENCE, socket.read_to_end(&mut text))
            .await
            .unwrap(),
    );
    assert_eq!(served.ask("GET /health", &[]).await.status, 200);
}

#[tokio::test]
async fn a_page_is_made_no_faster_than_it_is_read() {
    let served = serve();
    // 32 GiB.
    served.system.pieces.store(1 << 20, Ordering::Relaxed);
    let mut socket = served.connect().await;
    let head = format!("GET /metrics HTTP/1.1\r\nhost: {}\r\n\r\n", served.addr);
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut begun = [0; 64 * 1024];
    timeout(PATIENCE, socket.read_exact(&mut begun))
        .await
        .expect("the page begins in time")
        .unwrap();
    // Whoever reads no further holds up nobody else, and what is made for it is what the sockets take.
    let reply = served.ask("GET /health", &[]).await;
    assert_eq!(reply.status, 200);
    let made = served.system.pieces_made.load(Ordering::Relaxed);
    assert!((1..2_000).contains(&made), "{made} pieces");
}
