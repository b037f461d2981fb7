//! Upstreams behind TLS: who is believed, what is shown to them, and what is refused.

use std::fs;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use testkit::{
    NodeExpress, PythonScript, RawClient, RawOrigin, SOON, Tidegate, Tool, python, run_client,
    run_command, tool,
};

use crate::authority::{About, Authority};
use crate::gate::get;
use crate::secure_origin::SecureOrigin;
use crate::system::{Metrics, reload, until, until_metric};

/// One worker, and everything to this endpoint with these keys of `tls`.
fn config(endpoint: impl std::fmt::Display, tls: &str) -> String {
    format!(
        "workers: 1\nlisteners: {{ web: {{ address: 127.0.0.1:0 }} }}\n\
         admin: {{ address: 127.0.0.1:0 }}\nroutes: [{{ name: all, forward: {{ upstream: origin }} }}]\n\
         upstreams:\n  origin:\n    endpoints: [\"{endpoint}\"]\n    tls: {{ {tls} }}\n    \
         connections: {{ connect_timeout: 500ms }}\n"
    )
}

fn believing(authority: &Authority) -> String {
    format!("ca: {}", authority.ca().display())
}

#[track_caller]
fn status(tidegate: &Tidegate) -> u16 {
    RawClient::exchange(tidegate.addr("web"), get("/")).status
}

#[track_caller]
fn refusals(tidegate: &Tidegate, cause: &str) -> f64 {
    let label = format!("cause=\"{cause}\"");
    Metrics::of(tidegate).sum("tidegate_refusals_total", &[&label])
}

/// Whoever is not who the configuration says gets no request, whatever else it answers.
#[test]
fn endpoints_are_verified() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let by_address = authority.server("address", &["127.0.0.1"]);
    let by_name = authority.server("name", &["products.internal", "localhost"]);
    let expired = authority.issue(
        "expired",
        &About {
            names: &["127.0.0.1"],
            is_expired: true,
            ..About::default()
        },
    );
    let client = authority.issue(
        "client",
        &About {
            names: &["127.0.0.1"],
            is_client: true,
            ..About::default()
        },
    );
    let ca = believing(&authority);
    let named = format!("{ca}, server_name: products.internal");
    let wrong = believing(&stranger);
    for (what, pair, tls, expected) in [
        ("the address", &by_address, &ca, 200),
        ("a name that is given", &by_name, &named, 200),
        ("a name, for its address", &by_name, &ca, 502),
        ("an address, for a name", &by_address, &named, 502),
        ("another authority", &by_address, &wrong, 502),
        (
            "the machine's authorities",
            &by_address,
            &String::new(),
            502,
        ),
        ("a certificate that ended", &expired, &ca, 502),
        ("a certificate of a client", &client, &ca, 502),
    ] {
        let origin = SecureOrigin::start(pair, None);
        let tidegate = Tidegate::start(config(origin.addr(), tls));
        assert_eq!(status(&tidegate), expected, "{what}");
        let served: usize = origin.seen().iter().map(|seen| seen.requests).sum();
        assert_eq!(served, usize::from(expected == 200), "{what}");
        let is_refused = if expected == 200 { 0.0 } else { 1.0 };
        assert_eq!(refusals(&tidegate, "upstream_tls"), is_refused, "{what}");
        if expected == 502 {
            let log = tidegate.stderr();
            assert!(
                log.wait_for_text(SOON, "an upstream was not believed"),
                "{what}"
            );
        }
    }
}

/// The name a certificate has to be for is that of the endpoint, and it is told to the endpoint (RFC 6066 3); an address is
/// not.
#[test]
fn endpoints_are_asked_for_by_name() {
    let authority = Authority::new();
    let pair = authority.server("pair", &["localhost", "127.0.0.1", "other.internal"]);
    let origin = SecureOrigin::start(&pair, None);
    let ca = believing(&authority);
    let port = origin.addr().port();
    let address = SocketAddr::from(([127, 0, 0, 1], port)).to_string();
    let other = format!("{ca}, server_name: Other.Internal");
    for (endpoint, tls, expected) in [
        (format!("localhost:{port}"), &ca, Some("localhost")),
        (address.clone(), &ca, None),
        (address, &other, Some("other.internal")),
    ] {
        let tidegate = Tidegate::start(config(&endpoint, tls));
        assert_eq!(status(&tidegate), 200, "{endpoint}");
        let seen = origin.seen();
        let last = seen.last().expect("a connection");
        assert_eq!(last.server_name.as_deref(), expected, "{endpoint}");
        assert_eq!(last.alpn.as_deref(), Some("http/1.1"), "{endpoint}");
    }
}

/// What speaks no TLS, or says nothing, is a failure of its own kind, within the time that connecting may take.
#[test]
fn endpoints_without_tls_are_no_endpoints() {
    let authority = Authority::new();
    let silent = RawOrigin::hanging();
    // Speaks first, as mail servers do.
    let talker = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let talks = talker.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in talker.incoming().flatten() {
            let told = stream.write_all(b"220 mail.example ESMTP\r\n");
            // To the end of what the gateway says: a close before that could break the connection first.
            drop(told.and_then(|()| io::copy(&mut stream, &mut io::sink())));
        }
    });
    for (origin, expected, cause) in [
        (talks, 502, "upstream_tls"),
        (silent.addr(), 504, "connect_timeout"),
    ] {
        let tidegate = Tidegate::start(config(origin, &believing(&authority)));
        assert_eq!(status(&tidegate), expected, "{cause}");
        assert_eq!(refusals(&tidegate, cause), 1.0, "{cause}");
    }
}

/// Connections are kept within TLS, tickets that come in between notwithstanding.
#[test]
fn connections_are_kept() {
    let authority = Authority::new();
    let pair = authority.server("pair", &["127.0.0.1"]);
    let origin = SecureOrigin::start(&pair, None);
    let tidegate = Tidegate::start(config(origin.addr(), &believing(&authority)));
    for _ in 0..20 {
        assert_eq!(status(&tidegate), 200);
    }
    let seen = origin.seen();
    let requests: Vec<usize> = seen.iter().map(|seen| seen.requests).collect();
    assert_eq!(requests, [20]);
    let metrics = Metrics::of(&tidegate);
    assert_eq!(metrics.sum("tidegate_upstream_stale_total", &[]), 0.0);
    assert_eq!(metrics.sum("tidegate_upstream_connects_total", &[]), 1.0);
}

/// An endpoint that asks who calls is shown the certificate, and refuses who has none.
#[test]
fn certificates_are_shown_to_endpoints_that_ask() {
    let authority = Authority::new();
    let pair = authority.server("pair", &["127.0.0.1"]);
    let own = authority.issue(
        "own",
        &About {
            common_name: "gateway",
            is_client: true,
            ..About::default()
        },
    );
    let origin = SecureOrigin::start(&pair, Some(&authority));
    let ca = believing(&authority);
    let nobody = Tidegate::start(config(origin.addr(), &ca));
    assert_eq!(status(&nobody), 502);
    let tls = format!("{ca}, certificate: {}", own.yaml());
    let somebody = Tidegate::start(config(origin.addr(), &tls));
    assert_eq!(status(&somebody), 200);
    assert!(origin.seen().iter().any(|seen| seen.shows_certificate));
    let ends = Metrics::of(&somebody);
    let ends = ends.series("tidegate_tls_certificate_not_after_seconds");
    assert_eq!(ends.count(), 1);
}

/// Authorities that change are believed from then on; a broken file leaves what there was.
#[test]
fn authorities_change_while_requests_go_on() {
    let (old, new) = (Authority::new(), Authority::new());
    let origin = SecureOrigin::start(&new.server("pair", &["127.0.0.1"]), None);
    let tidegate = Tidegate::start(config(origin.addr(), &believing(&old)));
    assert_eq!(status(&tidegate), 502);
    fs::write(old.ca(), "no certificate").unwrap();
    until_metric(&tidegate, "tidegate_config_last_reload_failed", &[], 1.0);
    let (code, report) = reload(&tidegate);
    assert_eq!(code, 409, "{report}");
    assert!(report.to_string().contains("upstream origin"), "{report}");
    assert_eq!(status(&tidegate), 502);
    let draft = old.dir().join("draft");
    fs::copy(new.ca(), &draft).unwrap();
    fs::rename(&draft, old.ca()).unwrap();
    until("the new authority", || {
        (status(&tidegate) == 200).then_some(())
    });
}

/// Two gateways and TLS between them: bodies larger than any buffer, both ways, and WebSockets.
#[test]
fn everything_goes_through_a_chain() {
    let Some(curl) = tool(Tool::CURL) else { return };
    let (Some(python), Some(echo), Some(express)) = (
        python(),
        PythonScript::start("ws_echo.py"),
        NodeExpress::start(),
    ) else {
        return;
    };
    let authority = Authority::new();
    let pair = authority.server("pair", &["127.0.0.1"]);
    let chain = |origin: SocketAddr| {
        let inner = Tidegate::start(format!(
            "workers: 1\nlisteners: {{ secure: {{ address: 127.0.0.1:0, tls: {{ certificates: [{}] }} }} }}\n\
             admin: {{ address: 127.0.0.1:0 }}\nroutes: [{{ name: all, forward: {{ upstream: origin }} }}]\n\
             upstreams: {{ origin: {{ endpoints: [\"{origin}\"] }} }}\n",
            pair.yaml()
        ));
        let outer = Tidegate::start(config(inner.addr("secure"), &believing(&authority)));
        (inner, outer)
    };
    let (_inner, outer) = chain(express.addr());
    let url = format!("http://{}", outer.addr("web"));
    let body: Vec<u8> = (0..=250_u8).cycle().take(5_000_000).collect();
    let (sent, received) = (
        authority.dir().join("sent"),
        authority.dir().join("received"),
    );
    fs::write(&sent, &body).unwrap();
    let run = |arguments: &[&str], path: &str| {
        let mut command = Command::new(&curl);
        command
            .args(["--disable", "--silent", "--show-error", "--noproxy", "*"])
            .args(["--max-time", "20"])
            .args(arguments)
            .arg(format!("{url}{path}"));
        let output = run_command(command, Duration::from_secs(30));
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{path}: {told}");
        output.stdout
    };
    let (sent, kept) = (sent.display().to_string(), received.display().to_string());
    run(&["--output", &kept], "/bytes/5000000");
    assert!(fs::read(&received).unwrap() == body, "the body differs");
    let seen: Value = serde_json::from_slice(&run(&["--upload-file", &sent], "/echo")).unwrap();
    assert_eq!(seen["bytes"], 5_000_000);
    // What hashlib makes of byte i modulo 251.
    let expected = "d9b380b7e7b4216832cfebb75dbef64d95d592bcad101548204a03d9e0ddce70";
    assert_eq!(seen["sha256"], expected);
    let (_inner, outer) = chain(echo.addr());
    let url = format!("http://{}", outer.addr("web"));
    let seen = run_client(&python, "ws_client.py", &[url], Duration::from_secs(60));
    assert_eq!(seen["messages"], 2000, "{seen}");
    assert_eq!(seen["concurrent"], 50, "{seen}");
}
