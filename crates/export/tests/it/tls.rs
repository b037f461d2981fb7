//! TLS: private authorities, names, client certificates, and that nobody is believed without proof.

use std::path::Path;

use export::{
    ClientCertificate, Compression, ExportPlan, Exporter, Protocol, Roots, StartError, TlsPlan,
};
use rcgen::ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::certificates::{Authority, write};
use crate::items::{envelope, spans};
use crate::plans::{counts_when, plan_for, settled, start};
use crate::server::{Reply, Server};

const BOTH: [(Protocol, &[u8]); 2] = [
    (Protocol::Grpc, b"h2"),
    (Protocol::HttpProtobuf, b"http/1.1"),
];

fn secure(server: &Server, protocol: Protocol, tls: TlsPlan) -> ExportPlan {
    ExportPlan {
        tls,
        ..plan_for(
            &format!("https://localhost:{}", server.addr.port()),
            protocol,
        )
    }
}

fn trusting(authority: &Authority, folder: &Path) -> TlsPlan {
    TlsPlan {
        roots: Roots::File(authority.write(folder)),
        ..TlsPlan::default()
    }
}

/// The stand-in checks `Host`, which here is a name.
async fn server(
    alpn: &'static [u8],
    protocol: Protocol,
    identity: &crate::certificates::Identity,
    clients: Option<&Authority>,
) -> Server {
    Server::start_tls(protocol, identity.acceptor(alpn, clients), |_| Reply::Taken).await
}

#[tokio::test]
async fn a_private_authority_is_believed_when_it_is_named() {
    let folder = TempDir::new().unwrap();
    let authority = Authority::new();
    for (protocol, alpn) in BOTH {
        for (name, url_host, server_name) in [
            ("localhost", "localhost", None),
            ("127.0.0.1", "127.0.0.1", None),
            ("otlp.internal", "127.0.0.1", Some("otlp.internal")),
        ] {
            let server = server(alpn, protocol, &authority.sign(name, ServerAuth), None).await;
            let mut plan = secure(&server, protocol, trusting(&authority, folder.path()));
            let url = format!("https://{url_host}:{}", server.addr.port());
            plan.endpoint = plan_for(&url, protocol).endpoint;
            plan.tls.server_name = server_name.map(Into::into);
            plan.compression = Compression::Gzip;
            let exporter = start(&plan);
            exporter.queue().try_send(spans(1, 5000, 100)).unwrap();
            assert_eq!(
                settled(&exporter.meter()).await.items_exported,
                5000,
                "{name}"
            );
        }
    }
}

/// Sends one span, and expects a failure like this instead of an arrival.
async fn check_failure(server: &Server, plan: &ExportPlan, expected: &str) {
    let exporter = start(plan);
    exporter.queue().try_send(spans(1, 1, 10)).unwrap();
    let meter = exporter.meter();
    counts_when(&meter, "failures", |counts| counts.requests_failed >= 2).await;
    let failure = meter.last_failure().unwrap();
    assert!(failure.contains(expected), "{failure}");
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn nobody_is_believed_without_proof() {
    let (folder, other_folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (authority, other) = (Authority::new(), Authority::new());
    for (protocol, alpn) in BOTH {
        let good = server(
            alpn,
            protocol,
            &authority.sign("localhost", ServerAuth),
            None,
        )
        .await;
        let plan = secure(&good, protocol, trusting(&other, other_folder.path()));
        check_failure(&good, &plan, "TLS failed: invalid peer certificate: ").await;

        let misnamed = server(
            alpn,
            protocol,
            &authority.sign("elsewhere", ServerAuth),
            None,
        )
        .await;
        let plan = secure(&misnamed, protocol, trusting(&authority, folder.path()));
        check_failure(&misnamed, &plan, "not valid for name").await;

        let misused = server(
            alpn,
            protocol,
            &authority.sign("localhost", ClientAuth),
            None,
        )
        .await;
        let plan = secure(&misused, protocol, trusting(&authority, folder.path()));
        check_failure(&misused, &plan, "invalid peer certificate: ").await;

        // No TLS where TLS is expected.
        let plain = Server::start_on(crate::server::free_port().await, protocol, None, |_| {
            Reply::Taken
        });
        let plan = secure(&plain, protocol, trusting(&authority, folder.path()));
        let exporter = start(&plan);
        exporter.queue().try_send(spans(1, 1, 10)).unwrap();
        let meter = exporter.meter();
        counts_when(&meter, "failures", |counts| counts.requests_failed >= 1).await;
        plain.forgive();
    }
}

#[tokio::test]
async fn a_client_shows_its_certificate() {
    let (folder, other_folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (authority, other) = (Authority::new(), Authority::new());
    let identity = authority.sign("localhost", ServerAuth);
    for (protocol, alpn) in BOTH {
        let server = server(alpn, protocol, &identity, Some(&authority)).await;
        let mut plan = secure(&server, protocol, trusting(&authority, folder.path()));
        // TLS 1.3 clients learn what the server makes of them after they are done.
        check_failure(&server, &plan, "CertificateRequired").await;

        let (chain, key) = other.sign("edge", ClientAuth).write(other_folder.path());
        plan.tls.client = Some(ClientCertificate { chain, key });
        check_failure(&server, &plan, "received fatal alert").await;

        let (chain, key) = authority.sign("edge", ClientAuth).write(folder.path());
        plan.tls.client = Some(ClientCertificate { chain, key });
        let exporter = start(&plan);
        exporter.queue().try_send(spans(1, 1, 10)).unwrap();
        assert_eq!(settled(&exporter.meter()).await.items_exported, 1);
    }
}

#[tokio::test]
async fn files_that_cannot_be_used_are_refused_at_the_start() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    let authority = Authority::new();
    let ca = authority.write(folder.path());
    let (chain, key) = authority.sign("edge", ClientAuth).write(folder.path());
    let other_folder = TempDir::new().unwrap();
    let (_, other_key) = authority
        .sign("edge", ClientAuth)
        .write(other_folder.path());
    write(folder.path(), "empty.pem", "");
    write(
        folder.path(),
        "bad.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    write(folder.path(), "large.pem", &"#".repeat((1 << 20) + 1));
    let client = |chain: &Path, key: &Path| TlsPlan {
        roots: Roots::File(ca.clone()),
        client: Some(ClientCertificate {
            chain: chain.into(),
            key: key.into(),
        }),
        server_name: None,
    };
    let roots = |name: &str| TlsPlan {
        roots: Roots::File(at(name)),
        ..TlsPlan::default()
    };
    for (tls, expected) in [
        (roots("missing.pem"), "missing.pem: cannot be read"),
        (roots("large.pem"), "large.pem: cannot be read"),
        (
            roots("empty.pem"),
            "empty.pem: expected certificates in PEM form, found none",
        ),
        (
            roots("client.key"),
            "client.key: expected certificates in PEM form, found none",
        ),
        (
            roots("bad.pem"),
            "bad.pem: expected certificates, found something else",
        ),
        (
            client(&at("empty.pem"), &key),
            "empty.pem: expected certificates in PEM form, found none",
        ),
        (
            client(&chain, &chain),
            "client.pem: expected a private key in PEM form, found none",
        ),
        (client(&chain, &other_key), "cannot be used"),
        (
            TlsPlan {
                server_name: Some("no name".into()),
                ..roots("ca.pem")
            },
            "expected a host name or an address to verify, found `no name`",
        ),
    ] {
        for (protocol, _) in BOTH {
            let plan = ExportPlan {
                tls: tls.clone(),
                ..plan_for("https://localhost", protocol)
            };
            match Exporter::start(envelope(), &plan, &Handle::current()) {
                Err(StartError::Tls(error)) => {
                    let text = error.to_string();
                    assert!(
                        text.ends_with(expected),
                        "expected {expected}, found {text}"
                    );
                }
                other => panic!("{expected}: {:?}", other.err()),
            }
        }
    }
}
