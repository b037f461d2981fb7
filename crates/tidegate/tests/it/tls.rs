//! Encrypted listeners: certificates by name and their change, who clients are, and what is refused.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{
    ClosedPort, NodeExpress, PythonScript, RawOrigin, SOON, Tidegate, Tool, python, run_client,
    run_command, tool,
};

use crate::authority::{About, Authority, Client, Pair};
use crate::system::{Metrics, reload, until, until_metric};

/// One worker with a listener over TLS and a plain one; `more` is beside `certificates`.
fn config(origin: &RawOrigin, certificates: &[&Pair], more: &str) -> String {
    let certificates: Vec<String> = certificates.iter().map(|pair| pair.yaml()).collect();
    format!(
        "workers: 1\nlisteners:\n  web: {{ address: 127.0.0.1:0 }}\n  secure:\n    address: 127.0.0.1:0\n    \
         limits: {{ handshake_timeout: 300ms }}\n    tls: {{ certificates: [{}]{more} }}\n\
         admin: {{ address: 127.0.0.1:0 }}\nupstreams: {{ origin: {{ endpoints: [\"{}\"] }} }}\nroutes:\n\
         - {{ name: all, filters: [{{ hsts: {{ max_age: 1h, include_subdomains: true }} }}], forward: {{ upstream: origin }} }}\n",
        certificates.join(", "),
        origin.addr()
    )
}

fn ask(client: &Client, tidegate: &Tidegate, name: &str) -> String {
    let secure = client.connect(tidegate.addr("secure"), name);
    let secure = secure.unwrap_or_else(|error| panic!("{name}: {error}"));
    secure
        .exchange(name, "/", &[])
        .expect("an answer to its announced end")
}

/// Which of several certificates is shown follows from the name that is asked for (RFC 6066 3); the first is for all others.
#[test]
fn certificates_are_shown_by_name() {
    let (origin, authority) = (RawOrigin::ok("ok"), Authority::new());
    let first = authority.server("first", &["localhost", "127.0.0.1"]);
    let second = authority.server("second", &["a.example", "*.b.example"]);
    let tidegate = Tidegate::start(config(&origin, &[&first, &second], ""));
    let client = authority.client(None);
    for name in ["localhost", "127.0.0.1", "a.example", "x.b.example"] {
        let text = ask(&client, &tidegate, name);
        assert!(text.starts_with("HTTP/1.1 200"), "{name}: {text}");
    }
    // The client finds that what is shown is for another.
    for name in ["other.example", "x.y.b.example", "b.example"] {
        let error = client
            .connect(tidegate.addr("secure"), name)
            .err()
            .expect(name);
        assert!(error.to_string().contains("certificate"), "{name}: {error}");
    }
    let sent = origin.requests();
    assert!(
        sent.iter()
            .all(|request| request.field("x-forwarded-proto") == Some("https"))
    );
    let failed = |metrics: &Metrics| metrics.sum("tidegate_tls_handshakes_failed_total", &[]);
    until("failures to be counted", || {
        (failed(&Metrics::of(&tidegate)) == 3.0).then_some(())
    });
    let metrics = Metrics::of(&tidegate);
    assert_eq!(
        metrics.sum("tidegate_tls_handshakes_total", &["kind=\"full\""]),
        4.0
    );
    let https = ["url_scheme=\"https\""];
    assert_eq!(
        metrics.sum("http_server_request_duration_seconds_count", &https),
        4.0
    );
    let ends: Vec<f64> = metrics
        .series("tidegate_tls_certificate_not_after_seconds")
        .map(|(_, value)| value)
        .collect();
    assert_eq!(ends.len(), 2);
    assert!(ends.iter().all(|end| *end > 1.7e9));
}

/// A connection is for the hosts of its certificate (GW-25; RFC 9110 7.4), unless a trusted proxy speaks for others.
#[test]
fn other_hosts_are_misdirected() {
    let (origin, authority) = (RawOrigin::ok("ok"), Authority::new());
    let pair = authority.server("pair", &["a.example", "*.b.example", "::1"]);
    let yaml = config(&origin, &[&pair], "");
    let tidegate = Tidegate::start(&yaml);
    let client = authority.client(None);
    for (host, status) in [
        ("a.example", "200"),
        ("A.example:443", "200"),
        ("x.b.example", "200"),
        ("b.example", "421"),
        ("other.example", "421"),
        ("127.0.0.1", "421"),
        ("[::1]:8443", "200"),
        ("[::2]", "421"),
    ] {
        let secure = client
            .connect(tidegate.addr("secure"), "a.example")
            .unwrap();
        let text = secure.exchange(host, "/", &[]).unwrap();
        assert!(
            text.starts_with(&format!("HTTP/1.1 {status} ")),
            "{host}: {text}"
        );
    }
    let misdirected = ["cause=\"misdirected\""];
    assert_eq!(
        Metrics::of(&tidegate).sum("tidegate_refusals_total", &misdirected),
        4.0
    );
    let trusting = yaml.replace(
        "    limits:",
        "    trusted_proxies: [127.0.0.0/8]\n    limits:",
    );
    let tidegate = Tidegate::start(trusting);
    let secure = client
        .connect(tidegate.addr("secure"), "a.example")
        .unwrap();
    let text = secure.exchange("other.example", "/", &[]).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
}

/// Files that change are read; connections that are open stay; a broken file leaves what there was.
#[test]
fn certificates_change_while_connections_are_open() {
    let (origin, old, new) = (RawOrigin::ok("ok"), Authority::new(), Authority::new());
    let pair = old.server("pair", &["localhost"]);
    let tidegate = Tidegate::start(config(&origin, &[&pair], ""));
    let (before, after) = (old.client(None), new.client(None));
    let mut open = before
        .connect(tidegate.addr("secure"), "localhost")
        .unwrap();
    let mut check_open = || {
        open.send("localhost", "/", &[]).unwrap();
        let text = open.read_until("ok").unwrap();
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    };
    check_open();
    // A key that is none: nothing changes, and it is told.
    let good = fs::read(&pair.key).unwrap();
    fs::write(&pair.key, "no key").unwrap();
    until_metric(&tidegate, "tidegate_config_last_reload_failed", &[], 1.0);
    assert!(
        tidegate
            .stderr()
            .wait_for_text(SOON, "pair.key: expected a private key")
    );
    let (status, report) = reload(&tidegate);
    assert_eq!(status, 409, "{report}");
    ask(&before, &tidegate, "localhost");
    fs::write(&pair.key, good).unwrap();
    until_metric(&tidegate, "tidegate_config_last_reload_failed", &[], 0.0);
    // Another authority's: who connects from here on sees it.
    new.server("other", &["localhost"]).replace(&pair);
    until("the new certificate", || {
        let secure = after.connect(tidegate.addr("secure"), "localhost").ok()?;
        secure.exchange("localhost", "/", &[]).ok()
    });
    // A session goes on with its ticket; a new one sees what is shown now.
    let resumed = before.connect(tidegate.addr("secure"), "localhost");
    assert!(resumed.unwrap().is_resumed());
    let without_ticket = old.client(None);
    let refused = without_ticket.connect(tidegate.addr("secure"), "localhost");
    assert!(refused.is_err());
    check_open();
    assert_eq!(
        Metrics::of(&tidegate).sum("tidegate_connection_panics_total", &[]),
        0.0
    );
}

/// Deployments swap a link on the way to the files: no file of that name is touched.
#[test]
fn certificates_change_with_a_linked_folder() {
    let (origin, old, new) = (RawOrigin::ok("ok"), Authority::new(), Authority::new());
    let dir = old.dir();
    let linked = |version: &str, pair: &Pair| {
        let folder = dir.join(version);
        fs::create_dir(&folder).unwrap();
        fs::copy(&pair.cert, folder.join("tls.crt")).unwrap();
        fs::copy(&pair.key, folder.join("tls.key")).unwrap();
        symlink(version, dir.join("next")).unwrap();
        fs::rename(dir.join("next"), dir.join("live")).unwrap();
    };
    linked("v1", &old.server("pair", &["localhost"]));
    let live = Pair {
        cert: dir.join("live/tls.crt"),
        key: dir.join("live/tls.key"),
    };
    let tidegate = Tidegate::start(config(&origin, &[&live], ""));
    ask(&old.client(None), &tidegate, "localhost");
    linked("v2", &new.server("pair", &["localhost"]));
    until("the new certificate", || {
        let secure = new
            .client(None)
            .connect(tidegate.addr("secure"), "localhost")
            .ok()?;
        secure.exchange("localhost", "/", &[]).ok()
    });
}

/// Both directions of a connection wait for one socket: a client that is slow to read and goes on sending gets everything.
#[test]
fn slow_clients_that_go_on_sending_get_everything() {
    const BODY: usize = 64 << 20;
    let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n");
    let response = [response.into_bytes(), vec![b'x'; BODY]].concat();
    let (origin, authority) = (RawOrigin::fixed(response), Authority::new());
    let pair = authority.server("pair", &["localhost"]);
    let tidegate = Tidegate::start(config(&origin, &[&pair], ""));
    let client = authority.client(None);
    let mut secure = client
        .connect(tidegate.addr("secure"), "localhost")
        .unwrap();
    secure.send("localhost", "/", &[]).unwrap();
    // For the first half, a byte of the next request with each read, which ends nowhere; then nothing that would wake anybody
    // who waits for the client to read.
    secure.write(b"GET / HTTP/1.1\r\nX-Long: ").unwrap();
    let mut left = BODY;
    while left > 0 {
        left = left.saturating_sub(secure.read_some(32 << 10).unwrap());
        if left > BODY / 2 {
            secure.write(b"x").unwrap();
        }
    }
}

/// Hundreds of requests while the certificate is replaced again and again: none fails.
#[test]
fn certificates_change_under_load() {
    let (origin, authority) = (RawOrigin::ok("ok"), Authority::new());
    let pair = authority.server("pair", &["localhost"]);
    let others: Vec<Pair> = (0..5)
        .map(|number| authority.server(&format!("other-{number}"), &["localhost"]))
        .collect();
    let tidegate = Tidegate::start(config(&origin, &[&pair], ""));
    let client = authority.client(None);
    for other in &others {
        other.replace(&pair);
        for _ in 0..40 {
            let text = ask(&client, &tidegate, "localhost");
            assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        }
        let (status, report) = reload(&tidegate);
        assert_eq!(status, 200, "{report}");
    }
    let failed = Metrics::of(&tidegate).sum("tidegate_tls_handshakes_failed_total", &[]);
    assert_eq!(failed, 0.0);
}

/// Origins that speak CGI read underscores as dashes: who a client is may not be told that way either.
#[test]
fn identities_cannot_be_forged_with_underscores() {
    let (origin, authority) = (RawOrigin::ok("ok"), Authority::new());
    let pair = authority.server("pair", &["localhost"]);
    let yaml = config(&origin, &[&pair], "")
        .replace("    limits:", "    underscore_fields: keep\n    limits:");
    let tidegate = Tidegate::start(yaml);
    let secure = authority
        .client(None)
        .connect(tidegate.addr("secure"), "localhost")
        .unwrap();
    let forged = [
        "X_Client_Cert_Subject: CN=root",
        "x-client_cert-San: DNS=root",
        "X_Other: kept",
    ];
    let text = secure.exchange("localhost", "/", &forged).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    let request = origin.requests().pop().unwrap();
    assert_eq!(request.field("x_other"), Some("kept"));
    assert_eq!(request.field("x_client_cert_subject"), None);
    assert_eq!(request.field("x-client_cert-san"), None);
}

/// Certificates of clients: who shows none is turned away or taken for nobody, and nobody tells of them but Tidegate.
#[test]
fn clients_show_who_they_are() {
    let (origin, authority, stranger) = (RawOrigin::ok("ok"), Authority::new(), Authority::new());
    let pair = authority.server("pair", &["localhost"]);
    let about = About {
        names: &["alice.example"],
        uri: Some("spiffe://example/alice"),
        common_name: "Alice, \u{e9}",
        is_client: true,
        is_expired: false,
    };
    let alice = authority.issue("alice", &about);
    let expired = authority.issue(
        "expired",
        &About {
            is_expired: true,
            ..about
        },
    );
    let about = About {
        common_name: "mallory",
        is_client: true,
        ..About::default()
    };
    let mallory = stranger.issue("mallory", &about);
    for (demand, anonymous_is_served) in [("", false), (", client_certificate: optional", true)] {
        let more = format!(", client_ca: {}{demand}", authority.ca().display());
        let tidegate = Tidegate::start(config(&origin, &[&pair], &more));
        let forged = [
            "X-Client-Cert-Subject: CN=root",
            "X-Client-Cert-San: DNS=root",
            "X-Client-Cert-Serial: 7",
        ];
        let served = |pair: Option<&Pair>| {
            let secure = authority
                .client(pair)
                .connect(tidegate.addr("secure"), "localhost")
                .ok()?;
            let text = secure.exchange("localhost", "/", &forged).ok()?;
            text.starts_with("HTTP/1.1 200")
                .then(|| origin.requests().pop().expect("a request"))
        };
        let request = served(Some(&alice)).expect("Alice is served");
        assert_eq!(
            request.field("x-client-cert-subject"),
            Some("CN=Alice%2C %C3%A9")
        );
        assert_eq!(
            request.field("x-client-cert-san"),
            Some("DNS=alice.example,URI=spiffe://example/alice")
        );
        assert_eq!(request.field("x-client-cert-serial"), None);
        let nobody = served(None);
        assert_eq!(nobody.is_some(), anonymous_is_served, "{demand}");
        if let Some(request) = nobody {
            assert_eq!(request.field("x-client-cert-subject"), None);
            assert_eq!(request.field("x-client-cert-san"), None);
        }
        assert!(served(Some(&mallory)).is_none() && served(Some(&expired)).is_none());
        let causes = ["cause=\"client_certificate\""];
        until("refusals to be counted", || {
            let failed =
                Metrics::of(&tidegate).sum("tidegate_tls_handshakes_failed_total", &causes);
            (failed >= 2.0).then_some(())
        });
        // A plain listener in front of the same upstream is no way around it.
        let mut client = tidegate.connect("web");
        client.send(format!(
            "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n\r\n",
            forged.join("\r\n")
        ));
        assert_eq!(client.read_response().status, 200);
        let request = origin.requests().pop().expect("a request");
        assert_eq!(request.field("x-client-cert-subject"), None);
    }
}

/// Tickets save the handshake, of both versions, and end with the authority that clients were checked by.
#[test]
fn sessions_are_resumed_until_checks_change() {
    let (origin, authority) = (RawOrigin::ok("ok"), Authority::new());
    let pair = authority.server("pair", &["localhost"]);
    let about = About {
        common_name: "alice",
        is_client: true,
        ..About::default()
    };
    let alice = authority.issue("alice", &about);
    let ca = authority.dir().join("clients.pem");
    fs::copy(authority.ca(), &ca).unwrap();
    let more = format!(", client_ca: {}", ca.display());
    let tidegate = Tidegate::start(config(&origin, &[&pair], &more));
    let client = authority.client(Some(&alice));
    let connect = || {
        let secure = client
            .connect(tidegate.addr("secure"), "localhost")
            .unwrap();
        let is_resumed = secure.is_resumed();
        let text = secure.exchange("localhost", "/", &[]).unwrap();
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        // Who it is goes on with the session.
        let request = origin.requests().pop().expect("a request");
        assert_eq!(request.field("x-client-cert-subject"), Some("CN=alice"));
        is_resumed
    };
    assert!(!connect());
    assert!(connect() && connect());
    until_metric(
        &tidegate,
        "tidegate_tls_handshakes_total",
        &["kind=\"resumed\""],
        2.0,
    );
    // Another authority beside the first: what was checked before is checked again.
    let more = fs::read_to_string(Authority::new().ca()).unwrap();
    let both = fs::read_to_string(authority.ca()).unwrap() + &more;
    fs::write(&ca, both).unwrap();
    let (status, report) = reload(&tidegate);
    assert_eq!(status, 200, "{report}");
    assert!(!connect());
    assert!(connect());
    // The first is gone: its client has nothing left to come with.
    fs::write(&ca, more).unwrap();
    let (status, report) = reload(&tidegate);
    assert_eq!(status, 200, "{report}");
    let refused = client
        .connect(tidegate.addr("secure"), "localhost")
        .and_then(|secure| secure.exchange("localhost", "/", &[]));
    assert!(refused.is_err(), "{refused:?}");
}

/// Clients that stall, speak something else, or ask for what is not spoken.
#[test]
fn handshakes_that_lead_nowhere_are_ended_and_counted() {
    let (origin, authority) = (RawOrigin::ok("ok"), Authority::new());
    let pair = authority.server("pair", &["localhost"]);
    let tidegate = Tidegate::start(config(&origin, &[&pair], ", min_version: \"1.3\""));
    let addr = tidegate.addr("secure");
    // Nothing, half a hello, a record that is too long, a request in plain text: all are closed, none is waited for.
    let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    for bytes in [
        &b""[..],
        &hello,
        &[0x16, 3, 1, 0xff, 0xff],
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let begun = Instant::now();
        let mut tcp = TcpStream::connect(addr).unwrap();
        tcp.set_read_timeout(Some(SOON)).unwrap();
        tcp.write_all(bytes).unwrap();
        let mut rest = Vec::new();
        // A reset is an end as well.
        tcp.read_to_end(&mut rest).ok();
        assert!(begun.elapsed() < SOON, "{bytes:?}");
        assert!(!rest.starts_with(b"HTTP"), "{bytes:?}");
    }
    let counted = |cause: &str| {
        let label = format!("cause=\"{cause}\"");
        Metrics::of(&tidegate).sum("tidegate_tls_handshakes_failed_total", &[&label])
    };
    until("all of them to be counted", || {
        (counted("timeout") == 2.0 && counted("protocol") == 2.0).then_some(())
    });
    // Another protocol than any that is spoken here (RFC 7301 3.2), and an older version.
    let mut other = (*authority.client(None).0).clone();
    other.alpn_protocols = vec![b"spdy/3".to_vec()];
    let refused = Client(other.into()).connect(addr, "localhost");
    assert!(refused.is_err());
    let mut same = (*authority.client(None).0).clone();
    same.alpn_protocols = vec![b"spdy/3".to_vec(), b"http/1.1".to_vec()];
    let secure = Client(same.into()).connect(addr, "localhost").unwrap();
    assert_eq!(secure.version(), Some(rustls::ProtocolVersion::TLSv1_3));
    assert!(
        secure
            .exchange("localhost", "/", &[])
            .unwrap()
            .starts_with("HTTP/1.1 200")
    );
    until("the mismatch to be counted", || {
        (counted("alpn") == 1.0).then_some(())
    });
    let Some(openssl) = tool(Tool::OPENSSL) else {
        return;
    };
    let connected = |version: &str| {
        let mut command = Command::new(&openssl);
        command.args([
            "s_client",
            version,
            "-connect",
            &addr.to_string(),
            "-servername",
            "localhost",
            "-CAfile",
        ]);
        command.arg(authority.ca()).arg("-verify_return_error");
        run_command(command, Duration::from_secs(20))
            .status
            .success()
    };
    assert!(connected("-tls1_3") && !connected("-tls1_2"));
}

/// RFC 6797: over TLS, and over nothing else.
#[test]
fn browsers_are_told_to_come_back_over_tls() {
    let (origin, authority) = (RawOrigin::ok("ok"), Authority::new());
    let pair = authority.server("pair", &["localhost"]);
    let tidegate = Tidegate::start(config(&origin, &[&pair], ""));
    let text = ask(&authority.client(None), &tidegate, "localhost");
    let line = "strict-transport-security: max-age=3600; includeSubDomains\r\n";
    assert_eq!(text.matches(line).count(), 1, "{text}");
    let mut client = tidegate.connect("web");
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(
        client.read_response().field("strict-transport-security"),
        None
    );
}

/// Refusals are answers, too: a host of which only errors are seen is remembered as long.
#[test]
fn refusals_tell_browsers_to_come_back_over_tls() {
    let (origin, authority) = (RawOrigin::ok("ok"), Authority::new());
    let pair = authority.server("pair", &["localhost"]);
    let nobody = ClosedPort::new();
    let yaml = config(&origin, &[&pair], "")
        .replace(&origin.addr().to_string(), &nobody.addr().to_string());
    let tidegate = Tidegate::start(yaml);
    let text = ask(&authority.client(None), &tidegate, "localhost");
    assert!(text.starts_with("HTTP/1.1 502"), "{text}");
    assert!(
        text.contains("strict-transport-security: max-age=3600"),
        "{text}"
    );
}

/// What an origin says itself stays.
#[test]
fn an_origin_may_tell_browsers_itself() {
    let own =
        "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=1\r\nContent-Length: 0\r\n\r\n";
    let (origin, authority) = (RawOrigin::fixed(own), Authority::new());
    let pair = authority.server("pair", &["localhost"]);
    let tidegate = Tidegate::start(config(&origin, &[&pair], ""));
    let text = ask(&authority.client(None), &tidegate, "localhost").to_lowercase();
    assert_eq!(
        text.matches("strict-transport-security").count(),
        1,
        "{text}"
    );
    assert!(text.contains("max-age=1\r\n"), "{text}");
}

/// At the start every file has to be usable; one that has ended is shown all the same, beside those that have not.
#[test]
fn files_that_cannot_be_used_are_named() {
    let (origin, authority) = (RawOrigin::ok("ok"), Authority::new());
    let good = authority.server("good", &["localhost"]);
    let other = authority.server("other", &["other.example"]);
    let about = About {
        names: &["old.example"],
        is_expired: true,
        ..About::default()
    };
    let expired = authority.issue("expired", &about);
    let mixed = Pair {
        cert: good.cert.clone(),
        key: other.key.clone(),
    };
    let missing = Pair {
        cert: authority.dir().join("nowhere.pem"),
        key: good.key.clone(),
    };
    let swapped = Pair {
        cert: good.key.clone(),
        key: good.cert.clone(),
    };
    for (pair, expected) in [
        (
            &mixed,
            "other.key: expected the private key of the certificate in",
        ),
        (&missing, "nowhere.pem: expected a file that can be read"),
        (&swapped, "good.key: expected a certificate in PEM"),
    ] {
        let output = Tidegate::run(&["run", "-c", "{config}"], &config(&origin, &[pair], ""));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(expected), "{expected}: {text}");
        assert!(!text.contains("PRIVATE"), "{text}");
    }
    let tidegate = Tidegate::start(config(&origin, &[&good, &expired], ""));
    let client = authority.client(None);
    assert!(ask(&client, &tidegate, "localhost").starts_with("HTTP/1.1 200"));
    assert!(
        client
            .connect(tidegate.addr("secure"), "old.example")
            .is_err()
    );
}

/// A real client, and bodies that are larger than any buffer.
#[test]
fn curl_moves_large_bodies_over_tls() {
    let (Some(curl), Some(origin)) = (tool(Tool::CURL), NodeExpress::start()) else {
        return;
    };
    let authority = Authority::new();
    let pair = authority.server("pair", &["localhost"]);
    let raw = RawOrigin::ok("unused");
    let yaml =
        config(&raw, &[&pair], "").replace(&raw.addr().to_string(), &origin.addr().to_string());
    let tidegate = Tidegate::start(yaml);
    let url = format!("https://localhost:{}", tidegate.addr("secure").port());
    let body = authority.dir().join("body");
    fs::write(
        &body,
        (0..=250_u8).cycle().take(5_000_000).collect::<Vec<u8>>(),
    )
    .unwrap();
    let run = |arguments: &[&str], path: &str| {
        let mut command = Command::new(&curl);
        command.args([
            "--disable",
            "--silent",
            "--show-error",
            "--noproxy",
            "*",
            "--max-time",
            "20",
            "--ipv4",
        ]);
        command
            .arg("--cacert")
            .arg(authority.ca())
            .args(arguments)
            .arg(format!("{url}{path}"));
        let output = run_command(command, Duration::from_secs(30));
        assert!(
            output.status.success(),
            "{path}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    };
    let received = authority.dir().join("received");
    run(
        &["--output", &received.display().to_string()],
        "/bytes/5000000",
    );
    assert!(
        fs::read(received).unwrap() == fs::read(&body).unwrap(),
        "the body differs"
    );
    let upload = body.display().to_string();
    let echo: Value = serde_json::from_slice(&run(&["--upload-file", &upload], "/echo")).unwrap();
    assert_eq!(
        echo["sha256"],
        "d9b380b7e7b4216832cfebb75dbef64d95d592bcad101548204a03d9e0ddce70"
    );
    assert_eq!(echo["headers"]["x-forwarded-proto"], "https");
}

/// WebSockets within TLS.
#[test]
fn websockets_go_over_tls() {
    let (Some(python), Some(origin)) = (python(), PythonScript::start("ws_echo.py")) else {
        return;
    };
    let authority = Authority::new();
    let pair = authority.server("pair", &["127.0.0.1"]);
    let raw = RawOrigin::ok("unused");
    let yaml =
        config(&raw, &[&pair], "").replace(&raw.addr().to_string(), &origin.addr().to_string());
    let tidegate = Tidegate::start(yaml);
    let url = format!("https://{}", tidegate.addr("secure"));
    let ca = authority.ca().display().to_string();
    let seen = run_client(&python, "ws_client.py", &[url, ca], Duration::from_secs(60));
    assert_eq!(seen["messages"], 2000, "{seen}");
    assert_eq!(seen["large"], 1 << 20, "{seen}");
    assert_eq!(seen["concurrent"], 50, "{seen}");
}
